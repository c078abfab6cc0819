"""Balancing: refining further until neighbouring leaves differ by one level at most."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from .tree import Tree


def balanced(tree: Tree, across: str) -> tuple[Tree, np.ndarray]:
    """Return the smallest balanced tree that contains a tree.

    Parameters
    ----------
    tree : Tree
    across : str
        Leaves whose levels differ by one at most: "none", those that share a face ("faces"), a
        face or an edge ("edges"), or a face, an edge or a corner ("corners"). The faces of a
        square are its edges.

    Returns
    -------
    tree : Tree
        The given tree itself if it is balanced already.
    old : numpy.ndarray, shape (n_nodes,), int64
        Number of each node in the given tree, -1 for new ones.
    """
    old = np.arange(tree.n_nodes)
    if across == "none":
        return tree, old
    directions = _directions(tree.dimension, across)
    # A copy: `subdivide` writes to `first_child`, and replaces the other arrays.
    result = replace(tree, first_child=tree.first_child.copy())
    for level, refined in enumerate(_refined_keys(tree, directions)):
        here = np.flatnonzero((result.level == level) & (result.first_child < 0))
        result.subdivide(here[np.isin(_keys(tree, level, result.index[here]), refined)])
    added = result.n_nodes - tree.n_nodes
    return result if added else tree, np.concatenate([old, np.full(added, -1, np.int64)])


def _directions(dimension: int, across: str) -> np.ndarray:
    """Return steps to a cell itself and to its neighbours, shape (n, dimension)."""
    axes = {"faces": 1, "edges": max(1, dimension - 1), "corners": dimension}[across]
    steps = np.array(list(itertools.product((-1, 0, 1), repeat=dimension)))
    return steps[np.count_nonzero(steps, axis=1) <= axes]


def _refined_keys(tree: Tree, directions: np.ndarray) -> list[np.ndarray]:
    """Return the keys of the nodes that the balanced tree refines, level by level.

    The children of a refined node are two levels finer than its parent: all neighbours of a
    refined node have to exist, so their parents are refined.
    """
    inner = tree.first_child >= 0
    refined = [tree.index[inner & (tree.level == level)] for level in range(tree.depth)]
    for level in range(tree.depth - 1, 0, -1):
        extent = np.left_shift(np.asarray(tree.root_resolution), level)
        for step in directions:
            neighbours = refined[level] + step
            inside = ((neighbours >= 0) & (neighbours < extent)).all(axis=1)
            refined[level - 1] = np.concatenate([refined[level - 1], neighbours[inside] >> 1])
        refined[level - 1] = _distinct(tree, level - 1, refined[level - 1])
    return [_keys(tree, level, index) for level, index in enumerate(refined)]


def _distinct(tree: Tree, level: int, index: np.ndarray) -> np.ndarray:
    return index[np.unique(_keys(tree, level, index), return_index=True)[1]]


def _keys(tree: Tree, level: int, index: np.ndarray) -> np.ndarray:
    """Return numbers of positions in the uniform grid of `level`."""
    extent = np.left_shift(np.asarray(tree.root_resolution, np.int64), level)
    return index @ np.cumprod([1, *extent[:-1]])
