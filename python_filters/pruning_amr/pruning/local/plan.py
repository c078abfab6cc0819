"""On which levels, and how far, networks are pruned."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .shapes import Shape

PRECISE_BELOW = 2e-5
"""Products of activations are float64 for smaller ID tolerances: the squares of those would be
lost in float32."""

_POINTS_PER_CELL = 16
"""Samples of a cell of a mesh, and values at its vertices, on all finer levels together."""

_SHARE_BEFORE = 0.5
"""The error of a network may be concentrated in some of the smaller cells that start from it."""


@dataclass(frozen=True)
class Policy:
    """When the networks of cells, and interpolation in blocks, are worth their cost.

    Attributes
    ----------
    least_cost : float
        What the original network must cost for trials to pay, in the nanoseconds of the cost
        model.
    interpolated_share : float
        Blocks of a grid are interpolated if at most this share of its points is evaluated then.
    search_points : int
        Before a search has asked for so many points, pruning would cost more than it saves.
    foreseeable_points : int
        Before it has asked for so many, how many it will ask for cannot be told.
    least_points : float
        How many it is taken to ask for at least, once it is worth while.
    """

    least_cost: float = 4e9
    interpolated_share: float = 0.7
    search_points: int = 50_000_000
    foreseeable_points: int = 100_000
    least_points: float = 0.0


DEFAULT_POLICY = Policy()


@dataclass(frozen=True)
class Step:
    """One level on which networks are pruned.

    Attributes
    ----------
    level : int
    n_samples : int
        Samples in each cell.
    typical : Shape
        Widths of the networks, about.
    least_points : int
        Pruning pays in cells with at least so many points.
    """

    level: int
    n_samples: int
    typical: Shape
    least_points: int

    def levels_below(self, dimension: int) -> int:
        """Return how many levels finer cells are that together have enough sample points."""
        return max(
            1, math.ceil(math.log2(max(self.least_points / _POINTS_PER_CELL, 1)) / dimension)
        )


@dataclass(frozen=True)
class Plan:
    """On which levels, and how far, networks are pruned.

    Attributes
    ----------
    root_resolution : tuple of int
        Cells of level 0 along each axis.
    steps : tuple of Step
        From coarse to fine; none if pruning does not pay.
    id_tolerance : float
    allowed : float
        Root mean square of the relative error that the networks may have, over the domain.
    """

    root_resolution: tuple[int, ...]
    steps: tuple[Step, ...]
    id_tolerance: float
    allowed: float

    def share(self, step: Step) -> float:
        """Return the share of tolerance and error that a step gets: the last one the most."""
        return _SHARE_BEFORE ** (len(self.steps) - 1 - self.steps.index(step))
