"""Reader and filter connected: data, time, types, and what is done again."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.reference import evaluate
from _helpers.vtk_reading import arrays_of, blocks_of, walk
from pruning_amr.algorithms import INREvaluate, INRReader, PruningAMR
from pruning_amr.algorithms.pipeline import choice, property_name
from pruning_amr.inr import Evaluator
from pruning_amr.refinement import PARAMETER_NAMES
from pruning_amr.refinement.presets import PRESETS
from vtkmodules.vtkCommonDataModel import vtkDataObject
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline as Pipeline
from vtkmodules.vtkFiltersCore import vtkPassThrough
from vtkmodules.vtkImagingGeneral import vtkImageMedian3D

from algorithms.bad_inputs import BOUNDS, network, write_good
from algorithms.conftest import TYPES, leaf_centers_and_values, set_properties

# --- reader -----------------------------------------------------------------------------------


def test_the_preview_is_the_field_on_a_grid(good_file, make_pipeline, said):
    reader, _ = make_pipeline(good_file, {"preview_resolution": 9})
    reader.Update()
    image = reader.GetOutputDataObject(0)
    assert image.GetDimensions() == (9, 5, 1)
    assert image.GetBounds() == (-1, 1, 0, 1, 0, 0)
    points = np.array([image.GetPoint(i)[:2] for i in range(image.GetNumberOfPoints())])
    expected = evaluate(network(), points)[:, 0]
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(arrays_of(image.GetPointData())["value"], expected, atol=1e-5)
    assert said() == ""


@pytest.mark.parametrize("show_image", [False, True], ids=["preview", "image"])
def test_filters_of_images_take_the_preview_and_images(good_file, make_pipeline, show_image, said):
    reader, mesher = make_pipeline(
        good_file, {"preview_resolution": 9}, output_type="Image Data", image_resolution=7
    )
    # It takes the type that is announced, and complains where the data are of another.
    median = vtkImageMedian3D()
    median.SetInputConnection((mesher if show_image else reader).GetOutputPort())
    median.Update()
    (low, high) = median.GetOutput().GetScalarRange()
    assert high - low > 0.1
    assert median.GetOutput().GetScalarTypeAsString() == "float"
    assert said() == ""


def test_the_reader_says_what_the_file_holds(good_file, make_pipeline):
    reader, _ = make_pipeline(good_file)
    assert reader.GetNetwork() == ""
    reader.UpdateInformation()
    text = reader.GetNetwork()
    assert "2 -> 16 -> 16 -> 1" in text
    assert "silu" in text


def test_overrides_win_over_the_file_beside_the_checkpoint(good_file, make_pipeline, said):
    _, mesher = make_pipeline(
        good_file,
        {"bounds": "0 4 0 1", "activation": "tanh", "metadata": '{"output_scale": 2}'},
        tolerance=0.3,
    )
    mesher.Update()
    assert mesher.GetOutputDataObject(0).GetBounds()[:4] == (0, 4, 0, 1)
    points, values = leaf_centers_and_values(mesher.GetOutputDataObject(0), 2)
    layers = network()
    other = [type(a)(a.weight, a.bias, "tanh") for a in layers[:-1]] + layers[-1:]
    np.testing.assert_allclose(values, 2 * evaluate(other, points)[:, 0], atol=2e-5)
    assert said() == ""


def test_a_checkpoint_saved_again_is_read_again(good_file, make_pipeline):
    import torch
    from _helpers.files import sequential_state

    reader, _ = make_pipeline(good_file)
    reader.Update()
    before = arrays_of(reader.GetOutputDataObject(0).GetPointData())["value"].copy()
    state = sequential_state(network())
    state["4.bias"] += 3
    torch.save(state, good_file)
    reader.Modified()
    reader.Update()
    after = arrays_of(reader.GetOutputDataObject(0).GetPointData())["value"]
    np.testing.assert_allclose(after, before + 3, atol=1e-5)


# --- output types -----------------------------------------------------------------------------


@pytest.mark.parametrize("output_type", TYPES)
def test_output_is_of_the_type_asked_for(output_type, good_file, make_pipeline, said):
    _, mesher = make_pipeline(good_file, output_type=output_type)
    mesher.Update()
    output = mesher.GetOutputDataObject(0)
    assert output.GetClassName() == "vtk" + output_type.replace(" ", "")
    assert output.GetNumberOfCells() > 8
    assert said() == ""


def test_the_default_output_is_a_hyper_tree_grid(good_file, make_pipeline):
    _, mesher = make_pipeline(good_file)
    mesher.Update()
    assert mesher.GetOutputDataObject(0).GetClassName() == "vtkHyperTreeGrid"


def test_all_output_types_show_the_same_mesh(good_file, make_pipeline):
    def output_of(output_type: str):
        mesher.SetOutputType(output_type)
        mesher.Update()
        return mesher.GetOutputDataObject(0)

    _, mesher = make_pipeline(good_file)
    found = walk(output_of("Hyper Tree Grid"))
    leaves = found.box[found.leaf][:, :2]
    # Neither the root grid nor a uniform grid: there is something to agree on.
    assert 8 < len(leaves) < 128

    mesher.SetHangingNodes("Free")
    cells = output_of("Unstructured Grid")
    boxes = [cells.GetCell(i).GetBounds()[:4] for i in range(cells.GetNumberOfCells())]
    as_rows = {tuple(np.round(box, 9)) for box in boxes}
    assert as_rows == {tuple(np.round(box.reshape(-1), 9)) for box in leaves}

    blocks = blocks_of(output_of("Overlapping AMR"), 2)
    shown = np.concatenate([b.box[b.visible] for b in blocks])
    assert np.prod(shown[..., 1] - shown[..., 0], axis=1).sum() == pytest.approx(2.0)
    assert max(b.level for b in blocks) == found.level.max()
    # Blocks are at least as fine as the cells they stand for.
    for box in shown:
        holds = (leaves[..., 0] <= box[:, 0] + 1e-9) & (leaves[..., 1] >= box[:, 1] - 1e-9)
        assert holds.all(axis=1).sum() == 1


def test_changing_the_output_type_does_not_refine_again(good_file, make_pipeline, refined):
    _, mesher = make_pipeline(good_file)
    for output_type in (*TYPES, TYPES[0]):
        mesher.SetOutputType(output_type)
        mesher.Update()
    assert refined == [0.0]


def test_updating_without_a_change_does_not_run_again(good_file, make_pipeline, refined):
    _, mesher = make_pipeline(good_file, output_type=TYPES[0])
    mesher.Update()
    runs = []
    mesher.AddObserver("EndEvent", lambda *_: runs.append(1))
    mesher.SetMaxDepth(2)
    mesher.SetOutputType(TYPES[0])
    mesher.Update()
    assert not runs
    mesher.SetOutputType(TYPES[1])
    mesher.Update()
    assert runs == [1]
    assert refined == [0.0]


@pytest.mark.parametrize("output_type", TYPES)
def test_each_further_consumer_finds_the_output_made(output_type, good_file, make_pipeline):
    _, mesher = make_pipeline(good_file, {"preview_resolution": 33}, output_type=output_type)
    runs = []
    mesher.AddObserver("EndEvent", lambda *_: runs.append(1))
    for _ in range(3):
        consumer = vtkPassThrough()
        consumer.SetInputConnection(mesher.GetOutputPort())
        consumer.Update()
        mesher.UpdateWholeExtent()
    assert runs == [1]


def test_changing_the_preview_does_not_read_the_file_again(good_file, make_pipeline, monkeypatch):
    from pruning_amr.algorithms import reader as module

    read = []
    load = module.load
    monkeypatch.setattr(module, "load", lambda *a, **k: read.append(a) or load(*a, **k))
    reader, _ = make_pipeline(good_file)
    reader.Update()
    reader.SetPreviewResolution(9)
    reader.Update()
    assert reader.GetOutputDataObject(0).GetDimensions() == (9, 5, 1)
    assert len(read) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("criterion", "Uniform"),
        ("criterion", "Paper"),
        ("tolerance", 0.3),
        ("error_formula", "Published"),
        ("error_formula", "Absolute"),
        ("balance", "Corners"),
        ("root_resolution", (3, 3, 0)),
        ("max_depth", 1),
        ("max_cells", 20),
        ("error_samples", 4),
        ("seed", 7),
    ],
)
def test_changing_a_parameter_refines_again(name, value, good_file, make_pipeline, refined, said):
    _, mesher = make_pipeline(good_file)
    mesher.SetCriterion("Interpolation Error")
    mesher.Update()
    set_properties(mesher, {name: value})
    mesher.Update()
    assert refined == [0.0, 0.0]
    assert ("max_cells was reached" in said()) == (name == "max_cells")


def test_another_tolerance_asks_only_for_what_is_new(good_file, make_pipeline, monkeypatch):
    asked = []
    evaluate = Evaluator.numpy

    def counted(self, points, *rest):
        asked.append(len(points))
        return evaluate(self, points, *rest)

    monkeypatch.setattr(Evaluator, "numpy", counted)
    counts = {}
    for tolerance in (0.05, 0.01):
        _, fresh = make_pipeline(good_file, tolerance=tolerance)
        fresh.Update()
        counts[tolerance] = sum(asked)
        asked.clear()
    _, mesher = make_pipeline(good_file, tolerance=0.05)
    mesher.Update()
    n_leaves = mesher.GetOutputDataObject(0).GetNumberOfLeaves()
    asked.clear()
    mesher.SetTolerance(0.01)
    mesher.Update()
    found = mesher.GetOutputDataObject(0)
    assert sum(asked) <= counts[0.01] - n_leaves
    assert n_leaves < found.GetNumberOfLeaves()
    points, values = leaf_centers_and_values(found, 2)
    expected, of_fresh = leaf_centers_and_values(fresh.GetOutputDataObject(0), 2)
    np.testing.assert_array_equal(points, expected)
    np.testing.assert_array_equal(values, of_fresh)


def test_a_missed_tolerance_is_said_once(good_file, make_pipeline, said):
    _, mesher = make_pipeline(good_file, max_cells=40, tolerance=1e-3)
    mesher.Update()
    text = said()
    assert text.startswith("Pruning AMR: tolerance 0.001 is missed, the error found is 0.")
    assert text.endswith("max_cells was reached, raise it or the tolerance.\n")
    assert text.count("\n") == 1
    mesher.SetOutputType("Unstructured Grid")
    mesher.Update()
    assert said() == ""
    set_properties(mesher, {"max_cells": 100_000, "max_depth": 8})
    mesher.Update()
    assert said() == ""


def test_another_network_refines_again(good_file, make_pipeline, refined):
    reader, mesher = make_pipeline(good_file)
    mesher.Update()
    reader.SetMetadata('{"output_offset": 1}')
    mesher.Update()
    assert refined == [0.0, 0.0]


def test_the_preview_does_not_matter_to_the_mesh(good_file, make_pipeline, refined):
    reader, mesher = make_pipeline(good_file)
    mesher.Update()
    cells = mesher.GetOutputDataObject(0).GetNumberOfCells()
    reader.SetPreviewResolution(17)
    mesher.Update()
    assert mesher.GetOutputDataObject(0).GetNumberOfCells() == cells
    assert refined == [0.0]


def test_parameters_reach_the_mesh(good_file, make_pipeline):
    _, mesher = make_pipeline(
        good_file, criterion="Uniform", root_resolution=(3, 2, 1), max_depth=2
    )
    mesher.Update()
    output = mesher.GetOutputDataObject(0)
    assert output.GetNumberOfLeaves() == 3 * 2 * 16
    mesher.SetMaxCells(30)
    mesher.Update()
    assert 6 < mesher.GetOutputDataObject(0).GetNumberOfLeaves() <= 30


@pytest.mark.parametrize("output_type", TYPES)
def test_pieces_make_up_the_whole(output_type, good_file, make_pipeline, refined):
    def cells_of(output) -> set[tuple]:
        if output_type == "Hyper Tree Grid":
            found = walk(output)
            boxes = found.box[found.leaf][:, :2]
        elif output_type == "Overlapping AMR":
            boxes = np.concatenate([b.box[b.visible] for b in blocks_of(output, 2)])
        else:
            cells = (output.GetCell(i).GetBounds() for i in range(output.GetNumberOfCells()))
            boxes = np.array(list(cells)).reshape(-1, 3, 2)[:, :2]
        return {tuple(np.round(box.reshape(-1), 9)) for box in boxes}

    _, mesher = make_pipeline(good_file, output_type=output_type, tolerance=0.01)
    mesher.Update()
    whole = cells_of(mesher.GetOutputDataObject(0))
    pieces = []
    for piece in range(2):
        mesher.UpdatePiece(piece, 2, 0)
        pieces.append(cells_of(mesher.GetOutputDataObject(0)))
    assert all(pieces)
    assert not pieces[0] & pieces[1]
    assert pieces[0] | pieces[1] == whole
    assert refined == [0.0]


def test_progress_is_reported(good_file, make_pipeline):
    _, mesher = make_pipeline(good_file)
    mesher.SetCriterion("Interpolation Error")
    seen = []
    mesher.AddObserver(
        "ProgressEvent", lambda *_: seen.append((mesher.GetProgress(), mesher.GetProgressText()))
    )
    mesher.Update()
    levels = [text for _, text in seen if text and "level" in text]
    assert any("level 0 of 2" in text for text in levels)
    assert any("level 1 of 2" in text for text in levels)
    assert all(0 <= fraction <= 1 for fraction, _ in seen)


# --- properties -------------------------------------------------------------------------------


def test_property_names():
    assert property_name("max_depth") == "MaxDepth"
    assert property_name("id_tolerance") == "IDTolerance"
    assert property_name("memory_mb") == "MemoryMB"
    assert property_name("omega_0") == "Omega0"
    assert property_name("first_omega_0") == "FirstOmega0"
    assert choice("Hyper Tree Grid") == "hyper_tree_grid"


@pytest.mark.parametrize("cls", [INREvaluate, INRReader, PruningAMR])
def test_every_property_has_a_setter_that_marks_a_change_only(cls):
    algorithm = cls()
    for name, default in algorithm._values.items():
        if isinstance(default, tuple):
            other = tuple(value + 1 for value in default)
        else:
            other = f"{default}x" if isinstance(default, str) else default + 1
        before = algorithm.GetMTime()
        set_properties(algorithm, {name: default})
        assert algorithm.GetMTime() == before, f"{name}: set to what it was"
        set_properties(algorithm, {name: other})
        assert algorithm.GetMTime() > before, f"{name}: set to something else"
        assert algorithm._values[name] == other


def test_the_filter_has_every_parameter():
    box = {"use_region", "region_position", "region_size"}
    assert set(PruningAMR()._values) - box == {*PARAMETER_NAMES, "output_type", "preset"} - {
        "region",
        "isovalues",
    }


def test_an_empty_string_may_arrive_as_none(good_file, make_pipeline, said):
    reader, mesher = make_pipeline(good_file)
    for name in ("activation", "fourier_order", "inputs", "bounds", "fixed", "metadata"):
        set_properties(reader, {name: None})
    mesher.Update()
    assert said() == ""
    assert mesher.GetOutputDataObject(0).GetNumberOfCells() > 8


def test_properties_of_two_filters_are_independent():
    one, other = PruningAMR(), PruningAMR()
    one.SetMaxDepth(3)
    assert other._values["max_depth"] != 3


def test_the_sample_of_the_documentation_opens(sample_data, make_pipeline, said):
    _, mesher = make_pipeline(sample_data / "oscillation_2d.pt", max_depth=3, tolerance=0.5)
    mesher.Update()
    output = mesher.GetOutputDataObject(0)
    assert said() == ""
    assert output.GetBounds()[:4] == (0, 1, 0, 1)
    assert "oscillation" in arrays_of(output.GetCellData())


def test_write_good_describes_its_own_bounds(tmp_path, make_pipeline):
    _, mesher = make_pipeline(write_good(tmp_path))
    mesher.Update()
    assert mesher.GetOutputDataObject(0).GetBounds()[:4] == tuple(np.ravel(BOUNDS))


# --- image data -------------------------------------------------------------------------------


@pytest.mark.parametrize("values", ["Exact", "Local"])
def test_image_data_are_the_field_on_a_grid(good_file, make_pipeline, said, refined, values):
    _, mesher = make_pipeline(
        good_file, output_type="Image Data", image_resolution=17, values=values
    )
    mesher.Update()
    image = mesher.GetOutputDataObject(0)
    assert image.GetClassName() == "vtkImageData"
    assert image.GetDimensions() == (17, 9, 1)
    assert image.GetBounds() == (-1, 1, 0, 1, 0, 0)
    points = np.array([image.GetPoint(i)[:2] for i in range(image.GetNumberOfPoints())])
    stored = arrays_of(image.GetPointData())["value"]
    np.testing.assert_allclose(stored, evaluate(network(), points)[:, 0], atol=2e-5)
    assert refined == [] and said() == ""


def test_a_part_of_the_image_is_made_when_a_part_is_asked_for(good_file, make_pipeline):
    _, mesher = make_pipeline(good_file, output_type="Image Data", image_resolution=17)
    mesher.UpdateInformation()
    info = mesher.GetOutputInformation(0)
    assert info.Get(Pipeline.WHOLE_EXTENT()) == (0, 16, 0, 8, 0, 0)
    mesher.UpdateExtent([3, 9, 2, 5, 0, 0])
    image = mesher.GetOutputDataObject(0)
    assert image.GetExtent() == (3, 9, 2, 5, 0, 0)
    points = np.array([image.GetPoint(i)[:2] for i in range(image.GetNumberOfPoints())])
    stored = arrays_of(image.GetPointData())["value"]
    np.testing.assert_allclose(stored, evaluate(network(), points)[:, 0], atol=2e-5)


def test_output_types_can_follow_each_other(good_file, make_pipeline, said):
    _, mesher = make_pipeline(good_file, image_resolution=9)
    for output_type in ("Image Data", "Hyper Tree Grid", "Image Data", "Unstructured Grid"):
        set_properties(mesher, {"output_type": output_type})
        mesher.Update()
        assert mesher.GetOutputDataObject(0).GetClassName() == "vtk" + output_type.replace(" ", "")
    assert said() == ""


def test_an_image_of_a_time_is_that_of_the_network(dynamic_ct, make_pipeline):
    import pruning_amr as pa

    inr = pa.load(dynamic_ct)
    _, mesher = make_pipeline(dynamic_ct, output_type="Image Data", image_resolution=9)
    for time in (0.0, 1.0):
        mesher.UpdateTimeStep(time)
        image = mesher.GetOutputDataObject(0)
        assert image.GetInformation().Get(vtkDataObject.DATA_TIME_STEP()) == time
        points = [(*image.GetPoint(i), time) for i in range(image.GetNumberOfPoints())]
        stored = arrays_of(image.GetPointData())["attenuation"]
        np.testing.assert_allclose(stored, inr.evaluate(np.array(points))[:, 0], atol=1e-4)


def test_stopping_leaves_an_empty_image(good_file, make_pipeline, monkeypatch):
    _, mesher = make_pipeline(good_file, output_type="Image Data", image_resolution=65)
    mesher.UpdateInformation()
    mesher.AddObserver("ProgressEvent", lambda caller, _event: caller.SetAbortExecute(1))
    mesher.Update()
    assert mesher.GetOutputDataObject(0).GetNumberOfPoints() == 0


def test_a_json_file_that_is_written_later_is_read(tmp_path, make_pipeline, said):
    path = write_good(tmp_path)
    beside = path.with_suffix(".json")
    metadata = beside.read_text()
    beside.unlink()
    reader, _ = make_pipeline(path)
    reader.Update()
    assert "activation" in said()
    beside.write_text(metadata)
    reader.Modified()
    reader.Update()
    assert said() == ""
    assert reader.GetOutputDataObject(0).GetNumberOfPoints() > 0


@pytest.mark.parametrize("kind", [MemoryError, RuntimeError])
def test_a_lack_of_memory_is_one_sentence(kind, good_file, make_pipeline, said, monkeypatch):
    def fail(*_, **__):
        raise kind("not enough memory: you tried to allocate 256 GiB")

    _, mesher = make_pipeline(good_file)
    monkeypatch.setattr("pruning_amr.refinement.build_mesh", fail)
    mesher.Update()
    text = said().strip()
    assert text.startswith("Pruning AMR: memory ran out (")
    assert "\n" not in text
    assert mesher.GetOutputDataObject(0).GetNumberOfCells() == 0


def test_a_preview_that_does_not_fit_into_memory_is_one_sentence(
    good_file, make_pipeline, said, monkeypatch
):
    def fail(*_, **__):
        raise MemoryError("Unable to allocate 24 GiB")

    reader, _ = make_pipeline(good_file)
    monkeypatch.setattr("pruning_amr.algorithms.reader.to_image_data", fail)
    reader.Update()
    text = said().strip()
    assert text.startswith("INR Reader: memory ran out (")
    assert "lower" in text
    assert "\n" not in text
    assert reader.GetOutputDataObject(0).GetNumberOfPoints() == 0


# --- region of interest -----------------------------------------------------------------------


def test_a_box_is_the_region_of_interest(good_file, make_pipeline, said):
    box = {"region_position": (-0.5, 0.2, 0.0), "region_size": (0.4, 0.3, 1.0)}
    tolerances = {"tolerance": 0.03, "region_tolerance": 0.004}
    _, mesher = make_pipeline(good_file, max_depth=7, use_region=1, **box, **tolerances)
    mesher.Update()
    facts = arrays_of(mesher.GetOutputDataObject(0).GetFieldData())
    assert facts["asked_error"] == 0.03 and facts["asked_region_error"] == 0.004
    assert 0 < facts["reconstruction_error"] <= 0.03
    assert 0 < facts["reconstruction_region_error"] <= 0.004
    # What is shown has one value for each cell.
    assert facts["achieved_error"] > 2 * facts["reconstruction_error"]
    assert 0.004 < facts["achieved_region_error"] < facts["achieved_error"]
    # A box that is not in use changes nothing.
    mesher.SetUseRegion(0)
    mesher.Update()
    assert "asked_region_error" not in arrays_of(mesher.GetOutputDataObject(0).GetFieldData())
    assert said() == ""


def test_a_box_beside_the_domain_is_said(good_file, make_pipeline, said):
    _, mesher = make_pipeline(good_file, use_region=1, region_position=(5.0, 0.0, 0.0))
    mesher.Update()
    text = said()
    assert "region lies outside the domain" in text and text.count("\n") <= 1
    mesher.SetCriterion("Uniform")
    mesher.Update()
    assert "region is given, but criterion uniform" in said()
    assert mesher.GetOutputDataObject(0).GetNumberOfCells() == 0


# --- isosurface -------------------------------------------------------------------------------


def test_isovalues_are_set_one_by_one_and_by_default_the_middle(good_file, make_pipeline, said):
    wanted = {"max_depth": 6, "criterion": "Isosurface", "smallest_feature": 1 / 16}
    _, mesher = make_pipeline(good_file, **wanted, tolerance=1e-3)
    mesher.Update()
    middle = mesher.GetOutputDataObject(0)
    facts = arrays_of(middle.GetFieldData())
    assert facts["asked_error"] == 1e-3 and 0 < facts["achieved_error"] <= 1e-3
    low, high = mesher._refined[1].parameters.isovalues[0], pa.load(good_file).value_range[0]
    assert low == pytest.approx(high.mean(), abs=0.2 * np.ptp(high))
    mesher.SetNumberOfIsovalues(2)
    mesher.SetIsovalues(0, float(high[0] + 0.3 * np.ptp(high)))
    mesher.SetIsovalues(1, float(high[0] + 0.7 * np.ptp(high)))
    mesher.Update()
    assert len(mesher._refined[1].parameters.isovalues) == 2
    before = mesher.GetOutputDataObject(0).GetMTime()
    mesher.SetIsovalues(1, float(high[0] + 0.7 * np.ptp(high)))
    mesher.Update()
    assert mesher.GetOutputDataObject(0).GetMTime() == before
    # Values that another criterion has no use for are no mistake on the panel.
    mesher.SetCriterion("Uniform")
    mesher.SetMaxDepth(2)
    mesher.Update()
    assert said() == "" and mesher._refined[1].parameters.isovalues == ()


def test_leaves_that_are_not_split_are_of_one_level_at_an_isosurface(good_file, make_pipeline):
    wanted = {"max_depth": 7, "criterion": "Isosurface", "smallest_feature": 1 / 16}
    _, mesher = make_pipeline(good_file, **wanted, tolerance=1e-3)
    mesher.Update()
    made = mesher._refined[1]
    assert made.parameters.hanging_nodes == "free"
    mesher.SetOutputType("Unstructured Grid")
    mesher.Update()
    split = mesher._refined[1]
    assert split.parameters.hanging_nodes == "split"
    # Not the cells of before: those of a mesh that was refined for this output.
    assert split.at().n_cells < made.at().n_cells
    fresh = pa.AdaptiveMesh(split.inr, split.parameters)
    assert split.at().n_cells == fresh.at().n_cells


def test_a_preset_means_its_numbers(good_file, make_pipeline, said):
    _, mesher = make_pipeline(good_file, max_depth=6)

    def cells(**values) -> int:
        set_properties(mesher, values)
        mesher.Update()
        return mesher.GetOutputDataObject(0).GetNumberOfLeaves()

    numbers = {name: cells(**values) for name, values in PRESETS.items()}
    assert numbers["preview"] < numbers["balanced"] < numbers["accurate"]
    set_properties(mesher, {"tolerance": 0.02, "max_cells": 500_000})
    assert {n: cells(preset=n.capitalize()) for n in PRESETS} == numbers
    said()
    # What a script sets beside it is not ignored in silence.
    assert cells(preset="Preview", tolerance=0.01) == numbers["preview"]
    assert "tolerance 0.01 is not used: preset preview means 0.05" in said()
    assert cells(preset="Custom") > numbers["preview"]
    assert "not used" not in said()
