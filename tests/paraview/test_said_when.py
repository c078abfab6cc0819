"""What a script gets wrong is said when it is, and not before it is complete."""

from __future__ import annotations

import re

import pytest
from _helpers.files import save_checkpoint, sequential_state
from algorithms.bad_inputs import network
from harness import Run, error_lines, run_script


@pytest.fixture(scope="module")
def run(new_folder) -> Run:
    folder = new_folder("said_when")
    bare = save_checkpoint(folder / "bare.pt", sequential_state(network()))
    return run_script("said_when", folder, request={"bare": str(bare)})


@pytest.fixture(scope="module")
def said(run) -> dict[str, list[str]]:
    assert run.code == 0, run.text
    parts = re.split(r"^\[\[(.+)\]\]$", run.text, flags=re.MULTILINE)[1:]
    return {n: error_lines(text) for n, text in zip(parts[::2], parts[1::2], strict=True)}


def test_a_file_is_asked_about_once_all_properties_are_set(run, said):
    assert said["facts given"] == []
    assert run.answer["points"] > 8
    for name in ("facts missing", "facts missing, made"):
        (line,) = said[name]
        assert line.startswith('INR Reader: "activation" and "bounds" are missing')


def test_a_choice_that_is_none_is_refused_when_it_is_set(run, said):
    assert said["fine"] == said["updated"] == []
    (line,) = said["set"]
    assert line.startswith('Pruning AMR: output_type is "nonsense"; expected one of')
    assert run.answer["cells"] == 0


def test_what_is_static_has_no_time(run):
    assert run.answer["time"] is False
