"""The JSON file that info writes: what to fill in, and complete where nothing is missing."""

from __future__ import annotations

import json

import numpy as np
import pruning_amr as pa
import pytest
import torch
from pruning_amr import cli
from structure_checks import evaluated, random_points
from structures import BY_NAME, values


def template(path, *flags: str) -> dict:
    assert cli.main(["info", str(path), "--write-json", *flags]) == 0
    return json.loads(path.with_suffix(".json").read_text())


def write(folder, name: str, keep=()) -> tuple:
    path, formula = BY_NAME[name].write(folder)
    kept = {k: v for k, v in BY_NAME[name].metadata.items() if k in keep}
    path.with_suffix(".json").write_text(json.dumps(kept))
    return path, formula


def test_what_is_missing_is_null_and_explained(tmp_path, capsys):
    path, _ = write(tmp_path, "state dict")
    path.with_suffix(".json").unlink()
    written = template(path)
    assert written["activation"] is None
    assert "silu" in written["expected"]["activation"]
    assert "fill in" in capsys.readouterr().out


def test_keys_that_are_there_are_kept_also_those_of_others(tmp_path):
    path, _ = write(tmp_path, "state dict", ("bounds",))
    sidecar = path.with_suffix(".json")
    sidecar.write_text(json.dumps({"description": "a test", "mine": [1], "bounds": [[0, 1]] * 2}))
    written = template(path)
    assert (written["description"], written["mine"]) == ("a test", [1])
    assert written["bounds"] == [[0, 1], [0, 1]]
    written = template(path, "--activation", "tanh")
    assert written["activation"] == "tanh" and written["mine"] == [1]
    assert "expected" not in written


@pytest.mark.parametrize(
    "name",
    [
        "state dict",
        "one trained slope",
        "NeRF density with skip, sin_cos",
        "coarse and fine, one by network",
    ],
)
def test_filled_in_it_loads(tmp_path, name):
    path, formula = write(tmp_path, name)
    truth = BY_NAME[name].metadata
    for _ in range(4):
        written = template(path)
        empty = [k for k, v in written.items() if v is None]
        if not empty:
            break
        assert set(empty) == set(written["expected"])
        written |= {k: truth[k] for k in empty}
        path.with_suffix(".json").write_text(json.dumps(written))
    assert "expected" not in written
    inr = pa.load(path)
    points = random_points(truth["bounds"], 300)
    expected = values(formula, points, torch.float64)
    assert np.abs(evaluated(inr, points).reshape(expected.shape) - expected).max() < 1e-5


def test_with_its_nulls_the_same_is_asked_for_again(tmp_path):
    path, _ = write(tmp_path, "state dict")
    template(path)
    with pytest.raises(pa.MetadataError, match='"activation"'):
        pa.load(path)


def test_it_is_complete_when_the_file_tells_all(tmp_path, capsys):
    path, _ = write(tmp_path, "whole nn.Sequential", ("bounds",))
    written = template(path)
    assert "complete" in capsys.readouterr().out
    assert written["inputs"] == ["x", "y"] and written["outputs"][0]["name"] == "value"
    assert template(path) == written
    pa.load(path)


def test_nulls_of_any_key_say_nothing(tmp_path):
    from pruning_amr.inr.metadata import METADATA_KEYS

    path, _ = write(tmp_path, "whole nn.Sequential")
    path.with_suffix(".json").write_text(json.dumps(dict.fromkeys(METADATA_KEYS)))
    assert pa.load(path).inputs == ("x", "y")
