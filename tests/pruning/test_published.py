"""Pruning in cells: every cell gets the network that a loop over cells would give it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _helpers.plain_pruning import prune_one_cell
from _helpers.reference import (
    FORMULAS,
    Dense,
    Network,
    evaluate,
    random_network,
    to_chain,
)
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.pruning import ID_TOLERANCES, prune_in_cells, prune_in_cells_to_error


def samples_in_cells(
    rng, n_cells: int, n_samples: int, dimension: int, size: float
) -> torch.Tensor:
    low = rng.uniform(-1, 1, (n_cells, 1, dimension))
    return torch.from_numpy(low + size * rng.random((n_cells, n_samples, dimension))).float()


@given(
    seed=st.integers(0, 2**32 - 1),
    activation=st.sampled_from(sorted(set(FORMULAS) - {"identity"})),
    skip_at=st.sampled_from([None, 1, 2, 3]),
    size=st.sampled_from([1.0, 0.2, 0.05]),
)
def test_every_cell_gets_the_network_of_a_plain_loop(seed, activation, skip_at, size):
    rng = np.random.default_rng(seed)
    network = random_network(rng, (2, 14, 11, 12, 2), activation, gain=2, skip_at=skip_at)
    points, fresh = samples_in_cells(rng, 5, 84, 2, size).split([64, 20], dim=1)
    # float64 activations: the ranks are then exactly those of the loop.
    pruned = prune_in_cells(to_chain(network).to("cpu", torch.float64), points.double(), 1e-4)
    values = pruned(fresh).numpy()
    for cell in range(5):
        expected, ranks = prune_one_cell(network, points[cell].numpy(), 1e-4)
        assert pruned.rank[cell].tolist() == ranks
        assert pruned.kept_fraction[cell] == pytest.approx(sum(ranks) / (14 + 11 + 12))
        truth = evaluate(expected, fresh[cell].numpy())
        np.testing.assert_allclose(values[cell], truth, atol=1e-6 * (1 + np.abs(truth).max()))


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3])
@pytest.mark.parametrize("activation", ["silu", "relu", "sin"])
def test_float32_networks_get_nearly_always_the_ranks_of_a_plain_loop(rng, activation, tolerance):
    network = random_network(rng, (3, 24, 24, 1), activation, gain=2)
    points = samples_in_cells(rng, 100, 96, 3, 0.3)
    ranks = prune_in_cells(to_chain(network), points, tolerance).rank.numpy()
    expected = np.array([prune_one_cell(network, p.numpy(), tolerance)[1] for p in points])
    assert np.mean(ranks == expected) > 0.995
    assert np.abs(ranks - expected).max() <= 1


def test_cells_do_not_depend_on_their_batch(rng):
    chain = to_chain(random_network(rng, (3, 20, 20, 20, 2), "silu", skip_at=2))
    points = samples_in_cells(rng, 24, 80, 3, 0.4)
    whole = prune_in_cells(chain, points, 1e-3)
    values = whole(points)
    order = torch.from_numpy(rng.permutation(24))
    shuffled = prune_in_cells(chain, points[order], 1e-3)
    assert torch.equal(shuffled.rank, whole.rank[order])
    torch.testing.assert_close(shuffled(points[order]), values[order], rtol=1e-8, atol=1e-8)
    for cell in range(24):
        alone = prune_in_cells(chain, points[cell : cell + 1], 1e-3)
        assert torch.equal(alone.rank[0], whole.rank[cell])
        torch.testing.assert_close(
            alone(points[cell : cell + 1])[0], values[cell], rtol=1e-8, atol=1e-8
        )


def duplicate_neurons(network: Network) -> Network:
    """The same function with every hidden neuron twice, each carrying half of its weight."""
    wide = []
    for i, la in enumerate(network):
        weight = la.weight if i == 0 else np.hstack([la.weight, la.weight]) / 2
        if i == len(network) - 1:
            wide.append(Dense(weight, la.bias, la.activation, la.input_weight))
        else:
            skip = la.input_weight
            wide.append(
                Dense(
                    np.vstack([weight, weight]),
                    np.hstack([la.bias, la.bias]),
                    la.activation,
                    None if skip is None else np.vstack([skip, skip]),
                )
            )
    return wide


@pytest.mark.parametrize("skip_at", [None, 1])
@pytest.mark.parametrize("activation", ["relu", "silu", "tanh", "sin"])
def test_duplicated_neurons_are_dropped_without_any_error(rng, activation, skip_at):
    network = duplicate_neurons(random_network(rng, (2, 8, 8, 1), activation, 2, skip_at))
    points, fresh = samples_in_cells(rng, 6, 250, 2, 2.0).split([200, 50], dim=1)
    pruned = prune_in_cells(to_chain(network), points, 1e-5)
    assert int(pruned.rank.max()) <= 8
    expected = np.stack([evaluate(network, x.numpy()) for x in fresh])
    np.testing.assert_allclose(pruned(fresh).numpy(), expected, atol=2e-3)
    at_samples = np.stack([evaluate(network, x.numpy()) for x in points])
    np.testing.assert_allclose(pruned(points).numpy(), at_samples, atol=1e-4)


def test_dead_relus_are_dropped_exactly(rng):
    network = random_network(rng, (2, 10, 10, 1), "relu")
    network[0].bias[:4] = -100.0
    points = samples_in_cells(rng, 4, 100, 2, 1.0)
    pruned = prune_in_cells(to_chain(network), points, 1e-6)
    assert int(pruned.rank[:, 0].max()) <= 6
    expected = np.stack([evaluate(network, x.numpy()) for x in points])
    np.testing.assert_allclose(pruned(points).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("dead", [0, 1])
def test_a_layer_that_is_dead_everywhere_gives_the_constant_that_follows(rng, dead):
    network = random_network(rng, (2, 6, 6, 1), "relu")
    network[dead].bias[:] = -100.0
    points = samples_in_cells(rng, 3, 40, 2, 1.0)
    pruned = prune_in_cells(to_chain(network), points, 1e-3)
    assert pruned.rank[:, dead].tolist() == [0, 0, 0]
    expected = np.stack([evaluate(network, x.numpy()) for x in points])
    np.testing.assert_allclose(pruned(points).numpy(), expected, atol=1e-5)


def test_cells_where_relu_is_affine_keep_at_most_dimension_plus_one(rng):
    network = random_network(rng, (3, 16, 16, 1), "relu")
    points = samples_in_cells(rng, 50, 64, 3, 1e-3)
    rank = prune_in_cells(to_chain(network), points, 1e-7).rank
    affine = rank[(rank <= 4).all(dim=1)]
    assert len(affine) >= 45, "cells of size 1e-3 are nearly all free of kinks"


def test_a_network_without_hidden_layers_is_left_alone(rng):
    network = [Dense(np.array([[1.0, 2.0]], np.float32), np.array([3.0], np.float32))]
    points = samples_in_cells(rng, 3, 10, 2, 1.0)
    pruned = prune_in_cells(to_chain(network), points, 1e-3)
    assert pruned.rank.shape == (3, 0)
    assert pruned.kept_fraction.tolist() == [0, 0, 0]
    expected = np.stack([evaluate(network, x.numpy()) for x in points])
    np.testing.assert_allclose(pruned(points).numpy(), expected, rtol=1e-6)


# --- to a wanted error ------------------------------------------------------------------------


def values_of(chain, points: torch.Tensor) -> torch.Tensor:
    """Return what a network gives in float64 at points of cells."""
    precise = chain.to("cpu", torch.float64)
    flat = precise(points.reshape(-1, points.shape[-1]).double())
    return flat.reshape(*points.shape[:2], chain.n_outputs)


def mean_error(approximate: torch.Tensor, exact: torch.Tensor) -> torch.Tensor:
    return (approximate - exact).abs().mean(dim=(1, 2))


@given(
    seed=st.integers(0, 2**32 - 1),
    activation=st.sampled_from(["relu", "silu", "sin", "elu"]),
    skip_at=st.sampled_from([None, 1, 2]),
    allowed=st.sampled_from([1e-1, 1e-2, 1e-3, 1e-5]),
    size=st.sampled_from([1.0, 0.2, 0.05]),
)
def test_every_cell_takes_the_first_tolerance_that_is_accurate_enough(
    seed, activation, skip_at, allowed, size
):
    rng = np.random.default_rng(seed)
    chain = to_chain(random_network(rng, (2, 14, 11, 12, 2), activation, 2, skip_at))
    # float64 activations: the decompositions of single tolerances are then exactly these.
    chain = chain.to("cpu", torch.float64)
    points, fresh = samples_in_cells(rng, 6, 84, 2, size).double().split([64, 20], dim=1)
    exact = values_of(chain, fresh)
    pruned, error, chosen = prune_in_cells_to_error(
        chain, points, fresh, mean_error, allowed, exact
    )
    torch.testing.assert_close(mean_error(pruned(fresh), exact), error, rtol=1e-6, atol=1e-9)
    first = torch.full((6,), -1.0, dtype=torch.float64)
    for id_tolerance in ID_TOLERANCES:
        single = prune_in_cells(chain, points, id_tolerance)
        accurate = mean_error(single(fresh), exact) <= allowed
        first[accurate & (first < 0)] = id_tolerance
        mine = chosen == id_tolerance
        assert torch.equal(single.rank[mine], pruned.rank[mine])
    assert torch.equal(chosen, torch.where(first < 0, ID_TOLERANCES[-1], first))
    assert ((error <= allowed) | (chosen == ID_TOLERANCES[-1])).all()
    assert torch.equal(pruned.kept_fraction, pruned.rank.sum(dim=1).double() / 37)


def test_cells_pruned_to_an_error_do_not_depend_on_their_batch(rng):
    chain = to_chain(random_network(rng, (3, 20, 20, 20, 2), "silu", skip_at=2, gain=3))
    points, fresh = samples_in_cells(rng, 24, 120, 3, 0.4).split([80, 40], dim=1)
    exact = values_of(chain, fresh)
    whole, error, chosen = prune_in_cells_to_error(chain, points, fresh, mean_error, 1e-3, exact)
    assert len(chosen.unique()) > 2
    values = whole(fresh)
    for batch in (torch.from_numpy(rng.permutation(24)), *torch.arange(24).split(1)):
        part = prune_in_cells_to_error(
            chain, points[batch], fresh[batch], mean_error, 1e-3, exact[batch]
        )
        assert torch.equal(part[2], chosen[batch])
        assert torch.equal(part[0].rank, whole.rank[batch])
        torch.testing.assert_close(part[1], error[batch], rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(part[0](fresh[batch]), values[batch], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("n_cells", [0, 1, 3])
def test_dead_layers_and_empty_batches_pruned_to_an_error(rng, n_cells):
    network = random_network(rng, (2, 6, 6, 1), "relu")
    network[1].bias[:] = -100.0
    points = samples_in_cells(rng, n_cells, 40, 2, 1.0)
    chain = to_chain(network)
    pruned, error, chosen = prune_in_cells_to_error(
        chain, points, points, mean_error, 1e-4, values_of(chain, points)
    )
    assert pruned.rank[:, 1].tolist() == [0] * n_cells
    assert (error <= 1e-5).all()
    assert chosen.tolist() == [ID_TOLERANCES[0]] * n_cells


def test_a_network_without_hidden_layers_pruned_to_an_error(rng):
    network = [Dense(np.array([[1.0, 2.0]], np.float32), np.array([3.0], np.float32))]
    points = samples_in_cells(rng, 3, 10, 2, 1.0)
    chain = to_chain(network)
    pruned, error, _ = prune_in_cells_to_error(
        chain, points, points, mean_error, 1e-3, values_of(chain, points)
    )
    assert pruned.rank.shape == (3, 0)
    assert float(error.max()) < 1e-6
