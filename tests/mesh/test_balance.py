"""Balanced trees: compared with a search over all pairs of boxes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from _helpers.trees import Boxes, cells_of, children_of, grow, trees
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.mesh.balance import balanced, refined_when_balanced

ACROSS = ("faces", "edges", "corners")

ADJACENT_AXES = {
    2: {"faces": 1, "edges": 1, "corners": 2},
    3: {"faces": 1, "edges": 2, "corners": 3},
}
"""Along how many axes two boxes may touch only, at most, to count as neighbours."""


def is_balanced(boxes: Boxes, across: str) -> bool:
    """Compare the levels of all pairs of leaves that touch."""
    leaves = sorted(boxes.leaves)
    level = np.array([c[0] for c in leaves])
    box = np.array([boxes.lattice_box(c) for c in leaves])
    low = np.maximum(box[:, None, :, 0], box[None, :, :, 0])
    overlap = np.minimum(box[:, None, :, 1], box[None, :, :, 1]) - low
    axes = ADJACENT_AXES[len(boxes.roots)][across]
    touch = (overlap >= 0).all(axis=2) & (np.count_nonzero(overlap == 0, axis=2) <= axes)
    return not (touch & (abs(level[:, None] - level) > 1)).any()


def boxes_of(tree) -> Boxes:
    cells = cells_of(tree, np.arange(tree.n_nodes))
    refined = {c for c, first in zip(cells, tree.first_child, strict=True) if first >= 0}
    return Boxes(tree.root_resolution, refined, set(cells) - refined)


def without(boxes: Boxes, cell) -> Boxes:
    """The boxes with the children of `cell` merged."""
    children = set(children_of(cell))
    return Boxes(boxes.roots, boxes.refined - {cell}, (boxes.leaves - children) | {cell})


def is_a_forest(tree) -> bool:
    """Every refined cell has its children where they belong, and every cell is there once."""
    cells = cells_of(tree, np.arange(tree.n_nodes))
    order = cells_of(tree, tree.breadth_first())
    return len(set(cells)) == len(cells) and order == boxes_of(tree).breadth_first()


@given(trees(), st.sampled_from(ACROSS))
def test_levels_of_neighbours_differ_by_one_at_most(grown, across):
    tree, boxes = grown
    result, _ = balanced(tree, across)
    assert is_a_forest(result)
    found = boxes_of(result)
    assert found.refined >= boxes.refined
    assert is_balanced(found, across)


@given(trees(max_refined=6), st.sampled_from(ACROSS))
def test_no_refinement_that_was_added_can_be_left_out(grown, across):
    tree, boxes = grown
    found = boxes_of(balanced(tree, across)[0])
    for cell in found.refined - boxes.refined:
        if not found.refined.intersection(children_of(cell)):
            assert not is_balanced(without(found, cell), across)


@given(trees(), st.sampled_from(ACROSS))
def test_a_balanced_tree_stays_as_it_is(grown, across):
    once, _ = balanced(grown[0], across)
    twice, old = balanced(once, across)
    assert twice is once
    np.testing.assert_array_equal(old, np.arange(once.n_nodes))


@given(trees())
def test_no_balance_changes_nothing(grown):
    tree, old = balanced(grown[0], "none")
    assert tree is grown[0]
    np.testing.assert_array_equal(old, np.arange(tree.n_nodes))


@given(trees(), st.sampled_from(ACROSS))
def test_old_numbers_lead_to_the_same_cells(grown, across):
    tree, boxes = grown
    before = (tree.first_child.copy(), tree.n_nodes)
    result, old = balanced(tree, across)
    np.testing.assert_array_equal(tree.first_child, before[0])
    assert tree.n_nodes == before[1]
    kept = old >= 0
    np.testing.assert_array_equal(np.sort(old[kept]), np.arange(tree.n_nodes))
    assert cells_of(result, np.flatnonzero(kept)) == cells_of(tree, old[kept])
    assert set(cells_of(result, np.flatnonzero(~kept))).isdisjoint(boxes.leaves | boxes.refined)


@given(trees())
def test_each_balance_includes_those_before(grown):
    refined = [boxes_of(balanced(grown[0], a)[0]).refined for a in ("none", *ACROSS)]
    for fewer, more in itertools.pairwise(refined):
        assert fewer <= more


@pytest.mark.parametrize("roots", [(2, 2), (2, 2, 2)])
def test_the_check_sees_trees_that_are_not_balanced(roots):
    # One cell of level 3 in the middle of the domain: its neighbours are root cells.
    tree, _ = grow(roots, [])
    node = 0
    for _ in range(2):
        node = tree.subdivide(np.array([node]))[-1]
    boxes = boxes_of(tree)
    assert not any(is_balanced(boxes, across) for across in ACROSS)
    counts = [len(boxes_of(balanced(tree, across)[0]).refined) for across in ACROSS]
    # Refined: the two, and the roots across a face, an edge, a corner.
    expected = {2: [4, 4, 5], 3: [5, 8, 9]}
    assert counts == expected[len(roots)]


@given(trees(), st.sampled_from(ACROSS))
def test_what_balancing_refines_is_known_without_it(grown, across):
    tree, _ = grown
    result, old = balanced(tree, across)
    found = np.zeros(tree.n_nodes, bool)
    found[old[old >= 0]] = result.first_child[old >= 0] >= 0
    np.testing.assert_array_equal(refined_when_balanced(tree, across), found)
