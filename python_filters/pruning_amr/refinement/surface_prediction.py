"""How far the contour of a cell is from the true surface, foreseen from samples around it.

What contouring a cell draws is linear between its corners. The field in a block of two cells along
each axis, or in one with its middles, is taken to be the quadratic polynomial through the samples
there, as far as it is along each axis: the distance between both costs no evaluations.
"""

from __future__ import annotations

import numpy as np

from ..mesh import linear_surface
from .exploration import Cells, Exploration, grid_index

_AT_ONCE = 1 << 15
"""Simplices handled at once, so that memory stays small."""


def distances_of_halves(exploration: Exploration, cells: Cells) -> np.ndarray:
    """Return how far contours of cells are from the surface, by the samples of those they halve.

    Parameters
    ----------
    exploration : Exploration
    cells : Cells
        Of a level of 1 or more, whose parents were looked into.

    Returns
    -------
    numpy.ndarray, shape (n_cells,), float64
        The largest over the contours of all values, no more than the diagonal of a cell.
    """
    d = exploration.dimension
    parents, of_cell = np.unique(cells.index >> 1, axis=0, return_inverse=True)
    lattice = 2 * parents[:, None, :] + grid_index((3,) * d)
    samples = exploration.lattice.at(lattice, cells.level)[..., 0]
    low, spacing = cells.index & 1, exploration.spacing(cells.level)
    return _distances(exploration, samples, of_cell.reshape(-1), low, 1, spacing)


def distances_of_cells(exploration: Exploration, index: np.ndarray, level: int) -> np.ndarray:
    """Return the same of cells by their own samples, at corners and in the middle between them.

    Parameters
    ----------
    exploration : Exploration
    index : numpy.ndarray, shape (n_cells, dimension)
    level : int
        At most 0, that of the start lattice: those are the cells that were looked into.
    """
    d = exploration.dimension
    lattice = 2 * index[:, None, :] + grid_index((3,) * d)
    below = max(0, -1 - level)
    samples = exploration.lattice.at(lattice << below, max(0, level + 1))[..., 0]
    spacing = exploration.spacing(0) * 2.0 ** (-1 - level)
    low = np.zeros_like(index)
    return _distances(exploration, samples, np.arange(len(index)), low, 2, spacing)


def _distances(
    exploration: Exploration,
    samples: np.ndarray,
    block: np.ndarray,
    low: np.ndarray,
    size: int,
    spacing: np.ndarray,
) -> np.ndarray:
    """Return the largest distances within cells of blocks of 3^dimension samples.

    Parameters
    ----------
    exploration : Exploration
    samples : numpy.ndarray, shape (n_blocks, 3^dimension)
    block : numpy.ndarray, shape (n_cells,)
        The block of each cell.
    low : numpy.ndarray, shape (n_cells, dimension)
        Its lowest corner there, in samples.
    size : int
        Its edges, in samples.
    spacing : numpy.ndarray, shape (dimension,)
        Of the samples.
    """
    d, samples = exploration.dimension, samples.astype(np.float64)
    corners = (low[:, None, :] + size * grid_index((2,) * d)) @ (3 ** np.arange(d))
    at_corners = samples[block[:, None], corners]
    largest = np.zeros(len(block))
    for number in range(len(exploration.values)):
        value = exploration.value(number)
        simplices, cells = linear_surface(at_corners, value)
        for start in range(0, len(cells), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            points = low[cells[some], None, :] + size * simplices[some]
            off = _off(samples[block[cells[some]]], points, value, spacing)
            np.maximum.at(largest, cells[some], off)
    return np.minimum(largest, size * np.linalg.norm(spacing))


def _off(
    samples: np.ndarray, simplices: np.ndarray, value: float, spacing: np.ndarray
) -> np.ndarray:
    """Return how far simplices are from where polynomials take a value, (n,).

    Looked at are their vertices and their middle; the slope is that in the middle.
    """
    middle = simplices.mean(axis=1)
    off = np.abs(_polynomial(samples, middle) - value)
    for vertex in range(simplices.shape[1]):
        off = np.maximum(off, np.abs(_polynomial(samples, simplices[:, vertex]) - value))
    slopes = [_polynomial(samples, middle, axis) / spacing[axis] for axis in range(len(spacing))]
    slope = np.linalg.norm(slopes, axis=0)
    return np.divide(off, slope, out=np.full(len(off), np.inf), where=slope > 0)


def _polynomial(
    samples: np.ndarray, points: np.ndarray, slope_along: int | None = None
) -> np.ndarray:
    """Return polynomials at a point each, or their derivative along an axis, (n,)."""
    n, d = points.shape
    rest = samples.reshape(n, *(3,) * d)
    for axis in range(d):
        x = points[:, axis]
        if axis == slope_along:
            weights = np.stack([x - 1.5, 2.0 - 2.0 * x, x - 0.5], axis=1)
        else:
            weights = np.stack([(x - 1) * (x - 2) / 2, x * (2 - x), x * (x - 1) / 2], axis=1)
        # x is the last axis of what is left.
        rest = np.einsum("n...k,nk->n...", rest, weights)
    return rest
