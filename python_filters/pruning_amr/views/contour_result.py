"""What a search for a contour returns: the surface, how it was found, and what it is worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ..inr import INR
from ..refinement.start_samples import StartSamples


@dataclass(frozen=True)
class ContourReport:
    """How a contour was found, and what it is worth. Distances are relative to the diagonal.

    Attributes
    ----------
    tolerance : float
        Asked for.
    distance_rms, distance_quantile, distance_max : float
        Distance of fresh points of the contour to the true one; the quantile is that of 99.9 %.
    distance_samples : int
    start_cells : tuple of int
        Cells along each axis of the lattice that is sampled everywhere.
    finest_cells : tuple of int
        The same of the finest lattice.
    explored_cells : tuple of int
        Cells looked into, on each level.
    cells_met : int
        Finest cells that the contour meets.
    coarser : int
        How often cells should have been halved once more, had it not been for a limit.
    unclear_left : bool
        Whether a limit kept cells from being halved where it was not clear how the contour runs.
    halved_cells : int
        Cells that were halved further, where it was not clear how the contour runs through them.
    vertices_left : int
        Vertices that were not moved onto the contour when the time was up: they are where
        interpolation puts them, and their normals are those of the triangles around.
    given_up_samples, given_up_left : int
        Fresh points in cells that were not looked into, in the last verification, and how many lay
        on the other side of a value.
    given_up_wrong : int
        How many lay there in all verifications: there the search was continued.
    values_evaluated, gradients_evaluated : int
    edges_split : int
        Vertices put between those on the edges of cells.
    open_edges : int
        Edges (in two dimensions ends) inside the domain where the contour ends.
    turned : int
        Triangles whose normal does not point along the gradient.
    without_direction : int
        Vertices at which the gradient vanishes.
    stopped_by : str
        "tolerance", "max_cells", "time_limit"; or where the tolerance is not met "rounds", edges
        were split as often as they may be, or "no_gain", splitting them brought it no nearer.
    seconds : dict of str to float
    """

    tolerance: float
    distance_rms: float
    distance_quantile: float
    distance_max: float
    distance_samples: int
    start_cells: tuple[int, ...]
    finest_cells: tuple[int, ...]
    explored_cells: tuple[int, ...]
    cells_met: int
    coarser: int
    unclear_left: bool
    halved_cells: int
    vertices_left: int
    given_up_samples: int
    given_up_wrong: int
    given_up_left: int
    values_evaluated: int
    gradients_evaluated: int
    edges_split: int
    open_edges: int
    turned: int
    without_direction: int
    stopped_by: str
    seconds: dict[str, float] = field(compare=False)

    @property
    def shortfall(self) -> str:
        """What was not reached, in a sentence; empty if all was."""
        if self.stopped_by == "tolerance" and not self.given_up_left:
            return ""
        reason = {
            "max_cells": "max_cells was reached",
            "time_limit": "the time limit was reached",
            "rounds": "its edges were split as often as they may be",
            "no_gain": "splitting its edges further brought it no nearer",
            "tolerance": "",
        }[self.stopped_by]
        text = (
            f"99.9 % of the contour are within {self.distance_quantile:.3g} of the diagonal "
            f"(asked {self.tolerance:.3g})"
        )
        text += f": {reason}" if reason else ""
        text += "".join(f"; {part}" for part in self._missing)
        if self.given_up_left:
            text += (
                f"; {self.given_up_left} of {self.given_up_samples} points in cells given up lie "
                "on the other side: lower smallest_feature"
            )
        return text + "."

    @property
    def _missing(self) -> Iterator[str]:
        """What a limit left undone, in parts of a sentence."""
        if self.coarser:
            grid = " x ".join(map(str, self.finest_cells))
            yield f"cells are those of a grid of {grid}, {2**self.coarser} times as wide as wanted"
        if self.unclear_left:
            yield "where it was not clear how the contour runs through a cell, that was left so"
        if self.vertices_left:
            yield (
                f"{self.vertices_left} vertices are where interpolation puts them, with the "
                "normals of the triangles around"
            )

    def describe(self) -> str:
        """Return a few lines: what the contour is worth, and what it cost."""
        grid = " x ".join(map(str, self.finest_cells))
        lines = [
            f"distance to the true surface, relative to the diagonal, at {self.distance_samples} "
            f"fresh points: rms {self.distance_rms:.3g}, 99.9 % within "
            f"{self.distance_quantile:.3g} (asked {self.tolerance:.3g}), at most "
            f"{self.distance_max:.3g}",
            f"in cells given up {self.given_up_left} of {self.given_up_samples} fresh points on "
            "the other side"
            + (f", {self.given_up_wrong} before more was explored" if self.given_up_wrong else ""),
            f"{self.values_evaluated} values and {self.gradients_evaluated} gradients evaluated, "
            f"{self.cells_met} cells of a grid of {grid} met",
            f"{self.open_edges} open edges inside the domain, {self.turned} triangles turned, "
            f"{self.without_direction} vertices without direction",
        ]
        return "\n".join(lines)


@dataclass(frozen=True, repr=False)
class ContourSurface:
    """A contour of a field.

    Attributes
    ----------
    inr : INR
    values : tuple of float
        Those contoured.
    channel : int
        Component of the network's outputs that takes them.
    points : numpy.ndarray, shape (n_points, dimension), float64
    simplices : numpy.ndarray, shape (n_simplices, dimension), int64
        Points, lines or triangles by their vertices.
    normals : numpy.ndarray, shape (n_points, dimension), float64
        Directions of the gradient.
    gradients : numpy.ndarray, shape (n_points, dimension), float64
    outputs : numpy.ndarray, shape (n_points, n_outputs), float32
        All outputs of the network; the one contoured has exactly the values asked for.
    report : ContourReport
    samples : StartSamples
        Of the whole domain, from which contours of other values and times start.
    """

    inr: INR
    values: tuple[float, ...]
    channel: int
    points: np.ndarray
    simplices: np.ndarray
    normals: np.ndarray
    gradients: np.ndarray
    outputs: np.ndarray
    report: ContourReport
    samples: StartSamples

    def __repr__(self) -> str:
        """Return what it is, as `describe` says it, not its points."""
        values = ", ".join(f"{v:g}" for v in self.values)
        return f"<contour of {self.output_name} at {values} of {self.inr.name}\n{self.describe()}>"

    @property
    def triangles(self) -> np.ndarray:
        """The simplices: triangles of a field of three dimensions, lines of one of two."""
        return self.simplices

    def describe(self) -> str:
        """Return a few lines: how large it is, and what it is worth."""
        kind = ("points", "lines", "triangles")[self.points.shape[1] - 1]
        report = self.report
        return (
            f"{len(self.simplices):,} {kind}, {len(self.points):,} vertices\n"
            f"distance to the true one, of the\ndiagonal: rms {100 * report.distance_rms:.2g} %\n"
            f"99.9 % within {100 * report.distance_quantile:.3g} %\n"
            f"asked {100 * report.tolerance:.3g} %: "
            f"{'met' if report.distance_quantile <= report.tolerance else 'MISSED'}"
        )

    @property
    def output_name(self) -> str:
        """Name of the output contoured."""
        return next(o.name for o in self.inr.outputs if self.channel in o.components)
