"""The corners of a cell: their order, and what each weighs at a point of the cell."""

from __future__ import annotations

import numpy as np

# Ours run x fastest, VTK's walk around each face of a quad or hexahedron.
VTK_CORNER_ORDER = {1: [0, 1], 2: [0, 1, 3, 2], 3: [0, 1, 3, 2, 4, 5, 7, 6]}
"""VTK's order of the corners of a cell, by dimension."""


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
    total = np.zeros((*unit.shape[:2], corners.shape[2]))
    # One corner after another: the result must not depend on the batch.
    for corner, offset in enumerate(corner_offsets(unit.shape[2])):
        weight = np.ones(unit.shape[:2])
        for axis, side in enumerate(offset):
            weight *= unit[:, :, axis] if side else 1.0 - unit[:, :, axis]
        total += weight[:, :, None] * corners[:, None, corner, :].astype(np.float64)
    return total
