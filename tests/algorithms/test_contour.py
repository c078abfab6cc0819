"""INR Contour in a pipeline: its data, what is done again, time, mistakes."""

from __future__ import annotations

import re

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.files import save_checkpoint, sequential_state
from _helpers.level_sets import LEVEL, Bump, bump_network
from _helpers.reference import evaluate
from _helpers.vtk_reading import arrays_of
from pruning_amr import views
from pruning_amr.algorithms import INRContour, INRReader
from vtkmodules.vtkImagingCore import vtkRTAnalyticSource

from algorithms.conftest import set_properties

NETWORK = bump_network([Bump((0.1, 0.0, -0.1), 0.5)])


@pytest.fixture
def ball(tmp_path):
    metadata = {"activation": ["silu", "elu"], "bounds": [[-1, 1]] * 3}
    return save_checkpoint(tmp_path / "ball.pt", sequential_state(NETWORK), metadata)


@pytest.fixture
def made(said, ball):
    """A reader, and a contour of it that is quick."""
    reader, contour = INRReader(), INRContour()
    set_properties(reader, {"file_name": str(ball), "preview_resolution": 9})
    contour.SetInputConnection(reader.GetOutputPort())
    set_properties(contour, {"smallest_feature": 1 / 16, "device": "cpu"})
    return reader, contour


@pytest.fixture
def searches(monkeypatch) -> list[float | None]:
    """Times at which a contour was searched for, in order."""
    times, find = [], views.find_contour

    def counted(inr, values, parameters, extract, time=None, *more):
        times.append(time)
        return find(inr, values, parameters, extract, time, *more)

    monkeypatch.setattr(views, "find_contour", counted)
    return times


def output_of(contour):
    contour.Update()
    return contour.GetOutputDataObject(0)


def points_of(data) -> np.ndarray:
    return np.array([data.GetPoint(i) for i in range(data.GetNumberOfPoints())])


def test_a_surface_with_normals_and_what_it_is_worth(made, said):
    contour = made[1]
    contour.SetValues(0, LEVEL)
    contour.SetGradient(1)
    data = output_of(contour)
    assert data.GetClassName() == "vtkPolyData"
    assert data.GetNumberOfPolys() == data.GetNumberOfCells() > 1000
    points = points_of(data)
    np.testing.assert_allclose(evaluate(NETWORK, points)[:, 0], LEVEL, atol=1e-4)
    normals = data.GetPointData().GetNormals()
    assert normals.GetName() == "Normals"
    outward = points - [0.1, 0.0, -0.1]
    arrays = arrays_of(data.GetPointData())
    assert ((arrays["Normals"] * outward).sum(axis=1) < 0).all()
    assert set(arrays) == {"value", "Normals", "value_gradient"}
    assert (arrays["value"] == np.float32(LEVEL)).all()
    slope = np.linalg.norm(arrays["value_gradient"], axis=1)
    np.testing.assert_allclose(
        arrays["value_gradient"] / slope[:, None], arrays["Normals"], atol=1e-3
    )
    facts = arrays_of(data.GetFieldData())
    assert facts["asked_error"] == 0.002
    assert 0 < facts["achieved_error"] <= 0.002
    assert "99.9 % within" in contour.GetSummary()
    assert said() == ""


def test_without_values_the_middle_of_the_input_is_contoured(made):
    reader, contour = made
    values = arrays_of(output_of(contour).GetPointData())["value"]
    seen = arrays_of(reader.GetOutputDataObject(0).GetPointData())["value"]
    assert np.ptp(values) == 0
    assert values[0] == pytest.approx((seen.min() + seen.max()) / 2)


def test_the_search_is_done_again_only_if_something_changed(made, ball, searches):
    contour = made[1]
    output_of(contour)
    contour.Modified()
    output_of(contour)
    assert len(searches) == 1
    contour.SetValues(0, 0.45)
    output_of(contour)
    asked = int(re.search(r"(\d+) values and", contour.GetSummary())[1])
    alone = pa.contour(pa.load(ball), 0.45, smallest_feature=1 / 16, device="cpu").report
    # Another value starts from what is known of the domain.
    assert asked <= alone.values_evaluated - 17**3
    contour.SetNumberOfValues(2)
    contour.SetValues(0, 0.3)
    contour.SetValues(1, 0.6)
    both = arrays_of(output_of(contour).GetPointData())["value"]
    assert set(both.tolist()) == {np.float32(0.3), np.float32(0.6)}
    contour.SetTolerance(0.004)
    output_of(contour)
    # Of the file itself too.
    assert len(searches) == 5


def test_its_own_output_carries_the_network(made):
    again = INRContour()
    again.SetInputConnection(made[1].GetOutputPort())
    set_properties(again, {"smallest_feature": 1 / 16, "device": "cpu"})
    again.SetValues(0, 0.7)
    assert output_of(again).GetNumberOfCells() > 500


def test_each_time_has_its_surface(dynamic_ct, said, searches):
    reader, contour = INRReader(), INRContour()
    set_properties(reader, {"file_name": str(dynamic_ct), "preview_resolution": 5})
    contour.SetInputConnection(reader.GetOutputPort())
    set_properties(contour, {"smallest_feature": 1 / 12, "tolerance": 0.01, "device": "cpu"})
    contour.SetValues(0, 0.5)
    counts = []
    for time in (0.0, 0.5, 0.5):
        contour.UpdateTimeStep(time)
        data = contour.GetOutputDataObject(0)
        assert data.GetInformation().Get(data.DATA_TIME_STEP()) == time
        counts.append(data.GetNumberOfPoints())
    assert searches == [0.0, 0.5]
    assert counts[0] != counts[1] == counts[2]


def test_an_abort_leaves_nothing(made, monkeypatch, said):
    contour = made[1]
    monkeypatch.setattr("pruning_amr.algorithms.inr_filter.abort_requested", lambda _: True)
    assert output_of(contour).GetNumberOfCells() == 0
    assert said() == ""


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"tolerance": 0.0}, "tolerance is 0.0"),
        ({"smallest_feature": 2.0}, "smallest_feature is 2"),
        ({"output": "pressure"}, 'output is "pressure"'),
        ({"component": 2}, "component is 2"),
        ({"max_cells": 10}, "max_cells 10"),
        ({"device": "tpu"}, "tpu"),
    ],
)
def test_mistakes_are_one_red_line_and_an_empty_output(properties, words, made, said):
    contour = made[1]
    output_of(contour)
    set_properties(contour, properties)
    assert output_of(contour).GetNumberOfCells() == 0
    text = said()
    assert text.startswith("INR Contour: ") and text.count("\n") == 1 and words in text


def test_an_input_without_a_network_is_named(said):
    contour, source = INRContour(), vtkRTAnalyticSource()
    source.SetWholeExtent(0, 4, 0, 4, 0, 4)
    contour.SetInputConnection(source.GetOutputPort())
    assert output_of(contour).GetNumberOfCells() == 0
    assert 'no array "INR"' in said()


def test_after_a_reader_that_failed_nothing_more_is_said(made, said):
    reader, contour = made
    set_properties(reader, {"file_name": "missing.pt"})
    assert output_of(contour).GetNumberOfCells() == 0
    assert said().count("\n") == 1


def test_an_array_of_another_filter_that_was_active_is_no_choice(made, said):
    _, contour = made
    # What a script gets where a mesh is active: the first of its arrays by name.
    contour.SetOutput(0, 0, 0, 1, "level")
    assert len(points_of(output_of(contour))) and not said()
    contour.SetOutput(0, 0, 0, 0, "heat")
    assert not output_of(contour).GetNumberOfPoints()
    assert 'output is "heat"' in said()
