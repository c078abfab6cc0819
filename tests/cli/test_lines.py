"""The command line with fields of one spatial input."""

from __future__ import annotations

import json

import numpy as np
import pytest
from _helpers.reference import evaluate
from _helpers.vtk_reading import read_dataset
from algorithms.bad_inputs import network, write_line
from pruning_amr import cli

from cli.conftest import SMALL, assert_fails
from cli.test_mesh import REPORT_KEYS


@pytest.fixture
def line(tmp_path):
    return write_line(tmp_path)


@pytest.fixture
def moving(tmp_path):
    return write_line(tmp_path, moving=True)


def run(*arguments) -> None:
    assert cli.main([str(a) for a in arguments]) == 0


def points_of(path) -> np.ndarray:
    data = read_dataset(path)
    return np.array([data.GetPoint(i) for i in range(data.GetNumberOfPoints())])


def test_info(line, capsys):
    run("info", line)
    said = capsys.readouterr().out
    assert "1 -> 16 -> 16 -> 1" in said
    assert "bounds      [-1, 1]\n" in said


@pytest.mark.parametrize("name", ["line.vtp", "line"])
def test_mesh_writes_the_curve(name, line, out, capsys):
    run("mesh", line, "-o", out / name, *SMALL)
    assert [p.name for p in out.iterdir()] == ["line.vtp"]
    x, y, _ = points_of(out / "line.vtp").T
    np.testing.assert_allclose(y, evaluate(network(1), x[:, None])[:, 0], atol=2e-5)
    assert capsys.readouterr().out.startswith(f"{out / 'line.vtp'}: {len(x) - 1} cells")


@pytest.mark.parametrize("name", ["line.vtp", "line.vtu"])
def test_report(name, line, out):
    run("mesh", line, "-o", out / name, "--report", out / "r.json", "--samples", 5000, *SMALL)
    report = json.loads((out / "r.json").read_text())
    assert set(report) >= REPORT_KEYS
    assert report["cells"] == report["vertices"] - 1 == len(points_of(out / name)) - 1
    dataset = report["dataset"]
    assert dataset["rmse"] == pytest.approx(report["rmse"], rel=1e-3)
    assert dataset["ssim_worst"] is None
    assert len(dataset["uniform_of_equal_error"]["shape"]) == 1
    assert report["dataset_dual"] is None


def test_an_image(line, out, capsys):
    run("mesh", line, "-o", out / "line.vti", "--image-resolution", 21, "--report", out / "r.json")
    assert read_dataset(out / "line.vti").GetDimensions() == (21, 1, 1)
    assert "line.vti: 21 points by" in capsys.readouterr().out
    assert json.loads((out / "r.json").read_text())["dimensions"] == [21, 1, 1]


def test_what_a_line_cannot_be(line, out, capsys):
    words = ('"hyper_tree_grid"', "one spatial input", "poly_data (.vtp)")
    assert_fails(["mesh", line, "-o", out / "line.htg"], words, out, capsys)


def test_what_only_a_line_can_be(good, out, capsys):
    words = ('"poly_data"', "2 spatial inputs", "hyper_tree_grid (.htg)")
    assert_fails(["mesh", good, "-o", out / "plane.vtp"], words, out, capsys)


def test_compare(line, out):
    pytest.importorskip("matplotlib")
    arguments = ["--max-depth", 4, "--samples", 2000, "--device", "cpu"]
    run("compare", line, "-o", out, *arguments, "--criteria", "target_error", "uniform")
    assert {p.suffix for p in out.iterdir()} == {".png", ".csv", ".md"}


def test_x_and_t_are_a_plane_and_curves_if_asked_for(moving, out, capsys):
    run("mesh", moving, "-o", out / "plane", *SMALL)
    assert read_dataset(out / "plane.htg").GetBounds() == (-1, 1, 0, 2, 0, 0)
    curves = ["--time", "all", "--time-steps", 3, "--metadata", '{"time_as_space": false}']
    run("mesh", moving, "-o", out / "curve.vtp", *curves, *SMALL)
    assert (out / "curve.pvd").is_file()
    x, y, _ = points_of(out / "curve_0002.vtp").T
    exact = evaluate(network(2), np.column_stack([x, 0 * x + 2]))[:, 0]
    np.testing.assert_allclose(y, exact, atol=2e-5)
    assert "3 time steps" in capsys.readouterr().out
