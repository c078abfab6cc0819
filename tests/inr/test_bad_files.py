"""Files that are no checkpoints, are damaged, or do not fit together: one clear sentence each."""

from __future__ import annotations

import pickle
import struct
import zipfile

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.errors import one_clear_sentence
from _helpers.files import save_checkpoint, sequential_state

CHECKPOINT = pa.CheckpointError
EXTENSIONS = ["pt", "pth", "ckpt", "npz", "safetensors"]


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
    with one_clear_sentence(CHECKPOINT, path, "is a text file and no checkpoint", ".safetensors"):
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


# --- layouts that do not fit ---------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"weights": torch.ones(3)},
        {"encoder.embeddings": torch.ones(100, 2), "decoder.0.weight": torch.ones(3, 2)},
        {"0.weight": torch.ones(4, 2, 3, 3), "1.weight": torch.ones(4, 4, 3, 3)},
        {"a": {"b": {"c": 5}}},
    ],
)
def test_unknown_layouts_show_their_keys(tmp_path, content):
    path = save_checkpoint(tmp_path / "other.pt", content)
    with one_clear_sentence(CHECKPOINT, path, "layout", *list(content)[:1]):
        pa.load(path, activation="relu")


def test_layers_of_a_normalisation_are_named(tmp_path):
    state = {
        "0.weight": torch.ones(4, 2),
        "1.weight": torch.ones(4),
        "1.bias": torch.ones(4),
        "1.running_mean": torch.ones(4),
        "2.weight": torch.ones(1, 4),
    }
    path = save_checkpoint(tmp_path / "other.pt", state)
    with one_clear_sentence(CHECKPOINT, path, "no layer uses 1.weight", "1.running_mean"):
        pa.load(path, activation="relu")


def test_layers_that_do_not_connect(tmp_path):
    state = {"0.weight": torch.ones(8, 3), "2.weight": torch.ones(1, 9)}
    path = save_checkpoint(tmp_path / "gap.pt", state)
    with one_clear_sentence(CHECKPOINT, path, "layer 2", "9", "8"):
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
