"""Random trees, with the same mesh kept beside them as a plain set of boxes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st
from pruning_amr.mesh import Tree

Cell = tuple[int, tuple[int, ...]]
"""Level, and position in the uniform grid of that level."""

BOUNDS = np.array([[-1.0, 2.0], [0.3, 0.7], [10.0, 11.1]])


def children_of(cell: Cell) -> list[Cell]:
    """The 2^dimension children, x fastest."""
    level, index = cell
    return [
        (level + 1, tuple(2 * i + o for i, o in zip(index, reversed(offset), strict=True)))
        for offset in itertools.product((0, 1), repeat=len(index))
    ]


@dataclass
class Boxes:
    """A mesh as a set of refined cells and a set of leaves."""

    roots: tuple[int, ...]
    refined: set[Cell]
    leaves: set[Cell]

    @classmethod
    def regular(cls, roots: tuple[int, ...]) -> Boxes:
        return cls(roots, set(), {(0, i) for i in itertools.product(*map(range, roots))})

    @property
    def depth(self) -> int:
        return max(level for level, _ in self.leaves)

    def subdivide(self, cell: Cell) -> None:
        self.leaves.remove(cell)
        self.refined.add(cell)
        self.leaves.update(children_of(cell))

    def box(self, cell: Cell) -> list[tuple[Fraction, Fraction]]:
        """The cell's extent along each axis, in units of the domain, exactly."""
        level, index = cell
        return [
            (Fraction(i, n << level), Fraction(i + 1, n << level))
            for i, n in zip(index, self.roots, strict=True)
        ]

    def lattice_box(self, cell: Cell) -> np.ndarray:
        """Corners on the lattice of the finest level, shape (dimension, 2)."""
        level, index = cell
        edge = 1 << (self.depth - level)
        return np.array([[i * edge, (i + 1) * edge] for i in index])

    def breadth_first(self) -> list[Cell]:
        """Root by root with x fastest, level by level within each, children x fastest."""
        order: list[Cell] = []
        for index in itertools.product(*(range(n) for n in reversed(self.roots))):
            generation = [(0, tuple(reversed(index)))]
            while generation:
                order += generation
                generation = [c for g in generation if g in self.refined for c in children_of(g)]
        return order


def cells_of(tree: Tree, nodes: np.ndarray) -> list[Cell]:
    """Nodes of a tree as cells."""
    return [(int(tree.level[n]), tuple(int(i) for i in tree.index[n])) for n in nodes]


def node_of(tree: Tree, cell: Cell) -> int:
    """The node of a tree that is `cell`."""
    here = (tree.level == cell[0]) & (tree.index == np.asarray(cell[1])).all(axis=1)
    (found,) = np.flatnonzero(here)
    return int(found)


def grow(roots: tuple[int, ...], choices: list[int], max_level: int = 4) -> tuple[Tree, Boxes]:
    """Refine one leaf after another; `choices` pick among those that may be, 0 the finest."""
    tree, boxes = Tree.regular(BOUNDS[: len(roots)], roots), Boxes.regular(roots)
    for choice in choices:
        open_ = sorted(c for c in boxes.leaves if c[0] < max_level)
        if not open_:
            break
        cell = open_[-1 - choice % len(open_)]
        boxes.subdivide(cell)
        tree.subdivide(np.array([node_of(tree, cell)]))
    return tree, boxes


@st.composite
def trees(draw, dimensions: tuple[int, ...] = (2, 3), max_refined: int = 10):
    """A random tree and the boxes it has to be."""
    dimension = draw(st.sampled_from(dimensions))
    roots = tuple(draw(st.lists(st.integers(1, 3), min_size=dimension, max_size=dimension)))
    # Mostly small numbers, which pick fine leaves: deep, unbalanced trees are common.
    number = st.one_of(st.integers(0, 9), st.integers(0, 10**6))
    choices = draw(st.lists(number, max_size=max_refined))
    return grow(roots, choices)


def to_space(fractions: np.ndarray, dimension: int) -> np.ndarray:
    """Map [0, 1]^dimension to the domain of the random trees."""
    bounds = BOUNDS[:dimension]
    return bounds[:, 0] + np.asarray(fractions, dtype=np.float64) * (bounds[:, 1] - bounds[:, 0])
