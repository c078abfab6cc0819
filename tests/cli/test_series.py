"""The command line: all time steps, and times outside."""

from __future__ import annotations

import json

import pytest
from _helpers.vtk_reading import read_dataset
from pruning_amr import cli

from cli.conftest import SMALL, assert_fails


def series_arguments(sample_data, out, *more) -> list[str]:
    arguments = ["mesh", sample_data / "beltrami_4d.pt", "-o", out / "flow.vtu", "--time", "all"]
    arguments += ["--time-steps", 3, *SMALL, "--tolerance", 0.05, *more]
    return [str(a) for a in arguments]


@pytest.mark.parametrize("mode", ["space_time", "per_time_step"])
def test_all_time_steps_become_files_with_an_index_and_a_report(mode, sample_data, out, capsys):
    report = out / "flow.json"
    # A cell of the file for each of the mesh: none is cut where vertices hang.
    more = ["--time-mode", mode, "--change", "--report", report, "--hanging-nodes", "free"]
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


@pytest.mark.parametrize("name", ["flow.vtu", "flow.vti"])
def test_a_time_outside_is_refused(name, sample_data, out, capsys):
    arguments = ["mesh", sample_data / "beltrami_4d.pt", "-o", out / name, "--time", "3"]
    words = ("time 3 lies outside the range of the field", "from 0 to 1")
    assert_fails(map(str, arguments), words, out, capsys)
