"""The command line: contour."""

from __future__ import annotations

import json

import numpy as np
import pytest
from _helpers.files import save_checkpoint, sequential_state
from _helpers.level_sets import LEVEL, Bump, bump_network
from _helpers.reference import evaluate
from _helpers.vtk_reading import arrays_of, read_dataset
from pruning_amr import cli
from vtkmodules.vtkIOGeometry import vtkSTLReader
from vtkmodules.vtkIOPLY import vtkPLYReader

from cli.conftest import assert_fails, flags

NETWORK = bump_network([Bump((0.0, 0.0, 0.0), 0.5)])
QUICK = flags({"values": LEVEL, "smallest_feature": 1 / 16, "device": "cpu"})


@pytest.fixture
def ball(tmp_path):
    folder = tmp_path / "input"
    folder.mkdir()
    metadata = {"activation": ["silu", "elu"], "bounds": [[-1, 1]] * 3}
    return save_checkpoint(folder / "ball.pt", sequential_state(NETWORK), metadata)


def run(*arguments) -> int:
    return cli.main(["contour", *map(str, arguments)])


def test_a_surface_and_its_report(ball, out, capsys):
    path, report = out / "ball.vtp", out / "report.json"
    assert run(ball, "-o", path, *QUICK, "--gradient", "--report", report) == 0
    said = capsys.readouterr().out
    data = read_dataset(path)
    assert f"{path}: {data.GetNumberOfCells()} triangles" in said
    points = np.array([data.GetPoint(i) for i in range(0, data.GetNumberOfPoints(), 7)])
    np.testing.assert_allclose(evaluate(NETWORK, points)[:, 0], LEVEL, atol=1e-4)
    assert {"value", "Normals", "value_gradient"} <= set(arrays_of(data.GetPointData()))
    found = json.loads(report.read_text())
    assert found["cells"] == data.GetNumberOfCells()
    assert found["distance_quantile"] <= found["tolerance"] == 0.002
    assert found["open_edges"] == found["given_up_left"] == 0
    assert found["values"] == [LEVEL]


@pytest.mark.parametrize(("extension", "reader"), [(".ply", vtkPLYReader), (".stl", vtkSTLReader)])
def test_other_formats_hold_the_same_triangles(extension, reader, ball, out):
    assert run(ball, "-o", out / "ball.vtp", *QUICK) == 0
    assert run(ball, "-o", out / f"ball{extension}", *QUICK) == 0
    reading = reader()
    reading.SetFileName(str(out / f"ball{extension}"))
    reading.Update()
    wanted = read_dataset(out / "ball.vtp")
    assert reading.GetOutput().GetNumberOfCells() == wanted.GetNumberOfCells() > 1000
    np.testing.assert_allclose(reading.GetOutput().GetBounds(), wanted.GetBounds(), atol=1e-6)


def test_a_plane_gives_lines_and_no_triangles(good, out, capsys):
    values = flags({"values": 0.0, "smallest_feature": 1 / 16, "device": "cpu"})
    assert run(good, "-o", out / "lines", *values) == 0
    assert read_dataset(out / "lines.vtp").GetNumberOfLines() > 10
    (out / "lines.vtp").unlink()
    capsys.readouterr()
    wrong = ["contour", good, "-o", out / "lines.stl", *values]
    assert_fails(wrong, ("lines.stl can only hold triangles", ".vtp"), out, capsys)


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("a.obj", {}, ('"a.obj" has the unknown extension ".obj"', ".ply")),
        ("missing/a.vtp", {}, ("the folder", "does not exist")),
        ("a.vtp", {"output_name": "pressure"}, ('output is "pressure"', "value")),
        ("a.vtp", {"tolerance": 0}, ("tolerance is 0.0",)),
        ("a.vtp", {"smallest_feature": 0.001}, ("smallest_feature 0.001 asks for", "max_cells")),
    ],
)
def test_mistakes(name, typed, words, ball, out, capsys):
    arguments = ["contour", ball, "-o", out / name, *QUICK, *flags(typed)]
    assert_fails(arguments, words, out, capsys)
