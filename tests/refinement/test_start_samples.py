"""Samples of the start lattice at one time after another: fewer, and nothing is missed."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.level_sets import LEVEL, Bump, Topology, bump_network, topology
from _helpers.reference import to_inr
from pruning_amr.refinement.start_samples import (
    corners_of_grid,
    differ_at_corners,
    over_corners,
    sample_start,
)

FEATURE = 1 / 32
RADIUS = FEATURE
"""Of a ball as wide as the smallest feature of a domain of edge 2."""


def moving(*made: Bump, until: float):
    bounds = [[-1.0, 1.0]] * 3 + [[0.0, until]]
    return to_inr(bump_network(list(made)), bounds)


@pytest.mark.parametrize("seed", range(8))
def test_a_ball_that_was_not_there_before_is_found(seed):
    rng = np.random.default_rng(seed)
    large = Bump((-0.4, 0.0, 0.0, 0.0), 0.35, axis=(0.1, 0.0, 0.0, 1.0))
    # Four radii before its time a ball of two to the minus 16 is nowhere.
    new = Bump((*rng.uniform([0.3, -0.6, -0.6], [0.7, 0.6, 0.6]), 4 * RADIUS), RADIUS)
    inr = moving(large, new, until=4 * RADIUS)
    given = {"smallest_feature": FEATURE, "device": "cpu", "tolerance": 4e-3}
    first = pa.contour(inr, LEVEL, time=0.0, **given)
    assert topology(first.triangles) == Topology(1, 2)
    fresh = pa.contour(inr, LEVEL, time=4 * RADIUS, **given)
    later = pa.contour(inr, LEVEL, time=4 * RADIUS, before=first, **given)
    assert topology(later.triangles) == Topology(2, 4)
    assert later.points.tobytes() == fresh.points.tobytes()
    # The large one moves everywhere a little.
    assert later.report.values_evaluated < 0.8 * fresh.report.values_evaluated
    assert 0.25 < later.samples.exact.mean() < 0.6


def test_another_value_asks_the_lattice_nothing(inr_3d):
    given = {"smallest_feature": 1 / 16, "device": "cpu"}
    first = pa.contour(inr_3d, 0.1, **given)
    fresh = pa.contour(inr_3d, 0.3, **given)
    second = pa.contour(inr_3d, 0.3, before=first, **given)
    assert second.points.tobytes() == fresh.points.tobytes()
    saved = fresh.report.values_evaluated - second.report.values_evaluated
    assert saved >= np.prod([n + 1 for n in fresh.report.start_cells])


def test_what_is_of_another_field_is_not_taken(inr_3d):
    given = {"smallest_feature": 1 / 16, "device": "cpu"}
    fresh = pa.contour(inr_3d, 0.1, **given)
    others = [
        pa.contour(moving(Bump((0.0, 0.0, 0.0, 0.0), 0.4), until=1.0), LEVEL, **given),
        pa.contour(inr_3d, 0.1, smallest_feature=1 / 12, device="cpu"),
    ]
    for before in others:
        found = pa.contour(inr_3d, 0.1, before=before, **given)
        assert found.points.tobytes() == fresh.points.tobytes()
        assert found.report.values_evaluated == fresh.report.values_evaluated


@pytest.mark.parametrize("shape", [(17,), (12, 17), (9, 12, 13)])
def test_a_field_that_changed_everywhere_is_evaluated_everywhere(shape):
    points = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"), -1)
    points = points.reshape(-1, len(shape))
    asked = []

    def at(time):
        def evaluate(some):
            asked.append(len(some))
            return np.sin(9 * some.sum(axis=1) + 5 * time).astype(np.float32)

        return evaluate

    first = sample_start(points, shape, at(0), [0.2])
    other = sample_start(points, shape, at(1), [0.2], 1.0, first)
    whole = sample_start(points, shape, at(1), [0.2])
    np.testing.assert_array_equal(other.found, whole.found)
    assert other.exact.all() and sum(asked) == 3 * len(points)
    # The same again costs nothing.
    sample_start(points, shape, at(1), [0.2], 1.0, other)
    assert sum(asked) == 3 * len(points)


@pytest.mark.parametrize("shape", [(40,), (9, 12), (5, 6, 7)])
def test_reducing_axis_by_axis_is_reducing_over_all_corners(shape):
    rng = np.random.default_rng(len(shape))
    found = rng.normal(size=shape)
    found[rng.random(shape) < 0.1] = np.nan
    for function in (np.minimum, np.maximum):
        expected = function.reduce(corners_of_grid(found), axis=1)
        np.testing.assert_array_equal(over_corners(function, found), expected)
    sides = corners_of_grid(found >= 1.5)
    expected = sides.any(axis=1) & ~sides.all(axis=1)
    np.testing.assert_array_equal(differ_at_corners(found >= 1.5), expected)
    assert expected.any() and not expected.all()
