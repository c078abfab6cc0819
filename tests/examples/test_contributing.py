"""The examples in CONTRIBUTING.md run, and do what they say."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from pruning_amr.datasets import CONVERTERS
from pruning_amr.inr import Evaluator
from pruning_amr.inr.layouts import LAYOUTS
from pruning_amr.refinement import CRITERIA, registry

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def names(tmp_path, monkeypatch) -> dict:
    """Everything that the examples define, run one after another; nothing of it stays."""
    before = [(table, set(table)) for table in (CONVERTERS, LAYOUTS, registry._ENTRIES)]
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    for example in re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.S):
        exec(compile(example, "CONTRIBUTING.md", "exec"), found)
    yield found
    for table, known in before:
        for name in set(table) - known:
            del table[name]


def test_the_examples_do_what_they_say(names):
    assert "near_value" in CRITERIA
    mesh, inr = names["mesh"].at(), names["inr"]
    tree = mesh.tree
    finest = tree.leaves[tree.level[tree.leaves] == tree.depth]
    at_centers = mesh.node_values[finest][:, 0]
    coarse = tree.leaves[tree.level[tree.leaves] < tree.depth - 1]
    assert np.abs(at_centers - 0.5).mean() < np.abs(mesh.node_values[coarse][:, 0] - 0.5).mean()
    assert inr.layout == "kernels" and inr.chain.hidden_widths == (8,)
    x = np.array([[0.3, -0.2]])
    w, v = names["kernels"].values()
    found = Evaluator(inr.chain, "cpu").numpy(x)
    np.testing.assert_allclose(found, np.tanh(x @ w) @ v + 1.0, rtol=1e-5)
    assert names["data"].GetNumberOfPoints() == len(mesh.vertices.points)
