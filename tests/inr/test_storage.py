"""Saving INRs and carrying them as bytes."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.errors import one_clear_sentence
from _helpers.reference import assert_close_to_range, evaluate, random_network, to_inr
from pruning_amr.inr import ACTIVATION_NAMES, Output, inr_from_bytes, inr_to_bytes, save_inr

MODULES = {
    "relu": torch.nn.ReLU,
    "leaky_relu": torch.nn.LeakyReLU,
    "elu": torch.nn.ELU,
    "selu": torch.nn.SELU,
    "silu": torch.nn.SiLU,
    "gelu": torch.nn.GELU,
    "softplus": torch.nn.Softplus,
    "tanh": torch.nn.Tanh,
    "sigmoid": torch.nn.Sigmoid,
}


def time_inr(rng, activation="silu", skip_at=None):
    network = random_network(rng, (4, 12, 10, 4), activation, skip_at=skip_at)
    return network, to_inr(
        network,
        [[-1, 1], [0, 2], [0.1, 0.3], [5, 7]],
        inputs=("x", "y", "time", "z"),
        times=np.array([0.1, 0.15, 0.3]),
        outputs=(Output("velocity", (2, 0, 1)), Output("p", (3,))),
        name="flow.pt",
    )


def assert_same(found: pa.INR, expected: pa.INR) -> None:
    assert found.inputs == expected.inputs
    assert found.outputs == expected.outputs
    np.testing.assert_array_equal(found.bounds, expected.bounds)
    np.testing.assert_array_equal(found.times, expected.times)
    for ours, theirs in zip(found.chain.layers, expected.chain.layers, strict=True):
        assert torch.equal(ours.weight, theirs.weight)
        assert torch.equal(ours.bias, theirs.bias)
        assert ours.activation == theirs.activation
        assert (ours.input_weight is None) == (theirs.input_weight is None)
        if ours.input_weight is not None:
            assert torch.equal(ours.input_weight, theirs.input_weight)


@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
@pytest.mark.parametrize("skip_at", [None, 1, 2])
def test_bytes_round_trip(rng, activation, skip_at):
    _, inr = time_inr(rng, activation, skip_at)
    found = inr_from_bytes(inr_to_bytes(inr))
    assert_same(found, inr)
    assert found.name == "flow.pt"


@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
@pytest.mark.parametrize("skip_at", [None, 1, 2])
def test_file_round_trip(rng, tmp_path, activation, skip_at):
    network, inr = time_inr(rng, activation, skip_at)
    files = save_inr(inr, tmp_path / "saved.pt")
    assert [f.name for f in files] == ["saved.pt", "saved.json"]
    assert sorted(f.name for f in tmp_path.iterdir()) == ["saved.json", "saved.pt"]
    found = pa.load(tmp_path / "saved.pt")
    assert_same(found, inr)
    x = rng.uniform(-1, 1, (200, 4)).astype(np.float32)
    assert_close_to_range(found.evaluate(x), evaluate(network, x))


def test_inr_without_bounds_round_trips(rng):
    inr = replace(to_inr(random_network(rng, (2, 8, 1))), bounds=None)
    assert inr_from_bytes(inr_to_bytes(inr)).bounds is None


@pytest.mark.parametrize("activation", sorted(MODULES))
def test_saved_file_loads_into_a_plain_sequential(rng, tmp_path, activation):
    network = random_network(rng, (3, 12, 10, 2), activation)
    save_inr(to_inr(network), tmp_path / "saved.pt")
    module = MODULES[activation]
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 12), module(), torch.nn.Linear(12, 10), module(), torch.nn.Linear(10, 2)
    )
    model.load_state_dict(torch.load(tmp_path / "saved.pt", weights_only=True))
    x = rng.uniform(-1, 1, (200, 3)).astype(np.float32)
    with torch.no_grad():
        assert_close_to_range(model(torch.from_numpy(x)).numpy(), evaluate(network, x))


def test_pruned_network_saves_and_loads(tmp_path, inr_2d, rng):
    pruned = pa.prune(inr_2d, tolerance=1e-2, samples=512)
    pruned.save(tmp_path / "small.pt")
    x = rng.uniform([-1, 0], [1, 3], (100, 2))
    np.testing.assert_array_equal(pa.load(tmp_path / "small.pt").evaluate(x), pruned.evaluate(x))


def test_metadata_file_is_plain_json(rng, tmp_path):
    _, inr = time_inr(rng)
    save_inr(inr, tmp_path / "saved.ckpt")
    metadata = json.loads((tmp_path / "saved.json").read_text())
    assert metadata["inputs"] == ["x", "y", "time", "z"]
    assert metadata["time_steps"] == [0.1, 0.15, 0.3]


def test_other_extension_is_refused(inr_2d, tmp_path):
    with pytest.raises(pa.ParameterError, match=r"saved\.txt"):
        save_inr(inr_2d, tmp_path / "saved.txt")
    assert not list(tmp_path.iterdir())


def test_metadata_of_another_checkpoint_are_never_replaced(inr_2d, tmp_path):
    save_inr(inr_2d, tmp_path / "scan.pt")
    before = (tmp_path / "scan.json").read_text()
    with pytest.raises(pa.ParameterError, match=r"scan\.json, which belongs to scan\.pt"):
        save_inr(inr_2d, tmp_path / "scan.pth")
    assert (tmp_path / "scan.json").read_text() == before
    assert not (tmp_path / "scan.pth").exists()
    # Its own may be.
    save_inr(inr_2d, tmp_path / "scan.pt")


def test_a_json_file_of_no_checkpoint_is_never_replaced(inr_2d, tmp_path):
    (tmp_path / "small.json").write_text('{"cells": 3}')
    with pytest.raises(pa.ParameterError, match=r"small\.json, which describes something else"):
        save_inr(inr_2d, tmp_path / "small.pt")
    assert (tmp_path / "small.json").read_text() == '{"cells": 3}'
    assert not (tmp_path / "small.pt").exists()


def test_missing_folder_is_named(inr_2d, tmp_path):
    with pytest.raises(pa.ParameterError, match="nowhere") as caught:
        save_inr(inr_2d, tmp_path / "nowhere" / "saved.pt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b"",
        lambda b: b[: len(b) // 2],
        lambda b: b"\x93NUMPY" + bytes(100),
        lambda b: bytes(500),
        lambda b: b.replace(b"pruning_amr.inr/1", b"pruning_amr.inr/9"),
    ],
)
def test_damaged_bytes_are_one_sentence(inr_2d, damage):
    with pytest.raises(pa.CheckpointError, match="field data") as caught:
        inr_from_bytes(damage(inr_to_bytes(inr_2d)))
    assert "\n" not in str(caught.value)


def _with_member(data: bytes, name: str, content: bytes) -> bytes:
    """Return stored bytes with one member of their archive replaced."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(changed, "w") as new:
        for member in old.namelist():
            new.writestr(member, content if member == name else old.read(member))
    return changed.getvalue()


def _array(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("1.weight.npy", np.zeros((16, 3), np.float32)),
        ("1.weight.npy", np.zeros(16, np.float32)),
        ("0.bias.npy", np.zeros(5, np.float32)),
        ("0.bias.npy", np.zeros(16, np.int64)),
    ],
)
def test_layers_in_field_data_that_do_not_connect_are_refused(rng, name, values):
    data = inr_to_bytes(to_inr(random_network(rng, (3, 16, 16, 1))))
    assert inr_from_bytes(_with_member(data, "none", b"")).chain.n_inputs == 3
    with one_clear_sentence(pa.CheckpointError, "field data", "damaged"):
        inr_from_bytes(_with_member(data, name, _array(values)))


def test_arrays_in_field_data_that_claim_more_than_they_hold_take_no_memory(rng):
    data = inr_to_bytes(to_inr(random_network(rng, (3, 16, 16, 1))))
    header = _array(np.zeros((16, 16), np.float32)).replace(b"(16, 16)", b"(9999999999, 99)")
    with one_clear_sentence(pa.CheckpointError, "field data", "damaged"):
        inr_from_bytes(_with_member(data, "1.weight.npy", header))
