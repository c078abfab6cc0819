"""Slices as VTK data sets."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.reference import random_network, to_inr
from _helpers.vtk_reading import arrays_of
from pruning_amr.datasets import extract_inr
from pruning_amr.inr import Output, fingerprint


def test_quads_and_triangles_with_everything_other_outputs_have():
    network = random_network(np.random.default_rng(3), (3, 12, 4), "sin", gain=2.0)
    outputs = (Output("velocity", (0, 1, 2)), Output("pressure", (3,)))
    inr = to_inr(network, outputs=outputs)
    found = pa.slice(inr, normal=(1, 2, 2), tolerance=0.02, device="cpu")
    data = found.to_vtk()
    assert data.GetClassName() == "vtkPolyData" and data.CheckAttributes() == 0
    arrays = arrays_of(data.GetPointData())
    assert set(arrays) == {"velocity", "pressure", "Normals"}
    np.testing.assert_array_equal(arrays["velocity"], found.values[:, :3])
    np.testing.assert_array_equal(arrays["pressure"], found.values[:, 3])
    np.testing.assert_allclose(
        data.GetPointData().GetNormals().GetTuple(5), np.array([1, 2, 2]) / 3
    )
    assert data.GetPointData().GetVectors().GetName() == "velocity"
    assert arrays_of(data.GetCellData())["level"].tolist() == found.level.tolist()
    assert data.GetNumberOfPolys() == found.n_cells == data.GetNumberOfCells()
    sizes = {data.GetCell(i).GetNumberOfPoints() for i in range(data.GetNumberOfCells())}
    assert sizes == {3, 4}
    facts = arrays_of(data.GetFieldData())
    assert facts["asked_error"] == 0.02 and 0 < facts["achieved_error"] <= 0.02
    assert fingerprint(extract_inr(data)) == fingerprint(inr)


def test_lines_of_a_field_of_two_dimensions(inr_2d):
    found = pa.slice(inr_2d, normal=(1, 1, 0), offsets=(-0.2, 0.1), device="cpu")
    data = found.to_vtk()
    assert data.GetNumberOfLines() == data.GetNumberOfCells() == 2
    assert data.GetNumberOfPoints() == len(found.points)
    assert data.GetCell(1).GetNumberOfPoints() == np.diff(found.first_points)[1]
    assert set(arrays_of(data.GetPointData())) == {"value"}


def test_nothing_is_a_data_set_too(inr_3d):
    with pytest.warns(pa.EmptySliceWarning, match="the plane misses the domain"):
        data = pa.slice(inr_3d, offsets=(9.0,), device="cpu").to_vtk()
    assert data.GetNumberOfCells() == 0 and data.GetPointData().HasArray("value")
    assert "achieved_error" not in arrays_of(data.GetFieldData())
