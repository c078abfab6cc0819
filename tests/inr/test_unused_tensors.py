"""What a file holds beside its layers: refused by name if the field may depend on it."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.errors import one_clear_sentence
from _helpers.files import save_checkpoint, sequential_state
from _helpers.reference import Dense, assert_close_to_range, evaluate, random_network

CHECKPOINT = pa.CheckpointError


@pytest.fixture
def points(rng):
    return rng.uniform(-1, 1, (200, 3)).astype(np.float32)


# --- layers of numbers that are not real ---------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize("part", ["weight", "bias"])
def test_a_complex_layer_between_real_ones(tmp_path, network, dtype, part):
    state = sequential_state(network)
    state |= {"1.linear.weight": torch.ones(16, 16), "1.linear.bias": torch.ones(16)}
    key = f"1.linear.{part}"
    state[key] = state[key].to(dtype)
    path = save_checkpoint(tmp_path / "wire.pt", state)
    with one_clear_sentence(CHECKPOINT, path, key, "complex"):
        pa.load(path, activation="sin", omega_0=30)


def test_complex_lists(tmp_path, network):
    weights = [torch.from_numpy(la.weight) for la in network]
    weights[1] = weights[1].to(torch.complex64)
    biases = [torch.from_numpy(la.bias) for la in network]
    content = {"weights_list": weights, "bias_list": biases}
    path = save_checkpoint(tmp_path / "lists.ckpt", content)
    with one_clear_sentence(CHECKPOINT, path, "weights_list.1", "complex"):
        pa.load(path, activation="relu")


def test_complex_numbered_layers(tmp_path, network):
    arrays = {f"{i:04d}.dense.A": la.weight.T for i, la in enumerate(network)}
    arrays["0001.dense.A"] = arrays["0001.dense.A"] * 1j
    np.savez(tmp_path / "net.npz", **arrays)
    with one_clear_sentence(CHECKPOINT, "0001.dense.A", "complex"):
        pa.load(tmp_path / "net.npz")


@pytest.mark.parametrize(
    ("key", "dtype"), [("1.weight", torch.int8), ("1.bias", torch.int32), ("0.mask", torch.bool)]
)
def test_layers_of_whole_numbers(tmp_path, network, key, dtype):
    state = {**sequential_state(network), key: torch.ones(16, 16, dtype=dtype)}
    path = save_checkpoint(tmp_path / "quantised.pt", state)
    with one_clear_sentence(CHECKPOINT, path, key, str(dtype).removeprefix("torch.")):
        pa.load(path, activation="relu")


# --- numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("key", ["a", "layers.1.alpha", "beta", "1.slope", "1.weight"])
def test_a_trained_slope(tmp_path, network, key, shape):
    state = {**sequential_state(network), key: torch.full(shape, 1.3)}
    path = save_checkpoint(tmp_path / "slope.pt", {"model_state_dict": state})
    with one_clear_sentence(
        pa.MetadataError, path, f"uses {key} of shape {shape}", '"activation_slope"'
    ):
        pa.load(path, activation="tanh")


def test_many_slopes(tmp_path, network):
    slopes = {f"slope_{i}": torch.tensor(1.0 + i) for i in range(200)}
    path = save_checkpoint(tmp_path / "slopes.pt", sequential_state(network) | slopes)
    with one_clear_sentence(pa.MetadataError, path, "slope_0", "200 in all"):
        pa.load(path, activation="tanh")


def test_a_trained_slope_in_npz(tmp_path, network):
    arrays = {k: v.numpy() for k, v in sequential_state(network).items()}
    np.savez(tmp_path / "slope.npz", **arrays, a=np.float32(1.3))
    with one_clear_sentence(pa.MetadataError, "uses a of shape ()"):
        pa.load(tmp_path / "slope.npz", activation="tanh")


def test_a_trained_slope_beside_lists(tmp_path, network):
    content = {
        "weights_list": [torch.from_numpy(la.weight) for la in network],
        "bias_list": [torch.from_numpy(la.bias) for la in network],
        "a": torch.tensor(1.3),
    }
    path = save_checkpoint(tmp_path / "lists.ckpt", content)
    with one_clear_sentence(CHECKPOINT, path, "uses a of shape ()"):
        pa.load(path, activation="tanh")


def test_a_parameter_of_a_numbered_activation(tmp_path, network):
    arrays = {f"{2 * i:04d}.dense.A": la.weight.T for i, la in enumerate(network)}
    np.savez(tmp_path / "net.npz", **arrays, **{"0001.elu._": np.float32([0.3])})
    with one_clear_sentence(CHECKPOINT, "uses 0001.elu._ of shape (1,)"):
        pa.load(tmp_path / "net.npz")


@pytest.mark.parametrize(
    "beside",
    [
        {"loss": torch.tensor(0.1), "epoch": torch.tensor(7.0)},
        {"best_loss": torch.tensor([0.1]), "global_step": torch.tensor(9)},
        {"net.1.num_batches_tracked": torch.tensor(9)},
    ],
)
def test_records_of_the_training(tmp_path, network, points, beside):
    content = {**sequential_state(network, "net."), **beside}
    inr = pa.load(save_checkpoint(tmp_path / "net.pt", content), activation="silu")
    assert_close_to_range(inr.evaluate(points), evaluate(network, points))


def test_a_bias_without_dimensions_is_used(tmp_path, network, points):
    state = sequential_state(network)
    last = list(state)[-1]
    state[last] = state[last][0]
    assert state[last].shape == () and abs(state[last]) > 0.01
    inr = pa.load(save_checkpoint(tmp_path / "net.pt", state), activation="silu")
    assert_close_to_range(inr.evaluate(points), evaluate(network, points))


# --- frequencies ---------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,)])
def test_frequencies_in_the_file_that_are_those_of_the_metadata(tmp_path, network, points, shape):
    omegas = [3.0, 2.0]
    state = sequential_state(network)
    for i, omega in enumerate(omegas):
        state[f"{2 * i}.omega_0"] = torch.full(shape, omega)
    path = save_checkpoint(tmp_path / "siren.pt", state)
    inr = pa.load(path, activation="sin", first_omega_0=3, omega_0=2)
    scaled = [
        Dense(omega * la.weight, omega * la.bias, "sin")
        for omega, la in zip(omegas, network[:-1], strict=True)
    ]
    assert_close_to_range(inr.evaluate(points), evaluate([*scaled, network[-1]], points))


@pytest.mark.parametrize(
    "metadata", [{"activation": "sin", "omega_0": 30}, {"activation": "tanh", "omega_0": 50}]
)
def test_frequencies_in_the_file_that_the_layers_would_not_get(tmp_path, network, metadata):
    state = {**sequential_state(network), "0.omega_0": torch.tensor(50.0)}
    path = save_checkpoint(tmp_path / "siren.pt", state)
    with one_clear_sentence(pa.MetadataError, path, "0.omega_0 = 50", '"omega_0"'):
        pa.load(path, **metadata)


# --- parts of layers, Fourier features -----------------------------------------------------


@pytest.mark.parametrize(
    "parts",
    [
        {"1.weight_v": torch.ones(16, 16)},
        {"1.weight_g": torch.ones(16, 1)},
        {"1.weight_v": torch.ones(16, 16), "1.weight_g": torch.ones(1, 16)},
        {"1.weight_v": torch.ones(16, 16), "1.weight_g": torch.tensor(2.0)},
    ],
)
def test_weight_normalisation_that_is_not_per_neuron(tmp_path, network, parts):
    path = save_checkpoint(tmp_path / "wn.pt", {**sequential_state(network), **parts})
    with one_clear_sentence(CHECKPOINT, path, "layout"):
        pa.load(path, activation="relu")


@pytest.mark.parametrize("same", [True, False])
def test_two_matrices_of_fourier_features(tmp_path, rng, points, same):
    network = random_network(rng, (16, 12, 1), "silu")
    matrices = [torch.from_numpy(rng.normal(size=(3, 8))) for _ in range(2)]
    state = {"net.B": matrices[0], "gauss": matrices[0 if same else 1], **sequential_state(network)}
    path = save_checkpoint(tmp_path / "ff.pt", state)
    facts = {"activation": "silu", "fourier_scale": 1, "fourier_order": "sin_cos"}
    if same:
        phase = points @ matrices[0].numpy()
        expected = evaluate(network, np.hstack([np.sin(phase), np.cos(phase)]))
        assert_close_to_range(pa.load(path, **facts).evaluate(points), expected, 2e-5)
    else:
        with one_clear_sentence(CHECKPOINT, path, "net.B", "gauss"):
            pa.load(path, **facts)
