"""Values of the field at the corners and centres of the cells of a mesh over space and time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..inr import Evaluator
from .lattice import LatticeValues, vertex_strides
from .space_time_tree import SpaceTimeTree

_BATCH = 1 << 18
"""Cells handled at a time, so that intermediate arrays stay small."""

Numbers = Callable[[SpaceTimeTree, np.ndarray], np.ndarray]
"""Tree and nodes -> numbers of their corners among the points of a lattice, (n_nodes,
2^(dimension + 1)): x fastest and time slowest."""


@dataclass(frozen=True)
class CornerValues:
    """The field at the corners of the leaves at both ends of their intervals.

    Attributes
    ----------
    row : numpy.ndarray, shape (n_nodes,), int32
        Row of each leaf in the arrays below, -1 for refined nodes.
    vertex : numpy.ndarray, shape (n_leaves, 2^dimension), int32
        Corners of leaves in space, x fastest; those at the same place have the same number.
    lattice : numpy.ndarray, shape (n_vertices, dimension), int64
        Positions of the vertices on the uniform lattice of the finest level, x fastest.
    place : numpy.ndarray, shape (n_leaves, 2, 2^dimension), int32
        Row of `values` of each corner at the beginning and at the end of the interval.
    values : numpy.ndarray, shape (n_values, n_outputs), float32
    """

    row: np.ndarray
    vertex: np.ndarray
    lattice: np.ndarray
    place: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, tree: SpaceTimeTree, lattice: LatticeValues, numbers: Numbers) -> CornerValues:
        """Return the values at the corners of the leaves, each asked for once."""
        leaves = np.flatnonzero(tree.first_child < 0)
        row = np.full(tree.n_nodes, -1, np.int32)
        row[leaves] = np.arange(len(leaves))
        place = np.empty((len(leaves), 2, tree.n_children), np.int32)
        for start in range(0, len(leaves), _BATCH):
            part = slice(start, start + _BATCH)
            place[part] = numbers(tree, leaves[part]).reshape(-1, *place.shape[1:])
        # Sorted are points: of corners there are many times as many.
        shown = np.zeros(lattice.n_points, bool)
        shown[place.reshape(-1)] = True
        shown = np.flatnonzero(shown)
        position = lattice.positions(shown)
        position[:, :-1] >>= lattice.depth - tree.depth
        key = position[:, :-1] @ vertex_strides(tree.root_resolution[:-1], tree.depth)
        # By place, then by time: one number for both takes half as long to sort as two.
        n_times = (tree.root_resolution[-1] << lattice.depth) + 1
        order = np.argsort(key * n_times + position[:, -1])
        shown, position, key = shown[order], position[order, :-1], key[order]
        first = np.diff(key, prepend=-1) > 0
        renumbered = np.empty(lattice.n_points, np.int32)
        renumbered[shown] = np.arange(len(shown))
        place = renumbered[place]
        vertex = (np.cumsum(first, dtype=np.int32) - np.int32(1))[place[:, 0]]
        return cls(row, vertex, position[first], place, lattice.values(shown))

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, in bytes."""
        return sum(array.nbytes for array in vars(self).values())


def center_values(tree: SpaceTimeTree, evaluate: Evaluator) -> np.ndarray:
    """Return the field at the centre of every node at both ends of its interval.

    Returns
    -------
    numpy.ndarray, shape (n_nodes, 2, n_outputs), float32
    """
    nodes = np.arange(tree.n_nodes)
    center = (2 * tree.index[:, :-1] + 1) * tree.edges(nodes)[:, None]
    stride = vertex_strides(tree.root_resolution[:-1], tree.depth + 1)
    # An interval begins where the one before it ends: many of the points are there twice.
    pairs = _numbered(tree, (center @ stride)[:, None], nodes)
    _, first, place = np.unique(pairs, return_index=True, return_inverse=True)
    node, end = np.divmod(first, 2)
    points, size = tree.lower_corner(node), tree.node_size(node)
    points[:, :-1] += size[:, :-1] / 2
    points[:, -1] += end * size[:, -1]
    return evaluate.numpy(points)[place.reshape(-1)].reshape(tree.n_nodes, 2, -1)


def _numbered(tree: SpaceTimeTree, place: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Return a number for each place of a node at each end of its interval.

    Parameters
    ----------
    place : numpy.ndarray, shape (n, n_places), int64
        Numbers of places in space.

    Returns
    -------
    numpy.ndarray, shape (n, 2, n_places), int64
    """
    edge = np.left_shift(1, tree.time_depth - tree.time_level[nodes].astype(np.int64))
    begin = tree.index[nodes, -1] * edge
    ends = np.stack([begin, begin + edge], axis=1)
    n_times = (tree.root_resolution[-1] << tree.time_depth) + 1
    return place[:, None, :] * n_times + ends[:, :, None]
