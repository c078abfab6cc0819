"""Values of the field at the corners and centres of the cells of a mesh over space and time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..cells import corner_offsets
from ..inr import Evaluator
from .lattice import vertex_strides
from .space_time_tree import SpaceTimeTree

_BATCH = 1 << 18
"""Cells handled at a time, so that intermediate arrays stay small."""

AtCorners = Callable[[SpaceTimeTree, np.ndarray], np.ndarray]
"""Tree and nodes -> values at their corners, (n_nodes, 2^(dimension + 1), n_outputs), float32: x
fastest and time slowest."""


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
    def of(cls, tree: SpaceTimeTree, at_corners: AtCorners) -> CornerValues:
        """Return the values at the corners of the leaves, each asked for once."""
        leaves = np.flatnonzero(tree.first_child < 0)
        row = np.full(tree.n_nodes, -1, np.int32)
        row[leaves] = np.arange(len(leaves))
        stride = vertex_strides(tree.root_resolution[:-1], tree.depth)
        keys, vertex = np.unique(corner_lattice(tree, leaves) @ stride, return_inverse=True)
        extent = np.left_shift(np.asarray(tree.root_resolution[:-1], np.int64), tree.depth)
        lattice = (keys[:, None] // stride) % (extent + 1)
        vertex = vertex.reshape(len(leaves), -1).astype(np.int32)
        # One number for each vertex and time; values are asked for once.
        pairs = _numbered(tree, vertex.astype(np.int64), leaves)
        _, first, place = np.unique(pairs, return_index=True, return_inverse=True)
        values = _at_corners(tree, at_corners, leaves, first)
        return cls(row, vertex, lattice, place.reshape(pairs.shape).astype(np.int32), values)

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, in bytes."""
        return sum(array.nbytes for array in vars(self).values())


def corner_lattice(tree: SpaceTimeTree, nodes: np.ndarray) -> np.ndarray:
    """Return corners in space on the lattice of the finest level, (n, 2^dimension, dimension)."""
    edge = tree.edges(nodes)
    corner = tree.index[nodes, None, :-1] + corner_offsets(tree.dimension)
    return corner * edge[:, None, None]


def _at_corners(
    tree: SpaceTimeTree, at_corners: AtCorners, leaves: np.ndarray, first: np.ndarray
) -> np.ndarray:
    """Return the field at corners given by number: (leaf, end of the interval, corner)."""
    n_corners = 2 * tree.n_children
    values: np.ndarray | None = None
    leaf = first // n_corners
    order = np.argsort(leaf, kind="stable")
    for start in range(0, len(leaves), _BATCH):
        part = leaves[start : start + _BATCH]
        low, high = np.searchsorted(leaf[order], [start, start + len(part)])
        here = order[low:high]
        corners = at_corners(tree, part)
        if values is None:
            values = np.empty((len(first), corners.shape[2]), np.float32)
        values[here] = corners[leaf[here] - start, first[here] % n_corners]
    return values


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
