"""What the reader's panel and Save Data write: metadata beside a checkpoint, and checkpoints."""

from __future__ import annotations

import json

import numpy as np
import pruning_amr as pa
import pytest
from pruning_amr.algorithms import INRReader, INRWriter, unavailable
from pruning_amr.errors import DependencyError
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData

from algorithms.conftest import set_properties


@pytest.fixture
def reader(good_file):
    """A reader of a file whose facts are in its properties alone."""
    facts = json.loads(good_file.with_suffix(".json").read_text())
    good_file.with_suffix(".json").unlink()
    algorithm = INRReader()
    bounds = " ".join(str(x) for pair in facts.pop("bounds") for x in pair)
    values = {"file_name": str(good_file), "preview_resolution": 8, "bounds": bounds}
    set_properties(algorithm, {**values, "metadata": json.dumps(facts)})
    return algorithm


def preview(path) -> np.ndarray:
    algorithm = INRReader()
    set_properties(algorithm, {"file_name": str(path), "preview_resolution": 8})
    algorithm.Update()
    return values_of(algorithm)


def values_of(algorithm) -> np.ndarray:
    return vtk_to_numpy(algorithm.GetOutputDataObject(0).GetPointData().GetArray(0))


def test_json_holds_all_that_the_properties_say(reader, good_file, said):
    reader.Update()
    reader.WriteJSON()
    assert said() == f"INR Reader: {good_file.with_suffix('.json')} is written: complete.\n"
    assert np.array_equal(preview(good_file), values_of(reader))
    # What it says already may be said again.
    before = good_file.with_suffix(".json").read_text()
    reader.WriteJSON()
    assert "complete" in said()
    assert good_file.with_suffix(".json").read_text() == before


def test_json_that_says_something_else_stays(reader, good_file, said):
    present = json.dumps({"bounds": [[0, 5], [0, 5]], "description": "mine"})
    good_file.with_suffix(".json").write_text(present)
    reader.WriteJSON()
    assert good_file.with_suffix(".json").read_text() == present
    text = said()
    assert '{"bounds": [[0, 5], [0, 5]]}' in text and "nothing is written" in text
    assert text.count("\n") == 1


def test_json_keeps_what_is_others(reader, good_file):
    present = {"description": "mine", "activation": None, "expected": {"activation": "silu"}}
    good_file.with_suffix(".json").write_text(json.dumps(present))
    reader.WriteJSON()
    written = json.loads(good_file.with_suffix(".json").read_text())
    assert written["description"] == "mine" and written["activation"]
    assert "expected" not in written


def test_json_asks_for_what_is_missing(reader, good_file, said):
    set_properties(reader, {"bounds": "", "metadata": ""})
    reader.WriteJSON()
    assert "fill in" in said()
    assert json.loads(good_file.with_suffix(".json").read_text())["bounds"] is None


def test_what_cannot_be_written_is_said(reader, said):
    set_properties(reader, {"file_name": "/nowhere/scan.pt"})
    reader.WriteJSON()
    assert "/nowhere/scan.pt" in said()


def test_a_checkpoint_is_written_again_each_time(reader, tmp_path, said):
    writer, path = INRWriter(), tmp_path / "saved.pth"
    writer.SetInputConnection(reader.GetOutputPort())
    writer.SetFileName(str(path))
    for _ in range(2):
        writer.Write()
        assert np.array_equal(preview(path), values_of(reader))
        path.unlink()
        path.with_suffix(".json").unlink()
    assert said() == ""


def test_a_pruned_network_is_written_as_it_is(good_file, tmp_path):
    inr = pa.load(good_file)
    pa.prune(inr, 0.3).save(tmp_path / "small.pt")
    reader, writer = INRReader(), INRWriter()
    set_properties(reader, {"file_name": str(tmp_path / "small.pt"), "preview_resolution": 4})
    writer.SetInputConnection(reader.GetOutputPort())
    writer.SetFileName(str(tmp_path / "again.pt"))
    writer.Write()
    small, again = (pa.load(tmp_path / f"{name}.pt").chain for name in ("small", "again"))
    assert again.n_parameters == small.n_parameters < inr.chain.n_parameters


def test_what_carries_no_network_is_said(tmp_path, said):
    writer = INRWriter()
    writer.SetInputDataObject(vtkImageData())
    writer.SetFileName(str(tmp_path / "saved.pt"))
    writer.Write()
    assert said().startswith("INR Writer: the input carries no INR")
    assert not (tmp_path / "saved.pt").exists()


def test_without_pytorch_writing_says_so(said):
    missing = unavailable.unavailable("INR Writer", 1, DependencyError("PyTorch is missing."))
    missing().Write()
    assert said() == "INR Writer: PyTorch is missing.\n"
