"""Files of points: read, written, and what cannot be."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.errors import one_clear_sentence
from _helpers.vtk_reading import arrays_of
from datasets.test_point_data import WITH_GRADIENT, kinds, named, points_of, table_of
from pruning_amr.datasets import evaluate_on, read_points, write_points
from vtkmodules.vtkCommonCore import vtkStringArray
from vtkmodules.vtkCommonDataModel import vtkMultiBlockDataSet

EXTENSIONS = {
    "poly data": ".vtp",
    "unstructured grid": ".vtu",
    "structured grid": ".vts",
    "image data": ".vti",
    "rectilinear grid": ".vtr",
}


@pytest.mark.parametrize("kind", EXTENSIONS)
def test_every_kind_is_read_and_written(kind, inr_3d, tmp_path):
    path = tmp_path / f"points{EXTENSIONS[kind]}"
    write_points(kinds()[kind], path)
    read = read_points(path)
    np.testing.assert_allclose(points_of(read), points_of(kinds()[kind]), rtol=1e-6)
    output = evaluate_on(read, inr_3d, WITH_GRADIENT)
    write_points(output, path)
    again = arrays_of(read_points(path).GetPointData())
    for name, values in arrays_of(output.GetPointData()).items():
        np.testing.assert_array_equal(again[name], values)


def test_several_blocks_are_read_and_written(inr_3d, tmp_path):
    blocks = vtkMultiBlockDataSet()
    for i, data in enumerate(kinds().values()):
        blocks.SetBlock(i, data)
    path = tmp_path / "blocks.vtm"
    write_points(blocks, path)
    output = evaluate_on(read_points(path), inr_3d, WITH_GRADIENT)
    assert output.GetNumberOfBlocks() == 5
    assert output.GetBlock(4).GetPointData().HasArray("value_gradient")


@pytest.mark.parametrize("kind", EXTENSIONS)
def test_points_become_a_table_that_is_read_again(kind, inr_3d, tmp_path):
    data = evaluate_on(kinds()[kind], inr_3d, WITH_GRADIENT)
    path = tmp_path / "points.csv"
    write_points(data, path)
    table = read_points(path)
    columns, arrays = arrays_of(table.GetRowData()), arrays_of(data.GetPointData())
    xyz = np.column_stack([columns[f"Points:{i}"] for i in range(3)])
    np.testing.assert_array_equal(xyz.astype(np.float32), points_of(data).astype(np.float32))
    # Written as texts that give back the same float32.
    np.testing.assert_array_equal(columns["value"].astype(np.float32), arrays["value"])
    for i in range(3):
        found = columns[f"value_gradient:{i}"].astype(np.float32)
        np.testing.assert_array_equal(found, arrays["value_gradient"][:, i])
    again = arrays_of(evaluate_on(table, inr_3d, WITH_GRADIENT).GetRowData())
    np.testing.assert_array_equal(again["vtkValidPointMask"], arrays["vtkValidPointMask"])


def test_texts_and_whole_numbers_of_tables_stay(inr_3d, tmp_path):
    table = table_of({"x": np.zeros(2), "y": np.ones(2), "z": np.full(2, 3.0)})
    table.AddColumn(named(np.array([7, 8]), "id"))
    words = vtkStringArray()
    words.SetName("note")
    for text in ("a, b", 'say "c"'):
        words.InsertNextValue(text)
    table.AddColumn(words)
    path = tmp_path / "table.csv"
    write_points(table, path)
    lines = path.read_text().splitlines()
    assert lines[0] == "x,y,z,id,note"
    assert lines[1] == '0.0,1.0,3.0,7,"a, b"'
    read = read_points(path)
    assert read.GetColumnByName("note").GetValue(0) == "a, b"
    output = evaluate_on(read, inr_3d, WITH_GRADIENT)
    assert output.GetColumnByName("id").GetValue(1) == 8
    assert output.GetNumberOfColumns() == 8


@pytest.mark.parametrize("name", ["a.vtp", "a.vtu", "a.vti", "a.vtm"])
def test_files_that_cannot_be_read_are_named(name, tmp_path, capfd):
    path = tmp_path / name
    with one_clear_sentence(pa.ParameterError, name, "does not exist"):
        read_points(path)
    path.write_text("nothing of the kind\n")
    with one_clear_sentence(pa.ParameterError, name, "cannot be read", "Error parsing"):
        read_points(path)
    assert capfd.readouterr().err == ""


def test_unknown_extensions_are_named(tmp_path):
    with one_clear_sentence(pa.ParameterError, '".stl"', ".csv, .vtp"):
        read_points(tmp_path / "a.stl")


def test_a_table_that_cannot_be_written(tmp_path):
    with one_clear_sentence(pa.ParameterError, "cannot be written"):
        write_points(table_of({"x": np.zeros(2)}), tmp_path / "none" / "a.csv")
