"""INR Slice in a pipeline: time, pieces, input of any kind, and what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.vtk_reading import arrays_of
from pruning_amr.algorithms import INRReader, INRSlice
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline as Pipeline
from vtkmodules.vtkFiltersSources import vtkSphereSource

from algorithms.bad_inputs import BAD_INPUTS
from algorithms.conftest import set_properties
from algorithms.test_bad_input import assert_one_sentence


@pytest.fixture
def make_slice(said):
    """Return the function that makes a reader and a coarse slice of it."""

    def make(path: Path, **values):
        source = INRReader()
        set_properties(source, {"file_name": str(path), "preview_resolution": 5})
        shown = INRSlice()
        shown.SetInputConnection(source.GetOutputPort())
        set_properties(shown, {"device": "cpu", "max_depth": 3, "tolerance": 0.1, **values})
        return source, shown

    return make


def test_the_field_on_planes_at_a_time(beltrami, make_slice, said):
    _, shown = make_slice(beltrami, normal=(1.0, 1.0, 0.5), offsets=(-0.5, 0.3))
    shown.UpdateInformation()
    info = shown.GetOutputInformation(0)
    assert info.Length(Pipeline.TIME_STEPS()) == 21
    assert not info.Has(Pipeline.WHOLE_EXTENT())
    shown.UpdateTimeStep(0.5)
    output = shown.GetOutputDataObject(0)
    assert output.GetInformation().Get(output.DATA_TIME_STEP()) == 0.5
    points = np.array([output.GetPoint(i) for i in range(output.GetNumberOfPoints())])
    heights = np.unique((points @ [2, 2, 1] / 3).round(6))
    np.testing.assert_allclose(heights, [-0.5, 0.3])
    arrays, inr = arrays_of(output.GetPointData()), pa.load(beltrami)
    exact = pa.evaluate(inr, points, time=0.5, values="exact", device="cpu")
    np.testing.assert_allclose(arrays["velocity"], exact[:, :3], atol=1e-5)
    np.testing.assert_allclose(arrays["pressure"], exact[:, 3], atol=1e-5)
    assert said() == ""


def test_offsets_come_one_by_one(good_file, make_slice):
    _, shown = make_slice(good_file)
    shown.ClearOffsets()
    for offset in (0.1, -0.2, 0.3):
        shown.AddOffset(offset)
    shown.Update()
    assert shown.GetOutputDataObject(0).GetNumberOfLines() == 3


def test_the_first_process_has_all(beltrami, make_slice, said):
    _, shown = make_slice(beltrami)
    cells = []
    for piece in range(2):
        shown.UpdatePiece(piece, 2, 0)
        cells.append(shown.GetOutputDataObject(0).GetNumberOfCells())
    assert cells[0] > 0 and cells[1] == 0 and said() == ""


def test_a_slice_carries_its_network_on(beltrami, make_slice, said):
    _, first = make_slice(beltrami)
    _, second = make_slice(beltrami, normal=(1.0, 0.0, 0.0))
    second.Update()
    expected = second.GetOutputDataObject(0).GetNumberOfCells()
    second.SetInputConnection(first.GetOutputPort())
    second.Update()
    assert second.GetOutputDataObject(0).GetNumberOfCells() == expected > 0
    assert said() == ""


def test_planes_that_miss_the_domain_are_said(beltrami, make_slice, said):
    _, shown = make_slice(beltrami, offsets=(5.0,))
    shown.Update()
    assert_one_sentence(said(), "INR Slice", ("the plane misses the domain", "offset 5"))
    output = shown.GetOutputDataObject(0)
    assert output.GetNumberOfCells() == 0 and output.GetPointData().HasArray("velocity")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"normal": (0.0, 0.0, 0.0)}, ("normal is 0 0 0",)),
        ({"tolerance": -1.0}, ("tolerance is -1",)),
        ({"max_cells": 3}, ("max_cells is 3",)),
        ({"offsets": ()}, ("offsets are ()",)),
    ],
)
def test_one_sentence_and_an_empty_output(values, words, beltrami, make_slice, said):
    _, shown = make_slice(beltrami, **values)
    shown.Update()
    assert_one_sentence(said(), "INR Slice", words)
    assert shown.GetOutputDataObject(0).GetNumberOfPoints() == 0


def test_inputs_without_a_network(good_file, tmp_path, make_slice, said):
    _, shown = make_slice(good_file)
    sphere = vtkSphereSource()
    shown.SetInputConnection(sphere.GetOutputPort())
    shown.Update()
    assert_one_sentence(said(), "INR Slice", ("the input carries no INR",))
    # A reader that has nothing has said so.
    _, shown = make_slice(BAD_INPUTS["missing file"].write(tmp_path))
    shown.Update()
    assert_one_sentence(said(), "INR Reader", ("does not exist",))
    assert shown.GetOutputDataObject(0).GetNumberOfPoints() == 0


def test_times_outside_are_said_once(beltrami, make_slice, said):
    _, shown = make_slice(beltrami)
    shown.UpdateTimeStep(3.0)
    assert_one_sentence(said(), "INR Slice", ("time 3 lies outside", "t = 1 is shown"))
    shown.UpdateTimeStep(4.0)
    assert said() == ""


def test_progress_is_told_and_a_wish_to_stop_is_heard(beltrami, make_slice, said):
    _, shown = make_slice(beltrami, offsets=(-0.1, 0.1), tolerance=1e-3, max_depth=8)
    told = []

    def hear(algorithm, _event) -> None:
        told.append((algorithm.GetProgress(), algorithm.GetProgressText() or ""))

    shown.AddObserver("ProgressEvent", hear)
    shown.Update()
    n_told = len(told)
    fractions = [f for f, text in told if "INR Slice" in text]
    assert len(fractions) > 3 and all(0 <= f <= 1 for f in fractions)
    assert min(fractions) < 0.5 < max(fractions)
    said()
    shown.AddObserver("ProgressEvent", lambda algorithm, _event: algorithm.SetAbortExecute(1))
    shown.Modified()
    shown.Update()
    assert len(told) - n_told < n_told
    # VTK itself empties the output of a filter that was stopped.
    assert shown.GetOutputDataObject(0).GetNumberOfCells() == 0
