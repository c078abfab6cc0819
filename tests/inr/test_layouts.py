"""Layouts: however a file stores its network, the values are the network's."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.files import save_checkpoint, sequential_state
from _helpers.reference import FORMULAS, Dense, assert_close_to_range, evaluate, random_network
from pruning_amr.errors import MetadataError

BOUNDS = [[-1, 1], [-1, 1], [-1, 1]]


@pytest.fixture
def network(rng):
    return random_network(rng, (3, 16, 16, 16, 1), "silu")


@pytest.fixture
def points(rng):
    return rng.uniform(-1, 1, (500, 3)).astype(np.float32)


WRAPPERS = {
    "bare": lambda s: s,
    "ordered": OrderedDict,
    "state_dict": lambda s: {"state_dict": s, "epoch": 3},
    "model_state_dict": lambda s: {"model_state_dict": s, "optimizer_state_dict": {"lr": 0.1}},
    "nn_model": lambda s: {"nn_model": s},
    "network": lambda s: {"network": s},
    "model": lambda s: {"model": s, "loss": 0.1},
    "pipeline": lambda s: {"pipeline": s},
    "nested": lambda s: {"nn_model": {"state_dict": s}},
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrapped_state_dicts_are_unwrapped(tmp_path, network, points, wrapper):
    path = save_checkpoint(tmp_path / "net.pt", WRAPPERS[wrapper](sequential_state(network)))
    inr = pa.load(path, activation="silu", bounds=BOUNDS)
    assert inr.layout == "state_dict"
    assert_close_to_range(inr.evaluate(points), evaluate(network, points))


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "net.",
        "module.",
        "model.",
        "_orig_mod.",
        "network.",
        "module.model.",
        "_orig_mod.net.",
        "model._orig_mod.module.",
    ],
)
@pytest.mark.parametrize("extension", ["pt", "pth", "ckpt", "safetensors"])
def test_prefixes_and_extensions(tmp_path, network, points, prefix, extension):
    path = tmp_path / f"net.{extension}"
    state = sequential_state(network, prefix)
    if extension == "safetensors":
        pytest.importorskip("safetensors.torch").save_file(state, path)
    else:
        torch.save(state, path)
    inr = pa.load(path, activation="silu", bounds=BOUNDS)
    assert_close_to_range(inr.evaluate(points), evaluate(network, points))


def test_the_format_before_pytorch_1_6_is_read(tmp_path, network, points):
    path = tmp_path / "old.pt"
    torch.save(sequential_state(network), path, _use_new_zipfile_serialization=False)
    inr = pa.load(path, activation="silu")
    assert_close_to_range(inr.evaluate(points), evaluate(network, points))


def test_half_and_double_precision_are_read(tmp_path, network, points):
    state = {k: v.double() for k, v in sequential_state(network).items()}
    inr = pa.load(save_checkpoint(tmp_path / "d.pt", state), activation="silu")
    assert_close_to_range(inr.evaluate(points), evaluate(network, points))
    state = {k: v.bfloat16() for k, v in sequential_state(network).items()}
    inr = pa.load(save_checkpoint(tmp_path / "h.pt", state), activation="silu")
    rounded = [
        Dense(
            torch.from_numpy(la.weight).bfloat16().float().numpy(),
            torch.from_numpy(la.bias).bfloat16().float().numpy(),
            la.activation,
        )
        for la in network
    ]
    assert_close_to_range(inr.evaluate(points), evaluate(rounded, points))


NAMES = {
    "siren": ["net.0.linear", "net.1.linear", "net.2.linear", "net.3"],
    "siren_package": ["net.net.0.0", "net.net.1.0", "net.net.2.0", "net.net.3"],
    "siren_pytorch": ["layers.0", "layers.1", "layers.2", "last_layer"],
    "fc": ["fc1", "fc2", "fc3", "fc4"],
    "named": ["input_layer", "hidden_layers.0", "hidden_layers.1", "output_layer"],
    "deep_sdf": ["lin0", "lin1", "lin2", "lin3"],
    "authors": ["Layers.0", "Layers.1", "Layers.2", "Layers.3"],
}


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("order", ["defined", "alphabetical"])
def test_layer_names_of_popular_codes(tmp_path, network, points, family, order):
    state = {}
    for name, layer in zip(NAMES[family], network, strict=True):
        state[name + ".weight"] = torch.from_numpy(layer.weight)
        state[name + ".bias"] = torch.from_numpy(layer.bias)
    if order == "alphabetical":
        state = dict(sorted(state.items()))
    inr = pa.load(save_checkpoint(tmp_path / "net.pt", state), activation="silu")
    assert_close_to_range(inr.evaluate(points), evaluate(network, points))


@pytest.mark.parametrize("extension", ["pt", "safetensors"])
def test_twelve_equal_hidden_layers_keep_their_order(tmp_path, rng, points, extension):
    network = random_network(rng, (3, *[8] * 13, 1), "tanh")
    names = ["first", *(f"hidden.{i}" for i in range(12)), "last"]
    state = {}
    for name, layer in zip(names, network, strict=True):
        state[name + ".weight"] = torch.from_numpy(layer.weight)
        state[name + ".bias"] = torch.from_numpy(layer.bias)
    path = tmp_path / f"deep.{extension}"
    if extension == "safetensors":
        pytest.importorskip("safetensors.torch").save_file(state, path)
    else:
        torch.save(state, path)
    inr = pa.load(path, activation="tanh")
    assert_close_to_range(inr.evaluate(points), evaluate(network, points))


def test_authors_networks_that_register_every_weight_twice(tmp_path, network, points):
    state = sequential_state(network, "Layers.", step=1)
    for i, layer in enumerate(network):
        state[f"weights_list.{i}"] = torch.from_numpy(layer.weight)
        state[f"bias_list.{i}"] = torch.from_numpy(layer.bias)
    inr = pa.load(save_checkpoint(tmp_path / "twice.pt", state), activation="silu")
    assert_close_to_range(inr.evaluate(points), evaluate(network, points))


def test_layers_without_bias(tmp_path, network, points):
    state = {k: v for k, v in sequential_state(network).items() if not k.endswith("bias")}
    inr = pa.load(save_checkpoint(tmp_path / "nobias.pt", state), activation="silu")
    bare = [Dense(la.weight, 0 * la.bias, la.activation) for la in network]
    assert_close_to_range(inr.evaluate(points), evaluate(bare, points))


@pytest.mark.parametrize("style", ["old", "new"])
def test_weight_normalisation_is_multiplied_out(tmp_path, rng, network, points, style):
    state = {}
    for i, layer in enumerate(network):
        direction = layer.weight * rng.uniform(0.5, 2, (len(layer.weight), 1)).astype(np.float32)
        norm = np.linalg.norm(layer.weight, axis=1, keepdims=True)
        g, v = torch.from_numpy(norm), torch.from_numpy(direction)
        new = style == "new"
        state[f"lin{i}.bias"] = torch.from_numpy(layer.bias)
        state[f"lin{i}.parametrizations.weight.original0" if new else f"lin{i}.weight_g"] = g
        state[f"lin{i}.parametrizations.weight.original1" if new else f"lin{i}.weight_v"] = v
    inr = pa.load(
        save_checkpoint(tmp_path / "wn.pt", {"model_state_dict": state}), activation="silu"
    )
    assert_close_to_range(inr.evaluate(points), evaluate(network, points))


@pytest.mark.parametrize("style", ["weight_norm", "parametrizations"])
def test_weight_normalisation_made_by_torch(tmp_path, points, style):
    torch.manual_seed(0)
    make = torch.nn.utils.parametrizations.weight_norm
    if style == "weight_norm":
        make = torch.nn.utils.weight_norm
    model = torch.nn.Sequential(
        make(torch.nn.Linear(3, 20)), torch.nn.SiLU(), make(torch.nn.Linear(20, 1))
    )
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1.7)
        expected = model(torch.from_numpy(points)).numpy()
    inr = pa.load(save_checkpoint(tmp_path / "m.pt", model.state_dict()), activation="silu")
    assert_close_to_range(inr.evaluate(points), expected)


@pytest.mark.parametrize("order", ["hidden_first", "input_first"])
@pytest.mark.parametrize("skip", [1, 2])
def test_concatenated_coordinates_become_a_skip_connection(tmp_path, rng, points, skip, order):
    widths = [(3, 20), (20, 20), (20, 20), (20, 1)]
    state, layers = {}, []
    for i, (n_in, n_out) in enumerate(widths):
        n_in += 3 * (i == skip)
        weight = (rng.normal(size=(n_out, n_in)) / np.sqrt(n_in)).astype(np.float32)
        bias = rng.normal(size=n_out).astype(np.float32)
        layers.append((weight, bias))
        state[f"module.lin{i}.weight"] = torch.from_numpy(weight)
        state[f"module.lin{i}.bias"] = torch.from_numpy(bias)
    h = points.astype(np.float64)
    for i, (weight, bias) in enumerate(layers):
        if i == skip:
            h = np.hstack([h, points] if order == "hidden_first" else [points, h])
        h = h @ weight.T + bias
        if i < 3:
            h = np.maximum(h, 0)
    path = save_checkpoint(tmp_path / "skip.pth", state)
    with pytest.raises(MetadataError, match="skip_order"):
        pa.load(path, activation="relu")
    inr = pa.load(path, activation="relu", skip_order=order)
    assert [layer.input_weight is not None for layer in inr.chain.layers] == [
        i == skip for i in range(4)
    ]
    assert_close_to_range(inr.evaluate(points), h)


@pytest.mark.parametrize("order", ["sin_cos", "cos_sin"])
@pytest.mark.parametrize("key", ["B", "gauss", "module.gauss"])
@pytest.mark.parametrize("orientation", ["inputs_first", "frequencies_first"])
def test_fourier_features(tmp_path, rng, points, order, key, orientation):
    matrix = rng.normal(size=(3, 10)).astype(np.float32)
    network = random_network(rng, (20, 16, 1), "silu")
    prefix = "module.fcnn.nn." if key.startswith("module.") else "net."
    stored = matrix if orientation == "inputs_first" else matrix.T.copy()
    state = {key: torch.from_numpy(stored), **sequential_state(network, prefix)}
    inr = pa.load(
        save_checkpoint(tmp_path / "ff.pt", state),
        activation="silu",
        fourier_scale=2.5,
        fourier_order=order,
    )
    phase = 2.5 * points.astype(np.float64) @ matrix
    halves = [np.sin(phase), np.cos(phase)]
    features = np.hstack(halves if order == "sin_cos" else halves[::-1])
    assert inr.chain.hidden_widths == (20, 16)
    assert_close_to_range(inr.evaluate(points), evaluate(network, features), 2e-5)


@pytest.mark.parametrize("activation", sorted(FORMULAS))
def test_activation_from_metadata(tmp_path, rng, points, activation):
    network = random_network(rng, (3, 16, 16, 2), activation)
    path = save_checkpoint(
        tmp_path / "net.pt",
        sequential_state(network),
        {"activation": activation, "omega_0": 1},
    )
    assert_close_to_range(pa.load(path).evaluate(points), evaluate(network, points))


def test_one_activation_per_layer(tmp_path, rng, points):
    network = random_network(rng, (3, 12, 12, 12, 1))
    names = ["tanh", "relu", "gaussian"]
    network = [
        Dense(la.weight, la.bias, n) for la, n in zip(network, [*names, "identity"], strict=True)
    ]
    path = save_checkpoint(tmp_path / "net.pt", sequential_state(network))
    assert_close_to_range(
        pa.load(path, activation=names).evaluate(points), evaluate(network, points)
    )


def test_pickled_modules_of_act_list_keep_their_parameters(tmp_path, rng, points):
    network = random_network(rng, (3, 12, 12, 1))
    modules = [torch.nn.LeakyReLU(0.3), torch.nn.ELU(0.5)]
    content = {
        "weights_list": torch.nn.ParameterList([torch.from_numpy(la.weight) for la in network]),
        "bias_list": torch.nn.ParameterList([torch.from_numpy(la.bias) for la in network]),
        "act_list": torch.nn.ModuleList(modules),
    }
    h = torch.from_numpy(points).double()
    for la, module in zip(network, [*modules, torch.nn.Identity()], strict=True):
        h = module(h @ torch.from_numpy(la.weight).double().T + torch.from_numpy(la.bias))
    inr = pa.load(save_checkpoint(tmp_path / "lists.ckpt", content))
    assert_close_to_range(inr.evaluate(points), h.numpy())


def test_pickled_gelu_of_act_list_is_the_variant_it_was(tmp_path, rng, points):
    network = random_network(rng, (3, 12, 1), gain=3)
    module = torch.nn.GELU(approximate="tanh")
    content = {
        "weights_list": torch.nn.ParameterList([torch.from_numpy(la.weight) for la in network]),
        "bias_list": torch.nn.ParameterList([torch.from_numpy(la.bias) for la in network]),
        "act_list": torch.nn.ModuleList([module]),
    }
    path = save_checkpoint(tmp_path / "gelu.ckpt", content)
    h = torch.from_numpy(points).double()
    for la, act in zip(network, [module, torch.nn.Identity()], strict=True):
        h = act(h @ torch.from_numpy(la.weight).double().T + torch.from_numpy(la.bias))
    try:
        inr = pa.load(path)
    except pa.PruningAMRError as error:
        assert "GELU" in str(error)  # refused openly is as good as read
    else:
        assert_close_to_range(inr.evaluate(points), h.numpy())


def test_keras_like_numbered_npz(tmp_path, rng, points):
    network = random_network(rng, (3, 16, 16, 1), "elu")
    arrays = {}
    for i, la in enumerate(network):
        arrays[f"{2 * i:04d}.dense.A"], arrays[f"{2 * i:04d}.dense.b"] = la.weight.T, la.bias
        if i < 2:
            arrays[f"{2 * i + 1:04d}.elu._"] = np.empty(0, np.float32)
    arrays["0005.squeeze_last._"] = np.empty(0, np.float32)
    np.savez(tmp_path / "net.npz", **dict(sorted(arrays.items(), reverse=True)))
    inr = pa.load(tmp_path / "net.npz")
    assert inr.layout == "dense_numbered"
    assert_close_to_range(inr.evaluate(points), evaluate(network, points))


def test_state_dict_saved_as_npz(tmp_path, network, points):
    np.savez(tmp_path / "net.npz", **{k: v.numpy() for k, v in sequential_state(network).items()})
    inr = pa.load(tmp_path / "net.npz", activation="silu")
    assert_close_to_range(inr.evaluate(points), evaluate(network, points))
