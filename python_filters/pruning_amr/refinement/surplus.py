"""What refining a cell adds: the hierarchical surplus of its children over its own interpolant.

The interpolants of a cell and of its children differ by a function that is multilinear in each
child and known at their corners: the field there less the cell's interpolant. Its mean square is a
quadratic form in those values, exact and without any further evaluation (Bungartz and Griebel:
Sparse grids, Acta Numerica 13, 2004, section 3). All is worked out axis by axis, for many cells at
once, and a cell's result does not depend on how many.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..cells import corner_offsets

_SLOPE = 1.0 / math.sqrt(12.0)
"""Root mean square of a function that rises by 1 along an interval, with the mean 0."""


@dataclass(frozen=True)
class SplitStencil:
    """The corners of the children of a cell that is split along some axes.

    Attributes
    ----------
    doubled : tuple of bool
        Which axes those are.
    positions : numpy.ndarray, shape (n_points, n_axes), int64
        In halves of the cell along split axes, in whole cells along the others; x fastest.
    old : numpy.ndarray, shape (2^n_axes,), int64
        Points that are corners of the cell.
    new : numpy.ndarray, int64
        The other points.
    children : numpy.ndarray, shape (n_children, 2^n_axes), int64
        Points that are the corners of each child.
    sources : numpy.ndarray, shape (n_children, 2^n_axes), int64
        The same among `new`, or, of corners of the cell, -1 less their number.
    """

    doubled: tuple[bool, ...]
    positions: np.ndarray
    old: np.ndarray
    new: np.ndarray
    children: np.ndarray
    sources: np.ndarray

    def surplus(self, values: np.ndarray) -> np.ndarray:
        """Return values at all points less the interpolant of the cell's corners.

        Parameters
        ----------
        values : numpy.ndarray, shape (n_points, n_cells, n_outputs), float64
        """
        # Axis by axis from the corners to all points; x, the fastest one, is the last one here.
        grid = values[self.old].reshape(*(2,) * len(self.doubled), -1)
        for axis, twice in enumerate(reversed(self.doubled)):
            if twice:
                low, high = _first(grid, axis), _last(grid, axis)
                grid = np.concatenate([low, 0.5 * (low + high), high], axis)
        return values - grid.reshape(values.shape)

    def mean_square(self, surplus: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean square of the surplus over each cell, and over each of its children.

        Parameters
        ----------
        surplus : numpy.ndarray, shape (n_points, n_cells, n_outputs)
            Averaged over outputs.

        Returns
        -------
        whole : numpy.ndarray, shape (n_cells,)
        of_children : numpy.ndarray, shape (n_cells, n_children)
        """
        # Along an interval a mean and a slope are orthogonal: of their products, one axis after
        # another, only the squares of the coefficients have to be added.
        sizes = [3 if twice else 2 for twice in reversed(self.doubled)]
        grid = surplus.reshape(*sizes, -1)
        for axis in range(len(sizes)):
            low, high = _first(grid, 2 * axis), _last(grid, 2 * axis)
            grid = np.stack([0.5 * (low + high), _SLOPE * (high - low)], 2 * axis + 1)
        squares = np.square(grid, out=grid)
        for axis in range(1, len(sizes) + 1):
            squares = _first(squares, axis).squeeze(axis) + _last(squares, axis).squeeze(axis)
        squares = squares.reshape(len(self.children), *surplus.shape[1:])
        of_children = _mean(np.moveaxis(squares, 2, 0))
        return _mean(of_children), of_children.T


def _first(grid: np.ndarray, axis: int) -> np.ndarray:
    """Return a grid without its last points along an axis."""
    return grid[(slice(None),) * axis + (slice(None, -1),)]


def _last(grid: np.ndarray, axis: int) -> np.ndarray:
    """Return a grid without its first points along an axis."""
    return grid[(slice(None),) * axis + (slice(1, None),)]


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the first axis, one after another."""
    total = values[0].copy()
    for more in values[1:]:
        total += more
    return total / len(values)


@cache
def split_stencil(doubled: tuple[bool, ...]) -> SplitStencil:
    """Return the stencil of cells that are split along the axes where `doubled` is true."""
    n_axes = len(doubled)
    sizes = [3 if twice else 2 for twice in doubled]
    grid = np.meshgrid(*(np.arange(n) for n in reversed(sizes)), indexing="ij")
    positions = np.stack([g.reshape(-1) for g in reversed(grid)], axis=1)
    stride = np.cumprod([1, *sizes[:-1]])
    corners, unit = corner_offsets(n_axes), np.asarray(doubled) + 1
    old = (corners * unit) @ stride
    at_child = corner_offsets(int(np.sum(doubled)))
    starts = np.zeros((len(at_child), n_axes), np.int64)
    starts[:, list(doubled)] = at_child
    children = (starts[:, None, :] + corners) @ stride
    new = np.setdiff1d(np.arange(len(positions)), old)
    source = np.empty(len(positions), np.int64)
    source[new], source[old] = np.arange(len(new)), -1 - np.arange(len(old))
    return SplitStencil(doubled, positions, old, new, children, source[children])
