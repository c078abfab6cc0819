"""The surplus of children over their parent: its mean square is exact."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pruning_amr.cells import interpolate_corners
from pruning_amr.refinement.surplus import split_stencil

AXES = [
    axes for n in (1, 2, 3, 4) for axes in itertools.product([True, False], repeat=n) if any(axes)
]


@pytest.mark.parametrize("doubled", AXES)
def test_the_mean_square_is_that_of_the_difference_of_the_interpolants(doubled):
    rng = np.random.default_rng(sum(doubled))
    stencil = split_stencil(doubled)
    values = rng.normal(size=(5, len(stencil.positions), 2))
    whole, of_children = stencil.mean_square(stencil.surplus(np.moveaxis(values, 0, 1)))
    # Gauss points integrate a product of two multilinear functions without error.
    nodes = 0.5 + np.array([-1.0, 1.0]) / np.sqrt(12.0)
    unit = np.array([*itertools.product(nodes, repeat=len(doubled))])
    corner = values[:, stencil.old]
    for k, corners in enumerate(stencil.children):
        at_child = interpolate_corners(values[:, corners], np.tile(unit, (5, 1, 1)))
        start = stencil.positions[corners[0]]
        in_parent = np.where(doubled, (unit + start) / 2.0, unit)
        at_parent = interpolate_corners(corner, np.tile(in_parent, (5, 1, 1)))
        expected = ((at_child - at_parent) ** 2).mean(axis=(1, 2))
        np.testing.assert_allclose(of_children[:, k], expected, rtol=1e-12)
    np.testing.assert_allclose(whole, of_children.mean(axis=1), rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=4).filter(any), st.integers(0, 2**31))
def test_a_multilinear_field_has_no_surplus(doubled, seed):
    stencil = split_stencil(tuple(doubled))
    corners = np.random.default_rng(seed).normal(size=(3, 2 ** len(doubled), 1))
    local = stencil.positions / (np.array(doubled) + 1)
    values = np.moveaxis(interpolate_corners(corners, np.tile(local, (3, 1, 1))), 0, 1)
    np.testing.assert_allclose(stencil.surplus(values), 0.0, atol=1e-12)


def test_a_cell_does_not_depend_on_the_others():
    stencil = split_stencil((True, True, True))
    values = np.random.default_rng(0).normal(size=(27, 100, 1))
    together = stencil.mean_square(stencil.surplus(values))
    alone = [stencil.mean_square(stencil.surplus(values[:, i : i + 1])) for i in range(100)]
    np.testing.assert_array_equal(together[0], np.concatenate([a[0] for a in alone]))
    np.testing.assert_array_equal(together[1], np.concatenate([a[1] for a in alone]))
