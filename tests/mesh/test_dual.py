"""The dual grid: cells around vertices, and linear interpolation between cell centres."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from _helpers.reference import linear_network, to_inr
from _helpers.trees import BOUNDS, grow, trees
from hypothesis import given
from pruning_amr.mesh import Tree, find_vertices, measure_accuracy
from pruning_amr.mesh.dual import DualGrid, interpolate_dual
from pruning_amr.refinement import build_mesh, make_parameters


def points_in(tree: Tree, n: int = 500) -> np.ndarray:
    unit = np.random.default_rng(3).random((n, tree.dimension))
    return tree.bounds[:, 0] + unit * np.diff(tree.bounds)[:, 0]


def dual_of(tree: Tree) -> DualGrid:
    return DualGrid.of(tree, find_vertices(tree))


@given(trees())
def test_cells_belong_to_the_inner_vertices_and_join_the_leaves_around_them(pair):
    tree, boxes = pair
    vertices, dual = find_vertices(tree), dual_of(tree)
    extent = np.array(tree.root_resolution) << tree.depth
    inner = vertices.lattice[((vertices.lattice > 0) & (vertices.lattice < extent)).all(axis=1)]
    assert len(dual.cells) == len(inner)
    sides = list(itertools.product((0, 1), repeat=tree.dimension))
    for vertex, cell in zip(inner, dual.cells, strict=True):
        expected = set()
        for side in sides:
            lattice_cell = vertex + np.array(side) - 1
            for leaf in boxes.leaves:
                low, high = boxes.lattice_box(leaf).T
                if (low <= lattice_cell).all() and (lattice_cell < high).all():
                    expected.add(leaf)
        nodes = dual.leaves[cell]
        found = {(int(tree.level[n]), tuple(tree.index[n].tolist())) for n in nodes}
        assert found == expected


@given(trees(max_refined=25))
def test_linear_functions_of_the_corners_are_reproduced(pair):
    tree, _ = pair
    dual, points = dual_of(tree), points_in(tree)
    slopes = np.array([2.0, -3.0, 0.5])[: tree.dimension]
    values = np.full((tree.n_nodes, 1), np.nan)
    values[dual.leaves, 0] = dual.points @ slopes
    _, cell, _ = dual.locate(points)
    found = dual.interpolate(values, points)[:, 0]
    inside = cell >= 0
    np.testing.assert_allclose(found[inside], (points @ slopes)[inside], rtol=0, atol=1e-5)
    # Elsewhere it is the value of the leaf that contains the point.
    at_leaf = values[tree.locate(points), 0]
    np.testing.assert_array_equal(found[~inside], at_leaf[~inside])


@pytest.mark.parametrize(("roots", "share"), [((2, 3), 0.999), ((3, 2, 2), 0.98)])
def test_dual_cells_cover_nearly_the_whole_domain(roots, share):
    rng = np.random.default_rng(5)
    tree, _ = grow(roots, rng.integers(0, 10**6, 30).tolist())
    _, cell, _ = dual_of(tree).locate(points_in(tree, 5000))
    assert (cell >= 0).mean() > share


@given(trees(dimensions=(2,)))
def test_at_the_centre_of_a_leaf_inside_is_its_value(pair):
    tree, _ = pair
    dual = dual_of(tree)
    values = np.random.default_rng(1).random((tree.n_nodes, 2))
    centers = tree.centers(dual.leaves)
    fixed = (dual.points == centers).all(axis=1)
    found = dual.interpolate(values, centers[fixed])
    np.testing.assert_allclose(found, values[dual.leaves[fixed]], atol=1e-5)


def test_regular_grid_is_interpolated_between_centres():
    tree = Tree.regular(np.array([[0.0, 4.0], [0.0, 4.0]]), (4, 4))
    values = np.arange(16.0)[:, None]
    points = np.array([[1.5, 1.5], [2.0, 1.5], [2.0, 2.0], [0.0, 0.0], [4.0, 4.0], [0.75, 0.0]])
    found = interpolate_dual(tree, find_vertices(tree), values, points)[:, 0]
    # The centres of boundary cells count as lying on the boundary.
    np.testing.assert_allclose(found, [5.0, 5.5, 7.5, 0.0, 15.0, 0.5], atol=1e-9)


def test_without_inner_vertices_each_leaf_has_its_value():
    tree = Tree.regular(BOUNDS[:2], (3, 1))
    values = np.array([[1.0], [2.0], [4.0]])
    points = points_in(tree)
    found = interpolate_dual(tree, find_vertices(tree), values, points)
    np.testing.assert_array_equal(found, values[tree.locate(points)])


def test_no_points():
    tree = Tree.regular(BOUNDS[:2], (3, 2))
    assert interpolate_dual(tree, find_vertices(tree), np.ones((6, 2)), np.empty((0, 2))).shape == (
        0,
        2,
    )


def test_accuracy_lies_between_constant_and_linear(inr_2d):
    mesh = build_mesh(inr_2d, make_parameters(device="cpu", max_depth=5, tolerance=0.01))
    constant, dual, linear = (
        measure_accuracy(mesh, 20_000, r).rmse for r in ("cell_constant", "dual", "multilinear")
    )
    assert linear < dual < constant


def test_a_linear_field_is_exact_away_from_the_boundary():
    mesh = build_mesh(
        to_inr(linear_network([1.0, -2.0, 3.0])),
        make_parameters(device="cpu", criterion="uniform", max_depth=2, root_resolution=(2, 2, 2)),
    )
    points = 0.2 + 0.6 * np.random.default_rng(0).random((2000, 3))
    found = interpolate_dual(mesh.tree, mesh.vertices, mesh.node_values, points)[:, 0]
    np.testing.assert_allclose(found, points @ [1.0, -2.0, 3.0] + 0.5, atol=1e-5)
