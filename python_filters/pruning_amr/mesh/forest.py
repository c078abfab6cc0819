"""What trees in space and over space and time share: a forest over a root grid, in flat arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import ClassVar, TypeVar

import numpy as np

AnyTree = TypeVar("AnyTree", bound="Forest")

HALVES = np.exp2(-np.arange(256.0))
"""Powers of a half, 0 to 255: to look one up takes a part of the time of working it out."""


@dataclass
class Forest:
    """Nodes over a regular root grid; siblings lie one after another in the arrays.

    All arrays of a subclass, but for the bounds, have a row for each node.

    Attributes
    ----------
    bounds : numpy.ndarray, shape (n_axes, 2)
    root_resolution : tuple of int
        Cells of the root grid along each axis.
    level : numpy.ndarray, shape (n_nodes,), int32
        How often the root cell was split in space; 0 for the root grid.
    index : numpy.ndarray, shape (n_nodes, n_axes), int32
        Position in the uniform grid of the node's level along each axis; int64 where the grid of
        the finest level has that many cells.
    root : numpy.ndarray, shape (n_nodes,), int32
        Root node each node descends from; root (i, j, k) is number i + nx (j + ny k).
    first_child : numpy.ndarray, shape (n_nodes,), int32
        Number of the first child, -1 for leaves; int64 where there are that many nodes.
    splits : tuple of slice
        The ways to split a node: along which axes.
    """

    bounds: np.ndarray
    root_resolution: tuple[int, ...]
    level: np.ndarray
    index: np.ndarray
    root: np.ndarray
    first_child: np.ndarray

    splits: ClassVar[tuple[slice, ...]]

    @property
    def n_roots(self) -> int:
        """Number of nodes of the root grid."""
        return math.prod(self.root_resolution)

    @property
    def root_size(self) -> np.ndarray:
        """Edge lengths of the nodes of the root grid, shape (n_axes,)."""
        return (self.bounds[:, 1] - self.bounds[:, 0]) / np.asarray(self.root_resolution)

    @property
    def n_nodes(self) -> int:
        """Number of nodes, refined ones and leaves."""
        return len(self.level)

    @property
    def n_children(self) -> int:
        """Children of a node that is refined in space, 2^dimension."""
        return 1 << self.dimension

    @property
    def n_leaves(self) -> int:
        """Number of leaves: the cells of the mesh."""
        return int(np.count_nonzero(self.first_child < 0))

    @property
    def depth(self) -> int:
        """Finest level in space."""
        return int(self.level.max())

    def edges(self, nodes: np.ndarray) -> np.ndarray:
        """Return the edges of nodes in space, in cells of the finest level, (n,), int64."""
        return np.left_shift(1, self.depth - self.level[nodes].astype(np.int64))

    def _index_type(self, level: int) -> type:
        """Return the type of positions of nodes down to a level, with room for two more levels."""
        return _integer(max(self.root_resolution) << (level + 2))

    def _reserve(self, n_nodes: int) -> None:
        """See to it that the numbers of so many nodes fit into `first_child`."""
        self.first_child = self.first_child.astype(_integer(n_nodes), copy=False)

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, in bytes."""
        return sum(a.nbytes for a in vars(self).values() if isinstance(a, np.ndarray))

    def split_axes(self, parents: np.ndarray) -> slice:
        """Return along which axes refined nodes, all split in the same way, are split."""
        return self.splits[self.split_of(parents)]

    def lower_corner(self, nodes: np.ndarray) -> np.ndarray:
        """Return the corner with the smallest coordinates of nodes, shape (n, n_axes)."""
        return self.bounds[:, 0] + self.index.take(nodes, axis=0) * self.node_size(nodes)

    def node_size(self, nodes: np.ndarray) -> np.ndarray:
        """Return edge lengths of nodes, over time the duration last, shape (n, n_axes)."""
        return self.root_size * HALVES.take(self.levels(nodes))

    def volume_share(self, nodes: np.ndarray) -> np.ndarray:
        """Return the share of the domain that each node covers."""
        return HALVES.take(self.n_halvings(nodes)) / self.n_roots

    def sum_of_children(self, values: np.ndarray, nodes: np.ndarray, n_children: int) -> np.ndarray:
        """Return the sums over the children of refined nodes, so many each, of values, (n,).

        One child after another: that is far faster than all children of each node at a time.

        Parameters
        ----------
        values : numpy.ndarray, shape (n_nodes,)
        nodes : numpy.ndarray, shape (n,)
        n_children : int
        """
        first = self.first_child[nodes].astype(np.intp)
        total = values.take(first)
        for k in range(1, n_children):
            total += values[k:].take(first)
        return total

    def merge(self, nodes: np.ndarray) -> None:
        """Make leaves of nodes all of whose children are leaves; these belong to nothing then."""
        self.first_child[nodes] = -1

    def subtree(self: AnyTree, refined: np.ndarray) -> tuple[AnyTree, np.ndarray]:
        """Return the tree in which only some nodes are refined, and the nodes it keeps.

        Parameters
        ----------
        refined : numpy.ndarray, shape (n_nodes,), bool
            Nodes that stay refined, where they are and their ancestors do.
        """
        refined = refined & (self.first_child >= 0)
        kept, nodes = [], np.arange(self.n_roots)
        while len(nodes):
            kept.append(nodes)
            nodes = self.children(nodes[refined[nodes]])
        nodes = np.concatenate(kept)
        number = np.full(self.n_nodes, -1, self.first_child.dtype)
        number[nodes] = np.arange(len(nodes))
        rows = {f.name: getattr(self, f.name) for f in fields(self)}
        del rows["bounds"], rows["root_resolution"]
        tree = replace(self, **{name: array.take(nodes, axis=0) for name, array in rows.items()})
        tree.first_child = np.where(refined[nodes], number[self.first_child[nodes]], -1)
        return tree, nodes


def _integer(largest: int) -> type:
    """Return the smallest type that numbers up to some fit into, of those that trees use."""
    return np.int32 if largest < 1 << 31 else np.int64
