"""A field at the points of data sets of every kind: arrays, mask, errors."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.errors import one_clear_sentence
from _helpers.reference import assert_close_to_range, evaluate, random_network, to_inr
from _helpers.vtk_reading import arrays_of
from pruning_amr.datasets import coordinates_of, count_outside, evaluate_on
from pruning_amr.inr import Output
from pruning_amr.views import EvaluationParameters
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkDoubleArray, vtkStringArray
from vtkmodules.vtkCommonDataModel import (
    vtkHyperTreeGrid,
    vtkImageData,
    vtkMultiBlockDataSet,
    vtkPartitionedDataSet,
    vtkPartitionedDataSetCollection,
    vtkPolyData,
    vtkRectilinearGrid,
    vtkStructuredGrid,
    vtkTable,
    vtkUnstructuredGrid,
)
from vtkmodules.vtkFiltersGeneral import vtkGradientFilter

ON_CPU = EvaluationParameters(device="cpu")
WITH_GRADIENT = EvaluationParameters(device="cpu", gradient=True)


def named(values, name: str):
    array = numpy_to_vtk(np.ascontiguousarray(values), deep=True)
    array.SetName(name)
    return array


def point_set(xyz: np.ndarray, kind=vtkPolyData):
    from vtkmodules.vtkCommonCore import vtkPoints

    points = vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(xyz), deep=True))
    data = kind()
    data.SetPoints(points)
    return data


def table_of(columns: dict[str, np.ndarray]) -> vtkTable:
    table = vtkTable()
    for name, values in columns.items():
        table.AddColumn(named(values, name))
    return table


def image() -> vtkImageData:
    data = vtkImageData()
    data.SetExtent(-2, 3, 1, 4, 0, 5)
    data.SetOrigin(0.13, 0.22, 2.1)
    data.SetSpacing(0.2, 0.15, 0.3)
    data.SetDirectionMatrix(0, -1, 0, 1, 0, 0, 0, 0, 1)
    return data


def rectilinear() -> vtkRectilinearGrid:
    data = vtkRectilinearGrid()
    data.SetDimensions(4, 3, 5)
    data.SetXCoordinates(named(np.array([-1.5, -0.7, 0.4, 0.6]), "x"))
    data.SetYCoordinates(named(np.array([0.0, 0.1, 0.8]), "y"))
    data.SetZCoordinates(named(np.array([1.0, 2.0, 2.2, 3.0, 3.9]), "z"))
    return data


def kinds() -> dict:
    rng = np.random.default_rng(2)
    xyz = rng.uniform(-1, 4, (60, 3))
    structured = point_set(xyz, vtkStructuredGrid)
    structured.SetDimensions(3, 4, 5)
    return {
        "poly data": point_set(xyz.astype(np.float32)),
        "unstructured grid": point_set(xyz, vtkUnstructuredGrid),
        "structured grid": structured,
        "image data": image(),
        "rectilinear grid": rectilinear(),
    }


def points_of(data) -> np.ndarray:
    return np.array([data.GetPoint(i) for i in range(data.GetNumberOfPoints())])


def inside(xyz: np.ndarray, inr) -> np.ndarray:
    return ((xyz >= inr.bounds[:, 0]) & (xyz <= inr.bounds[:, 1])).all(axis=1)


@pytest.mark.parametrize("kind", kinds())
def test_arrays_at_the_points_of_every_kind(kind, inr_3d, network_3d):
    data = kinds()[kind]
    data.GetPointData().AddArray(named(np.arange(data.GetNumberOfPoints()), "own"))
    output = evaluate_on(data, inr_3d, WITH_GRADIENT)
    assert output.GetClassName() == data.GetClassName()
    assert output.GetNumberOfPoints() == data.GetNumberOfPoints() > 0
    xyz = points_of(data)
    np.testing.assert_allclose(coordinates_of(data, inr_3d), xyz, rtol=1e-12, atol=1e-12)
    arrays, valid = arrays_of(output.GetPointData()), inside(xyz, inr_3d)
    assert set(arrays) == {"own", "value", "value_gradient", "vtkValidPointMask"}
    assert 0 < valid.sum() < len(valid)
    assert np.array_equal(arrays["vtkValidPointMask"] != 0, valid)
    exact = evaluate(network_3d, xyz[valid])[:, 0]
    assert_close_to_range(arrays["value"][valid], exact, 1e-4)
    assert np.isnan(arrays["value"][~valid]).all()
    assert np.isnan(arrays["value_gradient"][~valid]).all()
    # What was given stays as it is.
    assert data.GetPointData().GetNumberOfArrays() == 1


def test_the_mask_is_the_one_of_vtks_probes(inr_3d):
    mask = (
        evaluate_on(kinds()["poly data"], inr_3d, ON_CPU)
        .GetPointData()
        .GetArray("vtkValidPointMask")
    )
    # Charts take no other type.
    assert mask.GetClassName() == "vtkCharArray"


@pytest.mark.parametrize("outputs", [1, 3])
def test_gradients_are_ordered_like_those_of_vtk(rng, outputs):
    network = random_network(rng, (3, 16, 16, outputs), "silu", 1)
    inr = to_inr(network, outputs=(Output("f", tuple(range(outputs))),))
    data = vtkImageData()
    data.SetDimensions(21, 21, 21)
    data.SetSpacing(0.05, 0.05, 0.05)
    output = evaluate_on(data, inr, WITH_GRADIENT)
    gradient = vtkGradientFilter()
    gradient.SetInputDataObject(output)
    gradient.SetInputScalars(0, "f")
    gradient.Update()
    theirs = arrays_of(gradient.GetOutput().GetPointData())["Gradients"]
    ours = arrays_of(output.GetPointData())["f_gradient"]
    assert ours.shape == theirs.shape == (9261, 3 * outputs)
    middle = np.zeros((21, 21, 21), bool)
    middle[1:-1, 1:-1, 1:-1] = True
    assert_close_to_range(ours[middle.ravel()], theirs[middle.ravel()], 0.02)


def test_a_field_of_the_plane_has_gradients_of_three_components(inr_2d, rng):
    output = evaluate_on(point_set(rng.uniform(0, 1, (9, 3))), inr_2d, WITH_GRADIENT)
    gradient = arrays_of(output.GetPointData())["value_gradient"]
    assert gradient.shape == (9, 3)
    assert np.all(gradient[:, 2] == 0) and np.all(gradient[:, :2] != 0)


@pytest.mark.parametrize(
    "kind", [vtkMultiBlockDataSet, vtkPartitionedDataSet, vtkPartitionedDataSetCollection]
)
def test_composites_keep_their_structure(kind, inr_3d):
    parts = kinds() if kind is not vtkPartitionedDataSet else {"one": image(), "two": image()}
    data = kind()
    if kind is vtkPartitionedDataSetCollection:
        for i, part in enumerate(parts.values()):
            data.SetPartition(i, 0, part)
    else:
        setter = data.SetBlock if kind is vtkMultiBlockDataSet else data.SetPartition
        for i, part in enumerate(parts.values()):
            setter(i + 1, part)
    output = evaluate_on(data, inr_3d, ON_CPU)
    assert output.GetClassName() == data.GetClassName()
    nodes, seen = output.NewIterator(), []
    while not nodes.IsDoneWithTraversal():
        leaf = nodes.GetCurrentDataObject()
        assert data.GetDataSet(nodes).GetNumberOfPoints() == leaf.GetNumberOfPoints()
        alone = evaluate_on(data.GetDataSet(nodes), inr_3d, ON_CPU)
        for name, values in arrays_of(alone.GetPointData()).items():
            found = arrays_of(leaf.GetPointData())[name]
            assert np.array_equal(found, values, equal_nan=True)
        seen.append(nodes.GetCurrentFlatIndex())
        nodes.GoToNextItem()
    assert len(seen) == len(parts)
    alone = [count_outside(evaluate_on(p, inr_3d, ON_CPU)) for p in parts.values()]
    assert count_outside(output) == sum(alone) > 0


# --- tables -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names", [("x", "y", "z"), ("X", "Y", "Z"), ("Points:0", "Points:1", "Points:2")]
)
def test_columns_of_tables(names, inr_3d, network_3d, rng):
    low, high = inr_3d.bounds.T
    xyz = low + (high - low) * rng.random((50, 3))
    table = table_of({"note": np.arange(50), **dict(zip(names, xyz.T, strict=True))})
    arrays = arrays_of(evaluate_on(table, inr_3d, WITH_GRADIENT).GetRowData())
    assert_close_to_range(arrays["value"], evaluate(network_3d, xyz)[:, 0], 1e-4)
    assert arrays["value_gradient"].shape == (50, 3)
    assert table.GetNumberOfColumns() == 4


def test_columns_by_the_names_of_the_inputs_and_times_of_rows(rng):
    network = random_network(rng, (4, 16, 16, 1), "silu", 3)
    inr = to_inr(network, inputs=("x", "t", "y", "z"))
    points = rng.random((50, 4))
    columns = dict(zip(("x", "t", "y", "z"), points.T, strict=True))
    arrays = arrays_of(evaluate_on(table_of(columns), inr, WITH_GRADIENT, 0.9).GetRowData())
    assert_close_to_range(arrays["value"], evaluate(network, points)[:, 0], 1e-4)
    assert arrays["value_gradient"].shape == (50, 3)
    del columns["t"]
    arrays = arrays_of(evaluate_on(table_of(columns), inr, ON_CPU, 0.9).GetRowData())
    points[:, 1] = 0.9
    assert_close_to_range(arrays["value"], evaluate(network, points)[:, 0], 1e-4)


def test_tables_without_coordinates_are_refused(inr_3d):
    with one_clear_sentence(pa.ParameterError, "expected x, y, z", "has a, b", "rename"):
        evaluate_on(table_of({"a": np.zeros(3), "b": np.zeros(3)}), inr_3d, ON_CPU)
    words = vtkStringArray()
    words.SetName("z")
    for _ in range(3):
        words.InsertNextValue("far")
    table = table_of({"x": np.zeros(3), "y": np.zeros(3)})
    table.AddColumn(words)
    with one_clear_sentence(pa.ParameterError, 'column "z"', "not numeric"):
        evaluate_on(table, inr_3d, ON_CPU)


# --- what is there already --------------------------------------------------------------------


def test_an_array_of_the_same_name_is_compared(inr_3d, network_3d, rng):
    low, high = inr_3d.bounds.T
    xyz = low + (high - low) * rng.random((40, 3))
    data, off = point_set(xyz), rng.normal(size=40)
    exact = evaluate(network_3d, xyz)[:, 0]
    data.GetPointData().SetScalars(named(exact + off, "value"))
    output = evaluate_on(data, inr_3d, ON_CPU)
    arrays = arrays_of(output.GetPointData())
    assert np.array_equal(arrays["value"], exact + off)
    assert_close_to_range(arrays["value_INR"], exact, 1e-4)
    np.testing.assert_allclose(arrays["value_error"], np.abs(off), atol=1e-4 * np.ptp(exact))
    assert output.GetPointData().GetScalars().GetName() == "value"


def test_the_error_of_a_vector_is_its_size(rng):
    network = random_network(rng, (2, 16, 2), "silu")
    inr = to_inr(network, outputs=(Output("velocity", (0, 1)),))
    xyz = np.column_stack([rng.random((30, 2)), np.zeros(30)])
    exact = evaluate(network, xyz[:, :2])
    theirs = np.column_stack([exact + np.array([0.3, 0.0]), np.full(30, 0.4)])
    data = point_set(xyz)
    data.GetPointData().AddArray(named(theirs, "velocity"))
    arrays = arrays_of(evaluate_on(data, inr, ON_CPU).GetPointData())
    np.testing.assert_allclose(arrays["velocity_error"], 0.5, atol=1e-5)


def test_what_cannot_be_compared_is_said(inr_3d, rng):
    data, said = point_set(inr_3d.bounds[:, 0] + 0.5 * rng.random((5, 3))), []
    data.GetPointData().AddArray(named(np.zeros((5, 2)), "value"))
    output = evaluate_on(data, inr_3d, ON_CPU, warn=said.append)
    assert set(arrays_of(output.GetPointData())) == {"value", "value_INR", "vtkValidPointMask"}
    assert len(said) == 1 and "with 2 components" in str(said[0])


def test_arrays_of_another_length_are_said(inr_3d, rng):
    data, said = point_set(inr_3d.bounds[:, 0] + 0.5 * rng.random((5, 3))), []
    for name in ("value", "vtkValidPointMask"):
        data.GetPointData().AddArray(named(np.zeros(3), name))
    arrays = arrays_of(evaluate_on(data, inr_3d, ON_CPU, warn=said.append).GetPointData())
    assert "3 values for 5 points" in str(said[0]) and "value_error" not in arrays
    assert arrays["vtkValidPointMask"].all()


def test_values_that_are_compared_are_those_of_the_whole_network(inr_3d, rng, monkeypatch):
    from pruning_amr.views import points

    monkeypatch.setattr(points, "_FEW", 0)
    taken = []
    monkeypatch.setattr(
        points, "LocalEvaluation", lambda *a: taken.append(a) or pytest.fail("local networks")
    )
    low, high = inr_3d.bounds.T
    data, bare = (point_set(low + (high - low) * rng.random((5, 3))) for _ in range(2))
    data.GetPointData().AddArray(named(np.zeros(5), "value"))
    evaluate_on(data, inr_3d, ON_CPU)
    assert not taken
    with pytest.raises(pytest.fail.Exception):
        evaluate_on(bare, inr_3d, ON_CPU)


def test_a_mask_that_is_there_still_holds(inr_3d):
    low, high = inr_3d.bounds.T
    data = point_set(np.array([(low + high) / 2] * 3))
    first = evaluate_on(data, inr_3d, ON_CPU)
    vtk_to_numpy(first.GetPointData().GetArray("vtkValidPointMask"))[1] = 0
    again = evaluate_on(first, inr_3d, ON_CPU)
    assert arrays_of(again.GetPointData())["vtkValidPointMask"].tolist() == [1, 0, 1]


def test_what_has_no_points_is_told_which_filter_to_apply(inr_2d):
    mesh = pa.refine(inr_2d, max_depth=1, min_depth=0, tolerance=0.5, device="cpu")
    with one_clear_sentence(pa.ParameterError, "vtkHyperTreeGrid", "Hyper Tree Grid - Cell Cent"):
        evaluate_on(mesh.to_vtk("hyper_tree_grid"), inr_2d, ON_CPU)
    with one_clear_sentence(pa.ParameterError, "vtkOverlappingAMR", '"Cell Centers"'):
        evaluate_on(mesh.to_vtk("overlapping_amr"), inr_2d, ON_CPU)
    blocks = vtkMultiBlockDataSet()
    blocks.SetBlock(0, vtkHyperTreeGrid())
    with one_clear_sentence(pa.ParameterError, "vtkHyperTreeGrid"):
        evaluate_on(blocks, inr_2d, ON_CPU)


def test_a_mesh_of_the_field_has_no_error_at_its_vertices(inr_2d):
    mesh = pa.refine(inr_2d, max_depth=2, min_depth=0, tolerance=0.1, device="cpu")
    arrays = arrays_of(evaluate_on(mesh.to_vtk("unstructured_grid"), inr_2d, ON_CPU).GetPointData())
    assert arrays["value_error"].max() <= 2e-5 * np.ptp(arrays["value"])
    assert arrays["vtkValidPointMask"].all()


def test_nothing_to_evaluate_is_no_error(inr_3d):
    for data in (vtkPolyData(), vtkUnstructuredGrid(), vtkMultiBlockDataSet()):
        evaluate_on(data, inr_3d, WITH_GRADIENT)
    table = vtkTable()
    for name in "xyz":
        column = vtkDoubleArray()
        column.SetName(name)
        table.AddColumn(column)
    assert evaluate_on(table, inr_3d, ON_CPU).GetNumberOfColumns() == 5


def test_no_point_in_the_domain_is_said(inr_3d):
    said = []
    evaluate_on(point_set(np.full((4, 3), 99.0)), inr_3d, ON_CPU, warn=said.append)
    assert "none of the 4 points" in str(said[0]) and "z from 2 to 4" in str(said[0])
    evaluate_on(vtkPolyData(), inr_3d, ON_CPU, warn=said.append)
    assert len(said) == 1
