"""Gradients of chains: those of central differences in float64, and the values of the chain."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _helpers.reference import Network, evaluate, random_network, residual_network, to_chain
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.inr import ACTIVATION_NAMES, Evaluator
from pruning_amr.inr.gradients import values_and_gradients

STEP = 1e-5
KINKED = ("relu", "leaky_relu", "elu", "selu")
"""Their derivatives jump: a difference across the jump is far from both sides."""


def central_differences(network: Network, x: np.ndarray) -> np.ndarray:
    """Derivatives of a network in plain float64, (n_points, n_outputs, n_inputs)."""
    steps = STEP * np.eye(x.shape[1])
    return np.stack([(evaluate(network, x + s) - evaluate(network, x - s)) for s in steps], 2) / (
        2 * STEP
    )


def bent(network: Network, x: np.ndarray) -> np.ndarray:
    """Tell at which points the network bends within a step, (n_points,)."""
    steps = STEP * np.eye(x.shape[1])
    here = evaluate(network, x)
    bend = [evaluate(network, x + s) + evaluate(network, x - s) - 2 * here for s in steps]
    return np.abs(bend).max(axis=(0, 2)) > 1e-3 * STEP


def assert_gradients(network: Network, x: np.ndarray, kinked: bool = False) -> None:
    x = x.astype(np.float32)
    chain = to_chain(network)
    values, gradients = values_and_gradients(chain, torch.from_numpy(x))
    assert torch.equal(values, chain.fused(torch.from_numpy(x)))
    expected = central_differences(network, x.astype(np.float64))
    assert gradients.shape == expected.shape
    # By the range of each output's derivatives; that of a linear field has none but its size.
    extent = np.maximum(np.ptp(expected, axis=(0, 2)), np.abs(expected[0]).max(axis=1))[:, None]
    compared = ~bent(network, x.astype(np.float64)) if kinked else np.ones(len(x), bool)
    assert compared.mean() > 0.9
    error = np.abs(gradients.numpy() - expected)[compared] / np.maximum(extent, 1e-6)
    assert float(error.max()) <= 1e-4


@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
@pytest.mark.parametrize("n_inputs", [1, 3, 4])
def test_gradients_are_central_differences(rng, activation, n_inputs):
    skips = {"skip_at": 2, "skips": ((2, 0), (3, 0), (3, 1))}
    network = random_network(rng, (n_inputs, 20, 17, 19, 2), activation, **skips)
    assert_gradients(network, rng.uniform(-1, 1, (777, n_inputs)), activation in KINKED)


def test_of_residual_blocks(rng):
    assert_gradients(residual_network(rng, 3, 32), rng.uniform(-1, 1, (500, 3)))


def test_of_one_layer_alone(rng):
    network = random_network(rng, (3, 4))
    values, gradients = values_and_gradients(to_chain(network), torch.rand(5, 3))
    assert values.shape == (5, 4)
    assert np.array_equal(gradients.numpy(), np.repeat(network[0].weight[None], 5, axis=0))


@given(st.data())
def test_of_any_chain(data):
    depth = data.draw(st.integers(1, 5), "hidden layers")
    width = st.integers(1, 24)
    widths = [data.draw(width, "width") for _ in range(depth)]
    widths = (data.draw(st.integers(1, 4), "inputs"), *widths, data.draw(st.integers(1, 4)))
    pairs = [(i, j) for i in range(2, depth + 1) for j in range(i - 1)]
    skips = data.draw(st.lists(st.sampled_from(pairs), unique=True) if pairs else st.just([]))
    skip_at = data.draw(st.one_of(st.none(), st.integers(1, depth)), "inputs enter again")
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), "seed"))
    smooth = data.draw(st.sampled_from(["silu", "tanh", "sin", "gelu", "softplus"]))
    network = random_network(rng, widths, smooth, 1.0, skip_at, tuple(sorted(skips)))
    assert_gradients(network, rng.uniform(-1, 1, (200, widths[0])))


def test_bits_do_not_depend_on_what_else_is_evaluated(rng):
    chain = to_chain(random_network(rng, (3, 48, 48, 2), "silu", skip_at=1))
    x = torch.from_numpy(rng.uniform(-1, 1, (1024, 3)).astype(np.float32))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole = values_and_gradients(chain, x)[1]
        for start, stop in [(0, 64), (64, 256), (960, 1024), (128, 832)]:
            assert torch.equal(values_and_gradients(chain, x[start:stop])[1], whole[start:stop])
    finally:
        torch.set_num_threads(before)


def test_a_step_of_the_wrong_sign_is_seen(rng):
    network = random_network(rng, (3, 20, 2), "silu")
    wrong = [*network[:-1], network[-1].__class__(-network[-1].weight, network[-1].bias)]
    x = torch.from_numpy(rng.uniform(-1, 1, (50, 3)).astype(np.float32))
    found = values_and_gradients(to_chain(wrong), x)[1].numpy()
    assert np.abs(found - central_differences(network, x.double().numpy())).max() > 0.1


@pytest.mark.parametrize("rows", [0, 1, 700, 3001])
def test_an_evaluator_gives_the_same_in_any_chunks(rng, threads, rows):
    chain = to_chain(random_network(rng, (3, 40, 33, 2), "silu", skip_at=1))
    x = torch.from_numpy(rng.uniform(-1, 1, (rows, 3)))
    whole = Evaluator(chain, "cpu").with_gradients(x)
    assert whole[1].shape == (rows, 2, 3)
    assert torch.equal(whole[0], Evaluator(chain, "cpu")(x))
    for count, memory_mb in [(1, 1e-6), (1, 0.3), (3, 1024)]:
        threads(count)
        found = Evaluator(chain, "cpu", memory_mb).with_gradients(x)
        assert torch.equal(found[0], whole[0]) and torch.equal(found[1], whole[1])
    if rows > 600:
        part = Evaluator(chain, "cpu").with_gradients(x[77:500])
        assert torch.equal(part[1], whole[1][77:500])
