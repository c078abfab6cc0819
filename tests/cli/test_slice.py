"""The command slice: a checkpoint in, a data set or a table of points out."""

from __future__ import annotations

import numpy as np
import pytest
from _helpers.reference import evaluate
from _helpers.vtk_reading import arrays_of, read_dataset
from algorithms.bad_inputs import network
from pruning_amr import cli

from cli.conftest import assert_fails


def run(*arguments) -> int:
    return cli.main(["slice", *map(str, arguments), "--device", "cpu"])


def test_planes_of_a_sample(sample_data, out, capsys):
    arguments = ["--normal", 1, 1, 0, "--offsets", -0.2, 0.2, "--time", 0.5, "--tolerance", 0.05]
    assert run(sample_data / "beltrami_4d.pt", "-o", out / "cut", *arguments) == 0
    said = capsys.readouterr()
    assert "cut.vtp: " in said.out and "on 2 of 2 planes at t = 0.5, rms error 0.0" in said.out
    assert "(asked 0.05)" in said.out and said.err == ""
    data = read_dataset(out / "cut.vtp")
    assert set(arrays_of(data.GetPointData())) == {"velocity", "pressure", "Normals"}
    assert data.GetNumberOfPolys() > 100


def test_points_of_a_line_as_a_table(good, out, capsys):
    assert run(good, "-o", out / "line.csv", "--origin", 0, 0.3, 0, "--normal", 0, 1, 0) == 0
    assert "on 1 of 1 planes, rms error" in capsys.readouterr().out
    found = np.genfromtxt(out / "line.csv", delimiter=",", names=True, deletechars="")
    points = np.stack([found["Points:0"], found["Points:1"]], axis=1)
    np.testing.assert_allclose(points[:, 1], 0.3)
    np.testing.assert_allclose(found["value"], evaluate(network(), points)[:, 0], atol=1e-4)


def test_a_plane_that_misses_is_said(good, out, capsys):
    assert run(good, "-o", out / "none.vtp", "--offsets", 7) == 0
    said = capsys.readouterr()
    assert "warning: the plane misses the domain" in said.err and "on 0 of 1 planes" in said.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "cut.stl"], ('"cut.stl" has the extension ".stl"', ".vtp or .csv")),
        (["-o", "cut.vtp", "--normal", "0", "0", "0"], ("normal is 0 0 0",)),
        (["-o", "cut.vtp", "--normal", "0", "0", "1"], ("is cut along a line",)),
        (["-o", "cut.vtp", "--tolerance", "0"], ("tolerance is 0",)),
        (["-o", "nowhere/cut.vtp"], ("does not exist",)),
    ],
)
def test_mistakes(arguments, words, good, out, capsys, monkeypatch):
    monkeypatch.chdir(out)
    assert_fails(["slice", good, *arguments], words, out, capsys)
