"""Slices of a field: planes through its domain, on which the network is one of two inputs.

x = o + u e1 + v e2 folds into the first layer of a network, so that the field on a plane is the
field of a network of (u, v), whose mesh is refined like any other, with no mesh of the volume.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..cells import corner_offsets
from ..errors import EmptySliceWarning, ParameterError, PruningAMRWarning, ToleranceWarning
from ..inr import INR, Evaluator, section_of
from ..mesh import Mesh
from ..mesh.split_cells import split_cells
from ..refinement import Progress, build_mesh
from .clipping import clipped, fanned
from .parameters import SliceParameters
from .plane import Cut, InsideCut, Plane, cut_box, make_plane

Warn = Callable[[PruningAMRWarning], None]

_SURE = 0.05
"""Relative standard error of a mean square that verification of a slice may have. It has so few
cells that points which make this 0.03 cost half of all evaluations, for 2 % fewer cells."""


@dataclass(frozen=True, repr=False)
class FieldSlice:
    """A field on parallel planes; of two dimensions, on parallel lines.

    Cells meet at whole edges. Everything is in the order of the planes that cut the domain.

    Attributes
    ----------
    inr : INR
        The field.
    time : float
        The time it shows; 0 for a static field.
    parameters : SliceParameters
    normal : numpy.ndarray, shape (dimension,)
        Of unit length.
    points : numpy.ndarray, shape (n_points, dimension), float64
    values : numpy.ndarray, shape (n_points, n_outputs), float32
        Of the network at `points`.
    cells : numpy.ndarray, shape (n_cells, 4) or (n_cells, 2), int64
        Corners in turn, counterclockwise around the normal, -1 after a triangle's third; ends of
        the parts of lines.
    level : numpy.ndarray, shape (n_cells,), int64
        Refinement level of each cell, or of the cell it is a part of.
    first_points : numpy.ndarray, shape (n_slices + 1,), int64
        First point of each slice, and the number of points. Points of lines are in their order.
    achieved_error : float
        Error found at fresh points of all slices, relative, in the norm asked for; NaN if there is
        no slice, or nothing was verified.
    """

    inr: INR
    time: float
    parameters: SliceParameters
    normal: np.ndarray
    points: np.ndarray
    values: np.ndarray
    cells: np.ndarray
    level: np.ndarray
    first_points: np.ndarray
    achieved_error: float

    def __repr__(self) -> str:
        """Return what it is, as `describe` says it, not its points."""
        return f"<slice of {self.inr.name}\n{self.describe()}>"

    @property
    def asked_error(self) -> float:
        """The tolerance."""
        return self.parameters.tolerance

    def describe(self) -> str:
        """Return a few lines: how large it is, and what it is worth."""
        planes = len(self.first_points) - 1
        lines = [
            f"{planes} plane{'' if planes == 1 else 's'}",
            f"{self.n_cells:,} cells, {len(self.points):,} points",
        ]
        if not math.isnan(self.achieved_error):
            norm = "Max" if self.parameters.error_norm == "max" else "RMS"
            met = "met" if self.achieved_error <= self.asked_error else "MISSED"
            lines.append(f"{norm} error as shown {100 * self.achieved_error:.3g} %")
            lines.append(f"asked {100 * self.asked_error:.3g} %: {met}")
        return "\n".join(lines)

    @property
    def n_cells(self) -> int:
        """Number of quads and triangles, or parts of lines."""
        return len(self.cells)


@dataclass(frozen=True)
class _Part:
    """The slice on one plane, and what it weighs; the attributes are those of `FieldSlice`."""

    points: np.ndarray
    cells: np.ndarray
    level: np.ndarray
    area: float
    error: float


def slice_field(
    inr: INR,
    origin: Sequence[float] | None,
    normal: Sequence[float] | None,
    offsets: Iterable[float],
    parameters: SliceParameters,
    time: float | None = None,
    progress: Progress | None = None,
    warn: Warn | None = None,
) -> FieldSlice:
    """Return a field on parallel planes.

    Parameters
    ----------
    inr : INR
        Of two or three dimensions.
    origin : sequence of float or None
        A point of the plane of offset 0; None is the centre of the domain.
    normal : sequence of float or None
        Of any length. A field of two dimensions is cut where the plane meets z = 0.
    offsets : iterable of float
        Distances of the planes from `origin` along `normal`.
    parameters : SliceParameters
    time : float, optional
        By default the first time step.
    progress : callable, optional
        See `pruning_amr.refinement.Progress`.
    warn : callable, optional
        Called with a `PruningAMRWarning`: planes that miss the domain, or a tolerance that is
        missed.

    Raises
    ------
    ParameterError
        If there is no plane, or the field cannot be cut.
    MetadataError
        If the bounds of the field are not known.
    """
    bounds, time = inr.spatial_bounds, inr.clamp_time(time)
    plane = make_plane(bounds.mean(axis=1) if origin is None else origin, normal, inr.dimension)
    heights = plane.height + _checked(offsets)
    cuts = [cut_box(Plane(plane.normal, h, plane.directions), bounds) for h in heights.tolist()]
    warn = warn or (lambda warning: None)
    _say_missing(plane, bounds, heights, cuts, warn)
    there = [cut for cut in cuts if cut is not None]
    parts = []
    for number, cut in enumerate(there):
        of_this = _progress_of(progress, number, len(there))
        parts.append(_part(inr, cut, parameters, time, of_this, warn))
    return _joined(inr, plane, parts, parameters, time)


def _checked(offsets: Iterable[float]) -> np.ndarray:
    try:
        found = np.array([float(offset) for offset in offsets])
    except (TypeError, ValueError):
        found = np.empty(0)
    if not len(found) or not np.isfinite(found).all():
        raise ParameterError(
            f"offsets are {offsets!r}; expected one or more finite numbers, like 0 for the plane "
            "through origin alone."
        )
    return found


def _say_missing(
    plane: Plane, bounds: np.ndarray, heights: np.ndarray, cuts: list[Cut | None], warn: Warn
) -> None:
    """Warn of planes that miss the domain."""
    missed = [h - plane.height for h, cut in zip(heights, cuts, strict=True) if cut is None]
    if not missed:
        return
    corners = bounds[:, 0] + corner_offsets(len(bounds)) * np.diff(bounds)[:, 0]
    reach = corners @ plane.normal - plane.height
    shown = ", ".join(f"{offset:g}" for offset in missed[:6]) + (", …" if len(missed) > 6 else "")
    which = f"{len(missed)} of {len(cuts)} planes miss" if len(cuts) > 1 else "the plane misses"
    warn(
        EmptySliceWarning(
            f"{which} the domain of the field (offset {shown}), which reaches from {reach.min():g} "
            f"to {reach.max():g} along the normal, seen from origin: move origin or offsets "
            "between these."
        )
    )


def _progress_of(progress: Progress | None, number: int, count: int) -> Progress | None:
    """Return how the progress of one of several slices is shown."""
    if progress is None:
        return None

    def show(fraction: float, text: str) -> bool | None:
        text = text.replace("Pruning AMR", "INR Slice")
        return progress((number + min(fraction, 1.0)) / count, text)

    return show


def _part(
    inr: INR,
    cut: Cut,
    parameters: SliceParameters,
    time: float,
    progress: Progress | None,
    warn: Warn,
) -> _Part:
    """Return the slice on one plane."""
    plane, whole = cut.plane, not len(cut.sides)
    flat = section_of(inr, plane.origin, plane.directions, cut.bounds)
    # The search means over the bounding rectangle, and finds no errors beside the polygon.
    shrunk = math.sqrt(cut.share) if parameters.error_norm == "rms" else 1.0
    of_mesh = parameters.of_mesh(parameters.tolerance * shrunk)
    inside = None if whole else InsideCut(cut, parameters.error_norm == "max")
    mesh = build_mesh(flat, of_mesh, time, progress, factor=inside, sure=_SURE)
    history = mesh.history
    history.asked_error = parameters.tolerance
    history.achieved_error /= shrunk
    if history.shortfall:
        warn(ToleranceWarning(history.shortfall))
    points, cells, leaf = _cells_of(mesh, cut)
    low, high = inr.spatial_bounds.T
    return _Part(
        np.clip(plane.in_space(points), low, high),
        cells,
        mesh.tree.level[mesh.tree.leaves[leaf]],
        cut.area,
        history.achieved_error,
    )


def _cells_of(mesh: Mesh, cut: Cut) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the cells of a mesh within a polygon: points, corners, and leaves they are parts of.

    Nothing hangs: leaves beside smaller ones are split, and what the polygon cuts is in triangles.
    """
    tree, vertices = mesh.tree, mesh.vertices
    if tree.dimension == 1:
        return vertices.points, vertices.corners, np.arange(len(vertices.corners))
    split = split_cells(tree, vertices)
    points = np.concatenate([vertices.points, tree.centers(tree.leaves[split.split])])
    cells = np.concatenate([split.connectivity["quad"], _padded(split.connectivity["triangle"])])
    leaf = np.concatenate([split.leaf["quad"], split.leaf["triangle"]])
    order = np.argsort(leaf, kind="stable")
    cells, leaf = cells[order], leaf[order]
    points, parts, origin = clipped(points, cells, cut.sides, cut.tolerance)
    before, leaf = cells[origin], leaf[origin]
    whole = (parts[:, :4] == before).all(axis=1) & (parts[:, 4:] < 0).all(axis=1)
    points, triangles, of_cut = fanned(points, parts[~whole], cut.sides, cut.tolerance)
    cells = np.concatenate([before[whole], _padded(triangles)])
    # Parts in the place of what they are parts of.
    place = np.concatenate([np.flatnonzero(whole), np.flatnonzero(~whole)[of_cut]])
    order = np.argsort(place, kind="stable")
    cells, leaf = cells[order], leaf[place[order]]
    used, number = np.unique(cells[cells >= 0], return_inverse=True)
    cells[cells >= 0] = number.reshape(-1)
    return points[used], cells, leaf


def _padded(triangles: np.ndarray) -> np.ndarray:
    """Return triangles with -1 after their corners, as many as quads have."""
    return np.pad(triangles, [(0, 0), (0, 1)], constant_values=-1)


def _joined(
    inr: INR, plane: Plane, parts: list[_Part], parameters: SliceParameters, time: float
) -> FieldSlice:
    """Return the slices on all planes as one."""
    n_corners = 4 if inr.dimension == 3 else 2
    first = np.cumsum([0, *(len(part.points) for part in parts)])
    cells = [
        np.where(part.cells >= 0, part.cells + start, -1)
        for part, start in zip(parts, first[:-1], strict=True)
    ]
    points = np.concatenate([np.empty((0, inr.dimension)), *(part.points for part in parts)])
    evaluator = Evaluator(inr.chain_at(time), parameters.device, parameters.memory_mb)
    return FieldSlice(
        inr,
        time,
        parameters,
        plane.normal,
        points,
        evaluator.numpy(points),
        np.concatenate([np.empty((0, n_corners), np.int64), *cells]),
        np.concatenate([np.empty(0, np.int64), *(part.level for part in parts)]),
        first,
        _error_of(parts, parameters.error_norm),
    )


def _error_of(parts: list[_Part], norm: str) -> float:
    """Return the error over all slices."""
    errors = np.array([part.error for part in parts])
    if not len(errors):
        return math.nan
    if norm == "max":
        return float(errors.max())
    return math.sqrt(np.average(errors**2, weights=[part.area for part in parts]))
