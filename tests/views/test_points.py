"""The field at points: what is inside, and what stops it."""

from __future__ import annotations

import numpy as np
import pytest
from _helpers.reference import assert_close_to_range, evaluate, random_network, to_inr
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.refinement import Stopped
from pruning_amr.views import EvaluationParameters, evaluate_at, evaluate_inside
from pruning_amr.views.points import is_inside

ON_CPU = EvaluationParameters(device="cpu")
WITH_GRADIENT = EvaluationParameters(device="cpu", gradient=True)


def test_outside_there_are_no_numbers(inr_3d, network_3d, rng):
    points = rng.uniform(-2, 5, (2000, 3))
    found = evaluate_inside(inr_3d, points, WITH_GRADIENT)
    low, high = inr_3d.bounds.T
    inside = ((points >= low) & (points <= high)).all(axis=1)
    assert 10 < inside.sum() < 1990
    assert np.array_equal(found.inside, inside)
    assert np.isnan(found.values[~inside]).all() and np.isnan(found.gradients[~inside]).all()
    assert_close_to_range(found.values[inside], evaluate(network_3d, points[inside]), 2e-5)
    assert np.isfinite(found.gradients[inside]).all()


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_the_edge_is_inside_even_as_float32(low, size):
    bounds = np.array([[low, low + size]])
    edge = bounds.T.astype(np.float32).astype(float)
    assert is_inside(edge, bounds).all()
    beyond = bounds.T + np.array([[-1], [1]]) * (1e-6 * np.abs(bounds).max() + 1e-9)
    assert not is_inside(beyond, bounds).any()


def test_what_is_no_number_is_outside(inr_2d):
    points = np.array([[0.0, 1.0], [np.nan, 1.0], [0.0, np.inf], [-np.inf, 1.0]])
    found = evaluate_inside(inr_2d, points, ON_CPU)
    assert found.inside.tolist() == [True, False, False, False]
    assert np.isfinite(found.values).all(axis=1).tolist() == found.inside.tolist()


def test_gradients_are_in_space_even_of_points_with_times(rng):
    network = random_network(rng, (4, 16, 16, 2), "silu", 3)
    inr = to_inr(network)
    points = rng.uniform(0, 1, (200, 4))
    points[:, 3] = 0.25
    given_time = evaluate_inside(inr, points, WITH_GRADIENT)
    at_time = evaluate_inside(inr, points[:, :3], WITH_GRADIENT, 0.25)
    assert given_time.gradients.shape == (200, 2, 3)
    assert_close_to_range(given_time.gradients, at_time.gradients, 1e-5)
    assert_close_to_range(given_time.values, at_time.values, 1e-5)


def test_no_points_are_no_values(inr_3d):
    found = evaluate_inside(inr_3d, np.empty((0, 3)), WITH_GRADIENT)
    assert (found.values.shape, found.gradients.shape) == ((0, 1), (0, 1, 3))


@pytest.mark.parametrize("parameters", [WITH_GRADIENT, EvaluationParameters(device="cpu")])
def test_progress_is_told_and_can_stop(inr_3d, rng, parameters, monkeypatch):
    monkeypatch.setattr("pruning_amr.views.points._AT_ONCE", 64)
    points = inr_3d.bounds[:, 0] + rng.random((300, 3)) * np.diff(inr_3d.bounds)[:, 0]
    told: list[float] = []
    whole = evaluate_at(inr_3d, points, parameters, progress=lambda f, _: told.append(f))
    assert told == sorted(told) and told[0] == 0.0 and told[-1] == 1.0 and len(told) == 6
    monkeypatch.setattr("pruning_amr.views.points._AT_ONCE", 1 << 17)
    assert np.array_equal(evaluate_at(inr_3d, points, parameters).values, whole.values)
    with pytest.raises(Stopped):
        evaluate_at(inr_3d, points, parameters, progress=lambda *_: True)


def test_local_networks_say_their_error(rng):
    network = random_network(rng, (2, 256, 256, 256, 1), "silu", 4)
    points = rng.uniform(0, 1, (1_500_000, 2))
    found = evaluate_inside(to_inr(network), points, ON_CPU)
    exact = evaluate(network, points[:20_000])
    error = np.sqrt(np.mean((found.values[:20_000] - exact) ** 2)) / np.ptp(exact)
    assert found.error is not None and 1e-6 < found.error <= 1e-3
    assert error < 1.3e-3
