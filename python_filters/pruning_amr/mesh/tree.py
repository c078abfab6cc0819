"""A forest of quadtrees or octrees over a root grid, in flat arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cells import corner_offsets
from .forest import HALVES, Forest


@dataclass
class Tree(Forest):
    """Cells of an adaptive mesh: every node of a forest over a regular root grid.

    A refined node has 2^dimension children that lie one after another in the arrays, x running
    fastest. Nodes are numbered in the order they were made; `breadth_first` gives an order that
    does not depend on it. The attributes are those of `Forest`.
    """

    splits = (slice(None),)

    @classmethod
    def regular(cls, bounds: np.ndarray, root_resolution: tuple[int, ...]) -> Tree:
        """Return the root grid alone."""
        axes = [np.arange(n) for n in reversed(root_resolution)]
        mesh = np.meshgrid(*axes, indexing="ij")
        index = np.stack([m.reshape(-1) for m in reversed(mesh)], axis=1)
        n = len(index)
        tree = cls(
            np.asarray(bounds, dtype=np.float64),
            tuple(root_resolution),
            np.zeros(n, np.int32),
            index,
            np.arange(n, dtype=np.int32),
            np.full(n, -1, np.int32),
        )
        tree.index = index.astype(tree._index_type(0))
        return tree

    @property
    def dimension(self) -> int:
        """Number of spatial dimensions."""
        return len(self.root_resolution)

    @property
    def leaves(self) -> np.ndarray:
        """Node numbers of the leaves, in `breadth_first` order."""
        order = self.breadth_first()
        return order[self.first_child[order] < 0]

    def levels(self, nodes: np.ndarray) -> np.ndarray:
        """Return the level of nodes along each axis, shape (n, dimension)."""
        return np.repeat(self.level[nodes, None], self.dimension, axis=1)

    def n_halvings(self, nodes: np.ndarray) -> np.ndarray:
        """Return how often the volume of the root cell was halved, (n,), int64."""
        return self.dimension * self.level[nodes]

    def node_size(self, nodes: np.ndarray) -> np.ndarray:
        """Return edge lengths of nodes, shape (n, dimension)."""
        return self.cell_size(self.level[nodes])

    def child_counts(self, nodes: np.ndarray) -> np.ndarray:
        """Return how many children refined nodes have, (n,)."""
        return np.full(len(nodes), self.n_children)

    def split_of(self, parents: np.ndarray) -> int:
        """Return which of `splits` refined nodes are split in: there is one."""
        return 0

    def shape_key(self, nodes: np.ndarray) -> np.ndarray:
        """Return a number for the size of nodes, larger for smaller ones, shape (n,), int64."""
        return self.level[nodes]

    def sampling_level(self, nodes: np.ndarray) -> np.ndarray:
        """Return on which level cells are as large: how densely samples of nodes lie."""
        return self.level[nodes]

    def cell_size(self, level: np.ndarray | int) -> np.ndarray:
        """Return edge lengths of cells of `level`, shape (..., dimension)."""
        return self.root_size * HALVES.take(level)[..., None]

    def centers(self, nodes: np.ndarray) -> np.ndarray:
        """Return the centres of nodes, shape (n, dimension)."""
        size = self.cell_size(self.level[nodes])
        return self.bounds[:, 0] + (self.index[nodes] + 0.5) * size

    def subdivide(self, nodes: np.ndarray) -> np.ndarray:
        """Refine leaves; return the numbers of their children."""
        n, k = len(nodes), self.n_children
        self._reserve(self.n_nodes + n * k)
        self.first_child[nodes] = self.n_nodes + k * np.arange(n)
        kind = self._index_type(int(self.level[nodes].max(initial=0)) + 1)
        offset = corner_offsets(self.dimension).astype(kind)
        index = (2 * self.index[nodes, None, :] + offset).reshape(n * k, self.dimension)
        children = np.arange(self.n_nodes, self.n_nodes + n * k)
        self.index = np.concatenate([self.index, index])
        self.level = np.concatenate([self.level, np.repeat(self.level[nodes] + 1, k)])
        self.root = np.concatenate([self.root, np.repeat(self.root[nodes], k)])
        self.first_child = np.concatenate([self.first_child, np.full(n * k, -1, np.int32)])
        return children

    def children(self, nodes: np.ndarray) -> np.ndarray:
        """Return the children of refined nodes, one node's after another's."""
        return (self.first_child[nodes, None] + np.arange(self.n_children)).reshape(-1)

    def generations(self) -> list[np.ndarray]:
        """Return node numbers level by level, each ordered as its parents are."""
        level = np.arange(self.n_roots)
        found = []
        while len(level):
            found.append(level)
            level = self.children(level[self.first_child[level] >= 0])
        return found

    def breadth_first(self) -> np.ndarray:
        """Return all nodes, root by root and breadth first within each root."""
        order = np.concatenate(self.generations())
        return order[np.argsort(self.root[order], kind="stable")]

    def families(self) -> list[tuple[np.ndarray, int]]:
        """Return refined nodes with their number of children, children before their parents."""
        inner = np.flatnonzero(self.first_child >= 0)
        levels = range(self.depth - 1, -1, -1)
        return [(inner[self.level[inner] == level], self.n_children) for level in levels]

    def truncated(self, depth: int) -> tuple[Tree, np.ndarray]:
        """Return the tree without the nodes below level `depth`, and the nodes it keeps."""
        return self.subtree(self.level < depth)

    def restricted(self, roots: np.ndarray) -> np.ndarray:
        """Return a mask of the nodes that descend from the given root nodes."""
        wanted = np.zeros(self.n_roots, bool)
        wanted[roots] = True
        return wanted[self.root]

    def locate(self, points: np.ndarray) -> np.ndarray:
        """Return the leaf that contains each point; points outside go to the nearest leaf.

        Parameters
        ----------
        points : numpy.ndarray, shape (n_points, dimension)
        """
        unit = (points - self.bounds[:, 0]) / self.root_size
        last = np.asarray(self.root_resolution) - 1
        return self._descend(np.clip(np.floor(unit).astype(np.int64), 0, last), unit)

    def _descend(self, root: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """Follow points, in units of root cells, from their root cells to the leaves."""
        stride = np.cumprod([1, *self.root_resolution[:-1]])
        node = root @ stride
        local = np.clip(unit - root, 0.0, 1.0)
        bit = 1 << np.arange(self.dimension)
        moving = np.flatnonzero(self.first_child[node] >= 0)
        while len(moving):
            doubled = local[moving] * 2.0
            upper = doubled >= 1.0
            node[moving] = self.first_child[node[moving]] + upper @ bit
            local[moving] = doubled - upper
            moving = moving[self.first_child[node[moving]] >= 0]
        return node
