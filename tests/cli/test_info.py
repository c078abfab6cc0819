"""The command info: what a checkpoint is taken for, without PyTorch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pruning_amr import cli

WITHOUT_TORCH = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch" or name.startswith("torch."):
            raise ImportError("no torch here")
sys.meta_path.insert(0, NoTorch())
from pruning_amr.__main__ import main
sys.exit(main())
"""


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    torch.manual_seed(0)
    layers = [torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 8), torch.nn.Tanh()]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(8, 1))
    path = tmp_path / "field.pt"
    state = {f"net.{k}": v for k, v in network.state_dict().items()}
    torch.save({"state_dict": {**state, "lambda_1": torch.ones(1)}, "epoch": 4}, path)
    path.with_suffix(".json").write_text(
        json.dumps({"activation": "tanh", "bounds": [[0, 1], [0, 1]]})
    )
    return path


def without_torch(*arguments) -> subprocess.CompletedProcess:
    source = Path(cli.__file__).resolve().parents[1]
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(source)},
        check=False,
    )


def test_layers_keys_what_was_left_out_and_assumed(checkpoint, capsys):
    assert cli.main(["info", str(checkpoint)]) == 0
    said = capsys.readouterr().out
    for words in ("net.0", "net.2", "net.4", "8 -> 8", "tanh", "epoch", "lambda_1", "assumed"):
        assert words in said


def test_the_same_is_said_without_pytorch(checkpoint, capsys):
    assert cli.main(["info", str(checkpoint)]) == 0
    with_it = capsys.readouterr().out
    done = without_torch("info", checkpoint)
    assert (done.returncode, done.stdout) == (0, with_it), done.stderr


def test_the_template_is_written_without_pytorch(checkpoint):
    checkpoint.with_suffix(".json").unlink()
    done = without_torch("info", checkpoint, "--write-json")
    assert done.returncode == 0, done.stderr
    assert json.loads(checkpoint.with_suffix(".json").read_text())["activation"] is None


def test_values_need_pytorch_and_say_so_in_one_sentence(checkpoint):
    done = without_torch("info", checkpoint, "--values")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1 and "torch" in done.stderr.lower()


def test_values(checkpoint, capsys):
    assert cli.main(["info", str(checkpoint), "--values"]) == 0
    assert "values      [" in capsys.readouterr().out


def test_a_file_larger_than_allowed_is_refused(checkpoint, capsys):
    assert cli.main(["info", str(checkpoint), "--checkpoint-mb", "0.0001"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "checkpoint_mb" in said.replace("-", "_")


def test_questions_are_answered_by_flags_or_by_a_file_that_is_written(checkpoint, capsys):
    checkpoint.with_suffix(".json").unlink()
    assert cli.main(["mesh", str(checkpoint), "-o", str(checkpoint.with_suffix(".htg"))]) == 2
    said = capsys.readouterr().err
    assert "Here --activation --bounds give them, or 'pruning-amr info FILE --write-json'" in said
