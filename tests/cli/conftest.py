"""Input and output of the command line, and how it fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from algorithms.bad_inputs import write_good
from pruning_amr import cli

SMALL = ["--tolerance", "0.01", "--min-depth", "0", "--max-depth", "2", "--error-samples", "8"]
SMALL += ["--device", "cpu"]


@pytest.fixture
def good(tmp_path) -> Path:
    folder = tmp_path / "input"
    folder.mkdir()
    return write_good(folder)


@pytest.fixture
def out(tmp_path) -> Path:
    """An empty folder for what is written."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def flags(values: dict) -> list[str]:
    """Return values as flags, by their Python names."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]


def assert_fails(arguments: list, words: tuple[str, ...], out: Path, capsys) -> None:
    """Assert exit code 2, one clear line on stderr with `words`, and nothing written to `out`."""
    code = cli.main([str(a) for a in arguments])
    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert said.err.startswith("pruning-amr: ")
    assert said.err.endswith((".\n", "?\n"))
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err
    assert not list(out.iterdir())
