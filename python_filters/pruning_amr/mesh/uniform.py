"""The uniform grid that does as well as an adaptive mesh."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..cells import corner_offsets, multilinear_weights
from ..inr import Evaluator

_FLOAT_BYTES = 4

_MAX_CELLS_PER_AXIS = 1 << 16

_BY_POWER_LAW = 10
"""Grids tried before it is bisected after all."""

_SHARE_OF_FIRST = 8
"""One in so many points finds the bracket."""

_FEWEST = 500
"""Points that can find it."""

_FIRST_STEP = 1.09
"""Between the first grids of a bracket; from one pair to the next it grows, up to 2."""

_MANY = 32
"""Cells along an axis from which on the power law may have the last word."""

_NEAR = 8
"""It does between grids that differ by less than one in so many of these cells: by far less than
what the error of a mesh at random points is known to."""

_ROUNDING = 4 * float(np.finfo(np.float32).eps)
"""Error, relative to the largest value, that float32 values have anyway."""


@dataclass(frozen=True)
class UniformGrid:
    """A uniform grid to compare a mesh with.

    Attributes
    ----------
    shape : tuple of int
        Cells along each axis.
    memory_bytes : int
        Of one float32 value per cell and channel.
    """

    shape: tuple[int, ...]
    memory_bytes: int

    @classmethod
    def of(cls, shape: tuple[int, ...], channels: int) -> UniformGrid:
        """Return the grid with `shape` cells that holds so many channels."""
        return cls(tuple(shape), math.prod(shape) * channels * _FLOAT_BYTES)

    @property
    def cells(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)


def uniform_of_equal_error(
    evaluator: Evaluator,
    bounds: np.ndarray,
    rmse: float,
    reconstruction: str,
    points: np.ndarray,
    start: float = 16.0,
    exact: np.ndarray | None = None,
) -> UniformGrid | None:
    """Find the coarsest uniform grid whose error at points is not larger than a mesh's.

    Only the corners around the points are evaluated, never the whole grid. The number of cells
    along the longest axis is found from a bracket, by the power law that errors follow; the others
    are in proportion. Of many points a few find the bracket, from which all of them go on. Between
    two grids of many cells that differ by little, the power law itself has the last word.

    Parameters
    ----------
    evaluator : Evaluator
    bounds : numpy.ndarray, shape (dimension, 2)
    rmse : float
        Of the mesh, at these points.
    reconstruction : str
        "cell_constant": one value per cell; "dual": linear between cell centres; any other:
        multilinear between vertices.
    points : numpy.ndarray, shape (n_points, dimension)
    start : float
        A guess of the number of cells along the longest axis.
    exact : numpy.ndarray, shape (n_points, n_outputs), optional
        The field at the points, if it is known.

    Returns
    -------
    UniformGrid or None
        None if no grid of up to 65,536 cells along the longest axis is as good.
    """
    exact = evaluator.numpy(points).astype(np.float64) if exact is None else exact
    # Both errors may be nothing but rounding.
    wanted = rmse + _ROUNDING * float(np.abs(exact).max())
    search = _Search(evaluator, bounds, reconstruction, points, exact, wanted)
    few = len(points) // _SHARE_OF_FIRST
    if few >= _FEWEST:
        start = _Search(
            evaluator, bounds, reconstruction, points[:few], exact[:few], wanted
        ).coarsest(start)
    n = None if start is None else search.coarsest(start)
    return None if n is None else UniformGrid.of(_shape(bounds, n), exact.shape[1])


class _Search:
    """The search for the coarsest uniform grid whose error at some points is small enough."""

    def __init__(
        self,
        evaluator: Evaluator,
        bounds: np.ndarray,
        reconstruction: str,
        points: np.ndarray,
        exact: np.ndarray,
        wanted: float,
    ) -> None:
        self._evaluator, self._bounds, self._reconstruction = evaluator, bounds, reconstruction
        self._points, self._exact, self._wanted = points, exact, wanted
        self._errors: dict[int, float] = {}

    def coarsest(self, start: float) -> int | None:
        """Return the number of cells along the longest axis, from a guess; None if too many."""
        good, bad = min(max(1, round(start)), _MAX_CELLS_PER_AXIS), 0
        step = _FIRST_STEP
        while not self._enough(good):
            bad, good = good, min(max(good + 1, round(step * good)), _MAX_CELLS_PER_AXIS)
            step = min(step**2, 2.0)
            if bad == good:
                return None
        while bad == 0 and good > 1:
            below = min(good - 1, max(1, round(good / step)))
            step = min(step**2, 2.0)
            if self._enough(below):
                good = below
            else:
                bad = below
        while good - bad > 1:
            middle = min(max(self._between(bad, good), bad + 1), good - 1)
            if good >= _MANY and (good - bad) * _NEAR <= good:
                return middle
            if self._enough(middle):
                good = middle
            else:
                bad = middle
        return good

    def _enough(self, n: int) -> bool:
        found = interpolate_uniform(
            self._evaluator,
            self._bounds,
            _shape(self._bounds, n),
            self._reconstruction,
            self._points,
        )
        self._errors[n] = math.sqrt(np.mean((found - self._exact) ** 2))
        return self._errors[n] <= self._wanted

    def _between(self, bad: int, good: int) -> int:
        """Return a number of cells between two, by a power law through their errors.

        Halfway, on a logarithmic scale, where they tell of none or much was tried.
        """
        below, above = self._errors.get(bad, 0.0), self._errors.get(good, 0.0)
        share = 0.5
        if below > self._wanted >= above > 0.0 and len(self._errors) <= _BY_POWER_LAW:
            share = math.log(below / self._wanted) / math.log(below / above)
        low = math.log(max(bad, 1))
        return math.ceil(math.exp(low + share * (math.log(good) - low)) - 1e-9)


def interpolate_uniform(
    evaluator: Evaluator,
    bounds: np.ndarray,
    shape: tuple[int, ...],
    reconstruction: str,
    points: np.ndarray,
) -> np.ndarray:
    """Return the field of a uniform grid at points, shape (n_points, n_outputs), float64.

    Parameters
    ----------
    shape : tuple of int
        Cells along each axis.
    reconstruction : str
        See `uniform_of_equal_error`.
    """
    shape = np.asarray(shape)
    size = np.diff(bounds)[:, 0] / shape
    position = np.clip((points - bounds[:, 0]) / size, 0.0, shape)
    if reconstruction == "cell_constant":
        cell = np.minimum(np.floor(position), shape - 1)
        return _evaluate(evaluator, bounds[:, 0], size, cell + 0.5)
    if reconstruction == "dual":
        index, local = _between_centers(position, shape)
        last, shift = shape - 1, 0.5
    else:
        index = np.minimum(np.floor(position), shape - 1)
        local, last, shift = position - index, shape, 0.0
    # One corner after another: each is one array of points.
    weights = multilinear_weights(local)
    found = 0.0
    for corner, offset in enumerate(corner_offsets(len(shape))):
        sample = np.minimum(index + offset, last) + shift
        found = found + weights[:, corner, None] * _evaluate(evaluator, bounds[:, 0], size, sample)
    return found


def _between_centers(position: np.ndarray, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cell before each point and how far towards the next one's centre it lies.

    Centres of the first and last cells lie on the boundary, as in the dual of a mesh.
    """
    index = np.clip(np.floor(position - 0.5), 0, np.maximum(shape - 2, 0))
    low = np.where(index == 0, 0.0, index + 0.5)
    high = np.where(index >= shape - 2, shape, index + 1.5)
    return index, (position - low) / (high - low)


def _evaluate(
    evaluator: Evaluator, low: np.ndarray, size: np.ndarray, samples: np.ndarray
) -> np.ndarray:
    """Evaluate the network at samples of a grid, each once."""
    distinct, inverse = np.unique(samples, axis=0, return_inverse=True)
    values = evaluator.numpy(low + distinct * size).astype(np.float64)
    return values[inverse.reshape(-1)]


def _shape(bounds: np.ndarray, longest: int) -> tuple[int, ...]:
    extent = np.diff(bounds)[:, 0]
    return tuple(max(1, round(longest * e / extent.max())) for e in extent)
