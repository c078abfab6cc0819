"""A forest over space and time whose nodes split either in space or in time, in flat arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cells import corner_offsets
from .forest import Forest
from .options import MAX_KEY_LEVEL
from .tree import Tree


@dataclass
class SpaceTimeTree(Forest):
    """Cells of one mesh for all times: every node covers a box and an interval of time.

    A refined node has either 2^dimension children in space, x running fastest, each over the
    whole interval, or 2 in time, the earlier first, each over the whole box. Siblings lie one
    after another in the arrays. The last axis of `bounds`, `root_resolution` and `index` is time.

    Attributes
    ----------
    time_level : numpy.ndarray, shape (n_nodes,), int32
        How often the root cell was split in time.
    in_time : numpy.ndarray, shape (n_nodes,), bool
        Refined nodes whose children are intervals.

    The others are those of `Forest`.
    """

    time_level: np.ndarray
    in_time: np.ndarray

    splits = (slice(0, -1), slice(-1, None))

    @classmethod
    def regular(cls, bounds: np.ndarray, root_resolution: tuple[int, ...]) -> SpaceTimeTree:
        """Return the root grid alone; the last axis is time."""
        grid = Tree.regular(bounds, root_resolution)
        n = grid.n_nodes
        return cls(**vars(grid), time_level=np.zeros(n, np.int32), in_time=np.zeros(n, bool))

    @property
    def dimension(self) -> int:
        """Number of spatial dimensions."""
        return len(self.root_resolution) - 1

    @property
    def time_depth(self) -> int:
        """Finest level in time."""
        return int(self.time_level.max())

    def levels(self, nodes: np.ndarray) -> np.ndarray:
        """Return the level of nodes along each axis, shape (n, dimension + 1)."""
        level = np.repeat(self.level[nodes, None], self.dimension + 1, axis=1)
        level[:, -1] = self.time_level[nodes]
        return level

    def n_halvings(self, nodes: np.ndarray) -> np.ndarray:
        """Return how often the volume of the root cell was halved, (n,), int64."""
        return self.dimension * self.level[nodes] + self.time_level[nodes]

    def child_counts(self, nodes: np.ndarray) -> np.ndarray:
        """Return how many children refined nodes have, (n,)."""
        return np.where(self.in_time[nodes], 2, self.n_children)

    def split_of(self, parents: np.ndarray) -> int:
        """Return which of `splits`, in space and in time, refined nodes are all split in."""
        return int(self.in_time[parents[:1]].any())

    def shape_key(self, nodes: np.ndarray) -> np.ndarray:
        """Return a number for the levels of nodes, larger for finer ones in space, (n,), int64."""
        return self.level[nodes] * (MAX_KEY_LEVEL + 1) + self.time_level[nodes]

    def sampling_level(self, nodes: np.ndarray) -> np.ndarray:
        """Return on which level cells that split along all axes at once are no larger."""
        return self.n_halvings(nodes) // (self.dimension + 1)

    def subdivide(self, nodes: np.ndarray, in_time: np.ndarray) -> np.ndarray:
        """Refine leaves; return the numbers of their children, one leaf's after another's.

        Parameters
        ----------
        nodes : numpy.ndarray, shape (n,), int64
        in_time : numpy.ndarray, shape (n,), bool
            Which of them are split in time.
        """
        counts = np.where(in_time, 2, self.n_children)
        ends = np.cumsum(counts)
        start = self.n_nodes
        self._reserve(start + int(counts.sum()))
        self.first_child[nodes] = start + ends - counts
        self.in_time[nodes] = in_time
        parent = np.repeat(nodes, counts)
        timely = np.repeat(in_time, counts)
        sibling = np.arange(len(parent)) - np.repeat(ends - counts, counts)
        offset = corner_offsets(self.dimension)[sibling]
        levels = np.maximum(self.level[nodes], self.time_level[nodes])
        index = self.index[parent].astype(self._index_type(int(levels.max(initial=0)) + 1))
        index[:, :-1] = np.where(timely[:, None], index[:, :-1], 2 * index[:, :-1] + offset)
        index[:, -1] = np.where(timely, 2 * index[:, -1] + sibling, index[:, -1])
        self.index = np.concatenate([self.index, index])
        self.level = np.concatenate([self.level, self.level[parent] + ~timely])
        self.time_level = np.concatenate([self.time_level, self.time_level[parent] + timely])
        self.root = np.concatenate([self.root, self.root[parent]])
        new = len(parent)
        self.first_child = np.concatenate([self.first_child, np.full(new, -1, np.int32)])
        self.in_time = np.concatenate([self.in_time, np.zeros(new, bool)])
        return np.arange(start, start + new)

    def merge(self, nodes: np.ndarray) -> None:
        """Make leaves of nodes all of whose children are leaves; these belong to nothing then."""
        super().merge(nodes)
        self.in_time[nodes] = False

    def subtree(self, refined: np.ndarray) -> tuple[SpaceTimeTree, np.ndarray]:
        """Return the tree in which only some nodes are refined, and the nodes it keeps."""
        tree, nodes = super().subtree(refined)
        tree.in_time &= tree.first_child >= 0
        return tree, nodes

    def children(self, nodes: np.ndarray) -> np.ndarray:
        """Return the children of refined nodes, one node's after another's."""
        counts = self.child_counts(nodes)
        before = np.cumsum(counts) - counts
        sibling = np.arange(int(counts.sum())) - np.repeat(before, counts)
        return np.repeat(self.first_child[nodes], counts) + sibling

    def families(self) -> list[tuple[np.ndarray, int]]:
        """Return refined nodes with their number of children, children before their parents."""
        inner = np.flatnonzero(self.first_child >= 0)
        generation = self.level[inner] + self.time_level[inner]
        groups = []
        for g in range(int(generation.max(initial=-1)), -1, -1):
            nodes = inner[generation == g]
            timely = self.in_time[nodes]
            groups += [(nodes[timely], 2), (nodes[~timely], self.n_children)]
        return [(nodes, k) for nodes, k in groups if len(nodes)]

    def locate(self, points: np.ndarray) -> np.ndarray:
        """Return the leaf that contains each point; points outside go to the nearest leaf.

        Parameters
        ----------
        points : numpy.ndarray, shape (n_points, dimension + 1)
            The last coordinate is time.
        """
        roots = np.asarray(self.root_resolution)
        unit = (points - self.bounds[:, 0]) / self.root_size
        root = np.clip(np.floor(unit).astype(np.int64), 0, roots - 1)
        local = np.clip(unit - root, 0.0, 1.0)
        node = root @ np.cumprod([1, *self.root_resolution[:-1]])
        bit = 1 << np.arange(self.dimension)
        moving = np.flatnonzero(self.first_child[node] >= 0)
        while len(moving):
            split = self.in_time[node[moving]]
            for timely, axes, weight in ((True, [-1], [1]), (False, range(self.dimension), bit)):
                here = moving[split == timely, None]
                doubled = local[here, axes] * 2.0
                upper = doubled >= 1.0
                local[here, axes] = doubled - upper
                node[here[:, 0]] = self.first_child[node[here[:, 0]]] + upper @ weight
            moving = moving[self.first_child[node[moving]] >= 0]
        return node

    def at_time(self, time: float) -> tuple[Tree, np.ndarray]:
        """Return the tree in space that this one is at a time, and the node each of its nodes is.

        Nodes split in time give way to their child whose interval holds the time. A time at which
        two intervals meet belongs to the later one, the end of the range to the last one; a time
        outside the range to the nearest interval.

        Parameters
        ----------
        time : float

        Returns
        -------
        tree : Tree
            Its nodes are numbered breadth first.
        nodes : numpy.ndarray, shape (tree.n_nodes,), int64
        """
        low, high = self.bounds[-1]
        n_intervals = self.root_resolution[-1]
        unit = float(np.clip((time - low) / (high - low), 0.0, 1.0)) * n_intervals
        interval = min(int(unit), n_intervals - 1)
        n_roots = int(np.prod(self.root_resolution[:-1]))
        nodes = interval * n_roots + np.arange(n_roots)
        kept, first_child, n_nodes = [], [], 0
        while len(nodes):
            nodes = self._timely(nodes, unit)
            refined = self.first_child[nodes] >= 0
            kept.append(nodes)
            n_nodes += len(nodes)
            child = n_nodes + self.n_children * (np.cumsum(refined) - 1)
            first_child.append(np.where(refined, child, -1))
            nodes = self.children(nodes[refined])
        nodes = np.concatenate(kept)
        tree = Tree(
            self.bounds[:-1],
            self.root_resolution[:-1],
            self.level[nodes],
            self.index[nodes, :-1],
            self.root[nodes] % n_roots,
            np.concatenate(first_child).astype(self.first_child.dtype),
        )
        return tree, nodes

    def _timely(self, nodes: np.ndarray, unit: float) -> np.ndarray:
        """Follow time splits to the descendants whose interval holds a time in root intervals."""
        nodes = nodes.copy()
        moving = np.flatnonzero(self.in_time[nodes])
        while len(moving):
            here = nodes[moving]
            # Exact: halves are powers of two, and both sides small.
            middle = (2 * self.index[here, -1] + 1) / np.exp2(self.time_level[here] + 1.0)
            nodes[moving] = self.first_child[here] + (unit >= middle)
            moving = moving[self.in_time[nodes[moving]]]
        return nodes
