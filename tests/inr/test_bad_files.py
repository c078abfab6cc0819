"""Files that are no checkpoints, are damaged, or are dangerous: one clear sentence each."""

from __future__ import annotations

import os
import pickle
import struct
import sys
import zipfile

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.errors import one_clear_sentence
from _helpers.files import save_checkpoint, sequential_state
from _helpers.reference import random_network

CHECKPOINT, UNSAFE, METADATA = pa.CheckpointError, pa.UnsafeCheckpointError, pa.MetadataError
EXTENSIONS = ["pt", "pth", "ckpt", "npz", "safetensors"]


@pytest.fixture
def network(rng):
    return random_network(rng, (3, 16, 16, 1), "silu")


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_missing_file(tmp_path, extension):
    path = tmp_path / f"nothing.{extension}"
    with one_clear_sentence(CHECKPOINT, path, "does not exist"):
        pa.load(path)


def test_folder(tmp_path):
    path = tmp_path / "folder.pt"
    path.mkdir()
    with one_clear_sentence(CHECKPOINT, path, "folder"):
        pa.load(path)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_empty_file(tmp_path, extension):
    path = tmp_path / f"empty.{extension}"
    path.touch()
    with one_clear_sentence(CHECKPOINT, path, "empty"):
        pa.load(path)


def test_unknown_extension(tmp_path):
    path = tmp_path / "network.h5"
    path.write_bytes(b"something")
    with one_clear_sentence(CHECKPOINT, path, '".h5"', ".safetensors"):
        pa.load(path)


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("seed", range(8))
def test_random_bytes(tmp_path, extension, seed):
    path = tmp_path / f"noise.{extension}"
    path.write_bytes(np.random.default_rng(seed).bytes(1 if seed == 0 else 500 * seed))
    with one_clear_sentence(CHECKPOINT, path):
        pa.load(path)


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize(
    "text",
    [
        "hello\n",
        "cat sat\n.",
        "{}",
        "global warming\nis real\n",
        "PK\x03\x04 not a zip",
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n",
        "<!DOCTYPE html>\n<html><body>404</body></html>\n",
    ],
)
def test_text_file(tmp_path, extension, text):
    path = tmp_path / f"text.{extension}"
    path.write_text(text)
    with one_clear_sentence(CHECKPOINT, path):
        pa.load(path)


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["pt", "npz", "safetensors", "old.pt"])
def test_truncated_file(tmp_path, network, part, kind):
    path = tmp_path / f"cut.{kind}"
    state = sequential_state(network)
    if kind == "npz":
        np.savez(path, **{k: v.numpy() for k, v in state.items()})
    elif kind == "safetensors":
        pytest.importorskip("safetensors.torch").save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "pt")
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with one_clear_sentence(CHECKPOINT, path):
        pa.load(path, activation="silu")


@pytest.mark.parametrize("writer", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("place", [0.1, 0.3, 0.5, 0.7])
def test_npz_with_changed_bytes(tmp_path, network, writer, place):
    path = tmp_path / "changed.npz"
    writer(path, **{k: v.numpy() for k, v in sequential_state(network).items()})
    data = bytearray(path.read_bytes())
    at = int(place * len(data))
    data[at : at + 40] = bytes(255 - b for b in data[at : at + 40])
    path.write_bytes(data)
    with one_clear_sentence(CHECKPOINT, path):
        pa.load(path, activation="silu")


def test_pt_with_a_damaged_compressed_pickle(tmp_path):
    path = tmp_path / "changed.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(list(range(5000))))
    data = bytearray(path.read_bytes())
    data[200:260] = bytes(60)
    path.write_bytes(data)
    with one_clear_sentence(CHECKPOINT, path):
        pa.load(path)


def test_npz_that_claims_a_petabyte(tmp_path):
    path = tmp_path / "huge.npz"
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000000,), }"
    header += b" " * (-(10 + len(header) + 1) % 64) + b"\n"
    member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0000.dense.A.npy", member)
    with one_clear_sentence(CHECKPOINT, path):
        pa.load(path)


# --- code in files ------------------------------------------------------------------------


class Attack:
    """Runs a shell command when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


class EvalAttack(Attack):
    def __reduce__(self):
        return eval, (f"open({str(self.marker)!r}, 'w')",)


def _raw_pickle(path, thing, protocol):
    path.write_bytes(pickle.dumps(thing, protocol))


def _torch_zip(path, thing, protocol):
    torch.save(thing, path, pickle_protocol=protocol)


def _torch_old(path, thing, protocol):
    torch.save(thing, path, pickle_protocol=protocol, _use_new_zipfile_serialization=False)


WRITERS = {"raw pickle": _raw_pickle, "torch zip": _torch_zip, "torch before 1.6": _torch_old}
SHAPES = {
    "alone": lambda a: a,
    "in a state dict": lambda a: {"state_dict": {"0.weight": torch.ones(2, 2), "x": a}},
    "in a list": lambda a: {"weights_list": [a], "bias_list": [torch.ones(1)]},
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("protocol", [2, 4])
def test_pickle_that_runs_a_command_is_refused_by_name_and_not_run(
    tmp_path, writer, shape, protocol
):
    path, marker = tmp_path / "evil.pt", tmp_path / "executed"
    WRITERS[writer](path, SHAPES[shape](Attack(marker)), protocol)
    with one_clear_sentence(UNSAFE, path, "os.system"):
        pa.load(path)
    assert not marker.exists()
    # The control: the same file does run its command where it is let.
    if writer == "raw pickle":
        pickle.loads(path.read_bytes())
    else:
        torch.load(path, weights_only=False)
    assert marker.exists()


@pytest.mark.parametrize("writer", WRITERS)
def test_pytorchs_restricted_loader_guards_what_the_listing_of_names_would_miss(
    tmp_path, monkeypatch, writer
):
    path, marker = tmp_path / "evil.pt", tmp_path / "executed"
    WRITERS[writer](path, {"a": Attack(marker)}, 2)
    monkeypatch.setattr("pruning_amr.inr.checkpoint._torch_globals", lambda path: iter(()))
    with one_clear_sentence(CHECKPOINT, path):
        pa.load(path)
    assert not marker.exists()


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("extension", ["pth", "ckpt"])
def test_pickle_that_evaluates_code_is_refused(tmp_path, writer, extension):
    path, marker = tmp_path / f"evil.{extension}", tmp_path / "executed"
    WRITERS[writer](path, {"a": EvalAttack(marker)}, 2)
    with one_clear_sentence(UNSAFE, path, "eval"):
        pa.load(path)
    assert not marker.exists()


def test_second_pickle_in_a_zip_cannot_hide(tmp_path):
    path, marker = tmp_path / "two.pt", tmp_path / "executed"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": 1}, 2))
        archive.writestr("archive/deep/data.pkl", pickle.dumps(Attack(marker), 2))
    with one_clear_sentence(CHECKPOINT, path):
        pa.load(path)
    assert not marker.exists()


def test_commands_named_through_the_pickle_memo_are_named_in_full(tmp_path):
    path = tmp_path / "memo.pt"
    # posix.getcwd(), then posix.system with the module's name taken from the memo.
    path.write_bytes(
        b"\x80\x04\x8c\x05posix\x94\x8c\x06getcwd\x93)R0h\x00\x8c\x06system\x93\x8c\x04true\x85R."
    )
    with one_clear_sentence(UNSAFE, path, "os.system", "os.getcwd"):
        pa.load(path)


def test_own_classes_are_refused_by_name(tmp_path):
    path = tmp_path / "module.pt"
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Bilinear(2, 2, 1)), path)
    with one_clear_sentence(UNSAFE, path, "Bilinear", "state_dict"):
        pa.load(path)


def test_whole_module_is_told_to_save_its_state_dict(tmp_path):
    path = tmp_path / "module.pt"
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 2)), path)
    with one_clear_sentence(CHECKPOINT, path, "Sequential", "state_dict"):
        pa.load(path)


@pytest.mark.parametrize("content", [torch.ones(3), [torch.ones(3)], 5, "text", None])
def test_content_that_is_no_dictionary(tmp_path, content):
    path = save_checkpoint(tmp_path / "bare.pt", content)
    with one_clear_sentence(CHECKPOINT, path, type(content).__name__):
        pa.load(path)


def test_object_pickles_in_npz_are_refused_and_not_run(tmp_path):
    path, marker = tmp_path / "evil.npz", tmp_path / "executed"
    array = np.empty(1, dtype=object)
    array[0] = Attack(marker)
    np.savez(path, weights=array)
    with one_clear_sentence(UNSAFE, path, "pickle"):
        pa.load(path)
    assert not marker.exists()
    np.load(path, allow_pickle=True)["weights"]
    assert marker.exists()


def test_missing_safetensors_package_is_named(tmp_path, monkeypatch):
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"x" * 100)
    for name in [n for n in sys.modules if n.partition(".")[0] == "safetensors"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with one_clear_sentence(pa.DependencyError, path, "pip install safetensors"):
        pa.load(path)


# --- layouts that do not fit ---------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"weights": torch.ones(3)},
        {"encoder.embeddings": torch.ones(100, 2), "decoder.0.weight": torch.ones(3, 2)},
        {"0.weight": torch.ones(4, 2, 3, 3), "1.weight": torch.ones(4, 4, 3, 3)},
        {
            "0.weight": torch.ones(4, 2),
            "1.weight": torch.ones(4),
            "1.bias": torch.ones(4),
            "1.running_mean": torch.ones(4),
            "2.weight": torch.ones(1, 4),
        },
        {"a": {"b": {"c": 5}}},
    ],
)
def test_unknown_layouts_show_their_keys(tmp_path, content):
    path = save_checkpoint(tmp_path / "other.pt", content)
    with one_clear_sentence(CHECKPOINT, path, "layout", *list(content)[:1]):
        pa.load(path, activation="relu")


def test_layers_that_do_not_connect(tmp_path):
    state = {"0.weight": torch.ones(8, 3), "2.weight": torch.ones(1, 9)}
    path = save_checkpoint(tmp_path / "gap.pt", state)
    with one_clear_sentence(CHECKPOINT, path, "layer 1", "9", "8"):
        pa.load(path, activation="relu")


def test_biases_that_do_not_fit(tmp_path, network):
    state = sequential_state(network)
    state["2.bias"] = torch.ones(5)
    path = save_checkpoint(tmp_path / "bias.pt", state)
    with one_clear_sentence(CHECKPOINT, path, "5 biases"):
        pa.load(path, activation="relu")


def test_lists_of_different_lengths(tmp_path, network):
    weights = [torch.from_numpy(la.weight) for la in network]
    biases = [torch.from_numpy(la.bias) for la in network]
    path = save_checkpoint(
        tmp_path / "lists.ckpt", {"weights_list": weights, "bias_list": biases[:2]}
    )
    with one_clear_sentence(CHECKPOINT, path, "bias"):
        pa.load(path, activation="relu")


def test_fewer_pickled_activations_than_hidden_layers(tmp_path, network):
    content = {
        "weights_list": [torch.from_numpy(la.weight) for la in network],
        "bias_list": [torch.from_numpy(la.bias) for la in network],
        "act_list": torch.nn.ModuleList([torch.nn.ReLU()]),
    }
    path = save_checkpoint(tmp_path / "lists.ckpt", content)
    with one_clear_sentence(pa.PruningAMRError, "act"):
        pa.load(path)


def test_complex_weights_are_not_dropped_in_silence(tmp_path, network):
    state = sequential_state(network)
    state["2.weight"] = state["2.weight"].to(torch.complex64)
    path = save_checkpoint(tmp_path / "wire.pt", state)
    with one_clear_sentence(CHECKPOINT, path):
        pa.load(path, activation="relu")


def test_numbered_npz_without_a_weight_matrix(tmp_path):
    path = tmp_path / "half.npz"
    np.savez(path, **{"0000.dense.b": np.ones(3, np.float32)})
    with one_clear_sentence(CHECKPOINT, path):
        pa.load(path)


def test_numbered_npz_with_a_flat_weight(tmp_path):
    path = tmp_path / "flat.npz"
    flat = {"0000.dense.A": np.ones(3, np.float32), "0000.dense.b": np.ones(3, np.float32)}
    np.savez(path, **flat)
    with one_clear_sentence(CHECKPOINT, path):
        pa.load(path)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("part", ["2.weight", "2.bias"])
def test_weights_that_are_not_finite(tmp_path, network, bad, part):
    state = sequential_state(network)
    state[part].view(-1)[3] = bad
    path = save_checkpoint(tmp_path / "nan.pt", state)
    with one_clear_sentence(CHECKPOINT, path, "layer 1", "1 of"):
        pa.load(path, activation="silu")


def test_weights_beyond_float32(tmp_path, network):
    state = {k: v.double() for k, v in sequential_state(network).items()}
    state["2.weight"][0, 0] = 1e300
    path = save_checkpoint(tmp_path / "big.pt", state)
    with one_clear_sentence(CHECKPOINT, path):
        pa.load(path, activation="silu")


# --- what the file does not hold ------------------------------------------------------------


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
    "one in space": ({"inputs": ["x", "t", "mu"], "fixed": {"mu": 1}}, ["1 spatial"]),
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
    "no outputs": ({"outputs": []}, ["outputs"]),
    "two outputs of one name": (
        {"outputs": [{"name": "p", "components": [0]}, {"name": "p", "components": [0]}]},
        ["outputs", "p"],
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
