"""Data sets of one mesh for all times: values, what changed, and series of files."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.reference import evaluate, random_network, to_inr
from _helpers.vtk_reading import arrays_of, blocks_of, read_dataset
from pruning_amr.datasets import MESH_TYPES, OUTPUT_TYPES, write_time_series
from pruning_amr.inr import Output
from pruning_amr.refinement.parameters import TIME_MODES

TIMES = np.linspace(0, 2, 5)


@pytest.fixture(scope="module")
def network():
    return random_network(np.random.default_rng(6), (4, 16, 16, 4), "sin", 2.0)


@pytest.fixture(scope="module")
def meshes(network) -> dict[str, pa.AdaptiveMesh]:
    """One mesh for all times, and one for each; of a flow with what changed."""
    outputs = (Output("velocity", (0, 1, 2)), Output("pressure", (3,)))
    inr = to_inr(network, [[0, 1]] * 3 + [[0, 2]], times=TIMES, outputs=outputs)
    small = {"min_depth": 0, "max_depth": 3, "device": "cpu", "change": True}
    small |= {"tolerance": 0.03, "image_resolution": 5}
    return {
        mode: pa.refine(inr, time_mode=mode, **small) for mode in ("space_time", "per_time_step")
    }


def attributes(data, output_type: str) -> list[tuple[np.ndarray, dict]]:
    """Points and arrays of a data set, or of each block of it."""
    if output_type == "overlapping_amr":
        return [(b.box.mean(axis=2), b.arrays) for b in blocks_of(data, 3)]
    if output_type == "hyper_tree_grid":
        return [(None, arrays_of(data.GetCellData()))]
    points = np.array([data.GetPoint(i) for i in range(data.GetNumberOfPoints())])
    return [(points, arrays_of(data.GetPointData()))]


@pytest.mark.parametrize("mode", TIME_MODES)
@pytest.mark.parametrize("output_type", OUTPUT_TYPES)
def test_what_changed_has_an_array_for_each_output(output_type, mode, meshes, network):
    data = meshes[mode].to_vtk(output_type, TIMES[2])
    for points, arrays in attributes(data, output_type):
        assert arrays["change_velocity"].shape == arrays["velocity"].shape
        assert arrays["change_pressure"].shape == arrays["pressure"].shape
        if points is None:
            continue
        now, before = (
            evaluate(network, np.column_stack([points, np.full(len(points), t)]))
            for t in (TIMES[2], TIMES[1])
        )
        exact = mode == "per_time_step" or output_type == "image_data"
        error = arrays["change_pressure"] - (now - before)[:, 3]
        extent = np.ptp(evaluate(network, np.random.default_rng(0).random((1000, 4)))[:, 3])
        assert np.sqrt(np.mean(error**2)) < (1e-5 if exact else 0.15) * extent


@pytest.mark.parametrize("output_type", MESH_TYPES)
def test_nothing_has_changed_at_the_first_time_step(output_type, meshes):
    data = meshes["space_time"].to_vtk(output_type, TIMES[0])
    for _, arrays in attributes(data, output_type):
        assert not arrays["change_velocity"].any()


@pytest.mark.parametrize("output_type", MESH_TYPES)
def test_the_share_of_unchanged_cells_is_told(output_type, meshes):
    mesh = meshes["space_time"]
    for time in TIMES:
        data = mesh.to_vtk(output_type, time)
        told = data.GetFieldData().GetArray("unchanged_fraction").GetValue(0)
        assert told == mesh.at(time).unchanged_fraction
    own = meshes["per_time_step"].to_vtk(output_type, TIMES[1])
    assert own.GetFieldData().GetArray("unchanged_fraction") is None


@pytest.mark.parametrize("output_type", MESH_TYPES)
def test_values_are_near_the_network(output_type, meshes, network):
    data = meshes["space_time"].to_vtk(output_type, 0.7)
    for points, arrays in attributes(data, output_type):
        if points is None:
            continue
        exact = evaluate(network, np.column_stack([points, np.full(len(points), 0.7)]))
        error = arrays["velocity"] - exact[:, :3]
        assert np.sqrt(np.mean(error**2)) < 0.1 * np.ptp(exact[:, :3])


@pytest.mark.parametrize(
    ("output_type", "extension"),
    [("hyper_tree_grid", ".htg"), ("unstructured_grid", ".vtu"), ("image_data", ".vti")],
)
def test_a_series_of_files_and_its_index(output_type, extension, meshes, tmp_path):
    mesh = meshes["space_time"]
    steps = ((t, mesh.to_vtk(output_type, t)) for t in TIMES)
    index, *files = write_time_series(steps, tmp_path / f"flow & more{extension}")
    assert index.name == "flow & more.pvd"
    assert [f.name for f in files] == [f"flow & more_{i:04d}{extension}" for i in range(5)]
    entries = ElementTree.parse(index).getroot().findall("Collection/DataSet")
    assert [float(e.get("timestep")) for e in entries] == TIMES.tolist()
    for entry, time in zip(entries, TIMES, strict=True):
        found = read_dataset(tmp_path / entry.get("file"))
        assert found.GetNumberOfCells() == mesh.to_vtk(output_type, time).GetNumberOfCells()


def test_the_series_of_an_overlapping_amr(meshes, tmp_path):
    mesh = meshes["space_time"]
    steps = ((t, mesh.to_vtk("overlapping_amr", t)) for t in TIMES[:2])
    index, *files = write_time_series(steps, tmp_path / "flow.vthb")
    assert index.name == "flow.vthb.series"
    told = json.loads(index.read_text())
    assert told["file-series-version"] == "1.0"
    assert told["files"] == [
        {"name": file.name, "time": time} for file, time in zip(files, TIMES, strict=False)
    ]


def test_an_index_that_cannot_be_written_is_said(meshes, tmp_path):
    (tmp_path / "flow.pvd").mkdir()
    steps = [(0.0, meshes["space_time"].to_vtk("unstructured_grid", 0.0))]
    with pytest.raises(pa.ParameterError, match=r"flow\.pvd cannot be written"):
        write_time_series(steps, tmp_path / "flow.vtu")
