"""Checkpoints that hold code: refused by name, and nothing of them is run."""

from __future__ import annotations

import os
import pickle
import sys
import zipfile

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.errors import one_clear_sentence
from _helpers.files import save_checkpoint

CHECKPOINT, UNSAFE = pa.CheckpointError, pa.UnsafeCheckpointError


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


def test_classes_that_are_no_dense_layers_are_refused_by_name(tmp_path):
    path = tmp_path / "module.pt"
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Bilinear(2, 2, 1)), path)
    with one_clear_sentence(CHECKPOINT, path, "Bilinear", "state_dict"):
        pa.load(path)


@pytest.mark.parametrize("content", [torch.ones(3), [torch.ones(3)], 5, "text", None])
def test_content_that_is_no_dictionary(tmp_path, content):
    path = save_checkpoint(tmp_path / "bare.pt", content)
    named = "ndarray" if torch.is_tensor(content) else type(content).__name__
    with one_clear_sentence(CHECKPOINT, path, "" if isinstance(content, list) else named):
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
    path.write_bytes((2).to_bytes(8, "little") + b"{}")
    for name in [n for n in sys.modules if n.partition(".")[0] == "safetensors"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with one_clear_sentence(pa.DependencyError, path, "pip install safetensors"):
        pa.load(path)
