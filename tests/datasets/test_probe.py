"""Probing a data set: what VTK's own filters say is there."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.errors import one_clear_sentence
from _helpers.reference import evaluate, linear_network, to_inr
from _helpers.trees import grow
from _helpers.vtk_reading import arrays_of, blocks_of
from pruning_amr.datasets import to_image_data, to_vtk
from pruning_amr.datasets.probe import dual_grid, dual_grid_of, probe, probe_arrays
from pruning_amr.mesh import Mesh, find_vertices
from pruning_amr.mesh.dual import DualGrid
from pruning_amr.mesh.history import History
from pruning_amr.refinement import make_parameters
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkFiltersCore import vtkCompositeDataProbeFilter
from vtkmodules.vtkFiltersHyperTree import vtkHyperTreeGridContour

SLOPES = [1.0, -2.0, 0.5]
GROWN = [((3, 2), 6), ((1, 2), 5), ((2, 3, 1), 4), ((2, 2, 2), 5)]


def points_in(bounds: np.ndarray, n: int = 5000) -> np.ndarray:
    return bounds[:, 0] + np.random.default_rng(8).random((n, len(bounds))) * np.diff(bounds)[:, 0]


def linear_mesh(roots: tuple[int, ...], max_level: int) -> Mesh:
    """A linear field on a random tree without any balance."""
    rng = np.random.default_rng(len(roots) + max_level)
    fine = rng.integers(0, 10, 40)
    choices = np.where(rng.random(40) < 0.5, fine, rng.integers(0, 10**6, 40))
    tree, _ = grow(roots, choices.tolist(), max_level)
    inr = to_inr(linear_network(SLOPES[: len(roots)]), tree.bounds.tolist())
    history = History(np.full(tree.n_nodes, np.nan))
    return Mesh(inr, 0.0, make_parameters(device="cpu"), tree, history)


def linear(points: np.ndarray) -> np.ndarray:
    return points @ SLOPES[: points.shape[1]] + 0.5


@pytest.fixture(params=GROWN, ids=str)
def mesh(request) -> Mesh:
    return linear_mesh(*request.param)


def test_unstructured_grid_is_interpolated_in_its_cells(mesh):
    points = points_in(mesh.tree.bounds)
    found, valid = probe(to_vtk(mesh, "unstructured_grid"), points, "value")
    assert valid.all()
    np.testing.assert_allclose(found[:, 0], linear(points), rtol=0, atol=1e-5)


def test_hyper_tree_grid_is_constant_in_each_cell(mesh):
    points = points_in(mesh.tree.bounds)
    found, valid = probe(to_vtk(mesh, "hyper_tree_grid"), points, "value")
    assert valid.all()
    np.testing.assert_array_equal(found, mesh.node_values[mesh.tree.locate(points)])


def test_amr_is_that_of_the_finest_visible_cell(mesh):
    points = points_in(mesh.tree.bounds, 1000)
    amr = to_vtk(mesh, "overlapping_amr")
    found, valid = probe(amr, points, "value")
    assert valid.all()
    expected = np.full(len(points), np.nan)
    for block in blocks_of(amr, mesh.tree.dimension):
        inside = (points[:, None] >= block.box[..., 0]) & (points[:, None] < block.box[..., 1])
        point, cell = np.nonzero(inside.all(axis=2) & block.visible)
        expected[point] = block.arrays["value"][cell]
    np.testing.assert_array_equal(found[:, 0], expected)


def test_amr_is_as_vtk_probes_it(mesh):
    points = points_in(mesh.tree.bounds, 1000)
    amr = to_vtk(mesh, "overlapping_amr")
    cloud, place = vtkPolyData(), vtkPoints()
    padded = np.pad(points, [(0, 0), (0, 3 - points.shape[1])])
    place.SetData(numpy_to_vtk(padded, deep=True))
    cloud.SetPoints(place)
    filter_ = vtkCompositeDataProbeFilter()
    filter_.SetInputData(cloud)
    filter_.SetSourceData(amr)
    filter_.Update()
    expected = arrays_of(filter_.GetOutput().GetPointData())
    found, valid = probe_arrays(amr, points, ["value", "level"])
    np.testing.assert_array_equal(valid, expected["vtkValidPointMask"])
    # VTK gives a point on a face between cells to either side.
    same = (found[0][:, 0] == expected["value"]) & (found[1][:, 0] == expected["level"])
    assert same.mean() > 0.995


def test_image_data_are_interpolated(plane):
    points = points_in(plane.tree.bounds)
    inr = to_inr(linear_network([1.0, -2.0]), plane.tree.bounds.tolist())
    found, valid = probe(to_image_data(inr, 20, device="cpu"), points, "value")
    assert valid.all()
    np.testing.assert_allclose(found[:, 0], linear(points), atol=1e-5)


def test_dual_grid_has_the_cells_of_our_own(mesh):
    grid = dual_grid(to_vtk(mesh, "hyper_tree_grid"))
    dual = DualGrid.of(mesh.tree, find_vertices(mesh.tree))
    order = mesh.tree.breadth_first()
    found = set()
    for number in range(grid.GetNumberOfCells()):
        ids = grid.GetCell(number).GetPointIds()
        found.add(frozenset(order[ids.GetId(i)] for i in range(ids.GetNumberOfIds())))
    assert found == {frozenset(cell) for cell in dual.leaves[dual.cells].tolist()}
    points = vtk_to_numpy(grid.GetPoints().GetData())[:, : mesh.tree.dimension]
    at_leaves = points[np.argsort(order)][dual.leaves]
    np.testing.assert_allclose(at_leaves, dual.points, rtol=1e-6, atol=1e-6)


def test_the_dual_grid_of_a_mesh_is_that_of_vtk(mesh):
    """The same values, to the last bit, of the data set and not of the mesh."""
    data = to_vtk(mesh, "hyper_tree_grid")
    vtk_to_numpy(data.GetCellData().GetArray("value"))[:] = np.arange(mesh.tree.n_nodes) % 7
    points = points_in(mesh.tree.bounds, 5000)
    grids = dual_grid(data), dual_grid_of(mesh, data)
    (theirs, in_theirs), (ours, in_ours) = (probe(grid, points, "value") for grid in grids)
    np.testing.assert_array_equal(in_ours, in_theirs)
    same = (ours == theirs)[in_theirs]
    # Where cells of very different size meet, dual cells overlap, and either may be taken.
    assert same.mean() > 0.995


def test_dual_interpolation_agrees_with_our_own(mesh):
    """Random values on random trees.

    VTK keeps the points of the dual grid in float32 and inverts the cells to 1e-3 to 1e-4 of
    their size; cells that join very different sizes overlap, and each side takes another one.
    """
    mesh.node_values = np.random.default_rng(2).random((mesh.tree.n_nodes, 1)).astype(np.float32)
    points = points_in(mesh.tree.bounds, 20_000)
    found, valid = probe(to_vtk(mesh, "hyper_tree_grid"), points, "value", dual=True)
    dual = DualGrid.of(mesh.tree, find_vertices(mesh.tree))
    ours = dual.interpolate(mesh.node_values, points)
    both = valid & (dual.locate(points)[1] >= 0)
    assert (valid != both).mean() < 0.005
    difference = np.abs(found - ours)[both]
    assert np.median(difference) < 1e-6
    assert (difference < 1e-5).mean() > 0.997


def test_contours_join_the_same_centres_unmoved():
    """Known difference: they end half a cell before the boundary, where the dual grid does not."""
    mesh = linear_mesh((4, 4), 0)
    data = to_vtk(mesh, "hyper_tree_grid")
    contour = vtkHyperTreeGridContour()
    contour.SetInputData(data)
    contour.SetInputArrayToProcess(0, 0, 0, 1, "value")
    low, high = mesh.tree.bounds.T
    contour.SetValue(0, float(linear((low + high)[None] / 2)[0]))
    contour.Update()
    found = np.array(contour.GetOutput().GetBounds()).reshape(3, 2)[1]
    half = (high - low)[1] / 8
    np.testing.assert_allclose(found, [low[1] + half, high[1] - half], rtol=1e-6)
    bounds = np.array(dual_grid(data).GetBounds()).reshape(3, 2)[:2]
    np.testing.assert_allclose(bounds, mesh.tree.bounds, rtol=1e-6)


def test_a_dual_grid_without_cells():
    mesh = linear_mesh((2, 1), 0)
    points = points_in(mesh.tree.bounds)
    found, valid = probe(to_vtk(mesh, "hyper_tree_grid"), points, "value", dual=True)
    assert not valid.any()
    assert found.shape == (len(points), 1)


@pytest.mark.parametrize("output_type", ["hyper_tree_grid", "overlapping_amr", "unstructured_grid"])
def test_vectors_keep_their_components(flow, output_type):
    data = to_vtk(flow.mesh, output_type)
    points = points_in(flow.tree.bounds, 300)
    (velocity, pressure), valid = probe_arrays(data, points, ["velocity", "pressure"])
    assert valid.all()
    exact = evaluate(flow.network, points)
    assert (velocity.shape, pressure.shape) == ((300, 3), (300, 1))
    for column, channel in enumerate([2, 0, 1]):
        correlation = np.corrcoef(velocity[:, column], exact[:, channel])[0, 1]
        assert correlation > 0.8


@pytest.mark.parametrize("output_type", ["hyper_tree_grid", "overlapping_amr", "unstructured_grid"])
def test_points_outside_have_no_value(plane, output_type):
    data = to_vtk(plane.mesh, output_type)
    low, high = plane.tree.bounds.T
    points = np.array([low - 1, high + 1, (low + high) / 2 + 1e-3])
    found, valid = probe(data, points, "value")
    assert valid.tolist() == [False, False, True]
    assert (found[:2] == 0).all()
    assert probe(data, np.empty((0, 2)), "value")[0].shape == (0, 1)


@pytest.mark.parametrize("output_type", ["hyper_tree_grid", "overlapping_amr", "unstructured_grid"])
def test_unknown_array_is_refused(plane, output_type):
    with one_clear_sentence(pa.ParameterError, "nothing"):
        probe(to_vtk(plane.mesh, output_type), np.zeros((1, 2)), "nothing")


def test_dual_of_another_data_set_is_refused(plane):
    with one_clear_sentence(pa.ParameterError, "dual", "vtkUnstructuredGrid"):
        probe(to_vtk(plane.mesh, "unstructured_grid"), np.zeros((1, 2)), "value", dual=True)
