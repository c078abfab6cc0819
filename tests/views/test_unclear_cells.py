"""Cells are halved where they have to be, and pieces of all sizes join."""

from __future__ import annotations

from itertools import product

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.level_sets import topology
from _helpers.reference import random_network, to_inr
from hypothesis import given, settings
from hypothesis import strategies as st
from pruning_amr.views import unclear_cells
from pruning_amr.views.simplices import edges_of
from pruning_amr.views.unclear_cells import _is_plain

CUBE = [[-1.0, 1.0]] * 3


def rough(seed: int):
    """A field with saddles and thin parts at the size of a cell."""
    network = random_network(np.random.default_rng(seed), (3, 16, 16, 1), "sin", gain=3.5)
    return to_inr(network, CUBE)


@settings(max_examples=8)
@given(seed=st.integers(0, 1000), value=st.floats(-0.3, 0.3))
def test_pieces_of_all_sizes_are_one_closed_surface(seed, value):
    found = pa.contour(
        rough(seed),
        value,
        smallest_feature=1 / 12,
        tolerance=0.02,
        device="cpu",
        warn=lambda _: None,
    )
    assert len(found.triangles) > 100
    assert found.report.open_edges == 0
    assert not (found.triangles[:, 0] == found.triangles[:, 1]).any()
    assert edges_of(found.triangles)[2].max() == 2
    # No triangle twice.
    assert len(np.unique(np.sort(found.triangles, axis=1), axis=0)) == len(found.triangles)


def test_halving_finds_the_shape_that_a_finer_lattice_shows(monkeypatch):
    def shape(feature: float):
        found = pa.contour(
            rough(7),
            0.1,
            smallest_feature=feature,
            tolerance=0.02,
            device="cpu",
            warn=lambda _: None,
        )
        return topology(found.triangles)

    exact = shape(1 / 48)
    found = shape(1 / 16)
    assert found == exact
    # The control: without halving it is another one.
    monkeypatch.setattr(unclear_cells, "N_HALVINGS", 0)
    assert shape(1 / 16) != exact


@pytest.mark.parametrize("wrong", [0, 1])
def test_faces_that_show_no_more_than_their_corners(wrong):
    line = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 1]])
    assert _is_plain(line) and _is_plain(1 - line) and _is_plain(line.T)
    assert _is_plain(np.zeros((3, 3))) and _is_plain(np.ones((3, 3)))
    bulge = line * 0
    bulge[1, 1] = 1
    ends = np.array([[1, 0, 1], [1, 0, 1], [1, 0, 1]])
    alternating = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0]])
    corners = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 1]])
    for grid in (bulge, ends, alternating, corners):
        assert not _is_plain(1 - grid if wrong else grid)
    assert [_is_plain(np.array(s)) for s in product((0, 1), repeat=3)] == [
        s not in {(0, 1, 0), (1, 0, 1)} for s in product((0, 1), repeat=3)
    ]
