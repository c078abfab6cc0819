"""The command line: whatever a user gets wrong is one line and exit code 2."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from _helpers.vtk_reading import read_dataset
from algorithms.bad_inputs import BAD_INPUTS, MARKER, METADATA
from pruning_amr import cli

from cli.conftest import SMALL, assert_fails, flags


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_input_to_mesh(name, tmp_path, out, capsys):
    bad = BAD_INPUTS[name]
    checkpoint = bad.write(tmp_path)
    arguments = ["mesh", checkpoint, "-o", out / "mesh.htg", "--report", out / "report.json"]
    arguments += flags(bad.reader) + flags(bad.refinement)
    assert_fails(arguments, bad.words, out, capsys)
    assert not (tmp_path / MARKER).exists()


@pytest.mark.parametrize("name", [n for n, bad in BAD_INPUTS.items() if not bad.refinement])
@pytest.mark.parametrize("command", ["info", "prune"])
def test_bad_input_to_other_commands(command, name, tmp_path, out, capsys):
    bad = BAD_INPUTS[name]
    arguments = [command, bad.write(tmp_path), *flags(bad.reader)]
    if command == "prune":
        arguments += ["-o", out / "small.pt", "--report", out / "report.json"]
    assert_fails(arguments, bad.words, out, capsys)
    assert not (tmp_path / MARKER).exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mesh", "-o", "{out}/mesh.obj"], ('extension ".obj"', ".htg", ".vthb", ".vtu")),
        (["mesh", "-o", "{out}/m.vtu", "--format", "hyper_tree_grid"], ("m.vtu", ".htg")),
        (["mesh", "-o", "{out}/none/m.htg"], ("none", "does not exist", "create it")),
        (["mesh", "-o", "{out}/m.htg", "--report", "{out}/none/r.json"], ("r.json",)),
        (["mesh", "-o", "{out}/m.htg", "--report", "{out}/r.json", "--samples", "0"], ("samples",)),
        (["mesh", "-o", "{out}/m.htg", "--device", "tpu"], ("tpu", "cpu")),
        (["mesh", "-o", "{out}/m.htg", "--root-resolution", "3", "0"], ("root_resolution",)),
        (["prune", "-o", "{out}/small.onnx"], ("small.onnx", ".pt")),
        (["prune", "-o", "{out}/none/small.pt"], ("small.pt", "cannot be written")),
        (["prune", "-o", "{out}/small.pt", "--tolerance", "0"], ("tolerance is 0",)),
        (["prune", "-o", "{out}/small.pt", "--tolerance", "-1"], ("tolerance is -1",)),
        (["prune", "-o", "{out}/small.pt", "--tolerance", "nan"], ("tolerance is nan",)),
        (["prune", "-o", "{out}/small.pt", "--id-tolerance", "2"], ("id_tolerance is 2",)),
        (["prune", "-o", "{out}/small.pt", "--id-tolerance", *["1e-3"] * 7], ("7 values",)),
        (["prune", "-o", "{out}/small.pt", "--samples", "3"], ("samples is 3", "32")),
        (["prune", "-o", "{out}/small.pt", "--report", "{out}/none/r.json"], ("r.json",)),
    ],
    ids=lambda value: " ".join(value).replace("{out}/", "") if isinstance(value, list) else "",
)
def test_bad_arguments(arguments, words, good, out, capsys):
    command, *rest = (a.format(out=out) for a in arguments)
    small = SMALL if command == "mesh" and "--device" not in rest else []
    assert_fails([command, good, *small, *rest], words, out, capsys)


def test_a_time_that_is_no_number(sample_data, out, capsys):
    arguments = ["mesh", sample_data / "dynamic_ct_4d.pt", "-o", out / "m.htg", "--time", "nan"]
    assert_fails([*arguments, *SMALL], ("time is nan", "0 to 1"), out, capsys)


def test_a_lack_of_memory_is_one_line(good, out, capsys, monkeypatch):
    def fail(*_, **__):
        raise MemoryError("Unable to allocate 256. GiB")

    monkeypatch.setattr("pruning_amr.refinement.build_mesh", fail)
    words = ("memory ran out (Unable to allocate 256. GiB)", "lower image_resolution")
    assert_fails(["mesh", good, "-o", out / "a.htg"], words, out, capsys)


def test_a_folder_that_is_a_file_is_said(good, out, capsys):
    assert_fails(["compare", good, "-o", good], (str(good), "cannot be"), out, capsys)


def test_a_folder_is_no_file_to_write(good, out, capsys, monkeypatch):
    monkeypatch.chdir(out)
    assert_fails(["mesh", good, "-o", "."], ("is a folder",), out, capsys)


def test_what_pruning_cannot_write_is_said_before(good, out, capsys, monkeypatch):
    monkeypatch.setattr("pruning_amr.api.prune", None)
    assert_fails(["prune", good, "-o", out / "small.npz"], ("small.npz", ".pth"), out, capsys)


def test_a_failure_costs_no_refinement(good, out, capsys, monkeypatch):
    """What can be known beforehand is said before the work, not after it."""
    from pruning_amr import refinement

    def refuse(*_arguments, **_keywords):
        raise AssertionError("refined for nothing")

    monkeypatch.setattr(refinement, "build_mesh", refuse)
    path = out / "none" / "mesh.htg"
    assert_fails(["mesh", good, "-o", path], ("none", "does not exist"), out, capsys)


def test_nothing_half_written_replaces_an_earlier_result(good, out, capsys):
    path = out / "mesh.htg"
    assert cli.main(["mesh", str(good), "-o", str(path), *SMALL]) == 0
    before = path.read_bytes()
    capsys.readouterr()
    assert cli.main(["mesh", str(good), "-o", str(path), "--max-depth", "0"]) == 2
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [[], ["draw"], ["mesh"], ["mesh", "x.pt"], ["mesh", "x.pt", "-o", "y", "--max-depth", "deep"]],
    ids=" ".join,
)
def test_wrong_usage_has_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "usage: pruning-amr" in said
    assert "error: " in said.splitlines()[-1]


def run_module(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pruning_amr", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_module_is_the_program(good, out):
    done = run_module("mesh", good, "-o", out / "mesh.vtu", *SMALL)
    assert done.returncode == 0, done.stderr
    assert read_dataset(out / "mesh.vtu").GetNumberOfCells() > 8
    # No progress bar where there is no terminal.
    assert done.stderr == ""


def test_a_failing_program_says_one_line_and_no_traceback(tmp_path, out):
    path = BAD_INPUTS["malicious pickle"].write(tmp_path)
    done = run_module("mesh", path, "-o", out / "mesh.vtu")
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"pruning-amr: .*os\.system.*\n", done.stderr)
    assert not list(out.iterdir())
    assert not (tmp_path / MARKER).exists()


def test_the_metadata_of_the_tests_are_complete():
    """The control: it is not for want of metadata that the bad inputs fail."""
    assert set(METADATA) == {"activation", "bounds"}
