"""The numbers of the points of explored nodes: of the first nodes all, of the others by families.

A child shares corners with its siblings and with its parent: of each family only the points are
kept that the parent does not have. In three dimensions these are 19 for 8 children of 8 corners.
What a child has from its parent is looked for there, and so on. Of the first 65,536 nodes all
points are kept: small trees take no time, and what is looked for in large ones is found soon.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .error_estimates import placed

_PART = 1 << 15
"""Nodes whose points are looked for at a time: what that takes stays small."""

_KEPT = 1 << 16
"""Nodes, the first ones, all of whose points are kept."""


class PointNumbers:
    """The numbers of the points of the nodes of a growing tree.

    Parameters
    ----------
    roots : numpy.ndarray, shape (n_roots, n_points), int32
        Those of the root grid, which are the first nodes.
    sources : sequence of numpy.ndarray, each of shape (n_children, n_points)
        For each way to split a node: where the points of its children are found. They are numbers
        among the points that the node has not, or, of its own points, -1 less their number.
    """

    def __init__(self, roots: np.ndarray, sources: Sequence[np.ndarray]) -> None:
        n_children = max(len(way) for way in sources)
        self._sources = np.zeros((len(sources), n_children, roots.shape[1]), np.int64)
        for split, way in enumerate(sources):
            self._sources[split, : len(way)] = way
        # The new points of a family lie in the rows of its children, one after another.
        width = max(-(-(int(way.max()) + 1) // len(way)) for way in sources)
        self._kept, self._new = roots, np.empty((len(roots), width), np.int32)
        self._parent = np.full(len(roots), -1, np.int32)
        self._sibling, self._split = (np.zeros(len(roots), np.uint8) for _ in range(2))

    def add(
        self,
        parents: np.ndarray,
        children: np.ndarray,
        points: np.ndarray,
        new: np.ndarray,
        split: int,
        n_nodes: int,
    ) -> None:
        """Add the children of nodes that are all split in the same way.

        Parameters
        ----------
        parents : numpy.ndarray, shape (n,), int64
        children : numpy.ndarray, shape (n * n_children,), int64
            One node's after another's.
        points : numpy.ndarray, shape (n * n_children, n_points), int32
            Numbers of their points.
        new : numpy.ndarray, shape (n, n_new), int32
            Numbers of the points that the parents have not.
        split : int
            In which way.
        n_nodes : int
            Nodes of the tree by now: those of other splits may lie between.
        """
        n_kept = min(n_nodes, max(_KEPT, len(self._kept)))
        kept = children < n_kept
        if kept.any():
            self._kept = placed(self._kept, n_kept, children[kept], points[kept])
        if kept.all():
            return
        n_children, width = len(children) // len(parents), self._new.shape[1]
        rows = np.zeros((len(parents), n_children * width), np.int32)
        rows[:, : new.shape[1]] = new
        # A quarter more than is needed, so that growing copies them a few times at most.
        room = len(self._parent) if n_nodes <= len(self._parent) else n_nodes + n_nodes // 4
        self._new = placed(self._new, room, children, rows.reshape(-1, width))
        self._parent = placed(self._parent, room, children, np.repeat(parents, n_children))
        sibling = np.tile(np.arange(n_children, dtype=np.uint8), len(parents))
        self._sibling = placed(self._sibling, room, children, sibling)
        self._split = placed(self._split, room, children, split)

    def of(self, nodes: np.ndarray) -> np.ndarray:
        """Return the numbers of the points of nodes, shape (n, n_points), int32."""
        below = np.flatnonzero(nodes >= len(self._kept))
        if not len(below):
            return self._kept.take(nodes, axis=0)
        # Those of the others are looked for then.
        found = self._kept.take(nodes, axis=0, mode="clip")
        for start in range(0, len(below), _PART):
            part = below[start : start + _PART]
            found[part] = self._of_children(nodes[part])
        return found

    def _of_children(self, nodes: np.ndarray) -> np.ndarray:
        """Return those of nodes that are not among the first ones."""
        sibling, new = self._sibling[nodes], self._new.reshape(-1)
        source = self._sources[self._split[nodes], sibling]
        first = (nodes - sibling) * self._new.shape[1]
        # What the parent has is none of the new points: whatever is there is overwritten.
        found = new.take(first[:, None] + source, mode="clip")
        row, column = np.nonzero(source < 0)
        node, point = nodes[row], source[row, column]
        while len(row):
            node, point = self._parent[node], -1 - point
            kept = node < len(self._kept)
            found[row[kept], column[kept]] = self._kept[node[kept], point[kept]]
            row, column, node, point = (a[~kept] for a in (row, column, node, point))
            sibling = self._sibling[node]
            point = self._sources[self._split[node], sibling, point]
            first = (node - sibling).astype(np.int64) * self._new.shape[1]
            found[row, column] = new.take(first + point, mode="clip")
            row, column, node, point = (a[point < 0] for a in (row, column, node, point))
        return found
