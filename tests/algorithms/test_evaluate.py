"""INR Evaluate in a pipeline: two inputs, types, time, pieces, and what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.reference import evaluate
from _helpers.vtk_reading import arrays_of
from pruning_amr.algorithms import INREvaluate, INRReader
from pruning_amr.algorithms.evaluate import NETWORK, POINTS
from vtkmodules.vtkCommonCore import vtkIntArray
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkMultiBlockDataSet, vtkTable
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline as Pipeline
from vtkmodules.vtkCommonExecutionModel import vtkTrivialProducer
from vtkmodules.vtkFiltersSources import vtkLineSource, vtkSphereSource
from vtkmodules.vtkImagingCore import vtkRTAnalyticSource

from algorithms.bad_inputs import network
from algorithms.conftest import set_properties
from algorithms.test_bad_input import assert_one_sentence


@pytest.fixture
def line() -> vtkLineSource:
    """A line through the domain of the good file and beyond it."""
    source = vtkLineSource()
    source.SetPoint1(-2.0, 0.1, 0.0)
    source.SetPoint2(2.0, 0.9, 0.0)
    source.SetResolution(100)
    return source


@pytest.fixture
def make_evaluation(said):
    """Return the function that makes a reader and a filter that evaluates at points."""

    def make(path: Path, points, reader: dict | None = None, **values):
        source = INRReader()
        set_properties(source, {"file_name": str(path), "preview_resolution": 5, **(reader or {})})
        evaluation = INREvaluate()
        evaluation.SetInputConnection(NETWORK, source.GetOutputPort())
        evaluation.SetInputConnection(POINTS, points.GetOutputPort())
        set_properties(evaluation, {"device": "cpu", **values})
        return source, evaluation

    return make


def values_of(algorithm, name: str = "value") -> np.ndarray:
    return arrays_of(algorithm.GetOutputDataObject(0).GetPointData())[name]


def test_the_field_on_a_line(good_file, line, make_evaluation, said):
    _, evaluation = make_evaluation(good_file, line, gradient=1)
    evaluation.Update()
    output = evaluation.GetOutputDataObject(0)
    assert output.GetClassName() == "vtkPolyData"
    assert output.GetNumberOfCells() == 1
    arrays = arrays_of(output.GetPointData())
    assert {"value", "value_gradient", "vtkValidPointMask", "Texture Coordinates"} == set(arrays)
    points = np.array([output.GetPoint(i)[:2] for i in range(101)])
    inside = np.abs(points[:, 0]) <= 1
    exact = evaluate(network(), points)[:, 0]
    np.testing.assert_allclose(arrays["value"][inside], exact[inside], atol=1e-4)
    assert np.isnan(arrays["value"][~inside]).all() and 40 < inside.sum() < 60
    assert np.array_equal(arrays["vtkValidPointMask"] != 0, inside)
    assert said() == ""


def test_the_output_is_of_the_type_of_the_points(good_file, line, make_evaluation, said):
    image = vtkRTAnalyticSource()
    image.SetWholeExtent(0, 4, 0, 3, 0, 2)
    blocks = vtkMultiBlockDataSet()
    line.Update()
    blocks.SetBlock(0, line.GetOutput())
    table = vtkTable()
    for name in ("x", "y"):
        column = vtkIntArray()
        column.SetName(name)
        column.InsertNextValue(0)
        table.AddColumn(column)
    _, evaluation = make_evaluation(good_file, line)
    for data in (blocks, table):
        producer = vtkTrivialProducer()
        producer.SetOutput(data)
        evaluation.SetInputConnection(POINTS, producer.GetOutputPort())
        evaluation.Update()
        assert evaluation.GetOutputDataObject(0).GetClassName() == data.GetClassName()
    assert table.GetNumberOfColumns() == 2
    assert evaluation.GetOutputDataObject(0).GetNumberOfColumns() == 4
    evaluation.SetInputConnection(POINTS, image.GetOutputPort())
    evaluation.Update()
    output = evaluation.GetOutputDataObject(0)
    assert output.GetExtent() == (0, 4, 0, 3, 0, 2)
    assert set(arrays_of(output.GetPointData())) == {"RTData", "value", "vtkValidPointMask"}
    assert said() == ""


def test_time_steps_and_times(dynamic_ct, make_evaluation, said):
    sphere = vtkSphereSource()
    _, evaluation = make_evaluation(dynamic_ct, sphere, {"time_steps": 3})
    evaluation.UpdateInformation()
    info = evaluation.GetOutputInformation(0)
    assert info.Get(Pipeline.TIME_STEPS()) == (0.0, 0.5, 1.0)
    inr, seen = pa.load(dynamic_ct), []
    for time in (0.25, 1.0):
        evaluation.UpdateTimeStep(time)
        output = evaluation.GetOutputDataObject(0)
        assert output.GetInformation().Get(vtkDataObject.DATA_TIME_STEP()) == time
        points = np.array([output.GetPoint(i) for i in range(output.GetNumberOfPoints())])
        exact = pa.evaluate(inr, points, time=time, device="cpu")[:, 0]
        seen.append(values_of(evaluation, "attenuation"))
        np.testing.assert_array_equal(seen[-1], exact)
    assert not np.array_equal(*seen)
    assert said() == ""


def test_time_steps_of_points_are_joined_with_those_of_the_field(
    dynamic_ct, good_file, make_evaluation
):
    points, _ = make_evaluation(dynamic_ct, vtkLineSource(), {"time_steps": 2})
    _, evaluation = make_evaluation(dynamic_ct, points, {"time_steps": 3})
    evaluation.UpdateInformation()
    key = Pipeline.TIME_STEPS()
    assert evaluation.GetOutputInformation(0).Get(key) == (0.0, 0.5, 1.0)
    _, static = make_evaluation(good_file, points)
    static.UpdateInformation()
    assert static.GetOutputInformation(0).Get(key) == (0.0, 1.0)
    _, neither = make_evaluation(good_file, vtkLineSource())
    neither.UpdateInformation()
    assert not neither.GetOutputInformation(0).Has(key)


def test_one_data_set_may_be_both(dynamic_ct, make_evaluation, said):
    reader, evaluation = make_evaluation(dynamic_ct, vtkLineSource())
    evaluation.SetInputConnection(POINTS, reader.GetOutputPort())
    for time in (0.25, 0.75):
        evaluation.UpdateTimeStep(time)
        assert values_of(evaluation, "attenuation_error").max() < 1e-4
        assert np.ptp(values_of(evaluation, "attenuation")) > 0.01
    assert said() == ""


def test_every_process_has_its_piece_of_the_points(good_file, make_evaluation):
    sphere = vtkSphereSource()
    sphere.SetThetaResolution(16)
    sphere.SetRadius(0.4)
    sphere.SetCenter(0.0, 0.5, 0.0)
    _, evaluation = make_evaluation(good_file, sphere)
    evaluation.Update()
    whole = evaluation.GetOutputDataObject(0).GetNumberOfCells()
    cells = []
    for piece in range(2):
        evaluation.UpdatePiece(piece, 2, 0)
        output = evaluation.GetOutputDataObject(0)
        cells.append(output.GetNumberOfCells())
        points = np.array([output.GetPoint(i)[:2] for i in range(output.GetNumberOfPoints())])
        exact = evaluate(network(), points)[:, 0]
        np.testing.assert_allclose(values_of(evaluation), exact, atol=1e-4)
    assert sum(cells) == whole and min(cells) > 0


def test_an_inr_carried_by_a_mesh(good_file, line, make_evaluation, make_pipeline, said):
    _, mesher = make_pipeline(good_file, output_type="Unstructured Grid", tolerance=0.3)
    _, evaluation = make_evaluation(good_file, line)
    evaluation.Update()
    expected = values_of(evaluation).copy()
    evaluation.SetInputConnection(NETWORK, mesher.GetOutputPort())
    evaluation.Update()
    np.testing.assert_array_equal(values_of(evaluation), expected)
    assert said() == ""


def test_the_network_is_read_once_and_anew_when_it_changes(
    dynamic_ct, line, good_file, make_evaluation, monkeypatch
):
    from pruning_amr.algorithms import carried as module

    taken, extract = [], module.extract_inr
    monkeypatch.setattr(module, "extract_inr", lambda data: taken.append(1) or extract(data))
    reader, evaluation = make_evaluation(dynamic_ct, line)
    for time in (0.0, 0.5):
        evaluation.UpdateTimeStep(time)
    assert len(taken) == 1
    set_properties(reader, {"file_name": str(good_file)})
    evaluation.Update()
    assert len(taken) == 2
    assert "value" in arrays_of(evaluation.GetOutputDataObject(0).GetPointData())


def test_progress_is_told_and_a_wish_to_stop_is_heard(good_file, line, make_evaluation, said):
    _, evaluation = make_evaluation(good_file, line)
    heard = []

    def hear(algorithm, _event) -> None:
        heard.append((algorithm.GetProgress(), algorithm.GetProgressText()))

    evaluation.AddObserver("ProgressEvent", hear)
    evaluation.Update()
    assert (1.0, "INR Evaluate: evaluating points") in heard
    evaluation.Modified()
    evaluation.AddObserver("ProgressEvent", lambda a, _: a.SetAbortExecute(1))
    evaluation.Update()
    assert evaluation.GetOutputDataObject(0).GetNumberOfPoints() == 0
    assert said() == ""


# --- what goes wrong --------------------------------------------------------------------------


def test_times_outside_are_said_once(dynamic_ct, line, make_evaluation, said):
    _, evaluation = make_evaluation(dynamic_ct, line)
    evaluation.UpdateTimeStep(7.0)
    assert_one_sentence(said(), "INR Evaluate", ("time 7 lies outside", "t = 1 is shown"))
    evaluation.UpdateTimeStep(8.0)
    assert said() == ""


def test_inputs_without_a_network_are_named(good_file, line, make_evaluation, said):
    _, evaluation = make_evaluation(good_file, line)
    evaluation.SetInputConnection(NETWORK, line.GetOutputPort())
    evaluation.Update()
    assert_one_sentence(said(), "INR Evaluate", ('no array "INR"', "INR Reader"))
    assert evaluation.GetOutputDataObject(0).GetNumberOfPoints() == 0


def test_points_that_are_none_are_named(good_file, make_evaluation, make_pipeline, said):
    _, mesher = make_pipeline(good_file, tolerance=0.3)
    _, evaluation = make_evaluation(good_file, mesher)
    evaluation.Update()
    assert_one_sentence(said(), "INR Evaluate", ("vtkHyperTreeGrid", "Cell Centers"))
    output = evaluation.GetOutputDataObject(0)
    assert output.GetClassName() == "vtkHyperTreeGrid" and output.GetNumberOfCells() == 0


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("values", "Quick", ('values is "quick"', "exact")),
        ("tolerance", 0.0, ("tolerance is 0.0", "above 0")),
        ("device", "tpu", ("tpu", "cpu")),
        ("memory_mb", -1.0, ("memory_mb is -1",)),
        ("seed", -1, ("seed is -1",)),
    ],
)
def test_parameters_out_of_range(name, value, words, good_file, line, make_evaluation, said):
    _, evaluation = make_evaluation(good_file, line, **{name: value})
    evaluation.Update()
    assert_one_sentence(said(), "INR Evaluate", words)
    assert evaluation.GetOutputDataObject(0).GetNumberOfPoints() == 0


def test_a_reader_that_has_nothing_has_said_so(tmp_path, line, make_evaluation, said):
    _, evaluation = make_evaluation(tmp_path / "missing.pt", line)
    evaluation.Update()
    assert_one_sentence(said(), "INR Reader", ("missing.pt", "does not exist"))
    assert evaluation.GetOutputDataObject(0).GetNumberOfPoints() == 0
