"""Evaluating chains: right values, and the same bits whatever the chunks and threads."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.reference import (
    assert_close_to_range,
    evaluate,
    hidden_values,
    random_network,
    to_chain,
)
from pruning_amr.inr import ACTIVATION_NAMES, Evaluator, resolve_device


@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
@pytest.mark.parametrize("skip_at", [None, 1, 2])
def test_values_equal_an_independent_evaluation(rng, activation, skip_at):
    network = random_network(rng, (3, 20, 17, 2), activation, skip_at=skip_at)
    x = rng.uniform(-1, 1, (777, 3)).astype(np.float32)
    assert_close_to_range(Evaluator(to_chain(network)).numpy(x), evaluate(network, x))


def test_activations_are_the_values_after_each_hidden_layer(rng):
    network = random_network(rng, (2, 9, 5, 7, 1), "gelu", skip_at=2)
    x = rng.uniform(-1, 1, (50, 2)).astype(np.float32)
    found = to_chain(network).activations(torch.from_numpy(x))
    assert len(found) == 3
    for ours, theirs in zip(found, hidden_values(network, x)[:-1], strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-5)


@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
@pytest.mark.parametrize("width", [7, 32, 129])
def test_bits_do_not_depend_on_chunk_size(rng, activation, width):
    chain = to_chain(random_network(rng, (3, width, width, 2), activation))
    x = rng.uniform(-1, 1, (5003, 3))
    whole = Evaluator(chain, "cpu", 4096).numpy(x)
    for memory_mb in (1e-6, 0.2, 1.0, 3.3):
        assert np.array_equal(Evaluator(chain, "cpu", memory_mb).numpy(x), whole)


@pytest.mark.parametrize("activation", ["silu", "elu", "gelu", "softplus", "sin"])
def test_bits_do_not_depend_on_what_else_is_evaluated(rng, activation):
    evaluator = Evaluator(to_chain(random_network(rng, (3, 48, 48, 1), activation)), "cpu")
    x = rng.uniform(-1, 1, (4001, 3))
    whole = evaluator.numpy(x)
    for start, stop in [(0, 1), (0, 63), (1, 66), (17, 1018), (4000, 4001)]:
        assert np.array_equal(evaluator.numpy(x[start:stop]), whole[start:stop])


@pytest.mark.parametrize("activation", ["silu", "elu", "gelu", "softplus", "sin", "tanh"])
@pytest.mark.parametrize("rows", [1, 63, 4097, 33_333])
def test_bits_do_not_depend_on_thread_count(rng, threads, activation, rows):
    evaluator = Evaluator(to_chain(random_network(rng, (2, 40, 40, 1), activation)), "cpu")
    x = rng.uniform(-1, 1, (rows, 2))
    threads(1)
    one = evaluator.numpy(x)
    threads(2)
    assert np.array_equal(evaluator.numpy(x), one)


def test_points_may_be_any_array(inr_2d, recwarn):
    evaluator = Evaluator(inr_2d.chain, "cpu")
    points = np.random.default_rng(0).random((40, 2)).astype(np.float32)
    expected = evaluator.numpy(points)
    read_only = points.copy()
    read_only.flags.writeable = False
    backwards = np.ascontiguousarray(points[::-1])[::-1]
    for same in (points.astype(np.float64), read_only, backwards, np.asfortranarray(points)):
        np.testing.assert_array_equal(evaluator.numpy(same), expected)
    # Infinite in single precision.
    evaluator.numpy(np.array([[1e300, 0.0]]))
    assert not recwarn.list


def test_no_points_give_no_values(inr_2d):
    assert inr_2d.evaluate(np.empty((0, 2))).shape == (0, 1)


@pytest.mark.parametrize("skip_at", [None, 1])
@pytest.mark.parametrize("axes", [[3], [0], [1, 3], [2, 0]])
def test_fixed_inputs_give_the_network_of_the_others(rng, axes, skip_at):
    network = random_network(rng, (4, 12, 12, 2), "tanh", skip_at=skip_at)
    values = rng.uniform(-1, 1, len(axes))
    free = [a for a in range(4) if a not in axes]
    x = rng.uniform(-1, 1, (200, 4))
    x[:, axes] = values
    found = Evaluator(to_chain(network).fix_inputs(axes, values.tolist())).numpy(x[:, free])
    assert_close_to_range(found, evaluate(network, x))


@pytest.mark.parametrize("device", ["gpu", "cuda0", "", "tpu", "meta"])
def test_unknown_device_is_refused(device):
    with pytest.raises(pa.ParameterError, match="device"):
        resolve_device(device)


def test_missing_gpu_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto").type == "cpu"
    with pytest.raises(pa.ParameterError, match="no usable GPU"):
        resolve_device("cuda")


def test_value_range_is_that_of_the_field(inr_2d, network_2d):
    axes = [np.linspace(low, high, 400) for low, high in inr_2d.bounds]
    grid = np.stack([m.ravel() for m in np.meshgrid(*axes)], axis=1)
    values = evaluate(network_2d, grid)
    low, high = values.min(), values.max()
    found = inr_2d.value_range
    assert found.shape == (1, 2)
    assert abs(found[0, 0] - low) < 0.02 * (high - low)
    assert abs(found[0, 1] - high) < 0.02 * (high - low)
