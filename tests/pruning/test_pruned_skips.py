"""Pruning networks with skip connections between hidden layers, as a whole and in cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.plain_pruning import prune_one_cell
from _helpers.reference import (
    duplicated,
    evaluate,
    hidden_values,
    random_network,
    residual_network,
    to_chain,
    to_inr,
)
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.cells.boxes import Boxes
from pruning_amr.pruning import LocalEvaluation, Policy, prune_in_cells
from pruning_amr.pruning.local.network_batch import NetworkBatch
from pruning_amr.pruning.local.prune import Limits, _influence, prune_networks
from pruning_amr.pruning.options import MIN_TOLERANCE
from pruning_amr.pruning.rank_search import RankedPruning, search

BOUNDS = [[-1.0, 1.0]] * 2
SKIPS = st.sets(st.sampled_from([(2, 0), (3, 0), (3, 1)]), min_size=1).map(lambda s: (*sorted(s),))
"""Skip connections of a network of three hidden layers."""


def features(rng, dimension: int = 3, width: int = 20):
    """A network whose first layer of sines enters layer 3 again."""
    widths = (dimension, 16, width, width, width, 1)
    network = random_network(rng, widths, "silu", skips=((3, 0),))
    return [replace(network[0], activation="sin"), *network[1:]]


def relative_error(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


# --- the whole network --------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda rng: residual_network(rng, 3, 12), features])
def test_redundant_neurons_go_and_the_field_stays(rng, tmp_path, make):
    small = make(rng)
    pruned = pa.prune(to_inr(duplicated(small, 3)), 1e-5)
    widths = to_chain(small).hidden_widths
    report = pruned.report
    assert report.widths_before == tuple(3 * w for w in widths)
    assert all(k <= w for k, w in zip(report.widths_after, widths, strict=True))
    assert report.parameters_before == to_chain(duplicated(small, 3)).n_parameters
    assert report.parameters_after == sum(
        getattr(t, "numel", int)()
        for layer in pruned.chain.layers
        for t in (layer.weight, layer.bias, *(s.weight for s in layer.skips))
    )
    x = rng.random((20_000, 3)).astype(np.float32)
    assert relative_error(pruned.evaluate(x), evaluate(small, x)) < 2e-5
    pruned.save(tmp_path / "small.pt")
    assert np.array_equal(pa.load(tmp_path / "small.pt").evaluate(x), pruned.evaluate(x))


@given(
    seed=st.integers(0, 2**32 - 1),
    activation=st.sampled_from(["relu", "silu", "tanh", "sin", "softplus"]),
    skips=SKIPS,
    tolerance=st.sampled_from([1e-4, 1e-3, 1e-2, 1e-1]),
)
def test_the_wanted_error_is_kept_at_fresh_points(seed, activation, skips, tolerance):
    rng = np.random.default_rng(seed)
    network = duplicated(random_network(rng, (2, 6, 5, 7, 1), activation, skips=skips))
    pruned = pa.prune(to_inr(network), tolerance, samples=512)
    x = rng.random((50_000, 2)).astype(np.float32)
    assert pruned.report.relative_l2 <= tolerance
    assert relative_error(pruned.evaluate(x), evaluate(network, x)) <= 1.05 * tolerance
    assert pruned.report.parameters_after == pruned.chain.n_parameters
    assert sum(pruned.chain.hidden_widths) <= 18


def test_what_the_search_says_is_what_the_networks_are(rng):
    network = random_network(rng, (2, 12, 10, 11, 1), "silu", skips=((2, 0), (3, 0), (3, 1)))
    points = torch.from_numpy(rng.random((2, 1024, 2)))
    pruning = RankedPruning(to_chain(network), *points)
    fresh = rng.random((20_000, 2)).astype(np.float32)
    path = search(pruning, 1e-1)
    assert len(path) > 3
    for step in path:
        chain = pruning.network(step.ranks)
        assert chain.hidden_widths == step.ranks
        assert chain.n_parameters == step.n_parameters
        error = relative_error(chain(torch.from_numpy(fresh)).numpy(), evaluate(network, fresh))
        assert error == pytest.approx(step.error, rel=0.3, abs=1e-6)


@given(
    seed=st.integers(0, 2**32 - 1),
    activation=st.sampled_from(["softplus", "silu", "tanh", "sin"]),
    skips=SKIPS,
)
def test_nothing_changes_at_the_smallest_tolerance(seed, activation, skips):
    rng = np.random.default_rng(seed)
    small = random_network(rng, (2, 6, 5, 7, 2), activation, skips=skips)
    network = duplicated(small)
    chain = to_chain(network).to("cpu", torch.float64)
    fresh = torch.from_numpy(rng.uniform(-1, 1, (256, 2)).astype(np.float32)).double()
    samples = torch.from_numpy(rng.uniform(-1, 1, (2, 512, 2)))
    exact = evaluate(small, fresh.numpy())
    pruning = RankedPruning(to_chain(network), *samples)
    ranked = pruning.network(pruning.ranks_at([MIN_TOLERANCE] * 3))(fresh.float()).numpy()
    in_cell = prune_in_cells(chain, samples[:1], MIN_TOLERANCE)
    assert int(in_cell.rank.sum()) <= 18
    assert relative_error(ranked, exact) < 1e-3
    assert relative_error(in_cell(fresh[None])[0].numpy(), exact) < 1e-3


# --- the published rule in cells ------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**32 - 1),
    activation=st.sampled_from(["relu", "silu", "tanh", "sin"]),
    skips=SKIPS,
    size=st.sampled_from([1.0, 0.2]),
)
def test_every_cell_gets_the_network_of_a_plain_loop(seed, activation, skips, size):
    rng = np.random.default_rng(seed)
    network = random_network(rng, (2, 14, 11, 12, 2), activation, 2, skips=skips)
    points = rng.uniform(-1, 1, (5, 1, 2)) + size * rng.random((5, 84, 2))
    points, fresh = torch.from_numpy(points).float().split([64, 20], dim=1)
    pruned = prune_in_cells(to_chain(network).to("cpu", torch.float64), points.double(), 1e-4)
    values = pruned(fresh).numpy()
    for cell in range(5):
        expected, ranks = prune_one_cell(network, points[cell].numpy(), 1e-4)
        assert pruned.rank[cell].tolist() == ranks
        truth = evaluate(expected, fresh[cell].numpy())
        np.testing.assert_allclose(values[cell], truth, atol=1e-6 * (1 + np.abs(truth).max()))


# --- local networks -------------------------------------------------------------------------------


def boxes(index: np.ndarray, level: int) -> Boxes:
    index = torch.as_tensor(np.atleast_2d(index))
    size = torch.full(index.shape, 2.0 / 2**level, dtype=torch.float64)
    return Boxes(torch.full((len(index),), level), index, index * size - 1.0, size)


def pruned_in(network, cells: Boxes, tolerance: float, limits: Limits):
    start, scale = torch.zeros(len(cells), dtype=torch.long), torch.ones(1, dtype=torch.float64)
    parents = NetworkBatch.of(to_chain(network))
    return prune_networks(parents, start, cells, tolerance, scale, limits)


def error_in(network, networks: NetworkBatch, cells: Boxes) -> np.ndarray:
    points = cells.random_points(200, 77, 5)
    exact = evaluate(network, points.flatten(0, 1).numpy()).reshape(*points.shape[:2], -1)
    return np.sqrt(np.mean((networks(points).numpy() - exact) ** 2, axis=(1, 2)))


def test_batches_are_their_networks(rng):
    network = random_network(rng, (2, 16, 24, 8, 3), "tanh", skips=((2, 0), (3, 0), (3, 1)))
    batch = NetworkBatch.of(to_chain(network))
    points = torch.from_numpy(rng.uniform(-1, 1, (4, 32, 2)).astype(np.float32))
    expected = [v.reshape(4, 32, -1) for v in hidden_values(network, points.reshape(-1, 2).numpy())]
    many = NetworkBatch.concatenated([batch.take(slice(0, 1))] * 4)
    np.testing.assert_allclose(many(points).numpy(), expected[-1], atol=1e-5)
    for networks in (batch, many):
        values, after = networks.hidden_values(points)
        np.testing.assert_allclose(values[-1].numpy(), expected[-1], atol=1e-5)
        for found, wanted in zip(after, expected, strict=False):
            np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)
    # Neurons that nothing depends on may be trimmed.
    for layer in network[1:]:
        layer.weight[:, 8:] = 0.0
        for weight in layer.skips.values():
            weight[:, 8:] = 0.0
    trimmed = NetworkBatch.of(to_chain(network)).trimmed((8, 8, 8))
    assert trimmed.hidden_widths == (8, 8, 8)
    assert [s.weight.shape for s in trimmed.layers[3].skips] == [(1, 8, 3)] * 2
    assert trimmed.nbytes == 4 * (3 * 8 + 9 * 8 + 9 * 8 + 8 * 8 + 9 * 3 + 2 * 8 * 3)
    np.testing.assert_allclose(
        trimmed(points[:1])[0].numpy(), evaluate(network, points[0].numpy()), atol=1e-5
    )


def test_influence_counts_every_way_to_the_output(rng):
    network = random_network(rng, (2, 7, 6, 5, 1), "tanh", skips=((2, 0), (3, 0), (3, 1)))
    chain = to_chain(network)
    x = torch.from_numpy(rng.uniform(-1, 1, (3, 64, 2)).astype(np.float32))
    parents = NetworkBatch.of(chain)
    values, _ = parents.hidden_values(x)
    found = _influence(parents, values, 64, torch.ones(1, dtype=torch.float64), 0)
    some = x[:, ::8].reshape(-1, 2)
    outputs = [chain.layers[0](some, some).requires_grad_()]
    for layer in chain.layers[1:]:
        outputs.append(layer(outputs[-1], some, outputs))
    gradients = torch.autograd.grad(outputs[-1].sum(), outputs[:-1])
    for ours, gradient in zip(found, gradients, strict=True):
        wanted = gradient.reshape(3, 8, -1).square().mean(dim=1, keepdim=True).sqrt()
        torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("make", [residual_network, features])
def test_networks_in_cells_are_as_accurate_as_they_say(rng, make, tolerance):
    network = make(rng, 2, 32)
    cells = boxes(np.unique(rng.integers(0, 8, (12, 2)), axis=0), 3)
    found = pruned_in(network, cells, tolerance, Limits(96))
    assert found.error.isfinite().all()
    assert found.rank.double().mean() < 16
    for networks, own in zip(found.networks, found.cells, strict=True):
        error, said = error_in(network, networks, cells.take(own)), found.error[own].numpy()
        assert error.max() < 20 * tolerance
        assert np.sqrt(np.mean(error**2)) < 2.5 * np.sqrt(np.mean(said**2)) + 2e-5


@given(seed=st.integers(0, 2**32 - 1), skips=SKIPS)
def test_nothing_changes_in_cells_at_a_tiny_tolerance(seed, skips):
    rng = np.random.default_rng(seed)
    network = random_network(rng, (2, 8, 8, 8, 1), "tanh", skips=skips)
    cells = boxes([[0, 1], [1, 0]], 1)
    found = pruned_in(network, cells, 1e-10, Limits(256, precise=True))
    assert found.networks
    for networks, own in zip(found.networks, found.cells, strict=True):
        assert error_in(network, networks, cells.take(own)).max() < 1e-4


def test_a_cell_gets_the_same_network_in_any_batch(rng, threads):
    threads(1)  # As all products are taken.
    network = residual_network(rng, 3, 40)
    index = np.unique(rng.integers(0, 8, (30, 3)), axis=0)
    whole = pruned_in(network, boxes(index, 3), 1e-3, Limits(128))
    for i in (0, 7):
        alone = pruned_in(network, boxes(index[i], 3), 1e-3, Limits(128))
        networks, cells = next(
            (n, c) for n, c in zip(whole.networks, whole.cells, strict=True) if i in c
        )
        own = networks.take(cells == i)
        assert alone.error[0] == whole.error[i]
        for ours, theirs in zip(alone.networks[0].layers, own.layers, strict=True):
            assert all(map(torch.equal, ours.tensors, theirs.tensors))


@pytest.mark.parametrize("make", [residual_network, features])
def test_local_values_meet_their_tolerance(rng, make):
    network = make(rng, 2, 96)
    x = rng.uniform(-1, 1, (200_000, 2)).astype(np.float32)
    exact = evaluate(network, x[:20_000])
    scale = np.ptp(exact, axis=0)
    eager = Policy(least_cost=0.0, interpolated_share=0.0)
    asked = LocalEvaluation(to_chain(network), np.array(BOUNDS), scale, 1e-3, "cpu", policy=eager)
    found = asked.at_points(x.astype(np.float64))
    assert found.plan.steps and sum(found.statistics.pruned) > sum(found.statistics.kept)
    assert 0 < np.sqrt(np.mean(((found.values[:20_000] - exact) / scale) ** 2)) < 1.2e-3


def test_values_of_the_front_door(rng):
    inr = to_inr(residual_network(rng, 2, 32), BOUNDS)
    x = rng.uniform(-1, 1, (50_000, 2))
    local, exact = (pa.evaluate(inr, x, values=v, tolerance=1e-3) for v in ("local", "exact"))
    extent = np.diff(inr.value_range)[:, 0]
    assert np.sqrt(np.mean(((local - exact) / extent) ** 2)) <= 1e-3
