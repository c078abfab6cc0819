"""Unstructured grids: well-formed cells that share their points and fill the domain."""

from __future__ import annotations

import numpy as np
import pytest
from _helpers.reference import assert_close_to_range, evaluate
from _helpers.vtk_reading import arrays_of
from pruning_amr.datasets import to_vtk
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkFiltersVerdict import vtkCellSizeFilter


def points_of(grid) -> np.ndarray:
    return vtk_to_numpy(grid.GetPoints().GetData()).astype(float)


def corners_of(grid) -> np.ndarray:
    """Points of every cell, shape (n_cells, n_corners, 3)."""
    ids = []
    for number in range(grid.GetNumberOfCells()):
        cell = grid.GetCell(number).GetPointIds()
        ids.append([cell.GetId(i) for i in range(cell.GetNumberOfIds())])
    return points_of(grid)[np.array(ids)]


def vtk_sizes(grid) -> np.ndarray:
    sizes = vtkCellSizeFilter()
    sizes.SetInputData(grid)
    sizes.Update()
    data = sizes.GetOutput().GetCellData()
    return vtk_to_numpy(
        data.GetArray("Area" if grid.GetCell(0).GetCellDimension() == 2 else "Volume")
    )


def test_cells_have_positive_volume_and_fill_the_domain(case):
    grid = to_vtk(case.mesh, "unstructured_grid")
    assert grid.GetNumberOfCells() == case.tree.n_leaves
    sizes = vtk_sizes(grid)
    assert (sizes > 0).all()
    assert sizes.sum() == pytest.approx(case.volume, rel=1e-6)
    expected = np.diff(case.leaf_boxes(), axis=2)[..., 0].prod(axis=1)
    np.testing.assert_allclose(sizes, expected, rtol=1e-5)


def test_cells_are_oriented_as_vtk_wants_them(case):
    corners = corners_of(to_vtk(case.mesh, "unstructured_grid"))
    if case.dimension == 2:
        following = np.roll(corners, -1, axis=1)
        twice = corners[..., 0] * following[..., 1] - corners[..., 1] * following[..., 0]
        area = twice.sum(axis=1) / 2
        expected = np.diff(case.leaf_boxes(), axis=2)[..., 0].prod(axis=1)
        np.testing.assert_allclose(area, expected, rtol=1e-6)
        assert not corners[..., 2].any()
        return
    # Hexahedron: 0-1-2-3 around the bottom seen from above, 4-7 above them.
    a, b, c = (corners[:, i] - corners[:, 0] for i in (1, 3, 4))
    assert (np.einsum("ij,ij->i", np.cross(a, b), c) > 0).all()
    np.testing.assert_allclose(corners[:, 2] - corners[:, 3], a)
    np.testing.assert_allclose(corners[:, 4:] - corners[:, :4], np.repeat(c[:, None], 4, axis=1))


def test_cells_are_the_boxes_of_the_mesh(case):
    corners = corners_of(to_vtk(case.mesh, "unstructured_grid"))[..., : case.dimension]
    boxes = np.stack([corners.min(axis=1), corners.max(axis=1)], axis=2)
    np.testing.assert_allclose(boxes, case.leaf_boxes(), rtol=1e-6, atol=1e-6)


def test_points_are_shared(case):
    grid = to_vtk(case.mesh, "unstructured_grid")
    points = points_of(grid)
    brute_force = {tuple(np.round(p, 6)) for p in corners_of(grid).reshape(-1, 3)}
    assert len(points) == len(brute_force) == len(case.mesh.vertices.points)


def test_point_values_are_the_networks(case):
    grid = to_vtk(case.mesh, "unstructured_grid")
    exact = evaluate(case.network, points_of(grid)[:, : case.dimension])
    arrays = arrays_of(grid.GetPointData())
    for output in case.inr.outputs:
        stored = arrays[output.name].reshape(len(exact), -1)
        assert_close_to_range(stored, exact[:, list(output.components)], 2e-5)


def test_cell_data_say_level_and_indicator(case):
    grid = to_vtk(case.mesh, "unstructured_grid")
    arrays = arrays_of(grid.GetCellData())
    edge = np.diff(case.leaf_boxes(), axis=2)[:, 0, 0]
    extent = (case.tree.bounds[0, 1] - case.tree.bounds[0, 0]) / case.tree.root_resolution[0]
    np.testing.assert_array_equal(arrays["level"], np.rint(np.log2(extent / edge)))
    judged = arrays["indicator"] != -1
    if case.mesh.refinement.stopped_by != "max_cells":
        assert (arrays["indicator"][judged] <= 1).all()


@pytest.mark.parametrize("n_pieces", [2, 3, 100])
def test_pieces_together_are_the_whole(case, n_pieces):
    whole = corners_of(to_vtk(case.mesh, "unstructured_grid"))
    parts = []
    for piece in range(n_pieces):
        grid = to_vtk(case.mesh, "unstructured_grid", piece, n_pieces)
        assert arrays_of(grid.GetFieldData())["INR"].size
        if grid.GetNumberOfCells():
            parts.append(corners_of(grid))
            used = {tuple(p) for p in parts[-1].reshape(-1, 3)}
            assert grid.GetNumberOfPoints() == len(used), "points that no cell uses"
        else:
            assert grid.GetNumberOfPoints() == 0
    np.testing.assert_array_equal(np.concatenate(parts), whole)
