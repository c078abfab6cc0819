"""Values through local networks: the error asked for is met, whatever it takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from _helpers.errors import one_clear_sentence
from _helpers.reference import evaluate, random_network, to_chain
from pruning_amr import ParameterError
from pruning_amr.pruning import LocalEvaluation, Policy
from pruning_amr.pruning.evaluation import local_values
from pruning_amr.pruning.local.statistics import sum_of_squares

BOUNDS = np.array([[-1.0, 1.0], [-1.0, 1.0]])


@pytest.fixture
def network(rng):
    return random_network(rng, (2, 96, 96, 1), "silu", gain=4)


EAGER = Policy(least_cost=0.0)
"""Small networks are worth it too."""

NEVER_INTERPOLATED = replace(EAGER, interpolated_share=0.0)


def evaluation(network, tolerance: float, policy: Policy = EAGER) -> LocalEvaluation:
    points = np.random.default_rng(9).uniform(-1, 1, (5000, 2))
    scale = np.ptp(evaluate(network, points), axis=0)
    return LocalEvaluation(to_chain(network), BOUNDS, scale, tolerance, "cpu", policy=policy)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-4])
def test_the_error_asked_for_is_met_at_other_points(network, rng, tolerance):
    asked = evaluation(network, tolerance)
    points = rng.uniform(-1, 1, (300_000, 2)).astype(np.float32).astype(np.float64)
    found = asked.at_points(points)
    assert found.plan.steps and 0 < found.error <= tolerance
    error = (found.values[:50_000] - evaluate(network, points[:50_000])) / asked.scale
    assert np.sqrt(np.mean(error**2)) < 1.2 * tolerance


def test_a_tolerance_of_zero_is_the_whole_network(network, rng):
    points = rng.uniform(-1, 1, (50_000, 2))
    found = evaluation(network, 0.0).at_points(points)
    assert found.error == 0.0 and found.plan.steps == ()
    np.testing.assert_allclose(found.values, evaluate(network, points.astype("f4")), atol=1e-4)


def test_networks_that_stay_inaccurate_are_not_used(network, rng, monkeypatch):
    tried = []

    def poor(found, exact, scale):
        tried.append(1)
        return 1.0

    monkeypatch.setattr(local_values, "relative_rms", poor)
    points = rng.uniform(-1, 1, (100_000, 2))
    found = evaluation(network, 1e-3).at_points(points)
    assert len(tried) >= 2 and found.plan.steps == ()
    np.testing.assert_allclose(found.values, evaluate(network, points.astype("f4")), atol=1e-4)


@pytest.mark.parametrize("interpolate", [False, True])
def test_parts_of_a_grid_fit_together(network, interpolate):
    asked = evaluation(network, 1e-3, EAGER if interpolate else NEVER_INTERPOLATED)
    axes = [np.linspace(-1, 1, 700), np.linspace(-1, 1, 500)]
    both, left, right = (
        asked.on_grid(axes, [s, slice(100, 500)])
        for s in (slice(0, 700), slice(0, 330), slice(330, 700))
    )
    assert interpolate or sum(both.statistics.pruned)
    assert bool(both.interpolated_levels) == interpolate
    assert np.array_equal(both.values, np.concatenate([left.values, right.values], axis=1))
    whole = asked.on_grid(axes)
    difference = (whole.values[100:] - both.values) / asked.scale
    assert np.sqrt(np.mean(difference**2)) < 2 * asked.tolerance


def test_a_grid_is_the_same_for_any_memory_and_threads(network):
    asked = evaluation(network, 1e-3, NEVER_INTERPOLATED)
    axes = [np.linspace(-1, 1, 600), np.linspace(-1, 1, 500)]
    found = [asked.on_grid(axes)]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found.append(replace(asked, memory_mb=4.0).on_grid(axes))
    finally:
        torch.set_num_threads(before)
    assert sum(found[0].statistics.pruned) and np.array_equal(found[0].values, found[1].values)
    # The tolerance was steered, to the same one.
    calibrated = asked.on_grid(axes, [slice(0, 600), slice(0, 500)])
    tolerances = [f.plan.id_tolerance for f in (*found, calibrated)]
    assert tolerances[0] == tolerances[1] != tolerances[2]


def test_points_of_another_dimension_are_refused(network):
    with one_clear_sentence(ParameterError, "(7, 3)", "(n_points, 2)"):
        evaluation(network, 1e-3).at_points(np.zeros((7, 3)))


@pytest.mark.parametrize("allowed", [1e-3, 3.7e-6, 0.5])
def test_sums_of_errors_do_not_depend_on_order_or_parts(rng, allowed):
    square = torch.from_numpy(allowed**2 * rng.lognormal(-2, 3, 100_000)).clamp(max=9 * allowed**2)
    whole = sum_of_squares(square, allowed)
    assert whole == pytest.approx(float(square.sum()), rel=1e-6)
    shuffled = square[torch.from_numpy(rng.permutation(len(square)))]
    assert sum_of_squares(shuffled, allowed) == whole
    parts = [sum_of_squares(part, allowed) for part in shuffled.split(777)]
    assert sum(parts) == whole
    unknown = torch.tensor([np.nan, np.inf, 1.0], dtype=torch.float64)
    assert sum_of_squares(unknown, 1.0) == 1.0
