"""Small files that claim, or become, much: refused in one sentence, soon and within memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.errors import one_clear_sentence
from pruning_amr.files.formats import read_checkpoint

sys.path.insert(0, str(Path(__file__).parent))
from bombs import BOMBS

MEMORY = 2**30
SECONDS = 60


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, tuple[str, float]]:
    """The sentence that refuses each of `BOMBS`, and how long it took."""
    program = Path(__file__).with_name("bombs.py")
    arguments = [tmp_path_factory.mktemp("bombs"), 64, MEMORY, SECONDS]
    folders = [Path(__file__).parents[1], Path(pa.__file__).parents[1]]
    done = subprocess.run(
        [sys.executable, program, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))},
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {bomb: (sentence, seconds) for bomb, sentence, seconds in lines}


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process's memory as Linux does")
@pytest.mark.parametrize("bomb", BOMBS)
def test_bomb_is_refused_soon_and_within_memory(outcomes, bomb):
    assert bomb in outcomes, "the process ended"
    sentence, seconds = outcomes[bomb]
    assert BOMBS[bomb][1] in sentence, sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 1000
    assert seconds < SECONDS


def test_arrays_larger_than_checkpoint_mb_are_opened_when_it_is_raised(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"w": torch.ones(1, 1).expand(1024, 1024)}, path)
    with one_clear_sentence(pa.CheckpointError, path, "checkpoint_mb = 2", "Checkpoint MB"):
        read_checkpoint(path, checkpoint_mb=2)
    assert read_checkpoint(path, checkpoint_mb=4).content["w"].shape == (1024, 1024)


def test_file_larger_than_checkpoint_mb(tmp_path):
    path = tmp_path / "net.npz"
    np.savez(path, w=np.ones(2**18))
    with one_clear_sentence(pa.CheckpointError, path, "takes 2 MB", "--checkpoint-mb"):
        read_checkpoint(path, checkpoint_mb=1)


@pytest.mark.parametrize("bad", [0, -1, float("nan")])
def test_limit_that_is_none(tmp_path, bad):
    path = tmp_path / "net.pt"
    torch.save({}, path)
    with one_clear_sentence(pa.CheckpointError, "checkpoint_mb", "above 0"):
        read_checkpoint(path, checkpoint_mb=bad)


def test_no_limit(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"w": torch.ones(2)}, path)
    assert read_checkpoint(path, checkpoint_mb=float("inf")).content["w"].shape == (2,)
