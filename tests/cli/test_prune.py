"""The command line: prune."""

from __future__ import annotations

import json

import numpy as np
import pytest
from _helpers.vtk_reading import arrays_of, read_dataset
from pruning_amr import cli

from cli.conftest import SMALL


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
