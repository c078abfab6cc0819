"""Lattice values: the field at every point, asked for once."""

from __future__ import annotations

import numpy as np
import pytest
from pruning_amr.mesh.lattice import LatticeValues

BOUNDS = np.array([[-1.0, 2.0], [0.3, 0.7], [10.0, 11.1]])


class Field:
    def __init__(self) -> None:
        self.asked: list[np.ndarray] = []
        self.depths: list[np.ndarray] = []

    def __call__(self, points: np.ndarray, depth: np.ndarray) -> np.ndarray:
        self.depths.append(depth)
        self.asked.append(points)
        return np.stack([points @ [1.0, 2.0, 3.0], points[:, 0] ** 2], axis=1).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_values_are_those_of_the_field_and_asked_for_once(seed):
    rng = np.random.default_rng(seed)
    field = Field()
    roots, depth = (3, 1, 2), 4
    values = LatticeValues(BOUNDS, roots, depth, field)
    for level in (0, 2, 1, 4, 3, 4):
        extent = np.asarray(roots) << level
        lattice = rng.integers(0, extent + 1, (7, 5, 3))
        points = BOUNDS[:, 0] + lattice / extent * np.diff(BOUNDS)[:, 0]
        expected = Field()(points.reshape(-1, 3), None).reshape(7, 5, 2)
        np.testing.assert_allclose(values.at(lattice, level), expected, rtol=1e-6)
        mixed = np.full((7, 5), level)
        np.testing.assert_array_equal(values.at(lattice, mixed), values.at(lattice, level))
    asked = np.round(np.concatenate(field.asked), 9)
    spacing = np.diff(BOUNDS)[:, 0] / roots / 2.0 ** np.concatenate(field.depths)[:, None]
    cells = (asked - BOUNDS[:, 0]) / spacing
    np.testing.assert_allclose(cells, np.rint(cells), atol=1e-6)
    coarser = cells[np.concatenate(field.depths) > 0] / 2
    assert (np.abs(coarser - np.rint(coarser)).max(axis=1) > 0.4).all()
    assert len(np.unique(asked, axis=0)) == len(asked)


def test_the_last_plane_is_the_bound_itself():
    field = Field()
    values = LatticeValues(BOUNDS, (3, 7, 3), 5, field)
    values.at(np.array([[3, 7, 3]]) << 5, 5)
    np.testing.assert_array_equal(field.asked[0], BOUNDS[None, :, 1])


@pytest.mark.parametrize("seed", range(3))
def test_numbers_tell_where_points_are(seed):
    rng = np.random.default_rng(seed)
    roots, depth = (3, 1, 2), 4
    values = LatticeValues(BOUNDS, roots, depth, Field())
    for level in (2, 4, 3):
        lattice = rng.integers(0, (np.asarray(roots) << level) + 1, (40, 3))
        numbers = values.numbers(lattice, level)
        np.testing.assert_array_equal(values.positions(numbers), lattice << (depth - level))
        assert numbers.max() < values.n_points


@pytest.mark.parametrize("seed", range(3))
def test_points_around_others_are_those_at_their_positions(seed):
    rng = np.random.default_rng(seed)
    roots, depth = (3, 1, 2), 5
    values = LatticeValues(BOUNDS, roots, depth, Field())
    spacing = 1 << rng.integers(0, 3, (20, 3))
    lattice = rng.integers(0, (np.asarray(roots) << depth) - 8, (20, 3))
    offsets = rng.integers(0, 3, (7, 3))
    numbers = values.numbers_around(lattice, spacing, offsets)
    positions = lattice[:, None] + spacing[:, None] * offsets
    np.testing.assert_array_equal(values.positions(numbers.reshape(-1)), positions.reshape(-1, 3))
    np.testing.assert_array_equal(values.numbers(positions, depth), numbers)


def test_what_a_stopped_network_did_not_give_is_asked_for_again():
    field, stopped = Field(), [False]

    def evaluate(points: np.ndarray, depth: np.ndarray) -> np.ndarray:
        if stopped[0]:
            raise KeyboardInterrupt
        return field(points, depth)

    values = LatticeValues(BOUNDS, (3, 1, 2), 4, evaluate)
    some, others = np.array([[0, 0, 0], [1, 1, 2]]), np.array([[1, 1, 2], [2, 0, 1]])
    known = values.at(some, 0)
    stopped[0] = True
    with pytest.raises(KeyboardInterrupt):
        values.at(others, 0)
    stopped[0] = False
    np.testing.assert_array_equal(values.at(some, 0), known)
    expected = Field()(BOUNDS[:, 0] + others / (3, 1, 2) * np.diff(BOUNDS)[:, 0], None)
    np.testing.assert_allclose(values.at(others, 0), expected, rtol=1e-6)
