"""The command line: what mesh writes and reports; info."""

from __future__ import annotations

import json
import re
from dataclasses import fields

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.reference import evaluate
from _helpers.vtk_reading import arrays_of, read_dataset
from algorithms.bad_inputs import BOUNDS, network
from pruning_amr import cli
from pruning_amr.refinement import RefinementParameters
from pruning_amr.refinement.presets import PRESETS

from cli.conftest import SMALL

EXTENSIONS = {
    "hyper_tree_grid": ".htg",
    "overlapping_amr": ".vthb",
    "unstructured_grid": ".vtu",
}
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


def test_info_says_what_a_checkpoint_holds(good, capsys):
    assert cli.main(["info", str(good), "--values"]) == 0
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
    # All cells of the file are cells of the mesh.
    arguments += ["--hanging-nodes", "free"]
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
    arguments += ["--hanging-nodes", "free"]
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


def help_of(command: str, flag: str, capsys) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, flag])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", ["mesh", "slice", "contour", "evaluate"])
def test_help_is_short_and_says_how_to_see_the_rest(command, capsys):
    said = help_of(command, "--help", capsys)
    assert len(said.splitlines()) < 50
    assert {"--tolerance", "--time", "--help-all"} <= set(said.split())
    assert "--device" not in said and "--activation" not in said
    everything = help_of(command, "--help-all", capsys)
    assert {"--device", "--activation", "--help-all"} <= set(everything.split())
    assert said.splitlines()[:3] == everything.splitlines()[:3]


def test_help_of_mesh_lists_every_parameter(capsys):
    said = help_of("mesh", "--help-all", capsys)
    for field in fields(RefinementParameters):
        flag = f"--{field.name.replace('_', '-')}"
        assert re.search(rf"^\s+{flag}\b", said, re.M), flag
        # Other parameters go by their flags there.
        first_words = " ".join(field.metadata["help"].split()[:3])
        for name in re.findall(r"\b[a-z]+_[a-z_]+\b", first_words):
            if name in RefinementParameters.__dataclass_fields__:
                first_words = first_words.replace(name, f"--{name.replace('_', '-')}")
        assert first_words in " ".join(said.split()), flag


@pytest.mark.parametrize("field", fields(RefinementParameters), ids=lambda f: f.name)
def test_every_parameter_is_passed_on(field, good, out, monkeypatch):
    """A flag sets the parameter of its name, and no other."""
    given = {"device": "cpu", "output": "density"}
    if "choices" in field.metadata:
        given[field.name] = list(field.metadata["choices"])[1]
    several = {"root_resolution": [3, 2], "region": [-1.0, 0.5, 0.0, 2.0], "isovalues": [0.5, 1.0]}
    expected = several.get(field.name)
    typed = None if expected is None else [str(number) for number in expected]
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

    monkeypatch.setattr(cli, "make_mesh_parameters", make)
    with pytest.raises(Stop):
        # --output is the file.
        name = "output_name" if field.name == "output" else field.name
        flag = f"--{name.replace('_', '-')}"
        cli.main(["mesh", str(good), "-o", str(out / "m.htg"), flag, *typed])
    assert seen.pop(field.name) == expected
    assert type(expected) is type(field.default) or field.name in several
    others = {f.name: f.default for f in fields(RefinementParameters) if f.name != field.name}
    # What nobody types is as the preset says, by default as each field does.
    assert seen.pop("preset") == "custom"
    undecided = {n for n, value in others.items() if n in PRESETS["preview"] or value is None}
    assert seen == {n: value for n, value in others.items() if n not in undecided}


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


def test_a_missed_tolerance_is_a_warning(good, out, capsys):
    arguments = ["mesh", good, "-o", out / "a.vtu", "--tolerance", "1e-4", "--max-cells", "30"]
    assert cli.main([str(a) for a in [*arguments, "--device", "cpu"]]) == 0
    said = capsys.readouterr()
    assert said.err.startswith("pruning-amr: warning: tolerance 0.0001 is missed, the error found")
    assert said.err.count("\n") == 1
    assert "ended by max_cells" in said.out


def test_the_plugin_file_is_printed_alone(capsys):
    assert cli.main(["paraview-plugin"]) == 0
    said = capsys.readouterr()
    assert said.out.endswith("PruningAMR.py\n") and said.out.count("\n") == 1
    assert "Manage Plugins" in said.err


def test_a_region_has_a_tolerance_of_its_own(good, out, capsys):
    report_path = out / "region.json"
    arguments = ["mesh", good, "-o", out / "a.vtu", "--report", report_path, "--device", "cpu"]
    box = ["--region", "-0.5", "0", "0.2", "0.5", "--region-tolerance", "0.004"]
    assert cli.main([*map(str, arguments), "--tolerance", "0.03", *box]) == 0
    said = capsys.readouterr().out
    assert "(asked 0.03)" in said and "rms error in the region" in said and "(asked 0.004)" in said
    report = json.loads(report_path.read_text())
    assert report["refinement"]["region"] == [[-0.5, 0.0, 0.2, 0.5]]
    assert 0 < report["achieved_region_error"] <= report["asked_region_error"] == 0.004
    assert 0 < report["achieved_error"] <= report["asked_error"] == 0.03


def test_a_region_beside_the_domain_is_refused(good, out, capsys):
    box = ["--region", "5", "6", "0", "1"]
    code = cli.main(["mesh", str(good), "-o", str(out / "a.vtu"), *box])
    assert code == cli.EXIT_USER_ERROR
    assert "region lies outside the domain" in capsys.readouterr().err


MISSED = ["--tolerance", "1e-5", "--max-cells", "100", "--device", "cpu"]
STRICT = {
    "mesh": ["-o", "a.vtu", "--min-depth", "0"],
    "mesh of all times": ["-o", "a.vtu", "--min-depth", "0", "--time", "all", "--time-steps", "2"],
    "slice": ["-o", "a.vtp"],
    "contour": [
        "-o",
        "a.vtp",
        "--values",
        "0",
        "--smallest-feature",
        "0.25",
        "--tolerance",
        "0.001",
    ],
}


@pytest.mark.parametrize("name", STRICT)
def test_a_missed_tolerance_is_a_warning_and_with_strict_a_failure(
    name, sample_data, out, monkeypatch, capsys
):
    monkeypatch.chdir(out)
    arguments = [name.split()[0], str(sample_data / "beltrami_4d.pt"), *MISSED, *STRICT[name]]
    assert cli.main(arguments) == 0
    said = capsys.readouterr()
    assert said.err.startswith("pruning-amr: warning: ") and said.err.count("\n") == 1
    written = {path.name: path.read_bytes() for path in out.iterdir()}
    assert cli.main([*arguments, "--strict"]) == 3
    assert capsys.readouterr().err == said.err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == written


def test_what_meets_its_tolerance_is_no_failure(good, out, capsys):
    assert cli.main(["slice", str(good), "-o", str(out / "a.vtp"), "--strict"]) == 0
    assert capsys.readouterr().err == ""


def test_an_isosurface_is_asked_for_by_its_values(good, out, capsys):
    report_path = out / "iso.json"
    arguments = ["mesh", good, "-o", out / "a.vtu", "--report", report_path, "--device", "cpu"]
    surface = ["--criterion", "isosurface", "--smallest-feature", "0.0625"]
    low, high = pa.load(good).value_range[0]
    values = ["--isovalues", *(str(low + share * (high - low)) for share in (0.4, 0.6))]
    assert cli.main([*map(str, arguments), *surface, *values, "--tolerance", "0.002"]) == 0
    said = capsys.readouterr().out
    assert "99.9 % of its contour within" in said and "(asked 0.002)" in said
    report = json.loads(report_path.read_text())
    assert len(report["refinement"]["isovalues"]) == 2
    assert 0 < report["achieved_error"] <= report["asked_error"] == 0.002
    assert cli.main([*map(str, arguments), *surface]) == cli.EXIT_USER_ERROR
    assert "isovalues is empty" in capsys.readouterr().err
