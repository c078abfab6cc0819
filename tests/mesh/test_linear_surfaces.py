"""The surface that contouring cells gives: closed from cell to cell, and that of the values."""

from __future__ import annotations

import numpy as np
import pytest
from pruning_amr.cells import corner_offsets
from pruning_amr.mesh import linear_surface


def grid_of_cells(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The index of all cells of a grid of points, and the values at their corners."""
    d = values.ndim
    index = np.indices([n - 1 for n in values.shape]).reshape(d, -1).T
    corners = index[:, None, :] + corner_offsets(d)
    return index, values[tuple(np.moveaxis(corners, -1, 0))]


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_noise_is_contoured_without_open_ends(rng, dimension):
    n = 9
    values = rng.standard_normal((n,) * dimension)
    # Nothing leaves the grid.
    inner = np.full_like(values, -1.0)
    inner[(slice(1, -1),) * dimension] = values[(slice(1, -1),) * dimension]
    index, corners = grid_of_cells(inner)
    simplices, cells = linear_surface(corners, 0.0)
    points = np.round(index[cells][:, None, :] + simplices, 9)
    _, own = np.unique(points.reshape(-1, dimension), axis=0, return_inverse=True)
    own = own.reshape(-1, dimension)
    crossed = (corners >= 0).any(axis=1) & ~(corners >= 0).all(axis=1)
    np.testing.assert_array_equal(np.unique(cells), np.flatnonzero(crossed))
    if dimension == 3:
        sides = np.sort(own[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
        own = np.unique(sides, axis=0, return_inverse=True)[1].reshape(-1, 1)
    # Every end of a line, and every edge of a triangle, is that of two or of four.
    if dimension > 1:
        assert (np.bincount(own.reshape(-1)) % 2 == 0).all()


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_of_a_linear_field_it_is_the_plane(rng, dimension):
    slope = rng.uniform(0.5, 2.0, dimension) * rng.choice([-1, 1], dimension)
    corners = rng.uniform(-1, 1, (50, 1)) + corner_offsets(dimension) @ slope
    simplices, cells = linear_surface(corners, 0.25)
    assert len(cells) > 10
    np.testing.assert_allclose(corners[cells, :1] + simplices @ slope, 0.25, atol=1e-12)
    assert simplices.min() >= 0 and simplices.max() <= 1


def test_a_value_at_a_corner_counts_as_larger():
    assert len(linear_surface(np.array([[0.0, 1.0], [0.0, -1.0]]), 0.0)[1]) == 1
