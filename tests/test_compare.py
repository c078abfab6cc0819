"""The comparison of criteria: rows that are what single meshes give, tables, figures."""

from __future__ import annotations

import csv

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.files import save_checkpoint, sequential_state
from _helpers.reference import random_network, to_inr
from PIL import Image
from pruning_amr import cli, compare
from pruning_amr.refinement import CRITERIA


@pytest.fixture(scope="module")
def network():
    return random_network(np.random.default_rng(8), (2, 16, 16, 1), "sin", 3.0)


SMALL = {"device": "cpu", "max_depth": 4, "max_cells": 3000, "id_samples": 64}


@pytest.fixture(scope="module")
def rows(network):
    return compare.compare(to_inr(network), samples=5000, **SMALL)


def test_every_criterion_has_a_curve(rows):
    # What isosurface is asked for is a distance.
    assert {row.criterion for row in rows} == set(CRITERIA) - {"isosurface"}
    for criterion in ("target_error", "interpolation_error", "uniform"):
        curve = [row for row in rows if row.criterion == criterion]
        assert len(curve) > 2
        cells = [row.cells for row in curve]
        assert cells == sorted(cells)
        assert curve[-1].rmse < curve[0].rmse


def test_a_row_is_what_the_mesh_gives(network, rows):
    inr = to_inr(network)
    extent = float(np.diff(inr.value_range)[0, 0])
    for row in rows[:: len(rows) // 6]:
        given = {**SMALL, "criterion": row.criterion, row.parameter: row.value}
        if row.criterion == "uniform":
            given["max_depth"] = int(row.value)
        if row.criterion == "feature_map":
            given["tolerance"] = 1e-12
        if row.criterion == "paper":
            given |= {"error_formula": "published", "pruning_tolerance": 0.01}
        mesh = pa.refine(inr, **given)
        accuracy = pa.accuracy(inr, mesh, 5000)
        assert row.cells == mesh.at().n_cells
        assert row.vertices == len(mesh.at().vertices.points)
        assert row.rmse == pytest.approx(accuracy.rmse / extent)
        assert row.max_error == pytest.approx(accuracy.max_error / extent)
        assert row.seconds > 0


def test_meshes_cut_short_are_left_out(network):
    found = compare.compare(
        to_inr(network), ["uniform", "target_error"], samples=1000, **{**SMALL, "max_cells": 300}
    )
    assert max(row.cells for row in found) <= 300
    assert "max_cells" not in {row.stopped_by for row in found}


def test_several_times_are_put_together():
    network = random_network(np.random.default_rng(8), (4, 16, 16, 1), "sin", 2.0)
    inr = to_inr(network)
    both = compare.compare(inr, ["uniform"], (0.0, 1.0), 1000, device="cpu", max_depth=1)
    single = [
        compare.compare(inr, ["uniform"], (t,), 1000, device="cpu", max_depth=1)[0]
        for t in (0.0, 1.0)
    ]
    assert both[0].cells == single[0].cells
    assert both[0].rmse == pytest.approx(np.sqrt((single[0].rmse ** 2 + single[1].rmse ** 2) / 2))


def test_one_mesh_for_all_times_is_compared_at_each():
    network = random_network(np.random.default_rng(8), (3, 16, 16, 1), "sin", 2.0)
    inr = to_inr(network, inputs=("x", "y", "t"), times=np.linspace(0, 1, 5))
    options = {"device": "cpu", "max_cells": 20_000}
    own, whole = (
        compare.compare(inr, ["target_error"], (0.2, 0.8), 1000, time_mode=mode, **options)[-1]
        for mode in ("per_time_step", "space_time")
    )
    mesh = pa.refine(inr, tolerance=whole.value, time_mode="space_time", **options)
    assert whole.cells == np.mean([mesh.at(t).n_cells for t in (0.2, 0.8)])
    assert whole.cells != own.cells
    assert whole.rmse < 1.3 * whole.value


def test_an_unknown_criterion_is_refused(network):
    with pytest.raises(pa.ParameterError, match=r"best.*target_error"):
        compare.compare(to_inr(network), ["best"])


def test_the_command_writes_a_figure_and_tables(network, tmp_path, capsys):
    for name in ("a.pt", "b.pt"):
        save_checkpoint(
            tmp_path / name,
            sequential_state(network),
            {"activation": "sin", "omega_0": 1.0, "bounds": [[0, 1], [0, 1]]},
        )
    out = tmp_path / "new" / "folder"
    files = [str(tmp_path / "a.pt"), str(tmp_path / "b.pt")]
    limits = ["--max-depth", "3", "--samples", "2000", "--id-samples", "64"]
    chosen = ["--criteria", "uniform", "target_error"]
    assert cli.main(["compare", *files, "-o", str(out), *limits, *chosen]) == 0
    assert "a.csv" in capsys.readouterr().out
    for name in ("a", "b"):
        with (out / f"{name}.csv").open(encoding="utf-8") as file:
            table = list(csv.DictReader(file))
        assert {row["criterion"] for row in table} == {"uniform", "target_error"}
        lines = (out / f"{name}.md").read_text(encoding="utf-8").splitlines()
        assert len(lines) == len(table) + 2
        assert len({line.count("|") for line in lines}) == 1
        picture = np.asarray(Image.open(out / f"{name}.png").convert("RGB"))
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50


@pytest.mark.parametrize(
    ("flags", "word"), [(["--samples", "0"], "samples"), (["--n-times", "0"], "n_times")]
)
def test_a_mistake_is_one_sentence(network, tmp_path, capsys, flags, word):
    path = save_checkpoint(tmp_path / "a.pt", sequential_state(network), {"activation": "sin"})
    assert cli.main(["compare", str(path), "-o", str(tmp_path), *flags]) == 2
    assert word in capsys.readouterr().err


def test_names_with_dots_are_kept_apart(network, tmp_path):
    facts = {"activation": "sin", "omega_0": 1.0, "bounds": [[0, 1], [0, 1]]}
    names = ("loss=0.01", "loss=0.02")
    for name in names:
        save_checkpoint(tmp_path / f"{name}.pt", sequential_state(network), facts)
    files = [str(tmp_path / f"{name}.pt") for name in names]
    limits = ["--max-depth", "2", "--samples", "2000", "--criteria", "uniform"]
    out = tmp_path / "out"
    assert cli.main(["compare", *files, "-o", str(out), *limits]) == 0
    kinds = ("csv", "md", "png")
    assert {p.name for p in out.iterdir()} == {f"{n}.{k}" for n in names for k in kinds}


def test_comparisons_that_would_replace_each_other_are_refused(network, tmp_path, capsys):
    path = save_checkpoint(tmp_path / "a.pt", sequential_state(network), {"activation": "sin"})
    files = [str(path), str(path)]
    assert cli.main(["compare", *files, "-o", str(tmp_path / "out"), "--name", "b"]) == 2
    assert '"b"' in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_published_formula_is_compared_where_it_has_a_meaning(network):
    rows = compare.compare(
        to_inr(network), ["uniform"], samples=2000, error_formula="published", **SMALL
    )
    assert len(rows) > 2
