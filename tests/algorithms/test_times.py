"""Time steps of a reader and a filter: what they show, and what is done again."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from pruning_amr import refinement
from pruning_amr.algorithms import INRSlice
from vtkmodules.vtkCommonDataModel import vtkDataObject
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline as Pipeline

from algorithms.conftest import TYPES, leaf_centers_and_values, set_properties

SMALL_4D = {"min_depth": 0, "max_depth": 1}


def test_time_steps_reach_the_end_of_the_pipeline(dynamic_ct, make_pipeline):
    reader, mesher = make_pipeline(dynamic_ct)
    for algorithm in (reader, mesher):
        algorithm.UpdateInformation()
        info = algorithm.GetOutputInformation(0)
        steps = info.Get(Pipeline.TIME_STEPS())
        np.testing.assert_allclose(steps, np.linspace(0, 1, 64))
        assert info.Get(Pipeline.TIME_RANGE()) == (0.0, 1.0)


def test_the_number_of_time_steps_can_be_given(dynamic_ct, make_pipeline):
    reader, mesher = make_pipeline(dynamic_ct, {"time_steps": 3})
    mesher.UpdateInformation()
    assert mesher.GetOutputInformation(0).Get(Pipeline.TIME_STEPS()) == (0.0, 0.5, 1.0)
    set_properties(reader, {"time_steps": 2})
    mesher.UpdateInformation()
    assert mesher.GetOutputInformation(0).Get(Pipeline.TIME_STEPS()) == (0.0, 1.0)


def test_a_static_field_has_no_time_steps(good_file, make_pipeline):
    _, mesher = make_pipeline(good_file)
    mesher.UpdateInformation()
    assert not mesher.GetOutputInformation(0).Has(Pipeline.TIME_STEPS())


def test_a_static_field_has_no_time_though_a_view_asks_for_its_own(good_file, make_pipeline):
    reader, mesher = make_pipeline(good_file)
    plane = INRSlice()
    plane.SetInputConnection(reader.GetOutputPort())
    for algorithm in (reader, mesher, plane):
        algorithm.UpdateTimeStep(0.5)
        output = algorithm.GetOutputDataObject(0)
        assert output.GetNumberOfCells() > 0
        assert not output.GetInformation().Has(vtkDataObject.DATA_TIME_STEP())
        for key in (Pipeline.TIME_STEPS(), Pipeline.TIME_RANGE()):
            assert not algorithm.GetOutputInformation(0).Has(key)


def test_time_steps_are_forgotten_when_a_static_field_is_opened(
    dynamic_ct, good_file, make_pipeline
):
    reader, mesher = make_pipeline(dynamic_ct)
    mesher.UpdateInformation()
    set_properties(reader, {"file_name": str(good_file)})
    mesher.UpdateInformation()
    assert not mesher.GetOutputInformation(0).Has(Pipeline.TIME_STEPS())


def test_each_time_step_is_the_network_at_that_time(dynamic_ct, make_pipeline, refined):
    import pruning_amr as pa

    inr = pa.load(dynamic_ct)
    reader, mesher = make_pipeline(dynamic_ct, **SMALL_4D)
    seen = []
    for time in (0.0, 0.5, 1.0):
        mesher.UpdateTimeStep(time)
        output = mesher.GetOutputDataObject(0)
        assert output.GetInformation().Get(vtkDataObject.DATA_TIME_STEP()) == time
        points, values = leaf_centers_and_values(output, 3)
        expected = inr.evaluate(np.column_stack([points, np.full(len(points), time)]))[:, 0]
        np.testing.assert_allclose(values, expected, atol=1e-4)
        seen.append(values)
    assert refined == [0.0, 0.5, 1.0]
    assert not any(np.array_equal(a, b) for a, b in itertools.pairwise(seen))
    reader.UpdateTimeStep(0.5)
    image = reader.GetOutputDataObject(0)
    assert image.GetInformation().Get(vtkDataObject.DATA_TIME_STEP()) == 0.5


def test_a_time_step_seen_before_is_not_refined_again(dynamic_ct, make_pipeline, refined):
    _, mesher = make_pipeline(dynamic_ct, **SMALL_4D)
    for time in (0.0, 1.0, 0.0, 1.0):
        mesher.UpdateTimeStep(time)
    assert refined == [0.0, 1.0]


SPACE_TIME = {"time_mode": "Space Time", "tolerance": 0.02, "max_depth": 2}


@pytest.mark.parametrize("output_type", TYPES)
def test_one_mesh_for_all_times_is_refined_once(
    output_type, beltrami, make_pipeline, refined, monkeypatch
):
    built = []
    build = refinement.build_space_time_mesh

    def counted(*arguments, **more):
        built.append(arguments)
        return build(*arguments, **more)

    monkeypatch.setattr(refinement, "build_space_time_mesh", counted)
    _, mesher = make_pipeline(beltrami, output_type=output_type, **SPACE_TIME)
    for time in (0.0, 1.0, 0.25, 0.0):
        mesher.UpdateTimeStep(time)
        output = mesher.GetOutputDataObject(0)
        assert output.GetInformation().Get(vtkDataObject.DATA_TIME_STEP()) == time
        assert output.GetNumberOfCells() > 0
        fraction = output.GetFieldData().GetArray("unchanged_fraction").GetValue(0)
        assert fraction == mesher.GetUnchangedFraction()
    assert len(built) == 1
    assert not refined


@pytest.mark.parametrize("mode", ["Space Time", "Per Time Step"])
def test_what_does_not_bear_on_the_cells_refines_nothing(
    mode, beltrami, make_pipeline, refined, monkeypatch
):
    built = []
    build = refinement.build_space_time_mesh
    monkeypatch.setattr(
        refinement, "build_space_time_mesh", lambda *a, **k: built.append(a) or build(*a, **k)
    )
    _, mesher = make_pipeline(beltrami, **{**SPACE_TIME, "time_mode": mode})
    mesher.UpdateTimeStep(0.5)
    cells = mesher.GetOutputDataObject(0).GetNumberOfCells()
    made = len(built) + len(refined)
    set_properties(mesher, {"change": 1, "time_values": "Exact"})
    mesher.UpdateTimeStep(0.5)
    output = mesher.GetOutputDataObject(0)
    assert output.GetCellData().HasArray("change_pressure")
    assert output.GetNumberOfCells() == cells
    set_properties(mesher, {"memory_mb": 64.0, "hanging_nodes": "Constrained"})
    mesher.UpdateTimeStep(0.5)
    assert len(built) + len(refined) == made == 1
    set_properties(mesher, {"tolerance": 0.2})
    mesher.UpdateTimeStep(0.5)
    assert len(built) + len(refined) == 2


def test_times_outside_are_said_once_in_one_line(beltrami, make_pipeline, said):
    _, mesher = make_pipeline(beltrami, **SPACE_TIME)
    mesher.UpdateTimeStep(0.5)
    assert said() == ""
    mesher.UpdateTimeStep(7.0)
    assert said().strip() == (
        "Pruning AMR: time 7 lies outside the range of the field, 0 to 1; t = 1 is shown."
    )
    mesher.UpdateTimeStep(8.0)
    assert said() == ""


def test_times_outside_are_said_for_images_too(beltrami, make_pipeline, said):
    _, mesher = make_pipeline(beltrami, output_type="Image Data", image_resolution=5)
    mesher.UpdateTimeStep(7.0)
    assert "t = 1 is shown." in said()
    mesher.UpdateTimeStep(8.0)
    assert said() == ""


def test_what_needs_a_mesh_for_each_time_step_is_said(beltrami, make_pipeline, said):
    _, mesher = make_pipeline(beltrami, **SPACE_TIME, reconstruction="Cell Constant")
    mesher.Update()
    text = said().strip()
    assert text.count("\n") == 0
    assert 'set time_mode to "per_time_step"' in text
    assert mesher.GetOutputDataObject(0).GetNumberOfCells() == 0


def test_a_time_outside_the_domain_shows_the_nearest(dynamic_ct, make_pipeline, refined):
    _, mesher = make_pipeline(dynamic_ct, **SMALL_4D)
    mesher.UpdateTimeStep(7.0)
    assert refined == [1.0]
