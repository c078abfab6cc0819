"""What refining a cell adds: the hierarchical surplus of its children over its own interpolant.

The interpolants of a cell and of its children differ by a function that is multilinear in each
child and known at their corners: the field there less the cell's interpolant. Its mean square is a
quadratic form in those values (the mass matrix of the children's corners), exact and without any
further evaluation (Bungartz and Griebel: Sparse grids, Acta Numerica 13, 2004, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ..cells import corner_offsets

_WHOLE = np.array([[2.0, 1.0], [1.0, 2.0]]) / 6.0
"""Means over an interval of products of the two hat functions of its ends."""


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
    interpolation : numpy.ndarray, shape (n_points, 2^n_axes)
        From the corners of the cell to all points.
    child_mass : numpy.ndarray, shape (2^n_axes, 2^n_axes)
        Mean over a child of products of its corners' hat functions.
    """

    doubled: tuple[bool, ...]
    positions: np.ndarray
    old: np.ndarray
    new: np.ndarray
    children: np.ndarray
    sources: np.ndarray
    interpolation: np.ndarray
    child_mass: np.ndarray

    def surplus(self, values: np.ndarray) -> np.ndarray:
        """Return values at all points less the interpolant of the cell's corners.

        Parameters
        ----------
        values : numpy.ndarray, shape (n_cells, n_points, n_outputs), float64
        """
        surplus = values.copy()
        # One corner after another: a cell's sum does not depend on how many cells there are.
        for k, corner in enumerate(self.old):
            surplus -= self.interpolation[:, k, None] * values[:, corner, None, :]
        surplus[:, self.old] = 0.0
        return surplus

    def mean_square(self, surplus: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean square of the surplus over each cell, and over each of its children.

        Parameters
        ----------
        surplus : numpy.ndarray, shape (n_cells, n_points, n_outputs)
            Averaged over outputs.

        Returns
        -------
        whole : numpy.ndarray, shape (n_cells,)
        of_children : numpy.ndarray, shape (n_cells, n_children)
        """
        of_children = np.stack(
            [_quadratic(surplus[:, corners], self.child_mass) for corners in self.children], axis=1
        )
        whole = np.zeros(len(surplus))
        for k in range(of_children.shape[1]):
            whole += of_children[:, k]
        return whole / of_children.shape[1], of_children


def _quadratic(values: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Return values^T mass values of each cell, averaged over outputs, summed in a fixed order."""
    total = np.zeros(len(values))
    for channel in range(values.shape[2]):
        column = values[:, :, channel]
        for i in range(len(mass)):
            total += mass[i, i] * column[:, i] ** 2
            for j in range(i):
                total += 2.0 * mass[i, j] * column[:, i] * column[:, j]
    return total / values.shape[2]


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
    local = positions / unit
    interpolation = np.stack(
        [np.prod(np.where(c == 1, local, 1.0 - local), axis=1) for c in corners], axis=1
    )
    child_mass = np.ones((1, 1))
    for _ in doubled:
        child_mass = np.kron(_WHOLE, child_mass)
    new = np.setdiff1d(np.arange(len(positions)), old)
    source = np.empty(len(positions), np.int64)
    source[new], source[old] = np.arange(len(new)), -1 - np.arange(len(old))
    return SplitStencil(
        doubled, positions, old, new, children, source[children], interpolation, child_mass
    )
