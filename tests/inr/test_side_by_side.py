"""Several networks in one file are refused by name; one network in several parts is read."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.errors import one_clear_sentence
from _helpers.files import save_checkpoint, sequential_state
from _helpers.reference import assert_close_to_range, evaluate, random_network


def layer_state(layers, names):
    """State dict of layers under names of one's own."""
    state = {}
    for name, layer in zip(names, layers, strict=True):
        state[f"{name}.weight"] = torch.from_numpy(layer.weight)
        state[f"{name}.bias"] = torch.from_numpy(layer.bias)
    return state


def save(path, state):
    if path.suffix == ".safetensors":
        pytest.importorskip("safetensors.torch").save_file(state, path)
        return path
    return save_checkpoint(path, state)


# Each (name, widths): all but those marked by a comment connect if they are chained.
TWO = {
    "components": [("net_u", (2, 8, 2)), ("net_s", (2, 8, 3))],
    "coarse and fine": [("coarse", (3, 8, 8, 3)), ("fine", (3, 8, 8, 3))],
    "one name within the other": [("nerf", (3, 8, 3)), ("nerf_fine", (3, 8, 1))],
    "named as if one fed the other": [("encoder", (3, 8, 3)), ("decoder", (3, 8, 1))],
    "three": [("u", (2, 8, 2)), ("v", (2, 8, 2)), ("p", (2, 8, 1))],
    "of a list": [("nets.0", (2, 8, 2)), ("nets.1", (2, 8, 1))],
    "within a module": [("decoder.net_u", (2, 8, 2)), ("decoder.net_v", (2, 8, 1))],
    "of other inputs": [("net_u", (3, 8, 1)), ("net_k", (1, 8, 1))],
    "of more inputs": [("net_u", (2, 8, 3)), ("net_v", (3, 8, 1))],
    "of inputs that look like a skip": [("net_u", (2, 8, 1)), ("net_v", (3, 8, 1))],
    "that do not connect": [("net_u", (2, 8, 1)), ("net_v", (2, 8, 1))],  # 1 value for 2
}


@pytest.mark.parametrize("extension", ["pt", "safetensors"])
@pytest.mark.parametrize("case", TWO)
def test_networks_side_by_side_are_refused_by_name(tmp_path, rng, case, extension):
    state = {}
    for name, widths in TWO[case]:
        state |= sequential_state(random_network(rng, widths), f"{name}.")
    path = save(tmp_path / f"two.{extension}", state)
    named = [name for name, _ in TWO[case]]
    with one_clear_sentence(pa.MetadataError, path, "side by side", *named, '"network"'):
        pa.load(path, activation="tanh", bounds=[[0, 1]] * TWO[case][0][1][0])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["u1", "u2"], ["v1", "v2"]),
        (["u_in", "u_out"], ["v_in", "v_out"]),
        (["u.fc1", "u.fc2"], ["v.fc1", "v.fc2"]),
        (["fc1_u", "fc2_u"], ["fc1_v", "fc2_v"]),
    ],
)
def test_names_without_a_number_of_their_own(tmp_path, rng, first, second):
    state = layer_state(random_network(rng, (2, 8, 2)), first)
    state |= layer_state(random_network(rng, (2, 8, 1)), second)
    path = save_checkpoint(tmp_path / "two.pt", state)
    with one_clear_sentence(pa.MetadataError, path, "side by side"):
        pa.load(path, activation="tanh")


def test_networks_in_dictionaries_of_their_own(tmp_path, rng):
    coarse, fine = (sequential_state(random_network(rng, (3, 8, 8, 3))) for _ in range(2))
    path = save_checkpoint(tmp_path / "nerf.pt", {"coarse": coarse, "fine": fine, "epoch": 3})
    with one_clear_sentence(pa.MetadataError, path, "side by side", "coarse", "fine"):
        pa.load(path, activation="relu")


@pytest.mark.parametrize(
    ("wrapper", "other"),
    [("model", "model_fine"), ("network", "discriminate"), ("model_state_dict", "state_dict_fine")],
)
def test_networks_in_usual_wrappers(tmp_path, rng, wrapper, other):
    first, second = (sequential_state(random_network(rng, (3, 8, 1))) for _ in range(2))
    path = save_checkpoint(tmp_path / "two.pt", {wrapper: first, other: {"state": second}})
    with one_clear_sentence(pa.MetadataError, path, "side by side", wrapper, other):
        pa.load(path, activation="relu")


@pytest.mark.parametrize(
    ("key", "widths"),
    [("ema_state_dict", (3, 8, 1)), ("best_model", (3, 8, 1)), ("discriminator", (1, 8, 1))],
)
def test_a_copy_of_the_network_or_one_of_other_inputs_beside_it(
    tmp_path, network, rng, key, widths
):
    beside = sequential_state(random_network(rng, widths))
    content = {"model_state_dict": sequential_state(network), key: beside}
    inr = pa.load(save_checkpoint(tmp_path / "net.pt", content), activation="silu")
    points = rng.uniform(-1, 1, (200, 3)).astype(np.float32)
    assert_close_to_range(inr.evaluate(points), evaluate(network, points))


ONE = {
    "parts": (["stem", "body.0", "body.2", "head"], (3, 8, 8, 8, 1)),
    "backbone and head": (["backbone.0", "backbone.2", "head.0", "head.2"], (3, 16, 16, 8, 1)),
    "encoder and decoder": (["encoder.0", "encoder.2", "decoder.0", "decoder.2"], (3, 9, 6, 9, 1)),
    "a narrow code": (["encoder.0", "encoder.2", "decoder.0", "decoder.2"], (3, 9, 2, 9, 1)),
    "a wide first layer": (["trunk.0", "trunk.2", "head.0", "head.2"], (12, 12, 12, 12, 1)),
    "a funnel": (["trunk.0", "trunk.2", "head.0", "head.2"], (12, 24, 12, 8, 1)),
    "an output layer of as many inputs": (["net.0", "net.2", "out"], (3, 8, 3, 1)),
    "numbered through": (["net.0", "net.2", "net.4", "net.6"], (3, 8, 3, 8, 1)),
    "numbered names": (["fc1", "fc2", "fc3", "fc4"], (3, 8, 3, 8, 1)),
    "blocks of one layer": ([f"net.net.{i}.0" for i in range(4)], (3, 8, 3, 8, 1)),
    "two blocks": (
        ["first", "block1.0", "block1.2", "block2.0", "block2.2", "last"],
        (3, 8, 8, 8, 8, 8, 1),
    ),
}


UNSORTED = ("parts", "encoder and decoder", "a narrow code")
"""By letter, the order that .safetensors keeps, their second part comes first."""


@pytest.mark.parametrize(
    ("case", "extension"),
    [*((c, "pt") for c in ONE), *((c, "safetensors") for c in ONE if c not in UNSORTED)],
)
def test_one_network_in_parts_is_read(tmp_path, rng, case, extension):
    names, widths = ONE[case]
    network = random_network(rng, widths, "tanh")
    path = save(tmp_path / f"one.{extension}", layer_state(network, names))
    fixed = {f"latent_{i}": 0.25 for i in range(widths[0] - 3)}
    inr = pa.load(path, activation="tanh", inputs=["x", "y", "z"], fixed=fixed)
    points = rng.uniform(-1, 1, (200, 3)).astype(np.float32)
    latent = np.full((200, len(fixed)), 0.25)
    assert_close_to_range(inr.evaluate(points), evaluate(network, np.hstack([points, latent])))
