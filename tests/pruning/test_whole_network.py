"""Pruning a whole network: smaller, as accurate as reported, and never by surprise."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.errors import one_clear_sentence
from _helpers.reference import Dense, evaluate, random_network, to_inr


def duplicated(network, times: int):
    """The same function, every hidden neuron `times` times."""
    wide = []
    for i, la in enumerate(network):
        weight = la.weight if i == 0 else np.hstack([la.weight] * times) / times
        bias = la.bias
        if i < len(network) - 1:
            weight, bias = np.vstack([weight] * times), np.hstack([bias] * times)
        wide.append(Dense(weight.astype(np.float32), bias, la.activation))
    return wide


def test_redundant_neurons_go_and_the_field_stays(rng):
    small = random_network(rng, (3, 10, 10, 2), "tanh", gain=2)
    inr = to_inr(duplicated(small, 4), [[-1, 1]] * 3)
    pruned = pa.prune(inr, tolerance=1e-6)
    assert pruned.chain.hidden_widths == (10, 10)
    assert pruned.report.widths_before == (40, 40)
    assert pruned.report.widths_after == (10, 10)
    assert pruned.report.parameters_before == (3 * 40 + 40) + (40 * 40 + 40) + (40 * 2 + 2)
    assert pruned.report.parameters_after == (3 * 10 + 10) + (10 * 10 + 10) + (10 * 2 + 2)
    x = rng.uniform(-1, 1, (1000, 3)).astype(np.float32)
    np.testing.assert_allclose(pruned.evaluate(x), evaluate(small, x), atol=2e-4)


@pytest.mark.parametrize("tolerance", [1e-1, 1e-2, 1e-4])
@pytest.mark.parametrize("skip_at", [None, 2])
def test_reported_error_is_the_error(rng, tolerance, skip_at):
    network = random_network(rng, (2, 24, 24, 24, 1), "silu", 2, skip_at)
    bounds = np.array([[-1.0, 1.0], [0.0, 3.0]])
    pruned = pa.prune(to_inr(network, bounds), tolerance=tolerance, samples=4096)
    x = rng.uniform(bounds[:, 0], bounds[:, 1], (200_000, 2)).astype(np.float32)
    truth = evaluate(network, x)
    error = pruned.evaluate(x) - truth
    relative = np.linalg.norm(error) / np.linalg.norm(truth)
    assert pruned.report.relative_l2 == pytest.approx(relative, rel=0.1, abs=1e-6)
    assert pruned.report.max_error <= 1.01 * np.abs(error).max() + 1e-5
    assert pruned.report.max_error >= 0.5 * np.abs(error).max()


def test_a_smaller_tolerance_keeps_more_and_errs_less(inr_2d):
    reports = [pa.prune(inr_2d, tolerance=e).report for e in (1e-1, 1e-2, 1e-3, 1e-5)]
    assert [sum(r.widths_after) for r in reports] == sorted(sum(r.widths_after) for r in reports)
    assert reports[0].relative_l2 > reports[1].relative_l2 > reports[3].relative_l2
    assert sum(reports[0].widths_after) < sum(reports[0].widths_before)


def test_time_is_part_of_what_is_pruned(rng):
    network = random_network(rng, (4, 8, 8, 1), "tanh", gain=2)
    inr = to_inr(duplicated(network, 3), [[-1, 1]] * 3 + [[0, 1]])
    pruned = pa.prune(inr, tolerance=1e-6)
    assert pruned.inputs == inr.inputs
    np.testing.assert_array_equal(pruned.times, inr.times)
    assert pruned.chain.hidden_widths == (8, 8)
    x = rng.uniform([-1, -1, -1, 0], 1, (500, 4)).astype(np.float32)
    np.testing.assert_allclose(pruned.evaluate(x), evaluate(network, x), atol=5e-4)


def test_a_dead_network_becomes_its_constant(rng):
    network = random_network(rng, (2, 8, 8, 1), "relu")
    network[1].bias[:] = -1000.0
    pruned = pa.prune(to_inr(network), samples=256)
    assert pruned.report.max_error < 1e-5
    x = rng.random((50, 2))
    np.testing.assert_allclose(pruned.evaluate(x), network[-1].bias[0], atol=1e-5)


def test_same_seed_same_network_other_seed_other_samples(inr_2d, rng):
    x = rng.uniform([-1, 0], [1, 3], (100, 2))
    one, again, other = (pa.prune(inr_2d, 3e-2, seed=s).evaluate(x) for s in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_pruned_inr_can_be_meshed(inr_2d):
    pruned = pa.prune(inr_2d, tolerance=1e-3)
    assert isinstance(pruned, pa.INR)
    assert pa.refine(pruned, max_depth=3, min_depth=1).at().n_cells > 4


@pytest.mark.parametrize("tolerance", [0, -1e-3, 1.0, 2.0, 1e-12, float("nan"), float("inf")])
def test_tolerance_out_of_range_is_refused(inr_2d, tolerance):
    with one_clear_sentence(pa.ParameterError, "tolerance", f"{tolerance:g}"):
        pa.prune(inr_2d, tolerance=tolerance)


@pytest.mark.parametrize("samples", [0, -1, 47])
def test_too_few_samples_are_refused(inr_2d, samples):
    with one_clear_sentence(pa.ParameterError, "samples", samples, "48"):
        pa.prune(inr_2d, samples=samples)


def test_unknown_device_is_refused(inr_2d):
    with one_clear_sentence(pa.ParameterError, "device", "gpu"):
        pa.prune(inr_2d, device="gpu")
