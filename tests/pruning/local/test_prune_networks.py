"""Pruning networks in cells: accurate, small, and the same for any batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _helpers.reference import FORMULAS, Dense, evaluate, random_network, to_chain
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.cells.boxes import Boxes
from pruning_amr.pruning.local.network_batch import NetworkBatch
from pruning_amr.pruning.local.prune import Limits, prune_networks, samples_for_rank
from pruning_amr.pruning.local.shapes import widths_for

ONE = torch.ones(1, dtype=torch.float64)


def boxes(index, level: int, low: float = -1.0, extent: float = 2.0) -> Boxes:
    index = torch.as_tensor(np.atleast_2d(index))
    size = torch.full(index.shape, extent / 2**level, dtype=torch.float64)
    levels = torch.full((len(index),), level)
    return Boxes(levels, index, low + index * size, size)


def prune(network, cells: Boxes, tolerance: float, n_samples: int = 96, **options):
    scale = options.pop("scale", torch.ones(len(network[-1].bias), dtype=torch.float64))
    start = torch.zeros(len(cells), dtype=torch.long)
    parents = NetworkBatch.of(to_chain(network))
    seed = options.pop("seed", 0)
    limits = Limits(n_samples, **options)
    return prune_networks(parents, start, cells, tolerance, scale, limits, seed)


def measured(network, found, cells: Boxes, count: int = 200) -> np.ndarray:
    """Return the error of each cell's network at points of this test's own."""
    error = np.full(len(cells), np.nan)
    for networks, own in zip(found.networks, found.cells, strict=True):
        points = cells.take(own).random_points(count, 77, 5)
        exact = evaluate(network, points.flatten(0, 1).numpy()).reshape(*points.shape[:2], -1)
        error[own.numpy()] = np.sqrt(np.mean((networks(points).numpy() - exact) ** 2, axis=(1, 2)))
    return error


@given(
    seed=st.integers(0, 2**32 - 1),
    activation=st.sampled_from(sorted(set(FORMULAS) - {"identity"})),
    skip_at=st.sampled_from([None, 1, 2]),
    tolerance=st.sampled_from([1e-2, 1e-3, 1e-4]),
)
def test_networks_are_as_accurate_as_they_say(seed, activation, skip_at, tolerance):
    rng = np.random.default_rng(seed)
    network = random_network(rng, (2, 24, 24, 24, 2), activation, gain=1.5, skip_at=skip_at)
    cells = boxes(rng.integers(0, 4, (4, 2)), 2)
    found = prune(network, cells, tolerance)
    error = measured(network, found, cells)
    assert found.rank.max() <= 24
    # About what they say of themselves, and not much more than the tolerance of one layer.
    together, said = (float(np.sqrt(np.mean(np.square(e)))) for e in (error, found.error.numpy()))
    assert said / 2.5 - 2e-5 < together < 2.5 * said + 2e-5
    assert error.max() < 100 * tolerance


def test_smaller_tolerances_keep_more_and_err_less(rng):
    network = random_network(rng, (3, 48, 48, 48, 1), "silu", gain=3)
    cells = boxes(rng.integers(0, 4, (8, 3)), 2)
    # Products of float32 would leave an error of about 1e-3.
    tolerances = (1e-1, 1e-2, 1e-3, 1e-4)
    found = [prune(network, cells, t, 192, precise=t < 1e-3) for t in tolerances]
    ranks = [f.rank.double().mean() for f in found]
    errors = [measured(network, f, cells).mean() for f in found]
    assert ranks == sorted(ranks) and ranks[0] < 0.6 * ranks[-1]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.05 * errors[0]


def test_nothing_is_kept_that_the_field_does_not_show(rng):
    wide = random_network(rng, (2, 40, 40, 1), "silu", gain=3)
    ignoring = [*wide[:-1], Dense(np.zeros((1, 40), np.float32), np.ones(1, np.float32))]
    cells = boxes([[0, 0], [1, 1]], 1)
    assert prune(wide, cells, 1e-3).rank.min() > 3
    found = prune(ignoring, cells, 1e-3)
    assert found.rank.max() == 0
    np.testing.assert_allclose(measured(ignoring, found, cells), 0, atol=1e-6)


@pytest.mark.parametrize("activation", ["relu", "cos", "sigmoid"])
def test_dead_layers_become_constants(rng, activation):
    network = random_network(rng, (2, 16, 16, 1), activation)
    bias = np.full(16, -1e3 if activation == "relu" else 0.3, np.float32)
    network[1] = Dense(np.zeros((16, 16), np.float32), bias, activation)
    cells = boxes([[0, 0], [3, 2]], 2)
    found = prune(network, cells, 1e-3)
    assert found.rank[:, 1].tolist() == [0, 0]
    np.testing.assert_allclose(measured(network, found, cells), 0, atol=1e-5)


def test_networks_without_numbers_are_not_called_accurate(rng):
    network = random_network(rng, (2, 16, 16, 1))
    network[0].weight[3] = np.nan
    found = prune(network, boxes([[0, 0]], 1), 1e-3)
    assert not (found.error < np.inf).any()


def test_cells_whose_networks_are_too_wide_are_left_out(rng):
    network = random_network(rng, (2, 24, 24, 1), "sin", gain=6)
    cells = boxes([[0, 0], [1, 0]], 1)
    everything = prune(network, cells, 1e-4)
    assert torch.isfinite(everything.error).all()
    for limit in ({"most_rank": 3}, {"most_products": 50}):
        found = prune(network, cells, 1e-4, **limit)
        assert found.networks == [] and torch.isinf(found.error).all()
        assert torch.equal(found.rank, everything.rank)


def test_cells_may_have_tolerances_of_their_own(rng):
    network = random_network(rng, (2, 32, 32, 1), "silu", gain=4)
    cells = boxes([[1, 0], [1, 0]], 1)
    found = prune(network, cells, torch.tensor([1e-2, 1e-4]))
    assert (found.rank[0] < found.rank[1]).all() and found.error[0] > found.error[1]


@given(rank=st.lists(st.integers(0, 1000), min_size=1, max_size=6))
def test_widths_hold_the_ranks_and_little_more(rank):
    rank = torch.tensor([rank])
    widths = widths_for(rank)
    assert (widths % 8 == 0).all() and (widths >= rank.clamp(min=1)).all()
    # The later layers share the width of the widest.
    assert (widths - rank.amax() <= max(0.65 * int(rank.amax()), 8)).all()
    assert (widths[:, 0] - rank[:, 0] <= max(0.65 * int(rank[0, 0]), 8)).all()
    assert len(widths[:, 2:].unique()) <= 1


def test_a_cell_gets_the_same_network_in_any_batch(rng):
    network = random_network(rng, (3, 40, 40, 40, 1), "silu", gain=2)
    index = np.unique(rng.integers(0, 8, (30, 3)), axis=0)
    order = rng.permutation(len(index))
    found = [prune(network, boxes(i, 3), 1e-3, 128) for i in (index, index[order])]
    alone = prune(network, boxes(index[7:8], 3), 1e-3, 128)
    assert len(found[0].networks) > 1
    weights = [{}, {}]
    for mine, result in zip(weights, found, strict=True):
        for networks, cells in zip(result.networks, result.cells, strict=True):
            for slot, cell in enumerate(cells.tolist()):
                mine[cell] = [layer.weight[slot] for layer in networks.layers]
    for new, old in enumerate(order):
        assert all(map(torch.equal, weights[0][old], weights[1][new]))
    assert torch.equal(found[0].error, found[1].error[np.argsort(order)])
    assert all(
        torch.equal(a.weight[0], b)
        for a, b in zip(alone.networks[0].layers, weights[0][7], strict=True)
    )


def test_networks_can_be_pruned_again(rng):
    network = random_network(rng, (2, 48, 48, 48, 1), "tanh", gain=3)
    cells = boxes(rng.integers(0, 2, (6, 2)), 1)
    first = prune(network, cells, 1e-4, 192, shape=(48, 48, 48))
    own = first.cells[0]
    smaller = Boxes(
        cells.level[own] + 2,
        cells.index[own] * 4 + 1,
        cells.lower[own] + 0.25 * cells.size[own],
        cells.size[own] / 4,
    )
    second = prune_networks(
        first.networks[0], torch.arange(len(own)), smaller, 1e-4, ONE, Limits(96)
    )
    assert second.rank.double().mean() < 0.7 * first.rank.double().mean()
    assert measured(network, second, smaller).max() < 5e-3


def test_more_samples_for_higher_ranks():
    counts = [samples_for_rank(rank) for rank in (1, 10, 25.5, 100)]
    assert counts == sorted(counts) and all(c % 8 == 0 for c in counts)
    assert counts[-1] >= 300
