"""Optimal subtrees: none of all meshes that a tree contains is better, by trying them all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from _helpers.trees import cells_of, trees
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.mesh import Tree
from pruning_amr.refinement.error_sums import HUGE
from pruning_amr.refinement.optimal_subtree import OptimalSubtrees


def all_subtrees(tree: Tree, error: np.ndarray, node: int, min_depth: int):
    """Every (error, cells) that the part of the tree below `node` can give."""
    options = [(error[node], 1)]
    first = tree.first_child[node]
    if first >= 0:
        parts = [
            all_subtrees(tree, error, child, min_depth)
            for child in range(first, first + tree.n_children)
        ]
        below = [
            (sum(e for e, _ in choice), sum(n for _, n in choice))
            for choice in itertools.product(*parts)
        ]
        options = below if tree.level[node] < min_depth else options + below
    return options


def forest_options(tree: Tree, error: np.ndarray, min_depth: int) -> np.ndarray:
    parts = [
        all_subtrees(tree, error, root, min_depth) for root in range(np.prod(tree.root_resolution))
    ]
    return np.array(
        [
            (sum(e for e, _ in choice), sum(n for _, n in choice))
            for choice in itertools.product(*parts)
        ]
    )


def small_tree(seed: int, roots: tuple[int, int] = (2, 1), n_refined: int = 4):
    rng = np.random.default_rng(seed)
    tree = Tree.regular(np.array([[0.0, 1.0]] * 2), roots)
    for _ in range(n_refined):
        tree.subdivide(rng.choice(tree.leaves, 1))
    error = rng.random(tree.n_nodes) * 8.0 ** -tree.level.astype(float)
    return tree, error


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("min_depth", [0, 1])
def test_no_subtree_costs_less_at_the_price(seed, min_depth):
    tree, error = small_tree(seed)
    options = forest_options(tree, error, min_depth)
    for price in (0.0, 1e-3, 1e-2, 0.1, 1.0):
        found = OptimalSubtrees(tree, error, min_depth).at(price)
        cheapest = (options[:, 0] + price * options[:, 1]).min()
        assert found.error + price * found.n_cells == pytest.approx(cheapest, abs=1e-12)


@pytest.mark.parametrize("seed", range(30))
def test_no_subtree_with_fewer_cells_is_as_accurate(seed):
    """What is found is optimal for its own error: the convex hull of all subtrees."""
    tree, error = small_tree(seed)
    options = forest_options(tree, error, 0)
    for allowed in np.geomspace(1e-3, 1.0, 8):
        found = OptimalSubtrees(tree, error, 0).cheapest(allowed, 10**6)
        better = (options[:, 0] <= found.error + 1e-12) & (options[:, 1] < found.n_cells)
        assert not better.any()
        if found.error > allowed:
            assert found.error == pytest.approx(options[:, 0].min())


@given(trees(), st.floats(1e-6, 1.0), st.integers(1, 200), st.integers(0, 99))
def test_what_is_promised_holds(tree_and_boxes, allowed, max_cells, seed):
    tree, _ = tree_and_boxes
    error = np.random.default_rng(seed).random(tree.n_nodes) * 4.0 ** -tree.level.astype(float)
    subtrees = OptimalSubtrees(tree, error, 0)
    found = subtrees.cheapest(allowed, max_cells)
    n_roots = int(np.prod(tree.root_resolution))
    assert found.n_cells <= max(max_cells, n_roots)
    leaves = found.leaves(tree)
    assert len(leaves) == found.n_cells
    assert error[leaves].sum() == pytest.approx(found.error)
    mesh, nodes = tree.subtree(found.refined)
    assert set(cells_of(mesh, mesh.leaves)) == set(cells_of(tree, leaves))
    np.testing.assert_array_equal(mesh.level, tree.level[nodes])
    if found.error > allowed:
        least = subtrees.at(0.0)
        assert least.n_cells > max_cells or found.error == pytest.approx(least.error)
    for near in (1e-9, 1e-3, 10.0):
        again = subtrees.cheapest(allowed, max_cells, near)
        assert again.n_cells == pytest.approx(found.n_cells, rel=0.1, abs=tree.n_children)


def test_the_forced_levels_stay():
    tree = Tree.regular(np.array([[0.0, 1.0]] * 2), (2, 2))
    for _ in range(2):
        tree.subdivide(tree.leaves)
    error = np.zeros(tree.n_nodes)
    assert OptimalSubtrees(tree, error, 0).at(1.0).n_cells == 4
    assert OptimalSubtrees(tree, error, 1).at(1.0).n_cells == 16
    assert OptimalSubtrees(tree, error, 2).at(1.0).n_cells == 64


def test_cells_whose_price_is_far_apart_and_errors_are_close_are_told_apart():
    """Where the error hardly changes with the price, the fewest cells are found all the same."""
    tree = Tree.regular(np.array([[0.0, 1.0]]), (1001,))
    tree.subdivide(np.arange(1000))
    error = np.zeros(tree.n_nodes)
    error[:1000], error[1000] = 1e-3 * np.exp2(-np.arange(0, 20, 0.02)), 1.0
    subtrees = OptimalSubtrees(tree, error, 0)
    # Refining the largest ones is best.
    left = error[:1000].sum() - np.cumsum(error[:1000])
    fewest = 1001 + 1 + np.flatnonzero(left <= 2e-4)[0]
    for near in (None, 1e-2, 1e-8):
        found = subtrees.cheapest(1.0002, 10**9, near)
        assert found.n_cells == pytest.approx(fewest, rel=2e-3)


def test_the_last_cells_go_where_they_help_most():
    """Of errors that are nothing beside others, those that can be saved are."""
    tree = Tree.regular(np.array([[0.0, 1.0]] * 2), (100, 100))
    tree.subdivide(np.arange(3155))
    error = np.zeros(tree.n_nodes)
    error[:3000], error[3000:3005], error[3005:3105], error[3105:3155] = 1, 1e-3, 1e-8, 1e-20
    # Room for all of the first two kinds.
    found = OptimalSubtrees(tree, error, 0).cheapest(1e-19, 19015)
    assert found.n_cells <= 19015
    assert found.error == pytest.approx(1e-6, rel=1e-6)


def test_errors_of_what_is_no_number_are_left_with_any_price():
    tree = Tree.regular(np.array([[0.0, 1.0]] * 2), (4, 4))
    for _ in range(3):
        tree.subdivide(tree.leaves)
    error = 1e-3 * np.exp2(-6.0 * tree.level)
    error[:16] = HUGE
    for share in (1.001, 2.0):
        found = OptimalSubtrees(tree, error, 0).cheapest(share * error[tree.leaves].sum(), 10**9)
        assert found.error <= share * error[tree.leaves].sum()
