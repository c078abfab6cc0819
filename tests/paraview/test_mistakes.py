"""Each mistake gives one clear sentence and an empty output, and ParaView works on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from algorithms.bad_inputs import BAD_INPUTS, MARKER, write_good
from harness import Run, error_lines, run_script
from pruning_amr.algorithms.pipeline import property_name


@pytest.fixture(scope="module")
def folder(new_folder) -> Path:
    return new_folder("mistakes")


@pytest.fixture(scope="module")
def mistakes(folder) -> Run:
    """All mistakes, one after another in one process."""
    cases = {}
    for name, bad in BAD_INPUTS.items():
        place = folder / name.replace(" ", "_")
        place.mkdir()
        cases[name] = {
            "file": str(bad.write(place)),
            "reader": {property_name(k): v for k, v in bad.reader.items()},
            "refinement": {property_name(k): v for k, v in bad.refinement.items()},
        }
    request = {"good": str(write_good(folder)), "cases": cases}
    return run_script("mistakes", folder / "run", request=request)


@pytest.fixture(scope="module")
def said(mistakes) -> dict[str, tuple[str, str]]:
    """What was said about each mistake, and about the good file opened after it."""
    parts = re.split(r"^\[\[(.+)\]\]$", mistakes.text, flags=re.MULTILINE)[1:]
    marked = list(zip(parts[::2], parts[1::2], strict=True))
    return {
        name: (text, marked[i + 1][1])
        for i, (name, text) in enumerate(marked[:-1])
        if name not in ("good", "end")
    }


def test_the_process_comes_to_its_end(mistakes):
    assert mistakes.code == 0, mistakes.text
    assert "[[end]]" in mistakes.text


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_one_clear_sentence(name, said, mistakes):
    assert name in said, mistakes.text
    text = said[name][0]
    lines = error_lines(text)
    assert len(lines) == 1, text
    speaker = "Pruning AMR" if BAD_INPUTS[name].refinement else "INR Reader"
    assert f"{speaker}: " in lines[0]
    assert lines[0].endswith((".", "?"))
    for word in BAD_INPUTS[name].words:
        assert word in lines[0]
    # Nothing around it either.
    assert [line for line in text.splitlines() if line.strip()] == [lines[0]]


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_the_output_is_empty(name, mistakes):
    assert mistakes.answer[name]["bad"] == 0


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_a_good_file_opens_afterwards_in_the_same_process(name, said, mistakes):
    assert mistakes.answer[name]["good"] > 8
    assert not said[name][1].strip(), said[name][1]


def test_nothing_in_a_checkpoint_is_executed(mistakes, folder):
    assert not list(folder.rglob(MARKER))
    assert "os.system" in mistakes.text
