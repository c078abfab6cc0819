"""What a file is, its content tells; what is not read is named."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import sys
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.errors import one_clear_sentence
from pruning_amr import files
from pruning_amr.files.formats import read_checkpoint
from pruning_amr.files.records import Record
from pruning_amr.inr import EXTENSIONS

STATE = {"w": torch.ones(2, 2)}


def archive(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)


WAYS = {
    "torch zip": lambda path: torch.save(STATE, path),
    "torch legacy": lambda path: torch.save(STATE, path, _use_new_zipfile_serialization=False),
    "pickle": lambda path: path.write_bytes(pickle.dumps({"w": np.ones((2, 2))})),
    "npz": lambda path: np.savez(path.open("wb"), w=np.ones((2, 2))),
    "torchscript": lambda path: torch.jit.script(torch.nn.Linear(2, 2)).save(str(path)),
}


@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize("extension", [*EXTENSIONS, "h5", "no_such"])
def test_kind_is_told_by_content(tmp_path, kind, extension):
    path = tmp_path / f"net.{extension}"
    WAYS[kind](path)
    checkpoint = read_checkpoint(path)
    assert (checkpoint.kind, checkpoint.path) == (kind, path)


def _tar(path: Path) -> None:
    with tarfile.open(path, "w") as file:
        member = tarfile.TarInfo("pickle")
        file.addfile(member, io.BytesIO())


OTHERS = {
    "HDF5": (lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100)), "Keras"),
    "Keras": (lambda p: archive(p, {"config.json": b"{}", "model.weights.h5": b""}), ".npz"),
    "ONNX": (lambda p: p.write_bytes(b"\x08\x08\x12\x07pytorch" + bytes(50)), "an ONNX model"),
    "gzip": (lambda p: p.write_bytes(gzip.compress(b"x")), "packed by gzip"),
    "tar": (_tar, "a tar archive"),
    "Git LFS": (
        lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d\n"),
        "git lfs pull",
    ),
    "web page": (lambda p: p.write_text("<!DOCTYPE html>\n<html>404</html>"), "download the file"),
    "more of a web page": (lambda p: p.write_text("\n\n<html><body>404"), "a web page"),
    "text": (lambda p: p.write_text("hello\n"), "a text file"),
    "JSON": (lambda p: p.write_text('{"inputs": ["x", "y"]}'), "a text file"),
    "one array": (lambda p: np.save(p.open("wb"), np.ones(3)), "one bare array"),
    "zip": (lambda p: archive(p, {"a.txt": b"x"}), "without data.pkl"),
    "old TorchScript": (lambda p: archive(p, {"m/model.json": b"{}"}), "before PyTorch 1.4"),
    "broken zip": (lambda p: p.write_bytes(b"PK\x03\x04 not a zip"), "damaged"),
    "noise": (lambda p: p.write_bytes(np.random.default_rng(0).bytes(5000)), "damaged"),
    "GGUF": (lambda p: p.write_bytes(b"GGUF" + bytes(50)), "GGUF"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_file_of_another_kind_is_named(tmp_path, other):
    path = tmp_path / "net.pt"
    write, said = OTHERS[other]
    write(path)
    with one_clear_sentence(pa.CheckpointError, path, said):
        read_checkpoint(path)


def test_missing_empty_and_folder(tmp_path):
    for path, said in [(tmp_path / "no.pt", "does not exist"), (tmp_path, "folder")]:
        with one_clear_sentence(pa.CheckpointError, path, said):
            read_checkpoint(path)
    (tmp_path / "empty.pt").touch()
    with one_clear_sentence(pa.CheckpointError, "empty"):
        read_checkpoint(str(tmp_path / "empty.pt"))


# --- npz ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("writer", [np.savez, np.savez_compressed])
def test_arrays_of_npz(tmp_path, writer):
    arrays = {
        "a/b": np.arange(6, dtype=">f4").reshape(2, 3),
        "fortran": np.asfortranarray(np.ones((3, 2))),
        "half": np.ones(2, np.float16),
        "words": np.array(["relu", "tanh"]),
        "bytes": np.array(b"relu"),
        "none": np.ones((0, 3)),
        "scalar": np.array(5),
        "complex": np.ones(2, np.complex64),
        "truth": np.array([True]),
    }
    writer(tmp_path / "net.npz", **arrays)
    content = read_checkpoint(tmp_path / "net.npz").content
    assert list(content) == list(arrays)
    for key, value in arrays.items():
        assert content[key].flags.c_contiguous
        np.testing.assert_array_equal(content[key], value)
    assert content["half"].dtype == np.float32
    assert content["a/b"].dtype == np.dtype("f4")


def test_objects_in_npz_are_refused(tmp_path):
    np.savez(tmp_path / "net.npz", weights=np.array([{}], object))
    with one_clear_sentence(pa.UnsafeCheckpointError, "pickled"):
        read_checkpoint(tmp_path / "net.npz")
    np.savez(tmp_path / "net.npz", weights=np.zeros(1, [("a", object)]))
    with one_clear_sentence(pa.UnsafeCheckpointError, "pickled"):
        read_checkpoint(tmp_path / "net.npz")


@pytest.mark.parametrize("dtype", ["M8[s]", "V2", [("a", "f4")]], ids=str)
def test_arrays_of_npz_that_hold_no_numbers_become_records(tmp_path, dtype):
    np.savez(tmp_path / "net.npz", odd=np.zeros(2, dtype), w=np.ones(2))
    content = read_checkpoint(tmp_path / "net.npz").content
    assert isinstance(content["odd"], Record)
    assert content["w"].shape == (2,)


def npy(header: str, data: bytes = bytes(16), version: bytes = b"\1\0") -> bytes:
    size = struct.pack("<H" if version == b"\1\0" else "<I", len(header))
    return b"\x93NUMPY" + version + size + header.encode("latin1") + data


@pytest.mark.parametrize("version", [b"\1\0", b"\2\0", b"\3\0"])
def test_every_version_of_npy(tmp_path, version):
    header = "{'shape': (2L, 2L), 'fortran_order': False, 'descr': '<f4'}"
    archive(tmp_path / "net.npz", {"w.npy": npy(header, version=version)})
    assert read_checkpoint(tmp_path / "net.npz").content["w"].shape == (2, 2)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000000,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + 40 * "1," + "), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, " + 40 * "9" + "), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': __import__('os').system('true'), }",
        "{'descr': '<f99999999', 'fortran_order': False, 'shape': (1, , 2L L), }",
        "-" * 9000 + "1",
    ],
)
def test_damaged_headers_of_npy(tmp_path, header):
    archive(tmp_path / "net.npz", {"w.npy": npy(header)})
    with (
        warnings.catch_warnings(),
        one_clear_sentence(pa.CheckpointError, tmp_path / "net.npz"),
    ):
        warnings.simplefilter("error")
        read_checkpoint(tmp_path / "net.npz")


# --- safetensors ---------------------------------------------------------------------------------


def test_tensors_of_safetensors(tmp_path):
    save_file = pytest.importorskip("safetensors.torch").save_file
    types = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool]
    types += [torch.uint8, torch.complex64, torch.float8_e4m3fn, torch.float8_e5m2, torch.uint16]
    numbers = torch.arange(8.0).reshape(2, 4)
    state = {f"{n}.w": numbers.to(t) for n, t in enumerate(types)}
    state |= {"scalar": torch.tensor(2.0), "none": torch.empty(0, 3)}
    save_file(state, tmp_path / "net.safetensors", {"format": "pt"})
    checkpoint = read_checkpoint(tmp_path / "net.safetensors")
    assert checkpoint.kind == "safetensors"
    data = (tmp_path / "net.safetensors").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert list(checkpoint.content) == [key for key in header if key != "__metadata__"]
    for key, value in state.items():
        theirs = value.float() if value.dtype.itemsize < 4 and value.is_floating_point() else value
        assert checkpoint.content[key].dtype == theirs.numpy().dtype
        np.testing.assert_array_equal(checkpoint.content[key], theirs.numpy())


@pytest.mark.parametrize(
    "header",
    [
        "{",
        '{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}',
        '{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 80]}}',
        '{"w": {"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 8]}}',
        '{"w": {"dtype": "O", "shape": [2], "data_offsets": [0, 8]}}',
        '{"w": ' + 5000 * "[" + "}",
        "{}" + 1000 * " ",
    ],
)
def test_damaged_safetensors(tmp_path, header):
    pytest.importorskip("safetensors")
    path = tmp_path / "net.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(8))
    with one_clear_sentence(pa.CheckpointError, path, "safetensors"):
        read_checkpoint(path)


def test_missing_package_is_named(tmp_path, monkeypatch):
    path = tmp_path / "net.safetensors"
    path.write_bytes(struct.pack("<Q", 2) + b"{}")
    for name in [n for n in sys.modules if n.partition(".")[0] == "safetensors"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with one_clear_sentence(pa.DependencyError, path, "pip install safetensors"):
        read_checkpoint(path)


def test_nothing_here_imports_torch():
    for path in Path(files.__file__).parent.glob("*.py"):
        lines = [line.strip() for line in path.read_text().splitlines()]
        assert not [line for line in lines if line.startswith(("import torch", "from torch"))]
