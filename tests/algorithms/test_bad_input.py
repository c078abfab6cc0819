"""Whatever a user gets wrong is answered by one sentence and an empty output."""

from __future__ import annotations

import pytest
import torch
from pruning_amr.algorithms import INREvaluate, INRSlice, PruningAMR
from vtkmodules.vtkCommonDataModel import vtkDataObject
from vtkmodules.vtkImagingCore import vtkRTAnalyticSource

from algorithms.bad_inputs import BAD_INPUTS, MARKER, write_good
from algorithms.conftest import set_properties


def assert_one_sentence(text: str, speaker: str, words: tuple[str, ...]) -> None:
    """Assert that `text` is one line that `speaker` says and that contains `words`."""
    assert text.endswith("\n")
    line = text[:-1]
    assert "\n" not in line
    assert line.startswith(f"{speaker}: ")
    assert line.endswith((".", "?"))
    assert "Traceback" not in line
    assert len(line) < 1000
    for word in words:
        assert word in line


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_one_sentence_and_an_empty_output(name, tmp_path, make_pipeline, said):
    bad = BAD_INPUTS[name]
    reader, mesher = make_pipeline(bad.write(tmp_path), bad.reader, **bad.refinement)
    mesher.Update()
    speaker = "Pruning AMR" if bad.refinement else "INR Reader"
    sentence = said()
    assert_one_sentence(sentence, speaker, bad.words)
    assert mesher.GetOutputDataObject(0).GetNumberOfCells() == 0
    if not bad.refinement:
        assert reader.GetOutputDataObject(0).GetNumberOfPoints() == 0
        # What is to be answered is on the panel, before Apply too.
        asked = reader.GetNetwork().splitlines()
        assert bool(asked) == ("missing: " in sentence)
        assert all(label in sentence for label in asked[1:-1])


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_the_same_pipeline_works_once_the_mistake_is_corrected(name, tmp_path, make_pipeline, said):
    bad = BAD_INPUTS[name]
    reader, mesher = make_pipeline(bad.write(tmp_path), bad.reader, **bad.refinement)
    mesher.Update()
    said()
    clean = {"activation": "auto", "bounds": "", "metadata": ""}
    set_properties(reader, {"file_name": str(write_good(tmp_path)), **clean})
    set_properties(mesher, {"max_depth": 2, "tolerance": 0.01, "max_cells": 1000})
    mesher.Update()
    assert said() == ""
    assert mesher.GetOutputDataObject(0).GetNumberOfCells() > 8


@pytest.mark.parametrize("name", ["missing file", "max depth 0"])
def test_a_good_output_is_emptied_when_a_mistake_follows(name, tmp_path, make_pipeline, said):
    bad = BAD_INPUTS[name]
    reader, mesher = make_pipeline(write_good(tmp_path))
    mesher.Update()
    assert mesher.GetOutputDataObject(0).GetNumberOfCells() > 8
    set_properties(reader, {"file_name": str(bad.write(tmp_path))})
    set_properties(mesher, bad.refinement)
    mesher.Update()
    assert_one_sentence(said(), "Pruning AMR" if bad.refinement else "INR Reader", bad.words)
    assert mesher.GetOutputDataObject(0).GetNumberOfCells() == 0


@pytest.mark.parametrize("output_type", ["Hyper Tree Grid", "Overlapping AMR", "Unstructured Grid"])
def test_every_output_type_can_be_empty(output_type, tmp_path, make_pipeline, said):
    _, mesher = make_pipeline(write_good(tmp_path), max_depth=0, output_type=output_type)
    mesher.Update()
    assert_one_sentence(said(), "Pruning AMR", ("max_depth is 0",))
    output = mesher.GetOutputDataObject(0)
    assert output.GetClassName() == "vtk" + output_type.replace(" ", "")
    assert output.GetNumberOfCells() == 0


def test_the_message_is_not_repeated_by_the_next_update(tmp_path, make_pipeline, said):
    reader, mesher = make_pipeline(BAD_INPUTS["missing file"].write(tmp_path))
    mesher.Update()
    assert_one_sentence(said(), "INR Reader", ("does not exist",))
    mesher.Update()
    reader.UpdateInformation()
    assert said() == ""


def test_what_the_file_does_not_tell_is_asked_when_properties_are_set(
    tmp_path, make_pipeline, said
):
    bad = BAD_INPUTS["activation not known"]
    reader, _ = make_pipeline(bad.write(tmp_path))
    # ParaView asks as soon as the name of the file is set.
    reader.UpdateInformation()
    assert reader.GetSummary() == "" == said()
    set_properties(reader, {"activation": "silu", "bounds": "-1 1 0 1"})
    reader.UpdateInformation()
    assert reader.GetSummary() and reader.GetSummary()
    set_properties(reader, {"activation": "auto"})
    reader.UpdateInformation()
    assert reader.GetSummary() == "" == said()
    # The reader is made: there is nothing more to wait for.
    assert reader.GetSummary() == ""
    assert_one_sentence(said(), "INR Reader", ("bare.pt", '"activation" is missing'))
    reader.Update()
    assert reader.GetSummary() == "" == said()


def test_a_command_in_a_checkpoint_is_not_executed(tmp_path, make_pipeline, said):
    path = BAD_INPUTS["malicious pickle"].write(tmp_path)
    reader, _ = make_pipeline(path)
    reader.Update()
    assert not (tmp_path / MARKER).exists()
    # The control: the command works where checkpoints are trusted.
    torch.load(path, weights_only=False)
    assert (tmp_path / MARKER).exists()


def test_time_steps_are_forgotten_when_the_file_is_replaced_by_a_bad_one(
    sample_data, tmp_path, make_pipeline, said
):
    reader, _ = make_pipeline(sample_data / "dynamic_ct_4d.pt")
    key = reader.GetExecutive().TIME_STEPS()
    reader.UpdateInformation()
    assert reader.GetOutputInformation(0).Has(key)
    set_properties(reader, {"file_name": str(tmp_path / "missing.pt")})
    reader.UpdateInformation()
    assert not reader.GetOutputInformation(0).Has(key)


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        (PruningAMR, "output_type", ("hyper_tree_grid", "image_data")),
        (PruningAMR, "hanging_nodes", ("split", "free")),
        (INRSlice, "error_norm", ("rms", "max")),
        (INREvaluate, "values", ("local", "exact")),
    ],
)
def test_a_choice_that_is_none_is_refused_at_once(
    kind, name, words, good_file, make_pipeline, said
):
    reader, _ = make_pipeline(good_file)
    shown = kind()
    for port in range(shown.GetNumberOfInputPorts()):
        shown.SetInputConnection(port, reader.GetOutputPort())
    good = shown._defaults[name]
    set_properties(shown, {name: "nonsense", "device": "cpu"})
    assert_one_sentence(said(), shown.label, (f'{name} is "nonsense"', *words))
    shown.Update()
    assert said() == ""
    assert shown.GetOutputDataObject(0).GetNumberOfElements(vtkDataObject.CELL) == 0
    # Nothing is empty in silence.
    set_properties(shown, {"seed": 1})
    shown.Update()
    assert_one_sentence(said(), shown.label, (f'{name} is "nonsense"', *words))
    set_properties(shown, {name: good})
    shown.Update()
    assert said() == ""
    assert shown.GetOutputDataObject(0).GetNumberOfElements(vtkDataObject.CELL) > 0


def test_an_input_without_a_network_is_named(make_pipeline, good_file, said):
    _, mesher = make_pipeline(good_file)
    source = vtkRTAnalyticSource()
    source.SetWholeExtent(0, 4, 0, 4, 0, 4)
    mesher.SetInputConnection(source.GetOutputPort())
    mesher.Update()
    assert_one_sentence(said(), "Pruning AMR", ('no array "INR"', "INR Reader"))
    assert mesher.GetOutputDataObject(0).GetNumberOfCells() == 0


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("criterion", "Best", ('criterion is "best"', "interpolation_error")),
        ("output_type", "Polygons", ('output_type is "polygons"', "hyper_tree_grid")),
        ("root_resolution", (4, 0, 0), ("root_resolution is (4, 0)", "2 positive numbers")),
        ("root_resolution", (2, -2, 0), ("root_resolution is (2, -2",)),
        ("min_depth", -1, ("min_depth is -1", "at least 0")),
        ("time_limit", -1.0, ("time_limit is -1", "seconds")),
        ("id_tolerance", 1e-9, ("id_tolerance is 1e-09", "0 for automatic")),
        ("error_formula", "Published", ("target_error", "value_range")),
        ("device", "tpu", ("tpu", "cpu")),
        ("memory_mb", 0.0, ("memory_mb is 0",)),
        ("max_depth", 60, ("max_depth is 60", "lower max_depth")),
    ],
)
def test_other_parameters_out_of_range(name, value, words, good_file, make_pipeline, said):
    _, mesher = make_pipeline(good_file, **{name: value})
    mesher.Update()
    assert_one_sentence(said(), "Pruning AMR", words)
    assert mesher.GetOutputDataObject(0).GetNumberOfCells() == 0


@pytest.mark.parametrize("points", [1, 0, -3, 5000])
def test_preview_resolution_out_of_range(points, good_file, make_pipeline, said):
    reader, _ = make_pipeline(good_file, {"preview_resolution": points})
    reader.Update()
    assert_one_sentence(said(), "INR Reader", (f"preview_resolution is {points}",))
