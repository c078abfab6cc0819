"""What is said of a data set is true of it as VTK shows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.vtk_reading import arrays_of
from pruning_amr.datasets.accuracy import measure_dataset_accuracy
from pruning_amr.datasets.probe import probe_arrays
from pruning_amr.datasets.shown import (
    describe_image,
    describe_shown,
    shown_errors,
    uniform_grid_as_good,
)
from pruning_amr.pruning.evaluation.local_values import LocalEvaluation
from vtkmodules.vtkCommonCore import vtkVersion

TYPES = ("hyper_tree_grid", "overlapping_amr", "unstructured_grid")


@pytest.fixture(scope="module")
def mesh(sample_data):
    return pa.refine(pa.load(sample_data / "oscillation_2d.pt"), tolerance=0.02, device="cpu")


@pytest.mark.parametrize("output_type", TYPES)
def test_the_error_is_that_of_the_data_set(output_type, mesh):
    data, found = mesh.to_vtk(output_type), mesh.at()
    facts = arrays_of(data.GetFieldData())
    extent = np.diff(mesh.inr.value_range[0])[0]
    rmse = measure_dataset_accuracy(found, output_type, 50_000, data=data).rmse
    assert facts["achieved_error"] == pytest.approx(rmse / extent, rel=0.1)
    assert facts["achieved_error"] == shown_errors(found, data).domain
    # The search has met what it was asked for; cells of one value are worse.
    assert 0 < facts["reconstruction_error"] <= facts["asked_error"] == 0.02
    if output_type == "hyper_tree_grid":
        assert facts["achieved_error"] > 1.5 * facts["reconstruction_error"]


@pytest.mark.parametrize("output_type", TYPES)
def test_the_status_counts_as_paraview_does(output_type, mesh):
    data, found = mesh.to_vtk(output_type), mesh.at()
    text = describe_shown(found, data, uniform_grid_as_good(found, data))
    lines = text.splitlines()
    assert lines.pop(0) == f"{found.n_cells:,} leaves, depth {found.tree.depth}"
    counted = data.GetNumberOfElements(data.CELL)
    if counted != found.n_cells:
        assert lines.pop(0) == f"{counted:,} cells as ParaView counts"
    shown = 100 * shown_errors(found, data).domain
    assert lines[0] == f"RMS error as shown {shown:.3g} %"
    assert lines[1].startswith("multilinear ") and lines[2] == "asked 2 %: met"
    assert lines[3].startswith("memory ") and lines[4].startswith("uniform grid as good ")
    # The panel is narrow, and shows ten lines: the seconds follow, and what plain faces ask for.
    assert len(text.splitlines()) + 2 <= 10
    assert max(map(len, lines)) <= 32


@pytest.mark.parametrize("output_type", TYPES)
def test_the_distance_of_a_contour_says_whose_it_is(output_type, sample_data):
    inr = pa.load(sample_data / "oscillation_2d.pt")
    wanted = {"criterion": "isosurface", "isovalues": 0.1, "tolerance": 0.01}
    mesh = pa.refine(inr, hanging_nodes="free", device="cpu", **wanted)
    lines = describe_shown(mesh.at(), mesh.to_vtk(output_type), None).splitlines()
    of = "contour" if output_type == "unstructured_grid" else "corner contour"
    assert any(line.startswith(f"{of} within ") for line in lines), lines
    assert max(map(len, lines)) <= 32


def test_a_hyper_tree_grid_takes_less_memory_than_the_uniform_grid_as_good(sample_data):
    inr = pa.load(sample_data / "dynamic_ct_4d.pt")
    mesh = pa.refine(inr, time=0.5, tolerance=0.02, device="cpu")
    data, found = mesh.to_vtk("hyper_tree_grid", 0.5), mesh.at(0.5)
    report = measure_dataset_accuracy(found, "hyper_tree_grid", 20_000, data=data)
    # The error of both is that of what is shown, one value for each cell.
    assert report.memory_bytes < report.uniform_of_equal_error.memory_bytes
    # A value and a level, and the tree.
    assert report.memory_bytes / found.tree.n_nodes < 8
    lines = describe_shown(found, data, uniform_grid_as_good(found, data)).splitlines()
    own, uniform = lines[-3:-1]
    own, uniform = (float(line.split()[-2].replace(",", "")) for line in (own, uniform))
    assert own == pytest.approx(report.memory_bytes / 2**20, abs=0.006)
    assert own < uniform
    # Told from fewer points, to a few cells along an axis.
    assert uniform == pytest.approx(report.uniform_of_equal_error.memory_bytes / 2**20, rel=0.15)


@pytest.mark.parametrize(("sample", "plain"), [("dynamic_ct_4d", True), ("beltrami_4d", False)])
@pytest.mark.parametrize("output_type", TYPES)
def test_faces_of_one_colour_are_in_the_status(sample, plain, output_type, sample_data):
    inr = pa.load(sample_data / f"{sample}.pt")
    mesh = pa.refine(inr, time=0.5, tolerance=0.05, device="cpu")
    lines = describe_shown(mesh.at(0.5), mesh.to_vtk(output_type, 0.5), None).splitlines()
    # Overlapping AMR is drawn as a volume, which some ParaViews cannot.
    is_amr = output_type == "overlapping_amr"
    assert (lines[-1] == "plain faces: slice or contour it") == (plain and not is_amr)
    wrong = is_amr and not vtkVersion.GetVTKVersion().startswith("9.2")
    assert (lines[-1] == "volume drawn wrong: slice it") == wrong
    assert max(map(len, lines)) <= 32


def test_a_missed_tolerance_is_in_the_status(sample_data):
    inr = pa.load(sample_data / "oscillation_2d.pt")
    with pytest.warns(pa.ToleranceWarning):
        mesh = pa.refine(inr, tolerance=0.001, max_cells=500, device="cpu")
    text = describe_shown(mesh.at(), mesh.to_vtk(), None)
    assert "asked 0.1 %: MISSED" in text and "ended by Max Cells" in text


def test_errors_are_those_of_the_time_that_is_shown(sample_data):
    inr = pa.load(sample_data / "beltrami_4d.pt", time_steps=5)
    common = {"tolerance": 0.02, "max_depth": 2, "time_mode": "space_time", "device": "cpu"}
    times = [0.0, 0.25, 0.0, 0.3, 0.25]
    mesh = pa.refine(inr, **common)
    walked = [shown_errors(mesh.at(t), mesh.to_vtk(time=t)).domain for t in times]
    # Time steps that have the same cells share what has nothing to do with time.
    for time, found in zip(times, walked, strict=True):
        alone = pa.refine(inr, time=time, **common)
        assert found == shown_errors(alone.at(time), alone.to_vtk(time=time)).domain


@pytest.mark.parametrize("norm", ["rms", "max"])
def test_the_error_of_an_image_is_that_between_its_points(norm, sample_data):
    inr = pa.load(sample_data / "oscillation_2d.pt")
    errors = []
    for resolution in (33, 65):
        common = {"image_resolution": resolution, "error_norm": norm, "device": "cpu"}
        made = pa.AdaptiveMesh(inr, pa.RefinementParameters(**common))
        image = made.to_vtk("image_data")
        rng = np.random.default_rng(7)
        points = rng.uniform(*inr.spatial_bounds.T, (20_000, 2))
        (found,), valid = probe_arrays(image, points, [inr.outputs[0].name])
        assert valid.all()
        error = (found - inr.evaluate(points)) / np.diff(inr.value_range[0])
        expected = np.abs(error).max() if norm == "max" else np.sqrt(np.mean(error**2))
        errors.append(arrays_of(image.GetFieldData())["achieved_error"].item())
        # The largest of fewer points is smaller.
        assert errors[-1] == pytest.approx(expected, rel=0.1 if norm == "rms" else 0.3)
        text = describe_image(image, made.parameters).splitlines()
        kind = {"rms": "RMS", "max": "Max"}[norm]
        assert text[:2] == [
            f"{image.GetNumberOfPoints():,} points, without refinement",
            f"{kind} error as shown {100 * errors[-1]:.3g} %",
        ]
        assert text[2].startswith("memory ") and len(text) == 3
    assert 0 < errors[1] < 0.6 * errors[0]


def test_the_error_of_local_networks_is_apart_from_that_of_the_image(sample_data, monkeypatch):
    inr = pa.load(sample_data / "oscillation_2d.pt")
    on_grid = LocalEvaluation.on_grid

    def approximate(self, *arguments):
        # As of an image for which networks pruned in cells would pay.
        made = on_grid(self, *arguments)
        return replace(made, tolerance=0.002, error=0.001, interpolated_levels=(1,))

    monkeypatch.setattr(LocalEvaluation, "on_grid", approximate)
    made = pa.AdaptiveMesh(inr, pa.RefinementParameters(image_resolution=33, device="cpu"))
    image = made.to_vtk("image_data")
    facts = arrays_of(image.GetFieldData())
    assert (facts["asked_error"], facts["reconstruction_error"]) == (0.002, 0.001)
    assert facts["achieved_error"] > 0.01
    text = describe_image(image, made.parameters).splitlines()
    assert text[2:4] == ["local networks 0.1 %", "asked 0.2 %: met"]
