"""The tree over space and time: it tiles both, and at a time it is an ordinary tree."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from _helpers.space_time_trees import TIMES, grow, leaves_of, refined_at, space_time_trees
from _helpers.trees import cells_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pruning_amr.refinement.optimal_subtree import OptimalSubtrees

FRACTIONS = st.one_of(
    st.fractions(0, 1, max_denominator=1000),
    # Ends of intervals, on which much depends.
    st.integers(0, 96).map(lambda n: Fraction(n, 96)),
)


def in_time(fraction: Fraction) -> float:
    return float(TIMES[0] + fraction * Fraction(TIMES[1] - TIMES[0]))


@settings(max_examples=1000)
@given(space_time_trees(), FRACTIONS)
def test_at_a_time_it_is_what_brute_force_makes_of_it(made, fraction):
    tree, boxes = made
    time = in_time(fraction)
    # What rounding to a float left of it.
    exact = (Fraction(time) - Fraction(TIMES[0])) / 2
    sliced, nodes = tree.at_time(time)
    expected_leaves = {b.cell for b in leaves_of(boxes) if b.holds(exact)}
    leaves = cells_of(sliced, sliced.leaves)
    assert len(leaves) == len(set(leaves)) == len(expected_leaves)
    assert set(leaves) == expected_leaves
    inner = np.flatnonzero(sliced.first_child >= 0)
    assert set(cells_of(sliced, inner)) == refined_at(boxes, exact)
    # Each node is the one of the space-time tree: its cell, over an interval with the time in it.
    assert (tree.level[nodes] == sliced.level).all()
    assert (tree.index[nodes, :-1] == sliced.index).all()
    begin = tree.lower_corner(nodes)[:, -1]
    assert (begin <= time).all()
    assert (time <= begin + tree.node_size(nodes)[:, -1]).all()
    children = sliced.children(inner)
    assert (np.repeat(inner, sliced.n_children) < children).all()
    assert (
        len(np.unique(children)) == len(children) == sliced.n_nodes - len(sliced.generations()[0])
    )


@given(space_time_trees(max_refined=25))
def test_leaves_tile_space_and_time(made):
    tree, boxes = made
    leaves = np.flatnonzero(tree.first_child < 0)
    assert len(leaves) == tree.n_leaves == len(leaves_of(boxes))
    assert tree.volume_share(leaves).sum() == pytest.approx(1, abs=1e-12)
    low, size = tree.lower_corner(leaves), tree.node_size(leaves)
    unit = np.random.default_rng(0).random((200, tree.dimension + 1))
    points = tree.bounds[:, 0] + unit * np.diff(tree.bounds)[:, 0]
    inside = ((low[:, None] <= points) & (points < (low + size)[:, None])).all(axis=2)
    assert (inside.sum(axis=0) == 1).all()
    np.testing.assert_array_equal(tree.locate(points), leaves[inside.argmax(axis=0)])
    assert (tree.first_child[tree.locate(points * 3)] < 0).all()


@given(space_time_trees(max_refined=20), st.data())
def test_a_subtree_has_the_splits_it_keeps(made, data):
    tree, _ = made
    refined = np.array(data.draw(st.lists(st.booleans(), min_size=tree.n_nodes)))[: tree.n_nodes]
    smaller, nodes = tree.subtree(refined)
    assert (smaller.level == tree.level[nodes]).all()
    assert (smaller.index == tree.index[nodes]).all()
    inner = smaller.first_child >= 0
    assert (inner == (refined & (tree.first_child >= 0))[nodes]).all()
    assert (smaller.in_time[inner] == tree.in_time[nodes][inner]).all()
    assert not smaller.in_time[~inner].any()
    kept = np.flatnonzero(inner)
    assert (nodes[smaller.children(kept)] == tree.children(nodes[kept])).all()
    leaves = np.flatnonzero(~inner)
    assert smaller.volume_share(leaves).sum() == pytest.approx(1, abs=1e-12)


def test_a_time_at_which_intervals_meet_belongs_to_the_later_one():
    tree, _ = grow((1, 1, 1), [(0, True), (1, True), (1, False)])
    # [0, 1/4] is split in space; [1/4, 1/2] and [1/2, 1] are not.
    quarter = TIMES[0] + 0.5
    assert tree.at_time(TIMES[0])[0].n_leaves == 4
    assert tree.at_time(np.nextafter(quarter, 0))[0].n_leaves == 4
    assert tree.at_time(quarter)[0].n_leaves == 1
    last = tree.at_time(TIMES[1])[1]
    assert tree.index[last, -1].tolist() == [1]
    assert tree.time_level[last].tolist() == [1]


def test_times_outside_belong_to_the_ends():
    tree, _ = grow((1, 1, 2), [(0, False)])
    for inside, outside in zip(TIMES, (TIMES[0] - 1, TIMES[1] + 1), strict=True):
        np.testing.assert_array_equal(tree.at_time(inside)[1], tree.at_time(outside)[1])


def cheapest_by_force(tree, error, node, price) -> float:
    """The least error + price * cells of all meshes below a node."""
    alone = error[node] + price
    if tree.first_child[node] < 0:
        return alone
    children = tree.children(np.array([node]))
    return min(alone, sum(cheapest_by_force(tree, error, c, price) for c in children))


@given(space_time_trees(max_refined=15), st.integers(0, 2**32 - 1), st.floats(1e-3, 1.0))
def test_the_optimal_mesh_is_found_among_mixed_splits(made, seed, price):
    tree, _ = made
    error = np.random.default_rng(seed).random(tree.n_nodes)
    found = OptimalSubtrees(tree, error, 0).at(price)
    roots = range(int(np.prod(tree.root_resolution)))
    expected = sum(cheapest_by_force(tree, error, root, price) for root in roots)
    assert found.error + price * found.n_cells == pytest.approx(expected)
    assert len(found.leaves(tree)) == found.n_cells
