"""The command line: what it writes, what it says, and how it fails."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from _helpers.reference import evaluate
from _helpers.vtk_reading import arrays_of, read_dataset
from algorithms.bad_inputs import BAD_INPUTS, BOUNDS, MARKER, METADATA, network, write_good
from pruning_amr import cli
from pruning_amr.refinement import RefinementParameters

EXTENSIONS = {
    "hyper_tree_grid": ".htg",
    "overlapping_amr": ".vthb",
    "unstructured_grid": ".vtu",
}
SMALL = ["--min-depth", "0", "--max-depth", "2", "--error-samples", "8", "--device", "cpu"]
REPORT_KEYS = {
    "cells",
    "vertices",
    "depth",
    "seconds",
    "parameters_before",
    "parameters_after",
    "rmse",
    "relative_l2",
    "max_error",
    "value_range",
    "uniform_cells",
    "memory_bytes",
    "uniform_memory_bytes",
}


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


# --- info -------------------------------------------------------------------------------------


def test_info_says_what_a_checkpoint_holds(good, capsys):
    assert cli.main(["info", str(good)]) == 0
    said = capsys.readouterr().out
    for expected in (str(good), "2 -> 16 -> 16 -> 1", "silu", "x, y", "[-1, 1] x [0, 1]", "337"):
        assert expected in said
    low, high = map(float, re.search(r"^values\s+\[(\S+), (\S+)\]$", said, re.M).groups())
    bounds = np.array(BOUNDS)
    points = bounds[:, 0] + np.random.default_rng(0).random((20_000, 2)) * np.diff(bounds)[:, 0]
    exact = evaluate(network(), points)
    assert low == pytest.approx(exact.min(), abs=0.02 * np.ptp(exact))
    assert high == pytest.approx(exact.max(), abs=0.02 * np.ptp(exact))


def test_info_of_a_field_with_time(sample_data, capsys):
    assert cli.main(["info", str(sample_data / "dynamic_ct_4d.pt")]) == 0
    assert "64, from 0 to 1" in capsys.readouterr().out


def test_info_takes_metadata(good, capsys):
    assert cli.main(["info", str(good), "--activation", "tanh", "--bounds", "0 9 0 7"]) == 0
    said = capsys.readouterr().out
    assert "tanh" in said
    assert "[0, 9] x [0, 7]" in said


# --- mesh -------------------------------------------------------------------------------------


@pytest.mark.parametrize("output_type", EXTENSIONS)
@pytest.mark.parametrize("by", ["extension", "format", "output type", "format alone"])
def test_mesh_writes_each_type(by, output_type, good, out, capsys):
    path = out / f"mesh{EXTENSIONS[output_type]}"
    arguments = ["mesh", good, "-o", path, *SMALL]
    if by == "format":
        arguments += ["--format", output_type]
    elif by == "output type":
        arguments += ["--output-type", output_type]
    elif by == "format alone":
        arguments[3] = path.with_suffix("")
        arguments += ["--format", output_type]
    assert cli.main([str(a) for a in arguments]) == 0
    data = read_dataset(path)
    assert data.GetClassName().lower() == "vtk" + output_type.replace("_", "")
    assert data.GetNumberOfCells() > 8
    said = capsys.readouterr()
    assert said.out.startswith(f"{path}: ")
    assert "depth 2" in said.out
    assert said.err == ""


def test_mesh_writes_the_values_of_the_network(good, out):
    path = out / "mesh.vtu"
    assert cli.main(["mesh", str(good), "-o", str(path), *SMALL]) == 0
    data = read_dataset(path)
    points = np.array([data.GetPoint(i)[:2] for i in range(data.GetNumberOfPoints())])
    values = arrays_of(data.GetPointData())["value"]
    np.testing.assert_allclose(values, evaluate(network(), points)[:, 0], atol=1e-5)


def test_mesh_of_another_time_is_another_mesh(sample_data, out):
    import pruning_amr as pa

    checkpoint = sample_data / "dynamic_ct_4d.pt"
    for name, time in (("first", []), ("zero", ["--time", "0"]), ("late", ["--time", "0.7"])):
        path = out / f"{name}.vtu"
        small = [*SMALL[:2], "--max-depth", "1", *SMALL[4:]]
        assert cli.main(["mesh", str(checkpoint), "-o", str(path), *small, *time]) == 0
    read = {name: read_dataset(out / f"{name}.vtu") for name in ("first", "zero", "late")}
    values = {name: arrays_of(data.GetPointData())["attenuation"] for name, data in read.items()}
    np.testing.assert_array_equal(values["first"], values["zero"])
    points = np.array([read["late"].GetPoint(i) for i in range(read["late"].GetNumberOfPoints())])
    at = np.column_stack([points, np.full(len(points), 0.7)])
    np.testing.assert_allclose(values["late"], pa.load(checkpoint).evaluate(at)[:, 0], atol=1e-4)


@pytest.mark.parametrize("output_type", EXTENSIONS)
def test_report_agrees_with_the_file(output_type, good, out):
    path, report_path = out / f"mesh{EXTENSIONS[output_type]}", out / "report.json"
    arguments = ["mesh", good, "-o", path, "--report", report_path, "--samples", "5000", *SMALL]
    assert cli.main([str(a) for a in arguments]) == 0
    report = json.loads(report_path.read_text())
    assert set(report) >= REPORT_KEYS
    data = read_dataset(path)
    if output_type == "hyper_tree_grid":
        assert report["cells"] == data.GetNumberOfLeaves()
        assert report["depth"] == data.GetNumberOfLevels() - 1
    elif output_type == "overlapping_amr":
        assert report["cells"] <= data.GetNumberOfCells()
        assert report["depth"] == data.GetNumberOfLevels() - 1
    else:
        assert report["cells"] == data.GetNumberOfCells()
        assert report["vertices"] == data.GetNumberOfPoints()
        values = arrays_of(data.GetPointData())["value"]
        low, high = report["value_range"][0]
        margin = 0.05 * (high - low)
        assert low - margin <= values.min() < values.max() <= high + margin
        assert values.max() - values.min() > 0.8 * (high - low)
    assert 8 < report["cells"] < report["uniform_cells"] == 8 * 4**2
    assert report["uniform_memory_bytes"] == report["uniform_cells"] * 4
    # Memory of what is drawn, without the network that travels along.
    assert report["cells"] * 4 < report["memory_bytes"] < 1024 * data.GetActualMemorySize() + 4096
    assert report["output_type"] == output_type
    assert report["parameters_before"] == 2 * 16 + 16 + 16 * 16 + 16 + 16 + 1
    assert report["refinement"]["max_depth"] == 2
    assert report["seconds"]["refinement"] > 0
    assert all(s >= 0 for s in report["seconds"].values())


def test_errors_of_the_report_are_those_of_the_file(good, out):
    """The RMSE is measured again: bilinear interpolation in the cells of the file."""
    path, report_path = out / "mesh.vtu", out / "report.json"
    arguments = ["mesh", good, "-o", path, "--report", report_path, *SMALL]
    assert cli.main([str(a) for a in arguments]) == 0
    report = json.loads(report_path.read_text())
    data = read_dataset(path)
    values = arrays_of(data.GetPointData())["value"].astype(float)
    rng = np.random.default_rng(8)
    errors, areas, exact_squares = [], [], []
    for i in range(data.GetNumberOfCells()):
        cell = data.GetCell(i)
        corners = [cell.GetPointId(k) for k in range(4)]
        low, high = (np.array(cell.GetPoints().GetPoint(k)[:2]) for k in (0, 2))
        u = rng.random((1000, 2))
        v00, v10, v11, v01 = values[corners]
        x, y = u.T
        bilinear = (v00 * (1 - x) + v10 * x) * (1 - y) + (v01 * (1 - x) + v11 * x) * y
        exact = evaluate(network(), low + u * (high - low))[:, 0]
        errors.append(np.mean((bilinear - exact) ** 2))
        exact_squares.append(np.mean(exact**2))
        areas.append(np.prod(high - low))
    rmse = np.sqrt(np.average(errors, weights=areas))
    assert report["rmse"] == pytest.approx(rmse, rel=0.05)
    norm = np.sqrt(np.average(exact_squares, weights=areas))
    assert report["relative_l2"] == pytest.approx(rmse / norm, rel=0.05)
    assert report["rmse"] < report["max_error"] < 1


def test_a_finer_mesh_has_a_smaller_error(good, out):
    rmse = []
    for depth in ("1", "4"):
        report = out / f"{depth}.json"
        arguments = ["mesh", good, "-o", out / "mesh.htg", "--report", report, *SMALL]
        arguments += ["--criterion", "uniform", "--max-depth", depth]
        assert cli.main([str(a) for a in arguments]) == 0
        rmse.append(json.loads(report.read_text())["rmse"])
    assert rmse[1] < 0.3 * rmse[0]


def test_help_of_mesh_lists_every_parameter(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["mesh", "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for field in fields(RefinementParameters):
        flag = f"--{field.name.replace('_', '-')}"
        assert re.search(rf"^\s+{flag}\b", said, re.M), flag
        first_words = " ".join(field.metadata["help"].split()[:3])
        assert first_words in " ".join(said.split()), flag


@pytest.mark.parametrize("field", fields(RefinementParameters), ids=lambda f: f.name)
def test_every_parameter_is_passed_on(field, good, out, monkeypatch):
    """A flag sets the parameter of its name, and no other."""
    given = {"device": "cpu"}
    if "choices" in field.metadata:
        given[field.name] = field.metadata["choices"][1]
    typed, expected = (["3", "2"], [3, 2]) if field.name == "root_resolution" else (None, None)
    if isinstance(field.default, bool):
        # A switch takes no value.
        given[field.name], typed, expected = True, [], True
    if typed is None:
        expected = given.get(field.name)
        if expected is None:
            # Other than the default, and valid.
            expected = field.default / 2 if isinstance(field.default, float) else field.default + 1
            expected = expected or 12.5
        typed = [str(expected)]
    seen = {}

    class Stop(Exception):
        pass

    def make(**values):
        seen.update(values)
        raise Stop

    monkeypatch.setattr(cli, "make_parameters", make)
    with pytest.raises(Stop):
        flag = f"--{field.name.replace('_', '-')}"
        cli.main(["mesh", str(good), "-o", str(out / "m.htg"), flag, *typed])
    assert seen.pop(field.name) == expected
    assert type(expected) is type(field.default) or field.name == "root_resolution"
    others = {f.name: f.default for f in fields(RefinementParameters) if f.name != field.name}
    assert seen == others


# --- time series ------------------------------------------------------------------------------


def series_arguments(sample_data, out, *more) -> list[str]:
    arguments = ["mesh", sample_data / "beltrami_4d.pt", "-o", out / "flow.vtu", "--time", "all"]
    arguments += ["--time-steps", 3, "--tolerance", 0.05, *SMALL, *more]
    return [str(a) for a in arguments]


@pytest.mark.parametrize("mode", ["space_time", "per_time_step"])
def test_all_time_steps_become_files_with_an_index_and_a_report(mode, sample_data, out, capsys):
    report = out / "flow.json"
    more = ["--time-mode", mode, "--change", "--report", report]
    assert cli.main(series_arguments(sample_data, out, *more)) == 0
    said = capsys.readouterr().out
    assert "flow.pvd: 3 time steps" in said
    assert ("in space and time" in said) == (mode == "space_time")
    found = json.loads(report.read_text())
    assert [step["time"] for step in found["time_steps"]] == [0.0, 0.5, 1.0]
    for number, step in enumerate(found["time_steps"]):
        data = read_dataset(out / f"flow_{number:04d}.vtu")
        assert data.GetNumberOfCells() == step["cells"]
        assert data.GetPointData().GetArray("change_pressure").GetNumberOfComponents() == 1
        assert 0 < step["achieved_error"] <= step["asked_error"] == 0.05
        assert (step["unchanged_fraction"] is None) == (mode == "per_time_step")
    if mode == "space_time":
        assert found["cells"] >= max(step["cells"] for step in found["time_steps"])
        assert 0 < found["accuracy"]["relative_l2"] < 0.5
        assert found["accuracy"]["samples"] == 100_000
    else:
        assert found["cells"] == sum(step["cells"] for step in found["time_steps"])


def test_all_times_of_a_static_field_are_refused(good, out, capsys):
    arguments = ["mesh", good, "-o", out / "mesh.vtu", "--time", "all", *SMALL]
    assert cli.main([str(a) for a in arguments]) == 2
    assert "--time all needs a field with time" in capsys.readouterr().err


def test_a_time_outside_is_said_once(sample_data, out, capsys):
    arguments = ["mesh", sample_data / "beltrami_4d.pt", "-o", out / "flow.vtu", "--time", "3"]
    assert cli.main([*map(str, arguments), *SMALL]) == 0
    error = capsys.readouterr().err
    assert error.count("time 3 lies outside the range of the field, 0 to 1; t = 1 is shown.") == 1


def test_a_time_outside_is_said_for_images_too(sample_data, out, capsys):
    arguments = ["mesh", sample_data / "beltrami_4d.pt", "-o", out / "flow.vti", "--time", "3"]
    assert cli.main([*map(str, arguments), "--image-resolution", "5", "--device", "cpu"]) == 0
    said = capsys.readouterr()
    assert said.err.count("t = 1 is shown.") == 1
    assert "5 x 5 x 5 points at t = 1 by" in said.out


# --- prune ------------------------------------------------------------------------------------


def test_prune_writes_a_smaller_network_that_loads(sample_data, out, capsys):
    import pruning_amr as pa

    source = sample_data / "oscillation_2d.pt"
    path, report_path = out / "small.pt", out / "report.json"
    arguments = ["prune", source, "-o", path, "--tolerance", "5e-2", "--report", report_path]
    assert cli.main([str(a) for a in [*arguments, "--device", "cpu"]]) == 0
    said = capsys.readouterr().out
    assert sorted(p.name for p in out.iterdir()) == ["report.json", "small.json", "small.pt"]
    report = json.loads(report_path.read_text())
    before, after = pa.load(source), pa.load(path)
    assert report["parameters_before"] == before.chain.n_parameters == 28_321
    assert report["parameters_after"] == after.chain.n_parameters < 28_321
    assert f"28321 -> {after.chain.n_parameters} parameters" in said
    points = np.random.default_rng(2).random((20_000, 2))
    exact, pruned = before.evaluate(points), after.evaluate(points)
    relative = np.linalg.norm(pruned - exact) / np.linalg.norm(exact)
    assert report["relative_l2"] == pytest.approx(relative, rel=0.1)
    assert 0 < relative < 0.05
    assert report["relative_l2"] <= 0.05
    assert report["rmse"] < report["max_error"]
    assert report["samples"] >= 8192
    assert len(report["id_tolerances"]) == len(report["widths_after"]) == 4
    assert sum(report["widths_after"]) < sum(report["widths_before"])
    assert after.inputs == before.inputs
    assert after.outputs == before.outputs
    np.testing.assert_array_equal(after.bounds, before.bounds)


def test_prune_says_when_nothing_can_be_pruned(good, out, capsys):
    import pruning_amr as pa

    path = out / "small.pt"
    arguments = ["prune", good, "-o", path, "--tolerance", "1e-6", "--report", out / "r.json"]
    assert cli.main([str(a) for a in arguments]) == 0
    note = "No neuron can be pruned within a relative L2 error of 1e-06."
    assert note in capsys.readouterr().out
    report = json.loads((out / "r.json").read_text())
    assert report["note"] == note
    assert report["parameters_after"] == report["parameters_before"]
    assert pa.load(path).chain.n_parameters == report["parameters_before"]


@pytest.mark.parametrize("wanted", [["1e-1"], ["1e-1", "1e-1", "1e-2", "1e-3"]])
def test_prune_with_id_tolerances_by_hand(wanted, sample_data, out):
    report = out / "r.json"
    arguments = ["prune", sample_data / "oscillation_2d.pt", "-o", out / "small.pt"]
    arguments += ["--report", report, "--id-tolerance", *wanted]
    assert cli.main([str(a) for a in arguments]) == 0
    found = json.loads(report.read_text())
    targets = [float(w) for w in wanted] * (4 // len(wanted))
    assert all(f >= w for f, w in zip(found["id_tolerances"], targets, strict=True))
    assert found["parameters_after"] < found["parameters_before"]


def test_a_pruned_network_meshes(sample_data, out):
    path = out / "small.pt"
    source = str(sample_data / "oscillation_2d.pt")
    assert cli.main(["prune", source, "-o", str(path), "--tolerance", "1e-2"]) == 0
    assert cli.main(["mesh", str(path), "-o", str(out / "mesh.htg"), *SMALL]) == 0
    assert "oscillation" in arrays_of(read_dataset(out / "mesh.htg").GetCellData())


def test_a_larger_tolerance_prunes_more(sample_data, out):
    left = []
    for tolerance in ("5e-2", "1e-2"):
        report = out / f"{tolerance}.json"
        arguments = ["prune", sample_data / "oscillation_2d.pt", "-o", out / "small.pt"]
        arguments += ["--tolerance", tolerance, "--report", report]
        assert cli.main([str(a) for a in arguments]) == 0
        left.append(json.loads(report.read_text())["parameters_after"])
    assert left[0] < left[1]


# --- failure ----------------------------------------------------------------------------------


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
    monkeypatch.setattr(cli, "prune", None)
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


# --- as a program -----------------------------------------------------------------------------


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


# --- image data -------------------------------------------------------------------------------


@pytest.mark.parametrize("values", ["exact", "local"])
def test_mesh_writes_image_data(good, out, capsys, values):
    path, report_path = out / "image.vti", out / "image.json"
    arguments = ["--image-resolution", "21", "--values", values, "--device", "cpu"]
    code = cli.main(["mesh", str(good), "-o", str(path), "--report", str(report_path), *arguments])
    assert code == 0
    assert "21 x 11 points" in capsys.readouterr().out
    image = read_dataset(path)
    assert image.GetDimensions() == (21, 11, 1)
    points = np.array([image.GetPoint(i)[:2] for i in range(image.GetNumberOfPoints())])
    stored = arrays_of(image.GetPointData())["value"]
    np.testing.assert_allclose(stored, evaluate(network(), points)[:, 0], atol=2e-5)
    report = json.loads(report_path.read_text())
    assert report["output_type"] == "image_data"
    assert report["dimensions"] == [21, 11, 1]
    assert report["achieved_error"] <= report["asked_error"]
    assert report["seconds"]["evaluation"] > 0


def test_image_resolution_out_of_range_is_refused(good, out, capsys):
    code = cli.main(["mesh", str(good), "-o", str(out / "i.vti"), "--image-resolution", "1"])
    assert code == cli.EXIT_USER_ERROR
    assert "image_resolution is 1" in capsys.readouterr().err
