"""Trees: their leaves are exactly the boxes that subdividing gives, and tile the domain."""

from __future__ import annotations

from fractions import Fraction
from math import prod

import numpy as np
import pytest
from _helpers.trees import BOUNDS, Boxes, cells_of, grow, node_of, to_space, trees
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.mesh import Tree


@given(trees())
def test_leaves_are_those_of_subdividing_boxes(grown):
    tree, boxes = grown
    leaves = cells_of(tree, tree.leaves)
    assert len(leaves) == len(set(leaves)) == tree.n_leaves
    assert set(leaves) == boxes.leaves
    assert tree.n_nodes == len(boxes.leaves) + len(boxes.refined)
    assert tree.depth == boxes.depth


@given(trees())
def test_leaves_tile_the_domain(grown):
    tree, _ = grown
    leaves = cells_of(tree, tree.leaves)
    volume = sum(prod(Fraction(1, n << level) for n in tree.root_resolution) for level, _ in leaves)
    assert volume == 1
    low, size = tree.lower_corner(tree.leaves), tree.cell_size(tree.level[tree.leaves])
    assert (size > 0).all()
    total = np.prod(tree.bounds[:, 1] - tree.bounds[:, 0])
    assert size.prod(axis=1).sum() == pytest.approx(total, rel=1e-12)
    high = low + size
    apart = (low[:, None] >= high[None] - 1e-9) | (high[:, None] <= low[None] + 1e-9)
    overlap = ~apart.any(axis=2)
    np.testing.assert_array_equal(overlap, np.eye(len(leaves), dtype=bool))
    np.testing.assert_allclose(tree.centers(tree.leaves), (low + high) / 2, rtol=1e-12)


@given(trees(), st.integers(0, 2**32 - 1))
def test_every_point_is_in_exactly_one_leaf_and_locate_finds_it(grown, seed):
    tree, boxes = grown
    unit = np.random.default_rng(seed).random((200, tree.dimension))
    leaves = sorted(boxes.leaves)
    low = np.array([[float(a) for a, _ in boxes.box(c)] for c in leaves])
    high = np.array([[float(b) for _, b in boxes.box(c)] for c in leaves])
    inside = ((unit[:, None] >= low) & (unit[:, None] < high)).all(axis=2)
    assert (inside.sum(axis=1) == 1).all()
    expected = [leaves[i] for i in inside.argmax(axis=1)]
    assert cells_of(tree, tree.locate(to_space(unit, tree.dimension))) == expected


@given(trees())
def test_locate_finds_each_leaf_by_its_centre_and_its_neighbours_beyond_the_domain(grown):
    tree, _ = grown
    leaves = tree.leaves
    np.testing.assert_array_equal(tree.locate(tree.centers(leaves)), leaves)
    far = tree.centers(leaves)
    extent = tree.bounds[:, 1] - tree.bounds[:, 0]
    far[:, 0] = tree.bounds[0, 0] - extent[0]
    found = tree.locate(far)
    assert (tree.index[found][:, 0] == 0).all()
    far[:, 0] = tree.bounds[0, 1] + 2 * extent[0]
    last = (tree.root_resolution[0] << tree.level[tree.locate(far)]) - 1
    np.testing.assert_array_equal(tree.index[tree.locate(far)][:, 0], last)


@given(trees())
def test_breadth_first_is_the_order_of_vtk(grown):
    tree, boxes = grown
    assert cells_of(tree, tree.breadth_first()) == boxes.breadth_first()


@given(trees(), st.randoms(use_true_random=False))
def test_order_of_subdivision_leaves_no_trace(grown, random):
    tree, boxes = grown
    other, now = (
        Tree.regular(tree.bounds, tree.root_resolution),
        Boxes.regular(tree.root_resolution),
    )
    while ready := sorted(boxes.refined & now.leaves):
        chosen = random.sample(ready, random.randint(1, len(ready)))
        other.subdivide(np.array([node_of(other, c) for c in chosen]))
        for cell in chosen:
            now.subdivide(cell)
    for name in ("level", "index", "root"):
        ours, theirs = getattr(tree, name), getattr(other, name)
        np.testing.assert_array_equal(ours[tree.breadth_first()], theirs[other.breadth_first()])


@given(trees())
def test_children_and_roots_are_consistent(grown):
    tree, _ = grown
    refined = np.flatnonzero(tree.first_child >= 0)
    children = tree.children(refined).reshape(len(refined), tree.n_children)
    for node, group in zip(refined, children, strict=True):
        assert (tree.root[group] == tree.root[node]).all()
        assert (tree.level[group] == tree.level[node] + 1).all()
        assert (tree.index[group] // 2 == tree.index[node]).all()
    root_index = tree.index >> tree.level[:, None]
    stride = np.cumprod([1, *tree.root_resolution[:-1]])
    np.testing.assert_array_equal(root_index @ stride, tree.root)


@given(trees(), st.integers(0, 4))
def test_truncated_is_the_tree_of_the_cells_up_to_that_level(grown, depth):
    tree, boxes = grown
    nodes = {c for c in boxes.leaves | boxes.refined if c[0] <= depth}
    leaves = {c for c in nodes if c[0] == depth or c in boxes.leaves}
    cut, _ = tree.truncated(depth)
    assert set(cells_of(cut, np.arange(cut.n_nodes))) == nodes
    assert cut.n_nodes == len(nodes)
    assert set(cells_of(cut, cut.leaves)) == leaves
    order = [c for c in boxes.breadth_first() if c[0] <= depth]
    assert cells_of(cut, cut.breadth_first()) == order
    assert set(cells_of(tree, tree.leaves)) == boxes.leaves, "the tree itself is unchanged"


@given(trees(), st.integers(0, 2**32 - 1))
def test_restricted_takes_whole_roots(grown, seed):
    tree, boxes = grown
    n = prod(tree.root_resolution)
    wanted = np.flatnonzero(np.random.default_rng(seed).random(n) < 0.5)
    mask = tree.restricted(wanted)
    stride = np.cumprod([1, *tree.root_resolution[:-1]])
    for (level, index), held in zip(cells_of(tree, np.arange(tree.n_nodes)), mask, strict=True):
        root = int(np.array(index) // 2**level @ stride)
        assert held == (root in wanted)
    assert boxes.leaves


@pytest.mark.parametrize("roots", [(3, 2), (2, 3, 4)])
def test_root_cells_run_x_fastest(roots):
    tree = Tree.regular(BOUNDS[: len(roots)], roots)
    stride = np.cumprod([1, *roots[:-1]])
    np.testing.assert_array_equal(tree.index @ stride, np.arange(prod(roots)))
    assert tree.n_leaves == prod(roots)


def test_subdividing_many_leaves_at_once_equals_one_by_one():
    once = Tree.regular(BOUNDS[:2], (3, 2))
    once.subdivide(np.array([4, 1, 5]))
    slowly = Tree.regular(BOUNDS[:2], (3, 2))
    for node in (1, 4, 5):
        slowly.subdivide(np.array([node]))
    assert cells_of(once, once.leaves) == cells_of(slowly, slowly.leaves)


def test_deep_trees_locate_points_next_to_a_corner():
    tree, _ = grow((1, 1), [])
    corner = 0
    for _ in range(30):
        corner = int(tree.subdivide(np.array([corner]))[0])
    just_inside = tree.bounds[:, 0] + 0.4 * tree.cell_size(30)
    assert tree.locate(just_inside[None])[0] == corner


def test_positions_too_large_for_half_the_memory_are_kept_in_full():
    tree, _ = grow((1, 1), [])
    corner = 0
    for level in range(1, 35):
        corner = int(tree.subdivide(np.array([corner]))[-1])
        assert tree.index[corner].tolist() == [2**level - 1] * 2
    assert tree.index.dtype == np.int64
    just_inside = tree.bounds[:, 1] - 0.4 * tree.cell_size(34)
    assert tree.locate(just_inside[None])[0] == corner


def test_a_node_takes_few_bytes():
    tree, _ = grow((2, 2, 2), [])
    tree.subdivide(np.arange(8))
    assert (tree.nbytes - tree.bounds.nbytes) / tree.n_nodes == 24
