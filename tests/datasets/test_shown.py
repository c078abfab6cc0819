"""What is said of a data set is true of it as VTK shows it."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.vtk_reading import arrays_of
from pruning_amr.datasets.accuracy import measure_dataset_accuracy
from pruning_amr.datasets.shown import describe_shown, shown_errors

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
    text = describe_shown(found, data)
    lines = text.splitlines()
    assert lines.pop(0) == f"{found.n_cells:,} leaves, depth {found.tree.depth}"
    counted = data.GetNumberOfElements(data.CELL)
    if counted != found.n_cells:
        assert lines.pop(0) == f"{counted:,} cells as ParaView counts"
    shown = 100 * shown_errors(found, data).domain
    assert lines[0] == f"RMS error as shown {shown:.3g} %"
    assert lines[1].startswith("multilinear ") and lines[2] == "asked 2 %: met"
    assert lines[3] == "ended by the tolerance"
    assert lines[4].startswith("memory ") and lines[5].startswith("uniform grid as good ")
    # The panel is narrow.
    assert max(map(len, lines)) <= 32


def test_a_missed_tolerance_is_in_the_status(sample_data):
    inr = pa.load(sample_data / "oscillation_2d.pt")
    with pytest.warns(pa.ToleranceWarning):
        mesh = pa.refine(inr, tolerance=0.001, max_cells=500, device="cpu")
    text = describe_shown(mesh.at(), mesh.to_vtk())
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
