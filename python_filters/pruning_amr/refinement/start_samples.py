"""Samples of the lattice that is sampled everywhere, at one time after another.

What is known from another time need not be evaluated again where the field changed too little to
bring a value near. How much it changed is seen at every fourth point (of a plane at every second):
those whose coordinates are all even or all odd, which no point is further away from than a cell and
an eighth. Cells are given up by what was known and what changed around only where that leaves no
doubt; all others are sampled as if nothing were known. Bulges at their corners may still rest on
points around that are guessed: only a decision that hangs on less than the error of such a guess
could fall otherwise than without another time (on the CT sample none did).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..cells import corner_offsets

REACH_OF_BULGE = 3.0
"""How far, in second differences of the samples around, a value may lie beyond the corners of a
cell for it to be worth a sample at the centre. Only differences by which a sample bulges towards
the value count: on the slopes beside a surface samples bulge away from it. A Gaussian bump of twice
the value whose level set is a ball as wide as a cell comes to 3 where it is seen worst: at the
centre of the cell."""

_REACH_OF_CHANGE = 16.0
"""How far, in differences between the changes seen around, a value may lie beyond the samples of a
cell for it to be evaluated. A bump like that which was not there before comes to 15 where it is
seen worst: a cell and an eighth away from all points at which changes are seen."""

REACH_OF_CENTRE = 0.25
"""The same as `REACH_OF_BULGE` once the centre is known, in differences between it and the mean of
the corners. Of balls like that, placed at random, all are then found, of those of a bump of four
times the value 98 % (``tests/benchmarks/contours.py`` places some)."""

_WORTH = 0.6
"""Share of evaluated points from which on the rest is evaluated as well: later times then start
from this one."""


@dataclass(frozen=True)
class StartSamples:
    """A field at the points of the start lattice, at a time.

    Attributes
    ----------
    time : float
    found : numpy.ndarray, shape (..., nz, ny, nx), float32
    exact : numpy.ndarray, bool
        Which of them were evaluated; the others are as at another time, with the change around.
    left : numpy.ndarray, shape (n_cells,), bool
        Cells given up by what is known from another time.
    whole : numpy.ndarray, float32
        The samples at the last time at which all were evaluated.
    centres : numpy.ndarray, shape (n_cells,), float32
        The middles of cells at that time; NaN where they were not evaluated.
    """

    time: float
    found: np.ndarray
    exact: np.ndarray
    left: np.ndarray
    whole: np.ndarray
    centres: np.ndarray

    @classmethod
    def evaluated(cls, time: float, found: np.ndarray) -> StartSamples:
        """Return samples that were all evaluated at a time."""
        n_cells = math.prod(n - 1 for n in found.shape)
        nowhere, unknown = np.zeros(n_cells, bool), np.full(n_cells, np.nan, np.float32)
        return cls(time, found, np.ones(found.shape, bool), nowhere, found, unknown)

    def add_centres(self, cells: np.ndarray, found: np.ndarray) -> None:
        """Keep the field in the middle of cells, if it is of the time of `whole`."""
        if self.found is self.whole:
            self.centres[cells] = found


def sample_start(
    points: np.ndarray,
    shape: tuple[int, ...],
    evaluate: Callable[[np.ndarray], np.ndarray],
    values: Sequence[float],
    time: float = 0.0,
    before: StartSamples | None = None,
) -> StartSamples:
    """Return the field at all points of a grid, evaluated wherever a value could be near.

    Parameters
    ----------
    points : numpy.ndarray, shape (n_points, dimension)
        x fastest.
    shape : tuple of int
        Points along each axis, x last.
    evaluate : callable
        Points (n, dimension) -> values (n,).
    values : sequence of float
        Those whose level sets are looked for.
    time : float
    before : StartSamples, optional
        Of the same field on the same grid, at any time.
    """
    if before is None or before.whole.shape != shape:
        return StartSamples.evaluated(time, evaluate(points).reshape(shape))
    if before.time == time and before.found is before.whole:
        left = _given_up(before, np.zeros(shape, np.float32), values)
        return replace(before, left=left, centres=before.centres.copy())
    exact = before.exact.copy() if before.time == time else np.zeros(shape, bool)
    found = np.where(exact, before.found, np.float32(0.0))

    def ask(wanted: np.ndarray) -> None:
        new = wanted & ~exact
        found[new] = evaluate(points[new.reshape(-1)])
        exact[new] = True

    spread_out = _spread_out(shape)
    ask(spread_out)
    low, high = _extremes(found - before.whole, spread_out)
    found = np.where(exact, found, before.whole + (low + high) / 2)
    guess = replace(before, time=time, found=found, exact=exact)
    left = _given_up(guess, high - low, values)
    ask(_corner_points(~left, shape))
    if exact.mean() > _WORTH:
        ask(np.ones(shape, bool))
        return StartSamples.evaluated(time, found)
    return replace(guess, left=left)


def _spread_out(shape: tuple[int, ...]) -> np.ndarray:
    """Return the points whose coordinates are all even or all odd; at an odd end of an axis all."""
    index = np.indices(shape)
    chosen = (index % 2 == index[:1] % 2).all(axis=0)
    for place, n in zip(index, shape, strict=True):
        if n % 2 == 0:
            chosen |= place == n - 1
    return chosen


def _given_up(samples: StartSamples, spread: np.ndarray, values: Sequence[float]) -> np.ndarray:
    """Return the cells in which there is no value, whatever errors of guessed samples are.

    Parameters
    ----------
    samples : StartSamples
    spread : numpy.ndarray, shape (..., nz, ny, nx)
        How much changes since ``samples.whole`` differ around each point.
    values : sequence of float
    """
    found = samples.found.astype(np.float64)
    corners = corners_of_grid(found)
    error = over_corners(np.maximum, spread)
    change = corners_of_grid(samples.found - samples.whole).mean(axis=1)
    centre = samples.centres + change
    rise = np.abs(centre - corners.mean(axis=1)) + 2 * error
    far, plain, level = (np.ones(len(corners), bool) for _ in range(3))
    for value, bulge in zip(values, bulges(found, values), strict=True):
        gap = over_corners(np.minimum, np.abs(found - value))
        far &= ~differ_at_corners(found >= value) & (gap > _REACH_OF_CHANGE * error)
        bulge = over_corners(np.maximum, bulge) + 4 * error
        plain &= gap - error > REACH_OF_BULGE * bulge
        # Unknown centres are NaN, and say nothing.
        near = np.minimum(gap, np.abs(centre - value))
        level &= (near - error > REACH_OF_CENTRE * rise) & (
            (centre >= value) == (corners[:, 0] >= value)
        )
    return far & (plain | level)


def _corner_points(cells: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return which points are corners of cells, (n_cells,), bool."""
    of_cells = cells.reshape(tuple(n - 1 for n in shape))
    points = np.zeros(shape, bool)
    for offset in corner_offsets(len(shape)):
        window = zip(offset[::-1], of_cells.shape, strict=True)
        points[tuple(slice(o, o + n) for o, n in window)] |= of_cells
    return points


def _extremes(found: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest of what is known at each point of a grid and around it."""
    low, high = np.where(known, found, np.inf), np.where(known, found, -np.inf)
    for axis in range(found.ndim):
        low = _of_neighbours(np.minimum, low, np.inf, axis)
        high = _of_neighbours(np.maximum, high, -np.inf, axis)
    return low.astype(np.float32), high.astype(np.float32)


def _of_neighbours(function, found: np.ndarray, outside: float, axis: int) -> np.ndarray:
    pad = [(0, 0)] * found.ndim
    pad[axis] = (1, 1)
    padded, n = np.pad(found, pad, constant_values=outside), found.shape[axis]
    one, two, three = (np.take(padded, range(i, i + n), axis) for i in range(3))
    return function(function(one, two), three)


def bulges(found: np.ndarray, values: Sequence[float]) -> Iterator[np.ndarray]:
    """Yield, for each value, how far samples bulge towards it along an axis, on their grid."""
    found = found.astype(np.float64)
    for value in values:
        yield _largest_bulge(found, np.where(found >= value, 1.0, -1.0))


def _largest_bulge(found: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Return the largest second difference times the side, of the axes at each point of a grid."""
    largest = np.zeros(found.shape)
    for axis in range(found.ndim):
        if found.shape[axis] < 3:
            continue
        inner = np.diff(found, n=2, axis=axis) * np.take(side, range(1, side.shape[axis] - 1), axis)
        pad = [(0, 0)] * found.ndim
        pad[axis] = (1, 1)
        largest = np.maximum(largest, np.pad(inner, pad, mode="edge"))
    return largest


def corners_of_grid(of_points: np.ndarray) -> np.ndarray:
    """Return what belongs to the corners of all cells, from a grid (..., z, y, x) of points."""
    d = of_points.ndim
    parts = []
    for offset in corner_offsets(d):
        window = tuple(
            slice(o, n - 1 + o) for o, n in zip(offset[::-1], of_points.shape, strict=True)
        )
        parts.append(of_points[window].reshape(-1))
    return np.stack(parts, axis=1)


def over_corners(function: np.ufunc, of_points: np.ndarray) -> np.ndarray:
    """Reduce what belongs to the corners of each cell, from a grid (..., z, y, x) of points.

    By one axis after the other: the same as over `corners_of_grid`, several times as fast.
    """
    for axis in range(of_points.ndim):
        before = (slice(None),) * axis
        lower, upper = (*before, slice(None, -1)), (*before, slice(1, None))
        of_points = function(of_points[lower], of_points[upper])
    return of_points.reshape(-1)


def differ_at_corners(sides: np.ndarray) -> np.ndarray:
    """Return the cells whose corners lie on different sides, from a grid of points."""
    return over_corners(np.logical_or, sides) & ~over_corners(np.logical_and, sides)
