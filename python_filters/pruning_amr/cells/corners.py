"""The corners of a cell: their order, and what each weighs at a point of the cell."""

from __future__ import annotations

import numpy as np

# Ours run x fastest, VTK's walk around each face of a quad or hexahedron.
VTK_CORNER_ORDER = {1: [0, 1], 2: [0, 1, 3, 2], 3: [0, 1, 3, 2, 4, 5, 7, 6]}
"""VTK's order of the corners of a cell, by dimension."""


_PART = 2048
"""Cells that are interpolated in at a time: what that takes fits a processor's cache."""


def corner_offsets(dimension: int) -> np.ndarray:
    """Return the corners of the unit cube, x fastest, shape (2^dimension, dimension)."""
    numbers = np.arange(1 << dimension)
    return (numbers[:, None] >> np.arange(dimension)) & 1


def multilinear_weights(local: np.ndarray) -> np.ndarray:
    """Return the weights of the corners at local coordinates, shape (n, 2^dimension)."""
    upper = corner_offsets(local.shape[1]).astype(bool)
    return np.where(upper, local[:, None, :], 1.0 - local[:, None, :]).prod(axis=2)


def interpolate_corners(corners: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Interpolate multilinearly at points of each cell; none depends on the others.

    Parameters
    ----------
    corners : numpy.ndarray, shape (n_cells, 2^dimension, n_components)
    unit : numpy.ndarray, shape (n_cells, n_points, dimension)
        Local coordinates.

    Returns
    -------
    numpy.ndarray, shape (n_cells, n_points, n_components), float64
    """
    found = np.empty((*unit.shape[:2], corners.shape[2]))
    for start in range(0, len(unit), _PART):
        part = slice(start, start + _PART)
        found[part] = _interpolated(corners[part], unit[part])
    return found


def _interpolated(corners: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Interpolate one axis after another, from the slowest: that is a part of the arithmetic."""
    found = np.ascontiguousarray(corners.T, np.float64)[:, :, None, :].swapaxes(0, 1)
    for along in np.ascontiguousarray(unit.T)[::-1]:
        half = len(found) // 2
        found = (1.0 - along) * found[:half] + along * found[half:]
    return found[0].T
