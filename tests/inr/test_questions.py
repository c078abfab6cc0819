"""What is missing: asked for at once, in one sentence, with answers that are accepted."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.errors import one_clear_sentence
from hypothesis import given, settings
from hypothesis import strategies as st
from pruning_amr.inr.overrides import property_label
from pruning_amr.inr.questions import Question, UnansweredError
from structure_checks import evaluated, random_points
from structure_networks import Frequencies, ImplicitNet, mlp
from structures import BY_NAME, values

NEEDED = {
    "IGR: Softplus(100), skip over sqrt(2)": ("activation", "skip_order"),
    "one trained slope": ("activation", "activation_slope"),
    "lb and ub in the state dict": ("activation", "input_range"),
    "lb and ub beside the state dict": ("activation", "input_range"),
    "X_mean and X_std": ("activation", "input_range"),
    "two networks, one by network": ("activation", "network"),
    "coarse and fine, one by network": ("activation", "network"),
    "two state dicts in one file": ("activation", "network"),
    "two networks in a whole module": ("network",),
    "NeRF density with skip, sin_cos": ("activation", "head", "skip_order", "encoding"),
    "Fourier features, B": ("activation", "fourier_scale", "fourier_order"),
    "residual blocks, sine of a frequency, activation none": ("activation", "omega_0"),
    "state dict": ("activation",),
}
"""Keys that each structure needs, and does not load without."""


def asked(path) -> list[Question]:
    with pytest.raises(UnansweredError) as caught:
        pa.load(path)
    return caught.value.questions


def answer(path, answers) -> None:
    sidecar = path.with_suffix(".json")
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), **answers}))


@pytest.mark.parametrize("name", NEEDED)
def test_each_key_that_decides_is_named_when_it_is_missing(tmp_path, name):
    path, _ = BY_NAME[name].write(tmp_path)
    for key in NEEDED[name]:
        BY_NAME[name].write(tmp_path)
        stated = {k: v for k, v in BY_NAME[name].metadata.items() if k != key}
        path.with_suffix(".json").write_text(json.dumps(stated))
        with one_clear_sentence(pa.MetadataError, f'"{key}"', property_label(key)):
            pa.load(path)


def test_several_keys_are_asked_for_in_one_sentence_with_examples_that_are_accepted(tmp_path):
    path, _ = BY_NAME["NeRF density with skip, sin_cos"].write(tmp_path)
    sidecar = path.with_suffix(".json")
    sidecar.write_text(json.dumps({"inputs": ["x", "y", "z"]}))
    seen = []
    for _ in range(3):
        with pytest.raises(pa.MetadataError) as caught:
            pa.load(path)
        message = str(caught.value)
        assert "\n" not in message and len(message) < 1000
        examples = [json.loads(e) for e in re.findall(r"like (\{.*?\}+) \(reader", message)]
        questions = caught.value.questions
        assert [list(e) for e in examples] == [[q.key] for q in questions]
        for question in questions:
            assert f"(reader: {property_label(question.key)})" in message
            seen.append(question.key)
        for example in examples:
            answer(path, example)
        try:
            pa.load(path)
            break
        except UnansweredError:
            continue
    assert len(set(seen)) == len(seen)
    assert set(seen) == {"head", "activation", "bounds", "encoding", "skip_order"}
    pa.load(path)


def test_all_that_can_be_asked_at_once_fits_in_one_sentence(tmp_path):
    torch.manual_seed(0)
    network = ImplicitNet(Frequencies(10, "sin_cos"), width=80)
    extra = {"lb": torch.zeros(3), "ub": torch.ones(3)}
    extra |= {f"net.some_quite_long_name_of_a_slope.{k}": torch.ones(1) for k in range(40)}
    path = tmp_path / "net.pt"
    torch.save({**network.state_dict(), **extra}, path)
    keys = ("activation", "skip_order", "encoding", "input_range", "activation_slope")
    with one_clear_sentence(pa.MetadataError, *(f'"{key}"' for key in keys)):
        pa.load(path, inputs=["x", "y", "z"])


def test_long_lists_of_candidates_are_cut_in_the_middle(tmp_path):
    torch.manual_seed(0)
    state = {}
    for k in range(60):
        for key, value in mlp([2, 8, 2]).state_dict().items():
            state[f"a_network_with_a_long_name_{k:02}.{key}"] = value
    path = tmp_path / "net.pt"
    torch.save(state, path)
    with one_clear_sentence(pa.MetadataError, '"network"', "name_00", "…"):
        pa.load(path)
    assert len(asked(path)[0].candidates) == 60
    long = str(Question("head", "first" + "x" * 500 + "last", "a"))
    assert "first" in long and "last" in long and "…" in long and len(long) < 300


def test_networks_without_names_are_asked_for_by_their_layers(tmp_path):
    torch.manual_seed(0)
    networks = {"u": mlp([2, 8, 8, 1]), "v": mlp([2, 8, 8, 1])}
    state = {}
    for name, network in networks.items():
        for k, layer in enumerate([network[0], network[2], network[4]]):
            state[f"{name}{k}.weight"], state[f"{name}{k}.bias"] = (
                layer.weight.data,
                layer.bias.data,
            )
    path = tmp_path / "net.pt"
    torch.save(state, path)
    (question,) = [q for q in asked(path) if q.key in ("network", "chain")]
    assert question.candidates == (["u0", "u1", "u2"], ["v0", "v1", "v2"])
    points = random_points([[0, 1]] * 2, 500)
    for layers, network in zip(question.candidates, networks.values(), strict=True):
        inr = pa.load(path, **{question.key: layers}, activation="tanh", bounds=[[0, 1]] * 2)
        expected = values(network, points, torch.float64)
        assert np.abs(evaluated(inr, points).reshape(expected.shape) - expected).max() < 1e-5


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Each structure's file, and its formula."""
    folder = tmp_path_factory.mktemp("written")
    made = {}
    for k, name in enumerate(NEEDED):
        (folder / str(k)).mkdir()
        made[name] = BY_NAME[name].write(folder / str(k))
    return made


@settings(max_examples=40)
@given(data=st.data())
def test_whatever_is_withheld_is_asked_for_and_the_answers_give_the_field(written, data):
    name = data.draw(st.sampled_from(list(NEEDED)))
    withheld = data.draw(st.sets(st.sampled_from(NEEDED[name]), min_size=1))
    path, formula = written[name]
    truth = BY_NAME[name].metadata
    sidecar = path.with_suffix(".json")
    sidecar.write_text(json.dumps({k: v for k, v in truth.items() if k not in withheld}))
    named: set[str] = set()
    for _ in range(3):
        try:
            inr = pa.load(path, warn=lambda _: None)
            break
        except UnansweredError as error:
            keys = {q.key for q in error.questions}
            assert keys and keys <= {*withheld, "skip_scale", "omega_0"} and not keys & named
            named |= keys
            answer(path, {k: truth[k] for k in keys if k in truth})
    else:
        pytest.fail(f"more than two rounds for {sorted(withheld)}: {sorted(named)}")
    assert withheld <= named
    points = random_points(truth["bounds"], 500)
    expected = values(formula, points, torch.float64)
    error = np.abs(evaluated(inr, points).reshape(expected.shape) - expected).max()
    assert error < 1e-5 * np.ptp(expected)


def test_a_file_without_any_json_beside_it_asks_as_well(tmp_path):
    path, _ = BY_NAME["state dict"].write(tmp_path)
    alone = tmp_path / "alone.pt"
    shutil.copy(path, alone)
    with one_clear_sentence(pa.MetadataError, '"activation"', "alone.json"):
        pa.load(alone)
