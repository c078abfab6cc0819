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
        result.subdivide(here[_among(_keys(tree, level, result.index[here]), refined)])
    added = result.n_nodes - tree.n_nodes
    return result if added else tree, np.concatenate([old, np.full(added, -1, np.int64)])


def _directions(dimension: int, across: str) -> np.ndarray:
    """Return steps to a cell itself and to its neighbours, shape (n, dimension)."""
    axes = {"faces": 1, "edges": max(1, dimension - 1), "corners": dimension}[across]
    steps = np.array(list(itertools.product((-1, 0, 1), repeat=dimension)))
    return steps[np.count_nonzero(steps, axis=1) <= axes]


def refined_when_balanced(tree: Tree, across: str) -> np.ndarray:
    """Return which nodes of a tree the balanced tree refines, shape (n_nodes,), bool."""
    found = np.zeros(tree.n_nodes, bool)
    for level, refined in enumerate(_refined_keys(tree, _directions(tree.dimension, across))):
        here = np.flatnonzero(tree.level == level)
        found[here] = _among(_keys(tree, level, tree.index[here]), refined)
    return found


def _refined_keys(tree: Tree, directions: np.ndarray) -> list[np.ndarray]:
    """Return the keys of the nodes that the balanced tree refines, level by level, ascending.

    The children of a refined node are two levels finer than its parent: all neighbours of a
    refined node have to exist, so their parents are refined.
    """
    inner = np.flatnonzero(tree.first_child >= 0)
    level_of = tree.level[inner]
    refined: list[np.ndarray] = []
    wanted: list[np.ndarray] = []
    for level in range(tree.depth - 1, -1, -1):
        wanted.append(_keys(tree, level, tree.index[inner[level_of == level]]))
        refined.insert(0, np.unique(np.concatenate(wanted)))
        wanted = _wanted_above(tree, level, refined[0], directions) if level else []
    return refined


def _wanted_above(
    tree: Tree, level: int, refined: np.ndarray, directions: np.ndarray
) -> list[np.ndarray]:
    """Return the keys of the nodes above that refining nodes of a level asks to be refined."""
    extent, coarse = _extent(tree, level), _extent(tree, level - 1)
    index = (refined[:, None] // _stride(extent)) % extent
    parent, stride = _keys(tree, level - 1, index >> 1), _stride(coarse)
    # Other parents are those of the neighbours on the side of its parent that a node lies on.
    outwards = [2 * (along & 1) - 1 for along in index.T]
    beside = [along + step for along, step in zip(index.T, outwards, strict=True)]
    inside = [(b >= 0) & (b < n) for b, n in zip(beside, extent, strict=True)]
    wanted = []
    for step in directions[(directions >= 0).all(axis=1)]:
        there, keys = np.ones(len(parent), bool), parent
        for axis in np.flatnonzero(step):
            there, keys = there & inside[axis], keys + outwards[axis] * stride[axis]
        wanted.append(np.unique(keys[there]))
    return wanted


def _among(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return which keys are among others, which ascend, shape (n,), bool."""
    if not len(known):
        return np.zeros(len(keys), bool)
    return known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys


def _keys(tree: Tree, level: int, index: np.ndarray) -> np.ndarray:
    """Return numbers of positions in the uniform grid of `level`."""
    return index @ _stride(_extent(tree, level))


def _extent(tree: Tree, level: int) -> np.ndarray:
    return np.left_shift(np.asarray(tree.root_resolution, np.int64), level)


def _stride(extent: np.ndarray) -> np.ndarray:
    return np.cumprod([1, *extent[:-1]])
