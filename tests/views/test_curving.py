"""Splitting and flipping keep a surface whole."""

from __future__ import annotations

import numpy as np
import pytest
from _helpers.level_sets import Topology, topology
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.views.curving import _split_triangles
from pruning_amr.views.flipping import flip_turned, turned_triangles
from pruning_amr.views.level_set import LevelSet
from pruning_amr.views.simplices import edges_of


def flat_grid(n: int) -> tuple[np.ndarray, np.ndarray]:
    """A square of triangles in the plane z = 0, facing up."""
    y, x = np.mgrid[: n + 1, : n + 1]
    points = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1).astype(float)
    a = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
    right, up, across = a + 1, a + n + 1, a + n + 2
    low, high = np.stack([a, right, across], axis=1), np.stack([a, across, up], axis=1)
    return points, np.concatenate([low, high])


def areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = (points[triangles[:, i]] for i in range(3))
    return np.cross(b - a, c - a)[:, 2] / 2


@given(seed=st.integers(0, 10_000), share=st.floats(0, 1))
def test_any_edges_can_be_split_without_cracks(seed, share):
    points, triangles = flat_grid(4)
    edges, of_triangles, count = edges_of(triangles)
    split = np.random.default_rng(seed).random(len(edges)) < share
    middle = np.full(len(edges), -1)
    middle[split] = len(points) + np.arange(split.sum())
    points = np.concatenate([points, points[edges[split]].mean(axis=1)])
    made = _split_triangles(triangles, middle[of_triangles], points)
    assert (areas(points, made) > 0).all()
    assert areas(points, made).sum() == pytest.approx(16)
    assert topology(made) == Topology(1, 1)
    boundary = np.count_nonzero(split[count == 1]) + np.count_nonzero(count == 1)
    assert np.count_nonzero(edges_of(made)[2] == 1) == boundary
    assert set(np.unique(made)) == set(range(len(points)))


def test_a_triangle_that_was_turned_over_is_turned_back():
    points, triangles = flat_grid(3)
    # A vertex inside moves a little over the diagonal of a square beside it.
    points[5] += [0.55, -0.6, 0.0]
    up = np.tile([0.0, 0.0, 1.0], (len(points), 1))
    surface = LevelSet(points, up, triangles)
    assert turned_triangles(surface).any()
    whole = flip_turned(surface)
    assert not turned_triangles(whole).any()
    assert topology(whole.simplices) == topology(triangles)
    assert areas(points, whole.simplices).sum() == pytest.approx(9)


def test_what_faces_the_right_way_is_left():
    points, triangles = flat_grid(3)
    surface = LevelSet(points, np.tile([0.0, 0.0, 1.0], (len(points), 1)), triangles)
    assert flip_turned(surface) is surface
