"""Fields of one spatial input in the pipeline."""

from __future__ import annotations

import numpy as np
import pytest
from _helpers.reference import evaluate
from _helpers.vtk_reading import arrays_of
from pruning_amr.algorithms.pipeline import dimension_of
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline as Pipeline
from vtkmodules.vtkFiltersCore import vtkPassThrough

from algorithms.bad_inputs import network, write_good, write_line
from algorithms.conftest import TYPES, set_properties


@pytest.fixture
def line_file(tmp_path):
    """A checkpoint of a field of x."""
    return write_line(tmp_path)


@pytest.fixture
def moving_file(tmp_path):
    """A checkpoint of a field of x and t."""
    return write_line(tmp_path, moving=True)


def points_of(data) -> np.ndarray:
    return np.array([data.GetPoint(i) for i in range(data.GetNumberOfPoints())])


def test_the_preview_is_a_line(line_file, make_pipeline, said):
    reader, _ = make_pipeline(line_file, {"preview_resolution": 9})
    reader.Update()
    image = reader.GetOutputDataObject(0)
    assert image.GetDimensions() == (9, 1, 1)
    assert image.GetBounds() == (-1, 1, 0, 0, 0, 0)
    exact = evaluate(network(1), points_of(image)[:, :1])[:, 0]
    np.testing.assert_allclose(arrays_of(image.GetPointData())["value"], exact, atol=2e-5)
    assert said() == ""


@pytest.mark.parametrize("output_type", [*TYPES, None])
def test_the_mesh_is_a_curve_whatever_its_type(output_type, line_file, make_pipeline, said):
    chosen = {} if output_type is None else {"output_type": output_type}
    _, mesher = make_pipeline(line_file, tolerance=0.3, **chosen)
    mesher.Update()
    curve = mesher.GetOutputDataObject(0)
    assert curve.GetClassName() == "vtkPolyData"
    points = points_of(curve)
    assert 5 <= len(points) <= 17
    np.testing.assert_allclose(points[:, 1], evaluate(network(1), points[:, :1])[:, 0], atol=2e-5)
    assert said() == ""


def test_the_type_is_known_before_the_data(line_file, make_pipeline):
    """ParaView makes its representation of what UpdateInformation leaves."""
    _, mesher = make_pipeline(line_file)
    mesher.UpdateDataObject()
    assert mesher.GetOutputDataObject(0).GetClassName() == "vtkPolyData"


def test_a_filter_between_reader_and_mesher_changes_nothing(line_file, make_pipeline, said):
    reader, mesher = make_pipeline(line_file, tolerance=0.3)
    between = vtkPassThrough()
    between.SetInputConnection(reader.GetOutputPort())
    mesher.SetInputConnection(between.GetOutputPort())
    mesher.Update()
    assert mesher.GetOutputDataObject(0).GetClassName() == "vtkPolyData"
    assert said() == ""


def test_another_file_may_be_of_another_dimension(line_file, tmp_path, make_pipeline, said):
    reader, mesher = make_pipeline(line_file, tolerance=0.3)
    plane_file = write_good(tmp_path)
    found = []
    for path in (line_file, plane_file, line_file, tmp_path / "none.pt", line_file):
        set_properties(reader, {"file_name": str(path)})
        mesher.Update()
        data = mesher.GetOutputDataObject(0)
        found.append((data.GetClassName(), data.GetNumberOfCells() > 0))
    curve, plane = ("vtkPolyData", True), ("vtkHyperTreeGrid", True)
    assert found == [curve, plane, curve, ("vtkHyperTreeGrid", False), curve]
    assert said().count("INR Reader: ") == 1


def test_fixing_an_input_makes_a_curve_of_a_plane(tmp_path, make_pipeline, said):
    reader, mesher = make_pipeline(write_good(tmp_path), tolerance=0.3)
    mesher.Update()
    assert mesher.GetOutputDataObject(0).GetClassName() == "vtkHyperTreeGrid"
    set_properties(reader, {"fixed": "y=0.5"})
    mesher.Update()
    points = points_of(mesher.GetOutputDataObject(0))
    exact = evaluate(network(), np.column_stack([points[:, 0], 0 * points[:, 0] + 0.5]))[:, 0]
    np.testing.assert_allclose(points[:, 1], exact, atol=2e-5)
    assert said() == ""


def test_an_image_of_a_line(line_file, make_pipeline, said):
    _, mesher = make_pipeline(line_file, output_type="Image Data", image_resolution=17)
    mesher.Update()
    image = mesher.GetOutputDataObject(0)
    assert image.GetDimensions() == (17, 1, 1)
    exact = evaluate(network(1), points_of(image)[:, :1])[:, 0]
    np.testing.assert_allclose(arrays_of(image.GetPointData())["value"], exact, atol=2e-5)
    assert said() == ""


def test_a_part_of_the_image_of_a_line(line_file, make_pipeline, said):
    _, mesher = make_pipeline(line_file, output_type="Image Data", image_resolution=17)
    mesher.UpdateInformation()
    mesher.UpdateExtent([3, 9, 0, 0, 0, 0])
    part = mesher.GetOutputDataObject(0)
    assert part.GetExtent() == (3, 9, 0, 0, 0, 0)
    np.testing.assert_allclose(points_of(part)[:, 0], np.linspace(-1, 1, 17)[3:10], atol=1e-12)
    assert said() == ""


def test_x_and_t_are_a_plane_without_being_asked(moving_file, make_pipeline, said):
    reader, mesher = make_pipeline(moving_file)
    for checked in (0, 1):
        set_properties(reader, {"time_as_space": checked})
        mesher.Update()
        assert not mesher.GetOutputInformation(0).Has(Pipeline.TIME_STEPS())
        assert mesher.GetOutputDataObject(0).GetClassName() == "vtkHyperTreeGrid"
        assert mesher.GetOutputDataObject(0).GetBounds() == (-1, 1, 0, 2, 0, 0)
    assert said() == ""


@pytest.mark.parametrize("time_mode", ["Per Time Step", "Space Time"])
def test_curves_of_all_time_steps_if_asked_for(moving_file, make_pipeline, said, time_mode):
    reader = {"metadata": '{"time_as_space": false}', "time_steps": 5}
    _, mesher = make_pipeline(
        moving_file, reader, tolerance=0.3, time_mode=time_mode, time_values="Exact"
    )
    mesher.UpdateInformation()
    assert mesher.GetOutputInformation(0).Get(Pipeline.TIME_STEPS()) == (0, 0.5, 1, 1.5, 2)
    for time in (0.0, 1.5):
        mesher.UpdateTimeStep(time)
        points = points_of(mesher.GetOutputDataObject(0))
        x = np.column_stack([points[:, 0], 0 * points[:, 0] + time])
        np.testing.assert_allclose(points[:, 1], evaluate(network(2), x)[:, 0], atol=2e-5)
    assert said() == ""


def test_pieces_are_those_of_the_curve(line_file, make_pipeline):
    _, mesher = make_pipeline(line_file, tolerance=0.3)
    mesher.Update()
    whole = points_of(mesher.GetOutputDataObject(0))
    parts = []
    for piece in range(2):
        mesher.UpdatePiece(piece, 2, 0)
        parts.append(points_of(mesher.GetOutputDataObject(0)))
    np.testing.assert_array_equal(np.concatenate([parts[0], parts[1][1:]]), whole)


@pytest.mark.parametrize(
    ("extent", "dimension"),
    [
        ((0, 4, 0, 3, 0, 2), 3),
        ((0, 4, 0, 3, 0, 0), 2),
        ((2, 4, 5, 5, 0, 0), 1),
        ((0, -1, 0, -1, 0, -1), 0),
    ],
)
def test_the_dimension_is_that_of_the_extent(extent, dimension):
    assert dimension_of(extent) == dimension
