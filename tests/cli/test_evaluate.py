"""The command evaluate: files of points in, files of points out."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.reference import evaluate
from _helpers.vtk_reading import arrays_of, read_dataset
from algorithms.bad_inputs import BAD_INPUTS, network
from pruning_amr import cli
from vtkmodules.vtkFiltersSources import vtkLineSource

from cli.conftest import assert_fails, flags


@pytest.fixture
def table(tmp_path):
    """Points of the domain of the good file, and one beside it."""
    path, rng = tmp_path / "points.csv", np.random.default_rng(1)
    points = np.vstack([rng.uniform([-1, 0], [1, 1], (99, 2)), [[3, 3]]])
    np.savetxt(path, points, delimiter=",", header="x,y", comments="")
    return path


@pytest.fixture
def line(tmp_path):
    from pruning_amr.datasets import write_points

    source, path = vtkLineSource(), tmp_path / "line.vtp"
    source.SetPoint1(-1.0, 0.1, 0.0)
    source.SetPoint2(1.0, 0.9, 0.0)
    source.SetResolution(50)
    source.Update()
    write_points(source.GetOutput(), path)
    return path


def run(*arguments) -> int:
    return cli.main(["evaluate", *map(str, arguments), "--device", "cpu"])


def test_a_table(good, table, out, capsys):
    assert run(good, table, "-o", out / "values.csv", "--gradient") == 0
    said = capsys.readouterr()
    assert "values.csv: 100 points, 1 of them outside the domain, " in said.out and said.err == ""
    found = np.genfromtxt(out / "values.csv", delimiter=",", names=True, deletechars="")
    assert found.dtype.names == (
        "x",
        "y",
        "value",
        *(f"value_gradient:{i}" for i in range(3)),
        "vtkValidPointMask",
    )
    points = np.stack([found["x"], found["y"]], axis=1)[:99]
    np.testing.assert_allclose(found["value"][:99], evaluate(network(), points)[:, 0], atol=1e-4)
    assert np.isnan(found["value"][99]) and found["vtkValidPointMask"].sum() == 99


@pytest.mark.parametrize("name", ["line.vtp", "line", "line.csv"])
def test_a_data_set(name, good, line, out, capsys):
    assert run(good, line, "-o", out / name, "--values", "exact") == 0
    path = out / name if "." in name else out / "line.vtp"
    assert f"{path}: 51 points" in capsys.readouterr().out
    if path.suffix == ".csv":
        assert path.read_text().startswith("Points:0,Points:1,Points:2,")
        return
    data = read_dataset(path)
    points = np.array([data.GetPoint(i)[:2] for i in range(51)])
    found = arrays_of(data.GetPointData())["value"]
    np.testing.assert_allclose(found, evaluate(network(), points)[:, 0], atol=1e-4)


def test_times(dynamic_ct, line, out, capsys):
    assert run(dynamic_ct, line, "-o", out / "a.vtp", "--time", "0.5") == 0
    assert "51 points at t = 0.5, " in capsys.readouterr().out
    data = read_dataset(out / "a.vtp")
    points = np.array([data.GetPoint(i) for i in range(51)])
    exact = pa.evaluate(pa.load(dynamic_ct), points, time=0.5, device="cpu")[:, 0]
    np.testing.assert_array_equal(arrays_of(data.GetPointData())["attenuation"], exact)
    (out / "a.vtp").unlink()
    arguments = ["evaluate", dynamic_ct, line, "-o", out / "a.vtp", "--time", "9"]
    assert_fails(arguments, ("time 9 lies outside", "from 0 to 1"), out, capsys)


def test_times_of_the_rows_of_a_table(dynamic_ct, tmp_path, out, capsys):
    (tmp_path / "a.csv").write_text("x,y,z,t\n0,0,0,0.25\n0,0,0,0.75\n")
    assert run(dynamic_ct, tmp_path / "a.csv", "-o", out / "a.csv", "--time", "0.5") == 0
    assert "2 points at their own times, " in capsys.readouterr().out
    found = np.genfromtxt(out / "a.csv", delimiter=",", names=True)["attenuation"]
    points = np.array([[0, 0, 0, 0.25], [0, 0, 0, 0.75]])
    exact = pa.evaluate(pa.load(dynamic_ct), points, device="cpu")[:, 0]
    np.testing.assert_allclose(found, exact, rtol=1e-5)


@pytest.fixture
def dynamic_ct(sample_data):
    return sample_data / "dynamic_ct_4d.pt"


@pytest.mark.parametrize("name", [n for n, bad in BAD_INPUTS.items() if not bad.refinement])
def test_bad_checkpoints(name, table, tmp_path, out, capsys):
    bad = BAD_INPUTS[name]
    arguments = ["evaluate", bad.write(tmp_path), table, "-o", out / "a.csv", *flags(bad.reader)]
    assert_fails(arguments, bad.words, out, capsys)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.csv", "-o", "{out}/a.csv"], ("none.csv", "does not exist")),
        (["a.stl", "-o", "{out}/a.csv"], ('".stl"', ".vtu")),
        (["{table}", "-o", "{out}/a.vtp"], ("a.vtp", "expected .csv")),
        (["{table}", "-o", "{out}/none/a.csv"], ("does not exist", "create it")),
        (["{table}", "-o", "{out}/a.csv", "--tolerance", "0"], ("tolerance is 0",)),
        (["{table}", "-o", "{out}/a.csv", "--device", "tpu"], ("tpu",)),
        (["{table}", "-o", "{out}/a.csv", "--memory-mb", "0"], ("memory_mb is 0",)),
        (["{line}", "-o", "{out}/a.vtu"], (".csv or .vtp",)),
        (["{other}", "-o", "{out}/a.csv"], ("no columns of coordinates", "expected x, y")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_arguments(arguments, words, good, table, line, tmp_path, out, capsys):
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    arguments = [a.format(out=out, table=table, line=line, other=other) for a in arguments]
    assert_fails(["evaluate", good, *arguments], words, out, capsys)
