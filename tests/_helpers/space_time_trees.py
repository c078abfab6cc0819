"""Random trees over space and time, with the same mesh kept beside them as plain boxes."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st
from pruning_amr.mesh import SpaceTimeTree

from .trees import BOUNDS, Cell, children_of

TIMES = np.array([0.5, 2.5])
"""Floats in this range lose nothing when they become fractions of it."""


@dataclass
class Box:
    """A cell in space over an interval in time, refined or not; `first` and `last` in [0, 1]."""

    cell: Cell
    first: Fraction
    last: Fraction
    children: list[Box] = field(default_factory=list)

    def split(self, in_time: bool) -> None:
        if in_time:
            middle = (self.first + self.last) / 2
            ends = [(self.first, middle), (middle, self.last)]
            self.children = [Box(self.cell, *pair) for pair in ends]
        else:
            self.children = [Box(c, self.first, self.last) for c in children_of(self.cell)]

    def holds(self, time: Fraction) -> bool:
        """Whether a time is in the interval, whose end belongs to the next one, if any."""
        return self.first <= time < self.last or time == self.last == 1


def leaves_of(boxes: list[Box]) -> list[Box]:
    """All boxes that are not split."""
    found, waiting = [], list(boxes)
    while waiting:
        box = waiting.pop()
        waiting += box.children
        if not box.children:
            found.append(box)
    return found


def refined_at(boxes: list[Box], time: Fraction) -> set[Cell]:
    """Brute force: the cells that have smaller ones inside at a time."""
    leaves = {b.cell for b in leaves_of(boxes) if b.holds(time)}
    ancestors = set()
    for level, index in leaves:
        for up in range(1, level + 1):
            ancestors.add((level - up, tuple(i >> up for i in index)))
    return ancestors


def grow(
    roots: tuple[int, ...], choices: list[tuple[int, bool]]
) -> tuple[SpaceTimeTree, list[Box]]:
    """Refine one leaf after another; each choice picks a leaf, 0 the newest, and a direction."""
    bounds = np.vstack([BOUNDS[: len(roots) - 1], TIMES])
    tree = SpaceTimeTree.regular(bounds, roots)
    n_times = roots[-1]
    boxes = [
        Box(
            (0, tuple(int(i) for i in index[:-1])),
            Fraction(int(index[-1]), n_times),
            Fraction(int(index[-1]) + 1, n_times),
        )
        for index in tree.index
    ]
    known = list(boxes)
    open_ = list(range(len(known)))
    for choice, in_time in choices:
        node = open_.pop(-1 - choice % len(open_))
        known[node].split(in_time)
        children = tree.subdivide(np.array([node]), np.array([in_time]))
        known += known[node].children
        open_ += children.tolist()
    return tree, boxes


@st.composite
def space_time_trees(draw, max_refined: int = 12):
    """A random tree and the boxes it has to be."""
    dimension = draw(st.sampled_from((2, 3)))
    roots = tuple(draw(st.lists(st.integers(1, 2), min_size=dimension, max_size=dimension)))
    number = st.one_of(st.integers(0, 4), st.integers(0, 10**6))
    choices = draw(st.lists(st.tuples(number, st.booleans()), max_size=max_refined))
    return grow((*roots, draw(st.sampled_from((1, 2, 4)))), choices)
