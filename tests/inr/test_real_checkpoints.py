"""Checkpoints trained by others: what is read is what their files hold."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.files import read_torch_file
from _helpers.reference import Dense, Network, assert_close_to_range, evaluate

DENSE_FILES = {
    "harviu/vorts_sin_5_128.npz": ((128,) * 5, "sin"),
    "harviu/vorts_sin_8_256.npz": ((256,) * 8, "sin"),
    "harviu/jet_cz_elu_5_128.npz": ((128,) * 5, "elu"),
    "harviu/eth_relu_5_128.npz": ((128,) * 5, "relu"),
    "nmwsharp/bunny.npz": ((64,) * 8, "elu"),
    "nmwsharp/fox.npz": ((32,) * 8, "relu"),
}
LIST_FILES = {
    "llnl/high_oscillation_full_lists.ckpt": (256,) * 4,
    "llnl/high_oscillation_small_lists.ckpt": (32,) * 4,
}


def read_dense_npz(path) -> Network:
    archive = np.load(path)
    numbers = sorted({int(key[:4]) for key in archive.files})
    network: Network = []
    for number in numbers:
        kind = next(k for k in archive.files if k.startswith(f"{number:04d}")).split(".")[1]
        if kind == "dense":
            weight, bias = archive[f"{number:04d}.dense.A"].T, archive[f"{number:04d}.dense.b"]
            network.append(Dense(weight, bias))
        elif kind != "squeeze_last":
            network[-1] = Dense(network[-1].weight, network[-1].bias, kind)
    return network


def read_lists(path) -> Network:
    content = read_torch_file(path)
    weights = content["weights_list"].state["_parameters"]
    biases = content["bias_list"].state["_parameters"]
    modules = content["act_list"].state["_modules"]
    return [
        Dense(
            weights[key],
            biases[key],
            type(modules[key]).__name__.lower() if key in modules else "identity",
        )
        for key in sorted(weights, key=int)
    ]


def assert_same_network(inr, network: Network, low: float, high: float) -> None:
    assert inr.chain.hidden_widths == tuple(len(layer.bias) for layer in network[:-1])
    assert [la.activation.name for la in inr.chain.layers] == [la.activation for la in network]
    points = np.random.default_rng(0).uniform(low, high, (2001, inr.chain.n_inputs))
    points = points.astype(np.float32).astype(np.float64)
    assert_close_to_range(inr.evaluate(points), evaluate(network, points))


@pytest.mark.parametrize("file", DENSE_FILES)
def test_dense_npz_networks_are_read_as_stored(shared_checkpoints, file):
    widths, activation = DENSE_FILES[file]
    inr = pa.load(shared_checkpoints / file, bounds=[[-1, 1]] * 3)
    assert inr.chain.hidden_widths == widths
    assert {layer.activation.name for layer in inr.chain.layers[:-1]} == {activation}
    assert (inr.inputs, inr.chain.n_outputs, inr.time_axis) == (("x", "y", "z"), 1, None)
    assert_same_network(inr, read_dense_npz(shared_checkpoints / file), -1, 1)


@pytest.mark.parametrize("file", LIST_FILES)
def test_pruning_amr_lists_are_read_with_their_pickled_activations(shared_checkpoints, file):
    inr = pa.load(shared_checkpoints / file)
    assert inr.chain.hidden_widths == LIST_FILES[file]
    assert inr.inputs == ("x", "y")
    assert_same_network(inr, read_lists(shared_checkpoints / file), 0, 1)


def test_pruning_amr_state_dict_needs_its_activation_and_then_equals_the_lists(shared_checkpoints):
    path = shared_checkpoints / "llnl/high_oscillation_full_dict.ckpt"
    with pytest.raises(pa.MetadataError, match='"activation"'):
        pa.load(path)
    content = read_torch_file(path)
    numbers = sorted(int(m[1]) for k in content if (m := re.match(r"Layers\.(\d+)\.weight", k)))
    network = [
        Dense(
            content[f"Layers.{n}.weight"],
            content[f"Layers.{n}.bias"],
            "identity" if n == numbers[-1] else "relu",
        )
        for n in numbers
    ]
    assert_same_network(pa.load(path, activation="relu"), network, 0, 1)


@pytest.mark.parametrize("index", [0, 77])
def test_shapes_of_a_family_by_their_latent_codes(shared_checkpoints, tmp_path, index):
    folder = shared_checkpoints / "deepsdfstruct"
    for name in ("chi_and_cross_model.pth", "chi_and_cross_latent.pth"):
        shutil.copy(folder / name, tmp_path)
    inr = pa.load(
        tmp_path / "chi_and_cross_model.pth",
        activation=["relu"] * 6 + ["tanh"],
        skip_order="hidden_first",
        bounds=[[-1, 1]] * 3,
        latent={"file": "chi_and_cross_latent.pth", "index": index},
    )
    state = read_torch_file(folder / "chi_and_cross_model.pth")["model_state_dict"]
    codes = read_torch_file(folder / "chi_and_cross_latent.pth")["latent_codes"]["weight"]
    points = np.random.default_rng(0).uniform(-1, 1, (2000, 3)).astype(np.float32)
    start = np.hstack([np.tile(codes[index], (2000, 1)), points]).astype(np.float64)
    h = start
    for i in range(7):
        key = f"module.lin{i}.parametrizations.weight.original"
        magnitude, direction = (np.asarray(state[key + k], np.float64) for k in "01")
        weight = magnitude * direction / np.linalg.norm(direction, axis=1, keepdims=True)
        h = np.hstack([h, start]) if i == 2 else h
        h = h @ weight.T + np.asarray(state[f"module.lin{i}.bias"], np.float64)
        h = np.maximum(h, 0.0) if i < 6 else np.tanh(h)
    assert_close_to_range(inr.evaluate(points), h, 1e-5)


def test_every_shared_file_but_deepsdf_is_covered(shared_checkpoints):
    found = {
        str(path.relative_to(shared_checkpoints))
        for path in shared_checkpoints.rglob("*")
        if path.suffix in (".npz", ".ckpt", ".pt", ".pth") and "deepsdfstruct" not in path.parts
    }
    assert found == {*DENSE_FILES, *LIST_FILES, "llnl/high_oscillation_full_dict.ckpt"}


def read_state_dict(path, activation: str) -> Network:
    """The layers of a PyTorch state dict in the order it was written."""
    content = read_torch_file(path)
    stems = [key[: -len("weight")] for key in content if key.endswith(".weight")]
    return [
        Dense(
            content[stem + "weight"],
            content[stem + "bias"],
            "identity" if stem == stems[-1] else activation,
        )
        for stem in stems
    ]


def test_sample_oscillation_is_read_as_stored(sample_data):
    path = sample_data / "oscillation_2d.pt"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    inr = pa.load(path)
    assert (inr.inputs, inr.outputs[0].name) == (("x", "y"), "oscillation")
    assert_same_network(inr, read_state_dict(path, "sin"), 0, 1)


def test_sample_dynamic_ct_is_read_with_its_fourier_features(sample_data):
    path = sample_data / "dynamic_ct_4d.pt"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    inr = pa.load(path)
    assert inr.inputs == ("x", "y", "z", "t") and len(inr.times) == 64
    content = read_torch_file(path)
    content = content.get("state_dict", content)
    matrix = next(v for k, v in content.items() if k.rpartition(".")[2] in ("gauss", "B"))
    stems = [k[: -len("weight")] for k in content if k.endswith(".weight")]
    if matrix.shape[0] != 4:
        matrix = matrix.T
    points = np.random.default_rng(0).uniform([-1, -1, -1, 0], 1, (999, 4))
    points = points.astype(np.float32).astype(np.float64)
    phase = 2 * np.pi * points @ matrix.astype(np.float64)
    layers = [
        Dense(content[s + "weight"], content[s + "bias"], "silu" if s != stems[-1] else "identity")
        for s in stems
    ]
    features = np.hstack([np.sin(phase), np.cos(phase)])
    assert_close_to_range(inr.evaluate(points), 0.1 * evaluate(layers, features), 3e-5)
