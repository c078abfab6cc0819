"""Pruning AMR (Overlapping AMR): an output that ParaView can draw as a volume."""

from __future__ import annotations

from _helpers.vtk_reading import blocks_of
from pruning_amr.algorithms import INRReader, PruningAMRVolume

from algorithms.conftest import set_properties
from algorithms.test_bad_input import assert_one_sentence

SMALL = {"min_depth": 0, "max_depth": 2, "error_samples": 8, "tolerance": 0.9, "device": "cpu"}


def volume_of(path):
    reader, mesher = INRReader(), PruningAMRVolume()
    set_properties(reader, {"file_name": str(path), "preview_resolution": 5})
    mesher.SetInputConnection(reader.GetOutputPort())
    set_properties(mesher, SMALL)
    mesher.Update()
    return mesher.GetOutputDataObject(0)


def test_the_output_comes_first_in_the_order_of_names(beltrami, said):
    blocks = list(blocks_of(volume_of(beltrami), 3))
    assert blocks and said() == ""
    for block in blocks:
        # ParaView colours a volume by the first array.
        assert sorted(block.arrays) == ["pressure", "velocity", "vtkGhostType"]


def test_a_plane_is_no_volume(good_file, said):
    output = volume_of(good_file)
    assert output.GetClassName() == "vtkOverlappingAMR" and output.GetNumberOfCells() == 0
    assert_one_sentence(said(), "Pruning AMR", ("two dimensions", "expected three"))
