"""The refinement loop: refines what is asked for, within its limits, and leaves a valid mesh."""

from __future__ import annotations

import itertools
import zlib
from math import prod

import numpy as np
import pytest
import torch
from _helpers.trees import BOUNDS, Boxes, Cell, cells_of
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.mesh import Tree
from pruning_amr.refinement import RefinementParameters
from pruning_amr.refinement.loop import refine_tree


class ByRule:
    """A criterion that asks a plain function of the cell, and remembers its batches."""

    device = torch.device("cpu")
    achieved_error = None

    def satisfied(self, tree) -> bool:
        return False

    def __init__(self, rule, bytes_per_cell: int = 64) -> None:
        self.rule = rule
        self.bytes_per_cell = bytes_per_cell
        self.batches: list[list[Cell]] = []

    def __call__(self, cells) -> torch.Tensor:
        batch = [
            (int(level), tuple(index))
            for level, index in zip(cells.level, cells.index.tolist(), strict=True)
        ]
        self.batches.append(batch)
        return torch.tensor([float(self.rule(c)) for c in batch], dtype=torch.float64)


def random_rule(seed: int, share: float = 0.5):
    """Indicators that are random but a function of the cell alone; above 1 for `share`."""

    def rule(cell: Cell) -> float:
        return zlib.crc32(repr((seed, cell)).encode()) / 2**32 + share

    return rule


def run(roots: tuple[int, ...], rule, progress=None, bytes_per_cell: int = 64, **parameters):
    """Refine; return the tree, the history and the criterion."""
    tree = Tree.regular(BOUNDS[: len(roots)], roots)
    criterion = ByRule(rule, bytes_per_cell)
    history = refine_tree(tree, criterion, RefinementParameters(**parameters), progress)
    return tree, history, criterion


def expected_boxes(roots, rule, min_depth: int, max_depth: int) -> Boxes:
    boxes = Boxes.regular(roots)
    while todo := [
        c for c in boxes.leaves if c[0] < max_depth and (c[0] < min_depth or rule(c) > 1)
    ]:
        for cell in todo:
            boxes.subdivide(cell)
    return boxes


def assert_tiles(tree: Tree) -> None:
    volumes = tree.cell_size(tree.level[tree.leaves]).prod(axis=1)
    total = np.prod(tree.bounds[:, 1] - tree.bounds[:, 0])
    assert volumes.sum() == pytest.approx(total, rel=1e-9)
    assert len(set(cells_of(tree, tree.leaves))) == tree.n_leaves


@given(
    roots=st.sampled_from([(2, 3), (1, 1), (2, 1, 1)]),
    seed=st.integers(0, 1000),
    min_depth=st.integers(0, 2),
    max_depth=st.integers(1, 4),
    share=st.sampled_from([0.0, 0.3, 0.6]),
)
def test_refines_exactly_the_cells_that_ask(roots, seed, min_depth, max_depth, share):
    rule = random_rule(seed, share)
    tree, history, criterion = run(roots, rule, min_depth=min_depth, max_depth=max_depth)
    boxes = expected_boxes(roots, rule, min_depth, max_depth)
    assert set(cells_of(tree, tree.leaves)) == boxes.leaves
    asked = [c for batch in criterion.batches for c in batch]
    expected = {c for c in boxes.leaves | boxes.refined if min_depth <= c[0] < max_depth}
    assert len(asked) == len(set(asked)), "no cell is judged twice"
    assert set(asked) == expected
    for level in range(max_depth + 1):
        assert history.tested[level] == sum(c[0] == level for c in expected)
        assert history.refined[level] == sum(c[0] == level for c in boxes.refined)
    for cell, indicator in zip(
        cells_of(tree, np.arange(tree.n_nodes)), history.indicator, strict=True
    ):
        if cell in expected:
            assert indicator == rule(cell)
        else:
            assert np.isnan(indicator)
    finest = max(c[0] for c in boxes.leaves)
    assert history.stopped_by == ("max_depth" if finest == max_depth else "criterion")


def test_an_indicator_of_one_is_enough():
    tree, history, _ = run((2, 2), lambda c: 1.0, min_depth=0)
    assert (tree.n_leaves, history.stopped_by) == (4, "criterion")


def test_a_cell_whose_indicator_is_no_number_is_refined():
    tree, _, _ = run((1, 1), lambda c: float("nan"), min_depth=0, max_depth=3)
    assert tree.n_leaves == 64


@pytest.mark.parametrize("roots", [(3, 2), (2, 1, 1)])
@pytest.mark.parametrize("min_depth", [0, 1, 3])
def test_min_depth_refines_everything_unasked(roots, min_depth):
    tree, history, _ = run(roots, lambda c: 0.0, min_depth=min_depth, max_depth=5)
    assert tree.n_leaves == prod(roots) * 2 ** (len(roots) * min_depth)
    assert (tree.level[tree.leaves] == min_depth).all()
    assert history.stopped_by == "criterion"


def test_max_depth_wins_over_min_depth():
    tree, _, _ = run((2, 2), lambda c: 9.0, min_depth=5, max_depth=2)
    assert (tree.level[tree.leaves] == 2).all()


@given(
    roots=st.sampled_from([(4, 4), (2, 3), (2, 2, 1)]),
    seed=st.integers(0, 1000),
    max_cells=st.integers(6, 400),
    min_depth=st.integers(0, 3),
)
def test_the_budget_is_never_exceeded_and_used_up(roots, seed, max_cells, min_depth):
    max_cells = max(max_cells, prod(roots))
    rule = random_rule(seed, 0.7)
    tree, history, _ = run(roots, rule, min_depth=min_depth, max_depth=4, max_cells=max_cells)
    assert tree.n_leaves <= max_cells
    assert_tiles(tree)
    unlimited = expected_boxes(roots, rule, min_depth, 4)
    if len(unlimited.leaves) <= max_cells:
        assert set(cells_of(tree, tree.leaves)) == unlimited.leaves
    else:
        assert history.stopped_by == "max_cells"
        assert tree.n_leaves > max_cells - (tree.n_children - 1), "room for one more was left"
        assert set(cells_of(tree, np.flatnonzero(tree.first_child >= 0))) <= unlimited.refined


@pytest.mark.parametrize(("roots", "room"), [((8, 8), 11), ((4, 4, 2), 5)])
def test_the_budget_goes_to_the_largest_indicators(roots, room):
    rng = np.random.default_rng(0)
    cells = [(0, i) for i in itertools.product(*map(range, roots))]
    indicator = dict(zip(cells, 1.5 + rng.permutation(len(cells)), strict=True))
    max_cells = prod(roots) + room * (2 ** len(roots) - 1) + 1
    tree, history, _ = run(
        roots, lambda c: indicator.get(c, 0.0), min_depth=0, max_depth=3, max_cells=max_cells
    )
    refined = set(cells_of(tree, np.flatnonzero(tree.first_child >= 0)))
    assert refined == set(sorted(cells, key=indicator.get)[-room:])
    assert history.stopped_by == "max_cells"


def test_the_budget_reaches_children_that_are_worse_than_their_parents_neighbours():
    # One corner gets worse and worse; everything else asks for refinement just a little.
    def rule(cell: Cell) -> float:
        level, index = cell
        return 10.0 ** (level + 1) if not any(index) else 1.1

    tree, _, _ = run((4, 4), rule, min_depth=0, max_depth=8, max_cells=60)
    assert tree.depth >= 4


def test_ties_are_broken_by_position_not_by_history():
    meshes = []
    for bytes_per_cell in (64, 2**19):
        tree, _, _ = run(
            (4, 4),
            lambda c: 2.0,
            bytes_per_cell=bytes_per_cell,
            min_depth=0,
            max_depth=4,
            max_cells=101,
            memory_mb=1,
        )
        meshes.append(cells_of(tree, tree.leaves))
    assert meshes[0] == meshes[1]


def test_batches_fit_the_memory_and_do_not_change_the_mesh(threads):
    threads(1)
    rule = random_rule(3, 0.5)
    large, _, one = run((4, 4), rule, min_depth=1, max_depth=5)
    small, _, many = run(
        (4, 4), rule, bytes_per_cell=2**20 // 7, min_depth=1, max_depth=5, memory_mb=1
    )
    assert max(map(len, many.batches)) == 7 < max(map(len, one.batches))
    assert cells_of(small, small.leaves) == cells_of(large, large.leaves)
    tiny, _, single = run((4, 4), rule, bytes_per_cell=2**40, min_depth=1, max_depth=4, memory_mb=1)
    assert max(map(len, single.batches)) == 1
    assert_tiles(tiny)


@pytest.mark.parametrize("stop_at", [1, 2, 5, 9])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_user_can_stop_and_gets_the_mesh_reached(threads, stop_at, n_threads):
    threads(n_threads)
    calls = []

    def progress(fraction: float, text: str) -> bool:
        calls.append((fraction, text))
        return len(calls) == stop_at

    tree, history, criterion = run(
        (4, 4),
        lambda c: 2.0,
        progress,
        bytes_per_cell=2**20 // 16,
        min_depth=1,
        max_depth=6,
        memory_mb=1,
    )
    assert history.stopped_by == "user"
    assert len(calls) == stop_at, "nobody is asked again after a stop"
    if n_threads == 1:
        assert len(criterion.batches) < stop_at, "nothing is judged after a stop"
    assert len(history.indicator) == tree.n_nodes
    judged = np.isfinite(history.indicator)
    assert sum(history.tested) == np.count_nonzero(judged)
    assert_tiles(tree)
    assert torch.get_num_threads() == n_threads


@pytest.mark.parametrize("bytes_per_cell", [64, 2**20 // 7])
def test_threads_do_not_change_the_course(threads, bytes_per_cell):
    histories = []
    for n_threads in (1, 2, 3):
        threads(n_threads)
        tree, history, _ = run(
            (3, 4),
            random_rule(7, 0.4),
            bytes_per_cell=bytes_per_cell,
            min_depth=0,
            max_depth=5,
            memory_mb=1,
        )
        assert torch.get_num_threads() == n_threads
        histories.append((cells_of(tree, tree.leaves), history.tested, history.refined))
        np.testing.assert_array_equal(
            np.isnan(history.indicator),
            [c[0] == 5 for c in cells_of(tree, np.arange(tree.n_nodes))],
        )
    assert histories[0] == histories[1] == histories[2]


def test_an_error_in_a_criterion_reaches_the_caller_and_threads_are_put_back(threads):
    def fail(cell: Cell) -> float:
        raise MemoryError(f"no memory for {cell}")

    for n_threads in (1, 2):
        threads(n_threads)
        with pytest.raises(MemoryError, match="no memory"):
            run((4, 4), fail)
        assert torch.get_num_threads() == n_threads


def test_a_time_limit_stops_between_batches():
    tree, history, criterion = run((4, 4), lambda c: 2.0, min_depth=1, time_limit=1e-9)
    assert history.stopped_by == "time_limit"
    assert (tree.n_leaves, criterion.batches) == (64, [])
    assert len(history.indicator) == tree.n_nodes
    assert_tiles(tree)


def test_no_time_limit_by_default():
    _, history, _ = run((2, 2), lambda c: 2.0, max_depth=3)
    assert history.stopped_by == "max_depth"


def test_progress_tells_fraction_level_and_cells():
    seen = []
    run((2, 2), random_rule(1, 0.6), lambda f, t: seen.append((f, t)), min_depth=1, max_depth=5)
    assert seen
    assert all(0 <= fraction <= 1 for fraction, _ in seen)
    assert [f for f, _ in seen] == sorted(f for f, _ in seen)
    assert all("\n" not in text and "cells" in text for _, text in seen)
