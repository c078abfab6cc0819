"""Interpolation between the corners of cells."""

from __future__ import annotations

import numpy as np
import pytest
from pruning_amr.cells import corner_offsets, interpolate_corners, multilinear_weights


@pytest.mark.parametrize("dimension", [1, 2, 3, 4])
def test_interpolation_weighs_the_corners(dimension, rng):
    corners = rng.normal(size=(6, 2**dimension, 3)).astype(np.float32)
    unit = rng.random((6, 5, dimension))
    weights = multilinear_weights(unit.reshape(-1, dimension)).reshape(6, 5, -1)
    found = interpolate_corners(corners, unit)
    expected = np.einsum("npc,ncm->npm", weights, corners.astype(np.float64))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dimension", [1, 2, 3, 4])
def test_interpolation_is_exact_at_corners_and_does_not_depend_on_other_cells(
    dimension, rng, monkeypatch
):
    # In two parts.
    monkeypatch.setattr("pruning_amr.cells.corners._PART", 4)
    corners = rng.normal(size=(6, 2**dimension, 2)).astype(np.float32)
    places = np.tile(corner_offsets(dimension).astype(np.float64), (6, 1, 1))
    np.testing.assert_array_equal(interpolate_corners(corners, places), corners)
    unit = rng.random((6, 5, dimension))
    together = interpolate_corners(corners, unit)
    for i in range(6):
        for j in range(5):
            alone = interpolate_corners(corners[i : i + 1], unit[i : i + 1, j : j + 1])
            np.testing.assert_array_equal(alone[0, 0], together[i, j])
