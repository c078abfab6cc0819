"""Facts that a checkpoint lacks, or that are wrong: one clear sentence each."""

from __future__ import annotations

import pruning_amr as pa
import pytest
import torch
from _helpers.errors import one_clear_sentence
from _helpers.files import save_checkpoint, sequential_state
from _helpers.reference import random_network

METADATA = pa.MetadataError


def test_missing_activation_is_asked_for(tmp_path, network):
    path = save_checkpoint(tmp_path / "scan.pt", sequential_state(network))
    with one_clear_sentence(METADATA, path, '"activation"', "scan.json"):
        pa.load(path)


def test_unknown_activation(tmp_path, network):
    path = save_checkpoint(tmp_path / "scan.pt", sequential_state(network), {"activation": "mish"})
    with one_clear_sentence(METADATA, '"mish"', "activation", "silu"):
        pa.load(path)


def test_missing_frequency_is_asked_for(tmp_path, network):
    path = save_checkpoint(tmp_path / "siren.pt", sequential_state(network))
    with one_clear_sentence(METADATA, path, '"omega_0"', "siren.json"):
        pa.load(path, activation="sin")


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({}, "fourier_scale"),
        ({"fourier_scale": 1.0}, "fourier_order"),
        ({"fourier_order": "sin_cos"}, "fourier_scale"),
    ],
)
def test_missing_fourier_facts_are_asked_for(tmp_path, rng, given, key):
    state = {"B": torch.ones(3, 8), **sequential_state(random_network(rng, (16, 8, 1)))}
    path = save_checkpoint(tmp_path / "ff.pt", state)
    with one_clear_sentence(METADATA, path, f'"{key}"', "ff.json"):
        pa.load(path, activation="silu", **given)


def test_five_inputs_need_fixed_ones(tmp_path, rng):
    path = save_checkpoint(tmp_path / "five.pt", sequential_state(random_network(rng, (5, 8, 1))))
    with one_clear_sentence(METADATA, "5 inputs", '"fixed"', '"inputs"'):
        pa.load(path, activation="silu")
    with one_clear_sentence(METADATA, "5 spatial", '"fixed"'):
        pa.load(path, activation="silu", inputs=["a", "b", "c", "d", "e"])


def test_bounds_are_asked_for_when_they_are_needed(tmp_path, network):
    path = save_checkpoint(tmp_path / "unbound.pt", sequential_state(network))
    inr = pa.load(path, activation="silu")
    with one_clear_sentence(METADATA, "unbound.pt", '"bounds"', "x, y, z"):
        pa.refine(inr)
    with one_clear_sentence(METADATA, "unbound.pt", '"bounds"'):
        pa.prune(inr)


METADATA_MISTAKES = {
    "wrong number of names": ({"inputs": ["x", "y"]}, ["3 inputs", "2 are named", '"inputs"']),
    "the same name twice": ({"inputs": ["x", "y", "y"]}, ['"inputs"', "different"]),
    "names in a string": ({"inputs": "xyz"}, ['"inputs"', "list"]),
    "two times": ({"inputs": ["x", "t", "time"]}, ["time"]),
    "nothing but time": (
        {"inputs": ["x", "t", "mu"], "fixed": {"x": 0, "mu": 1}},
        ["0 spatial", '"time_as_space"'],
    ),
    "all fixed": (
        {"inputs": ["x", "y", "z"], "fixed": {"x": 0, "y": 0, "z": 0}},
        ["0 spatial", '"fixed"'],
    ),
    "bounds of two axes": ({"bounds": [[0, 1], [0, 1]]}, ['"bounds"', "2 pairs"]),
    "empty bounds": ({"bounds": [[0, 1], [1, 1], [0, 1]]}, ["bounds[1]", "min < max"]),
    "bounds upside down": ({"bounds": [[0, 1], [0, 1], [3, 2]]}, ["bounds[2]", "[3, 2]"]),
    "bounds that are no pairs": ({"bounds": [1, 2, 3]}, ["bounds[0]", "pair"]),
    "bounds that are no numbers": ({"bounds": [["a", "b"]] * 3}, ["bounds[0]"]),
    "bounds without end": ({"bounds": [[0, float("inf")]] * 3}, ["bounds[0]", "finite"]),
    "bounds beyond floats": ({"bounds": [[0, 10**400]] * 3}, ["bounds[0]"]),
    "bounds that are an object": ({"bounds": {"x": [0, 1]}}, ['"bounds"', "list"]),
    "activation that is a number": ({"activation": 5}, ["activation", "5"]),
    "too few activations": ({"activation": ["silu"]}, ["activation", "1 names"]),
    "frequency that is text": ({"activation": "sin", "omega_0": "30"}, ["omega_0", "'30'"]),
    "frequency that is true": ({"activation": "sin", "omega_0": True}, ["omega_0"]),
    "unknown order": ({"fourier_order": "sincos"}, ["fourier_order", "sincos"]),
    "unknown layout": ({"layout": "onnx"}, ["layout", "onnx"]),
    "layout that is a list": ({"layout": ["state_dict"]}, ["layout"]),
    "layout of another file": ({"layout": "lists"}, ["layout"]),
    "no time steps": ({"time_steps": 0}, ["time_steps"]),
    "time steps that are text": ({"time_steps": "64"}, ["time_steps"]),
    "too few means": ({"input_mean": [0, 0]}, ["input_mean", "3"]),
    "deviation of zero": ({"input_std": [1, 0, 1]}, ["input_std", "0"]),
    "means that are text": ({"input_mean": "abc"}, ["input_mean"]),
    "output scale of zero": ({"output_scale": 0}, ["output_scale"]),
    "fixed that is a list": ({"fixed": ["mu"]}, ["fixed"]),
    "fixed at text": ({"fixed": {"z": "low"}}, ["fixed", "low"]),
    "outputs that do not exist": ({"outputs": [{"name": "p", "components": [1]}]}, ["p", "[1]"]),
    "outputs without components": ({"outputs": [{"name": "p"}]}, ["outputs"]),
    "outputs that are a number": ({"outputs": 5}, ["outputs", "5"]),
    "outputs beyond all numbers": (
        {"outputs": [{"name": "p", "components": [1e400]}]},
        ["outputs", "components"],
    ),
    "no outputs": ({"outputs": []}, ["outputs"]),
    "two outputs of one name": (
        {"outputs": [{"name": "p", "components": [0]}, {"name": "p", "components": [0]}]},
        ["outputs", "p"],
    ),
    "the name of another array": (
        {"outputs": [{"name": "level", "components": [0]}]},
        ["level", "outputs", "another name"],
    ),
    "misspelled key": ({"activations": "silu"}, ["activations", "activation"]),
    "misspelled frequency": ({"omega0": 30}, ["omega0", "omega_0"]),
    "misspelled bounds": ({"bound": [[0, 1]] * 3}, ["bound", "bounds"]),
}


@pytest.mark.parametrize("mistake", METADATA_MISTAKES)
@pytest.mark.parametrize("given", ["beside the file", "by the caller"])
def test_metadata_mistakes(tmp_path, network, mistake, given):
    values, named = METADATA_MISTAKES[mistake]
    if "misspelled key" not in mistake:
        values = {"activation": "silu", **values}
    beside = given == "beside the file"
    path = save_checkpoint(
        tmp_path / "scan.pt", sequential_state(network), values if beside else None
    )
    with one_clear_sentence(pa.PruningAMRError, *named):
        pa.load(path, **({} if beside else values))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "not json",
        "[1, 2]",
        '"silu"',
        "5",
        "null",
        '{"activation": "silu",}',
        "{'activation': 'silu'}",
        "[" * 200_000,
        '{"omega_0": ' + "9" * 5000 + "}",
    ],
    ids=[
        "empty",
        "open",
        "text",
        "list",
        "string",
        "number",
        "null",
        "comma",
        "quotes",
        "deep",
        "digits",
    ],
)
def test_bad_json_beside_the_file_is_named(tmp_path, network, text):
    path = save_checkpoint(tmp_path / "scan.pt", sequential_state(network))
    path.with_suffix(".json").write_text(text)
    with one_clear_sentence(METADATA, "scan.json"):
        pa.load(path, activation="silu")


def test_binary_json_beside_the_file_is_named(tmp_path, network):
    path = save_checkpoint(tmp_path / "scan.pt", sequential_state(network))
    path.with_suffix(".json").write_bytes(b"\xff\xfe\x00{}")
    with one_clear_sentence(METADATA, "scan.json"):
        pa.load(path, activation="silu")


def test_an_output_may_not_be_named_as_the_change_of_another(tmp_path, rng):
    network = random_network(rng, (2, 8, 2), "silu")
    path = save_checkpoint(tmp_path / "flow.pt", sequential_state(network))
    outputs = [{"name": "p", "components": [0]}, {"name": "change_p", "components": [1]}]
    with one_clear_sentence(METADATA, '"change_p"', "another name"):
        pa.load(path, activation="silu", outputs=outputs)
