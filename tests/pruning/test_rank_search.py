"""Pruning to a wanted error: the promise holds, and nothing that could go is kept."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.reference import Dense, evaluate, random_network, to_chain, to_inr
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.pruning.rank_search import RankedPruning, search

LADDER = (1e-4, 1e-3, 5e-3, 1e-2, 3e-2, 1e-1, 0.3)


def redundant(rng, widths, activation, noise=0.0, skip_at=None):
    """A network in which every hidden neuron occurs three times, nearly."""
    small = random_network(rng, widths, activation, 1.5, skip_at)
    wide = []
    for i, la in enumerate(small):
        weight, bias, skip = la.weight, la.bias, la.input_weight
        if i:
            weight = np.hstack([weight] * 3) / 3
        if i < len(small) - 1:
            weight, bias = np.vstack([weight] * 3), np.hstack([bias] * 3)
            skip = None if skip is None else np.vstack([skip] * 3)
        weight = (weight + noise * rng.normal(size=weight.shape)).astype(np.float32)
        wide.append(Dense(weight, bias, la.activation, skip))
    return wide


def relative_error(pruned, network, rng, n=50_000) -> float:
    low, high = pruned.bounds.T
    x = rng.uniform(low, high, (n, len(low))).astype(np.float32)
    truth = evaluate(network, x)
    return np.linalg.norm(pruned.evaluate(x) - truth) / np.linalg.norm(truth)


def pruning_of(chain, n_inputs, seed=0) -> RankedPruning:
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(2, 2048, n_inputs, generator=generator)
    return RankedPruning(chain, *points.double())


@given(
    seed=st.integers(0, 2**32 - 1),
    activation=st.sampled_from(["relu", "silu", "tanh", "sin", "elu", "gaussian", "softplus"]),
    noise=st.sampled_from([0.0, 1e-3, 3e-2]),
    tolerance=st.sampled_from(LADDER),
    skip_at=st.sampled_from([None, 1, 2]),
)
def test_the_wanted_error_is_kept_at_fresh_points(seed, activation, noise, tolerance, skip_at):
    rng = np.random.default_rng(seed)
    network = redundant(rng, (2, 7, 6, 1), activation, noise, skip_at)
    pruned = pa.prune(to_inr(network), tolerance, samples=1024)
    assert pruned.report.relative_l2 <= tolerance
    assert relative_error(pruned, network, rng) <= 1.05 * tolerance
    assert pruned.report.parameters_after == pruned.chain.n_parameters


@given(
    seed=st.integers(0, 2**32 - 1),
    activation=st.sampled_from(["relu", "silu", "tanh", "sin"]),
    noise=st.sampled_from([1e-3, 3e-2, 0.3]),
)
def test_a_looser_tolerance_never_keeps_more(seed, activation, noise):
    inr = to_inr(redundant(np.random.default_rng(seed), (2, 7, 6, 1), activation, noise))
    left = [pa.prune(inr, t, samples=512).report.parameters_after for t in LADDER]
    assert left == sorted(left, reverse=True)


@pytest.mark.parametrize("activation", ["relu", "silu", "tanh", "sin"])
@pytest.mark.parametrize("dimension", [2, 3, 4])
def test_exactly_redundant_networks_go_down_to_their_true_rank(rng, activation, dimension):
    network = redundant(rng, (dimension, 8, 7, 6, 2), activation)
    pruned = pa.prune(to_inr(network), 1e-5, samples=4096)
    assert all(k <= n for k, n in zip(pruned.chain.hidden_widths, (8, 7, 6), strict=True))
    assert pruned.report.relative_l2 < 1e-5
    assert relative_error(pruned, network, rng) < 1e-5


def test_the_search_continues_where_a_tighter_one_ended(rng):
    chain = to_chain(redundant(rng, (2, 12, 12, 1), "silu", 1e-2))
    pruning = pruning_of(chain, 2)
    long = search(pruning, 1e-1)
    short = search(pruning, 1e-3)
    assert 1 < len(short) < len(long)
    assert long[: len(short)] == short
    parameters = [p.n_parameters for p in long]
    assert parameters == sorted(set(parameters), reverse=True)


def test_what_the_search_says_is_what_the_networks_are(rng):
    network = redundant(rng, (2, 12, 12, 2), "silu", 1e-2, skip_at=1)
    pruning = pruning_of(to_chain(network), 2)
    fresh = rng.random((20_000, 2)).astype(np.float32)
    truth = evaluate(network, fresh)
    for step in search(pruning, 1e-1):
        chain = pruning.network(step.ranks)
        assert chain.hidden_widths == step.ranks
        assert chain.n_parameters == step.n_parameters
        error = np.linalg.norm(chain(torch.from_numpy(fresh)).numpy() - truth)
        assert error / np.linalg.norm(truth) == pytest.approx(step.error, rel=0.3, abs=1e-6)


def test_fitting_to_the_pruned_layers_beats_the_published_transfer(rng):
    """At the same neurons: T from the original activations against T from the pruned ones."""
    from _helpers.plain_pruning import prune_one_cell

    ratios = []
    for activation in ("silu", "tanh", "sin", "elu"):
        network = redundant(rng, (2, 10, 10, 10, 1), activation, 0.1)
        samples = rng.random((2048, 2))
        fresh = rng.random((4096, 2)).astype(np.float32)
        truth = evaluate(network, fresh)
        points = torch.from_numpy(samples), torch.from_numpy(fresh).double()
        pruning = RankedPruning(to_chain(network), *points)
        for id_tolerance in (3e-2, 1e-2, 3e-3):
            published, ranks = prune_one_cell(network, samples, id_tolerance)
            assert pruning.ranks_at([id_tolerance] * 3) == tuple(ranks)
            fitted = pruning.network(ranks)(torch.from_numpy(fresh)).numpy()
            error = np.linalg.norm(evaluate(published, fresh) - truth)
            ratios.append(np.linalg.norm(fitted - truth) / error)
    assert np.exp(np.mean(np.log(ratios))) < 0.95


def test_a_network_without_neurons_to_spare_comes_back_unchanged(rng):
    network = random_network(rng, (2, 3, 3, 1), "tanh", 3)
    inr = to_inr(network)
    pruned = pa.prune(inr, 1e-5, samples=256)
    assert pruned.chain is inr.chain
    report = pruned.report
    assert (report.parameters_after, report.widths_after) == (report.parameters_before, (3, 3))
    assert (report.relative_l2, report.max_error, report.id_tolerances) == (0, 0, ())
    assert report.note == "No neuron can be pruned within a relative L2 error of 1e-05."


def test_one_hidden_layer(rng):
    network = redundant(rng, (2, 6, 2), "silu")
    pruned = pa.prune(to_inr(network), 1e-4)
    assert pruned.chain.hidden_widths[0] <= 6
    assert relative_error(pruned, network, rng) < 1e-4


def test_no_hidden_layer(rng):
    network = [Dense(np.array([[1.0, 2.0]], np.float32), np.array([3.0], np.float32))]
    pruned = pa.prune(to_inr(network))
    assert pruned.report.note == "The network has no hidden layers to prune."
    assert pruned.report.parameters_after == pruned.report.parameters_before == 3


@pytest.mark.parametrize("dead", [0, 1])
def test_dead_layers_keep_one_neuron(rng, dead):
    network = random_network(rng, (2, 8, 8, 1), "relu")
    network[dead].bias[:] = -1000.0
    pruned = pa.prune(to_inr(network), samples=256)
    assert pruned.chain.hidden_widths[1] == 1
    assert relative_error(pruned, network, rng) < 1e-5


def test_constant_layers_keep_one_neuron(rng):
    network = random_network(rng, (2, 8, 8, 1), "tanh")
    network[1].weight[:] = 0
    pruned = pa.prune(to_inr(network), samples=256)
    assert pruned.chain.hidden_widths == (1, 1)
    assert relative_error(pruned, network, rng) < 1e-5


def test_a_field_that_is_zero_stays_zero(rng):
    network = random_network(rng, (2, 8, 8, 1), "tanh")
    network[2].weight[:], network[2].bias[:] = 0, 0
    pruned = pa.prune(to_inr(network), samples=256)
    assert not pruned.evaluate(rng.random((50, 2))).any()
    assert pruned.report.relative_l2 == 0


def test_the_published_two_dimensional_networks_lose_most_parameters(shared_checkpoints):
    for name, gone in {"full": 0.99, "small": 0.7}.items():
        path = shared_checkpoints / "llnl" / f"high_oscillation_{name}_lists.ckpt"
        report = pa.prune(pa.load(path, bounds=[[0, 1]] * 2), 1e-3).report
        assert report.relative_l2 < 1e-3
        assert report.parameters_after < (1 - gone) * report.parameters_before
