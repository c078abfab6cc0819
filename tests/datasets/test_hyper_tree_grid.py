"""Hyper tree grids: VTK's cursor meets the cells of the mesh, with the network's values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from _helpers.reference import assert_close_to_range, evaluate
from _helpers.vtk_reading import arrays_of, walk
from pruning_amr.datasets import to_vtk


def sorted_boxes(box: np.ndarray) -> np.ndarray:
    flat = box.reshape(len(box), -1)
    return flat[np.lexsort(np.round(flat, 9).T)]


def test_counts_and_bounds(case):
    grid = to_vtk(case.mesh, "hyper_tree_grid")
    assert grid.GetNumberOfLeaves() == case.tree.n_leaves
    assert grid.GetNumberOfCells() == case.tree.n_nodes
    assert grid.GetDimension() == case.dimension
    bounds = np.array(grid.GetBounds()).reshape(3, 2)
    np.testing.assert_allclose(bounds[: case.dimension], case.tree.bounds)
    assert grid.GetNumberOfLevels() == case.tree.depth + 1


def test_leaves_are_the_cells_of_the_mesh(case):
    found = walk(to_vtk(case.mesh, "hyper_tree_grid"))
    boxes = found.box[found.leaf][:, : case.dimension]
    np.testing.assert_allclose(sorted_boxes(boxes), sorted_boxes(case.leaf_boxes()), atol=1e-12)
    assert np.prod(np.diff(boxes, axis=2)[..., 0], axis=1).sum() == pytest.approx(case.volume)


def test_every_node_has_its_own_place_in_the_cell_data(case):
    found = walk(to_vtk(case.mesh, "hyper_tree_grid"))
    assert sorted(found.number) == list(range(case.tree.n_nodes))


def test_values_are_the_networks_at_the_centres_the_cursor_gives(case):
    grid = to_vtk(case.mesh, "hyper_tree_grid")
    arrays, found = arrays_of(grid.GetCellData()), walk(grid)
    exact = evaluate(case.network, found.box.mean(axis=2)[:, : case.dimension])
    for output in case.inr.outputs:
        stored = arrays[output.name][found.number].reshape(len(found.number), -1)
        assert_close_to_range(stored, exact[:, list(output.components)])


def test_level_array_is_the_cursors_level(case):
    grid = to_vtk(case.mesh, "hyper_tree_grid")
    found = walk(grid)
    np.testing.assert_array_equal(arrays_of(grid.GetCellData())["level"][found.number], found.level)


def test_indicator_says_which_cells_were_refined(case):
    grid = to_vtk(case.mesh, "hyper_tree_grid")
    found = walk(grid)
    indicator = arrays_of(grid.GetCellData())["indicator"][found.number]
    asked = (found.level < case.mesh.parameters.max_depth) & (indicator != -1)
    if case.mesh.history.stopped_by != "max_cells":
        np.testing.assert_array_equal(indicator[asked] > 1, ~found.leaf[asked])
    assert (indicator[~asked] == -1).all()


@pytest.mark.parametrize("n_pieces", [1, 2, 3, 7, 100])
def test_pieces_together_are_the_whole(case, n_pieces):
    whole = walk(to_vtk(case.mesh, "hyper_tree_grid"))
    boxes, roots, values = [], [], []
    for piece in range(n_pieces):
        grid = to_vtk(case.mesh, "hyper_tree_grid", piece, n_pieces)
        assert arrays_of(grid.GetFieldData())["INR"].size
        found = walk(grid)
        assert sorted(found.number) == list(range(len(found.number)))
        assert len(found.number) == grid.GetNumberOfCells()
        exact = evaluate(case.network, found.box.mean(axis=2)[:, : case.dimension])
        first = case.inr.outputs[0]
        stored = arrays_of(grid.GetCellData())[first.name][found.number]
        width = len(first.components)
        values.append(stored.reshape(len(exact), width) - exact[:, list(first.components)])
        boxes.append(found.box)
        roots.append(set(found.root))
    assert sum(map(len, roots)) == len(set().union(*roots)), "a root is in two pieces"
    np.testing.assert_allclose(sorted_boxes(np.concatenate(boxes)), sorted_boxes(whole.box))
    assert np.abs(np.concatenate(values)).max() < 1e-4


def test_active_attribute_is_the_first_output(flow, plane):
    assert to_vtk(plane.mesh, "hyper_tree_grid").GetCellData().GetScalars().GetName() == "value"
    assert to_vtk(flow.mesh, "hyper_tree_grid").GetCellData().GetVectors().GetName() == "velocity"


def test_surface_filter_of_vtk_covers_the_domain(case):
    from vtkmodules.vtkFiltersHyperTree import vtkHyperTreeGridGeometry

    surface = vtkHyperTreeGridGeometry()
    surface.SetInputData(to_vtk(case.mesh, "hyper_tree_grid"))
    surface.Update()
    bounds = np.array(surface.GetOutput().GetBounds()).reshape(3, 2)
    np.testing.assert_allclose(bounds[: case.dimension], case.tree.bounds, rtol=1e-6)


def test_what_is_not_asked_for_takes_no_memory(plane):
    asked = replace(plane.mesh.parameters, indicator=False)
    cells = to_vtk(replace(plane.mesh, parameters=asked), "hyper_tree_grid").GetCellData()
    assert not cells.HasArray("indicator")
    assert cells.GetArray("level").GetDataTypeSize() == 1
