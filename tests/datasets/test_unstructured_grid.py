"""Unstructured grids: well-formed cells that share their points and fill the domain."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from _helpers.reference import assert_close_to_range, evaluate, random_network, to_inr
from _helpers.vtk_reading import arrays_of
from pruning_amr.datasets import to_vtk
from pruning_amr.datasets.vtk_compat import to_vtk_array
from pruning_amr.mesh import Mesh, Tree
from pruning_amr.mesh.balance import balanced
from pruning_amr.mesh.history import History
from pruning_amr.refinement import make_parameters
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.util.vtkConstants import (
    VTK_HEXAHEDRON,
    VTK_PYRAMID,
    VTK_QUAD,
    VTK_TETRA,
    VTK_TRIANGLE,
)
from vtkmodules.vtkCommonDataModel import vtkUnstructuredGrid
from vtkmodules.vtkFiltersCore import vtkCleanPolyData, vtkContourFilter
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
    if case.mesh.history.stopped_by != "max_cells":
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


@dataclass
class Uneven:
    """A random field on a random tree, balanced across corners."""

    network: list
    mesh: Mesh

    @classmethod
    def of(cls, dimension: int, seed: int) -> Uneven:
        rng = np.random.default_rng(seed)
        bounds = np.array([[-1.0, 1.0], [0.0, 1.5], [2.0, 3.0]])[:dimension]
        network = random_network(rng, (dimension, 16, 16, 1), "sin", gain=3.0)
        tree = Tree.regular(bounds, (3, 2, 2)[:dimension])
        for level in range(3):
            nodes = np.flatnonzero(tree.level == level)
            tree.subdivide(nodes[rng.random(len(nodes)) < 0.4])
        tree, _ = balanced(tree, "corners")
        assert np.ptp(tree.level[tree.leaves]) >= 2
        history = History(rng.random(tree.n_nodes))
        inr = to_inr(network, bounds.tolist())
        return cls(
            network, Mesh(inr, 0.0, make_parameters(device="cpu", indicator=True), tree, history)
        )

    def with_hanging(self, nodes: str) -> Mesh:
        return replace(self.mesh, parameters=replace(self.mesh.parameters, hanging_nodes=nodes))


@pytest.fixture(scope="module", params=["2-D 0", "2-D 1", "3-D 0", "3-D 1", "3-D 2"])
def uneven(request) -> Uneven:
    return Uneven.of(int(request.param[0]), int(request.param[-1]))


def cells_of(data) -> list[np.ndarray]:
    """Points of every cell."""
    every = points_of(data)
    cells = []
    for number in range(data.GetNumberOfCells()):
        ids = data.GetCell(number).GetPointIds()
        cells.append(every[[ids.GetId(i) for i in range(ids.GetNumberOfIds())]])
    return cells


def open_ends(grid, values: np.ndarray) -> int:
    """Ends of lines, or edges of triangles, that only one cell of a contour has in the domain."""
    data, contour, clean = vtkUnstructuredGrid(), vtkContourFilter(), vtkCleanPolyData()
    data.ShallowCopy(grid)
    data.GetPointData().SetScalars(to_vtk_array(values, "contoured"))
    contour.SetInputData(data)
    # Between two values: a contour through a point has cells without extent.
    contour.SetValue(0, float(np.sort(values)[len(values) // 2 :][:2].mean(dtype=np.float64)))
    clean.SetInputConnection(contour.GetOutputPort())
    clean.SetTolerance(1e-7)
    clean.Update()
    surface = clean.GetOutput()
    flat = surface.GetPolys() if surface.GetNumberOfPolys() else surface.GetLines()
    cells = vtk_to_numpy(flat.GetConnectivityArray()).reshape(flat.GetNumberOfCells(), -1)
    assert len(cells) > 5
    sides = [np.delete(cells, corner, axis=1) for corner in range(cells.shape[1])]
    sides, count = np.unique(np.sort(np.concatenate(sides)), axis=0, return_counts=True)
    ends = points_of(surface)[sides[count == 1]]
    on_boundary = [
        np.isclose(ends[..., axis], limit, atol=1e-5).all(axis=1)
        for axis, both in enumerate(np.reshape(grid.GetBounds(), (3, 2)))
        for limit in both
        if both[0] != both[1]
    ]
    return int(np.count_nonzero(~np.any(on_boundary, axis=0)))


def test_split_cells_have_positive_volume_and_fill_the_domain(uneven):
    grid = to_vtk(uneven.with_hanging("split"), "unstructured_grid")
    extent = np.diff(uneven.mesh.tree.bounds)[:, 0]
    sizes = vtk_sizes(grid)
    assert (sizes > 0).all()
    assert sizes.sum() == pytest.approx(extent.prod(), rel=1e-6)
    types = {grid.GetCellType(i) for i in range(grid.GetNumberOfCells())}
    expected = {2: {VTK_QUAD, VTK_TRIANGLE}, 3: {VTK_HEXAHEDRON, VTK_PYRAMID, VTK_TETRA}}
    assert types == expected[len(extent)]


def test_split_cells_carry_the_data_of_their_leaves_in_order(uneven):
    mesh, tree = uneven.with_hanging("split"), uneven.mesh.tree
    grid = to_vtk(mesh, "unstructured_grid")
    middles = np.array([c.mean(axis=0) for c in cells_of(grid)])[:, : tree.dimension]
    leaf = tree.locate(middles)
    arrays = arrays_of(grid.GetCellData())
    np.testing.assert_array_equal(arrays["level"], tree.level[leaf])
    np.testing.assert_allclose(arrays["indicator"], mesh.history.indicator[leaf], rtol=1e-6)
    changes = np.flatnonzero(np.diff(leaf, prepend=-1))
    np.testing.assert_array_equal(leaf[changes], tree.leaves)


def test_points_of_split_cells_have_the_networks_values(uneven):
    grid = to_vtk(uneven.with_hanging("split"), "unstructured_grid")
    points = points_of(grid)
    assert len(points) > len(uneven.mesh.vertices.points)
    assert len(points) == len(np.unique(np.round(points, 9), axis=0))
    exact = evaluate(uneven.network, points[:, : uneven.mesh.tree.dimension])
    assert_close_to_range(arrays_of(grid.GetPointData())["value"][:, None], exact, 2e-5)


@pytest.mark.parametrize("hanging_nodes", ["constrained", "split"])
@pytest.mark.parametrize("n_pieces", [2, 3, 100])
def test_pieces_without_free_vertices_are_the_whole(uneven, hanging_nodes, n_pieces):
    mesh = uneven.with_hanging(hanging_nodes)

    def parts(piece: int, count: int):
        grid = to_vtk(mesh, "unstructured_grid", piece, count)
        cells = cells_of(grid) if grid.GetNumberOfCells() else []
        used = np.unique(np.concatenate([*cells, np.zeros((0, 3))]), axis=0)
        assert grid.GetNumberOfPoints() == len(used), "points that no cell uses"
        return [c.tolist() for c in cells], list(arrays_of(grid.GetCellData())["level"])

    pieces = [parts(piece, n_pieces) for piece in range(n_pieces)]
    cells, level = parts(0, 1)
    assert [c for p in pieces for c in p[0]] == cells
    assert [v for p in pieces for v in p[1]] == level


def test_constrained_values_are_the_networks_but_for_hanging_vertices(uneven):
    mesh = uneven.with_hanging("constrained")
    grid, free = (to_vtk(m, "unstructured_grid") for m in (mesh, uneven.with_hanging("free")))
    np.testing.assert_array_equal(points_of(grid), points_of(free))
    values, exact = (arrays_of(g.GetPointData())["value"] for g in (grid, free))
    hangs = mesh.vertices.hanging
    np.testing.assert_array_equal(values[~hangs], exact[~hangs])
    np.testing.assert_allclose(values, mesh.conforming_vertex_values[:, 0], rtol=1e-6, atol=1e-6)
    assert np.abs(values - exact)[hangs].max() > 1e-3


def test_contours_of_split_cells_close(uneven):
    # All cells that share a square have to join the same corners of it, or surfaces tear.
    split, free = (
        to_vtk(uneven.with_hanging(nodes), "unstructured_grid") for nodes in ("split", "free")
    )
    assert open_ends(split, arrays_of(split.GetPointData())["value"]) == 0
    assert open_ends(free, arrays_of(free.GetPointData())["value"]) > 5
    # Noise has squares with two opposite corners above the value everywhere.
    noise = np.random.default_rng(0).random(split.GetNumberOfPoints())
    assert open_ends(split, noise) == 0
    assert open_ends(free, noise[: free.GetNumberOfPoints()]) > 5


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_contours_of_constrained_values_close_in_the_plane(seed):
    # Not in 3-D: the lines in which a contour crosses a square and its quarters differ.
    grid = to_vtk(Uneven.of(2, seed).with_hanging("constrained"), "unstructured_grid")
    assert open_ends(grid, arrays_of(grid.GetPointData())["value"]) == 0


@dataclass
class Unbalanced:
    """A mesh with leaves several levels apart side by side, with ``change`` asked for."""

    network: list
    mesh: Mesh

    @classmethod
    def of(cls, dimension: int) -> Unbalanced:
        rng = np.random.default_rng(3)
        bounds = [[-1.0, 1.0], [0.0, 1.5], [2.0, 3.0]][:dimension]
        network = random_network(rng, (dimension, 16, 1), "sin", gain=3.0)
        tree = Tree.regular(np.array(bounds), (2, 2, 1)[:dimension])
        tree.subdivide(np.array([tree.n_nodes - 1]))
        for _ in range(3):
            # Towards the middle of the domain, where the other roots stay as they are.
            tree.subdivide(np.array([tree.n_nodes - 2**dimension]))
        mesh = Mesh(
            to_inr(network, bounds),
            0.0,
            make_parameters(device="cpu", indicator=True, change=True),
            tree,
            History(rng.random(tree.n_nodes)),
        )
        return cls(network, mesh)


@pytest.mark.parametrize("dimension", [2, 3])
def test_leaves_far_apart_are_refined_for_splitting_alone(dimension):
    case = Unbalanced.of(dimension)
    mesh, tree = case.mesh, case.mesh.tree
    before = tree.n_leaves
    grid = to_vtk(mesh, "unstructured_grid")
    assert mesh.tree is tree
    assert tree.n_leaves == before
    assert open_ends(grid, arrays_of(grid.GetPointData())["value"]) == 0
    sizes = vtk_sizes(grid)
    assert (sizes > 0).all()
    extent = np.diff(tree.bounds)[:, 0]
    assert sizes.sum() == pytest.approx(extent.prod(), rel=1e-6)
    exact = evaluate(case.network, points_of(grid)[:, :dimension])
    arrays = arrays_of(grid.GetPointData())
    assert_close_to_range(arrays["value"][:, None], exact, 2e-5)
    assert not arrays["change"].any()
    # Cells of leaves that only splitting asks for have an indicator of no test, the others theirs.
    middles = np.array([c.mean(axis=0) for c in cells_of(grid)])[:, :dimension]
    leaf, cells = tree.locate(middles), arrays_of(grid.GetCellData())
    own = cells["level"] == tree.level[leaf]
    assert own.any()
    assert not own.all()
    np.testing.assert_array_equal(cells["indicator"][~own], -1)
    np.testing.assert_allclose(
        cells["indicator"][own], mesh.history.indicator[leaf[own]], rtol=1e-6
    )
    assert (cells["level"] >= tree.level[leaf]).all()
