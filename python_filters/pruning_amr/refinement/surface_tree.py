"""The tree that has given cells as leaves: how many cells it has, and which a budget allows.

Where leaves stay whole, those around the finest cells are as fine: ParaView contours a hyper tree
grid between the centres of its leaves, and the surface in a cell lies between its centre and those
of all its neighbours.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable

import numpy as np

from ..mesh import Tree
from ..mesh.lattice import vertex_strides
from .parameters import RefinementParameters

Part = tuple[int, np.ndarray]
"""Cells of a level of the tree, (n, dimension)."""


class SurfaceTree:
    """A root grid to be refined down to cells at a surface.

    Parameters
    ----------
    tree : Tree
        The root grid, which `refine` refines in place.
    parameters : RefinementParameters
        ``min_depth``, ``max_depth``, ``max_cells`` and ``hanging_nodes``.

    Attributes
    ----------
    whole : bool
        Whether leaves stay whole, and those at the surface are of one level.
    """

    def __init__(self, tree: Tree, parameters: RefinementParameters) -> None:
        self._tree, self._parameters = tree, parameters
        self.whole = not parameters.splits_leaves

    def keys(self, index: np.ndarray, level: int) -> np.ndarray:
        """Return what numbers the cells of a level."""
        return index @ vertex_strides(self._tree.root_resolution, level)

    def n_cells(self, parts: list[Part]) -> int:
        """Return how many cells the mesh has that is refined down to these."""
        tree, uniform = self._tree, self._uniform()
        counts = [len(keys) for keys in self._refined(parts)]
        counts[:uniform] = [tree.n_roots * tree.n_children**level for level in range(uniform)]
        return tree.n_roots + (tree.n_children - 1) * sum(counts)

    def refine(self, parts: list[Part]) -> None:
        """Refine the tree."""
        tree, refined, uniform = self._tree, self._refined(parts), self._uniform()
        nodes = np.arange(tree.n_nodes)
        for level in range(max(len(refined), uniform)):
            if level >= uniform:
                nodes = nodes[np.isin(self.keys(tree.index[nodes], level), refined[level])]
            nodes = tree.subdivide(nodes)

    def affordable(
        self, parts: list[Part], wanted: Part, needs: np.ndarray, need_unseen: float = -math.inf
    ) -> tuple[list[Part], bool]:
        """Return the cells of a mesh, and whether the budget allows all that are wanted.

        Parameters
        ----------
        parts : list of Part
            Cells that there are; those of the last level may be refined.
        wanted : Part
            Cells of the level after that.
        needs : numpy.ndarray
            How much each cell of the last level is in need of that.
        need_unseen : float
            The same where cells are wanted of one that is not among those.

        Returns
        -------
        parts : list of Part
            The most needy are refined; where they are equally so, the first ones.
        all_wanted : bool
        """
        (coarse_level, coarse), (level, index) = parts[-1], wanted
        coarse_keys, keys = self.keys(coarse, coarse_level), self.keys(index >> 1, coarse_level)
        parents, parent = np.unique(keys, return_inverse=True)
        need, ascending = np.full(len(parents), need_unseen), np.argsort(coarse_keys)
        place = np.searchsorted(coarse_keys, parents, sorter=ascending)
        place = ascending[np.minimum(place, len(coarse) - 1)] if len(coarse) else place
        there = coarse_keys[place] == parents if len(coarse) else np.zeros(len(parents), bool)
        need[there] = needs[place[there]]
        rank = np.empty(len(parents), np.int64)
        rank[np.argsort(-need, kind="stable")] = np.arange(len(parents))

        def with_first(count: int) -> list[Part]:
            left = ~np.isin(coarse_keys, parents[rank < count])
            chosen = rank[parent.reshape(-1)] < count
            return [*parts[:-1], (coarse_level, coarse[left]), (level, index[chosen])]

        count = self._most(len(parents), lambda n: self.n_cells(with_first(n)), parts)
        return with_first(count), count == len(parents)

    def _most(self, count: int, n_cells: Callable[[int], int], parts: list[Part]) -> int:
        """Return how many of some cells can be refined; ``n_cells`` is of the mesh with as many."""
        limit = self._parameters.max_cells
        if n_cells(count) <= limit:
            return count
        if self.whole:
            # Parts of a level would tear what they draw where hanging vertices are left alone.
            return 0
        # Each takes these at least, more where cells above it are refined for it.
        room = limit - self.n_cells(parts)
        most = min(count - 1, room // (self._tree.n_children - 1))
        if n_cells(most) <= limit:
            return most
        return bisect_right(range(most), limit, key=n_cells) - 1

    def _refined(self, parts: list[Part]) -> list[np.ndarray]:
        """Return the keys of the nodes that have these cells below them, level by level."""
        deepest = max((level for level, index in parts if len(index)), default=0)
        if self.whole:
            parts = [(k, self._with_neighbours(i, k) if k == deepest else i) for k, i in parts]
        refined = []
        for level in range(deepest):
            above = [index >> (k - level) for k, index in parts if k > level]
            refined.append(np.unique(self.keys(np.concatenate(above), level)))
        return refined

    def _with_neighbours(self, index: np.ndarray, level: int) -> np.ndarray:
        """Return cells of a level and all that touch them, at corners too."""
        extent = np.left_shift(self._tree.root_resolution, level)
        for axis in range(self._tree.dimension):
            step = np.arange(self._tree.dimension) == axis
            index = np.concatenate([index - step, index, index + step])
            index = index[(index[:, axis] >= 0) & (index[:, axis] < extent[axis])]
            _, first = np.unique(self.keys(index, level), return_index=True)
            index = index[first]
        return index

    def _uniform(self) -> int:
        """Return how often everything is refined: ``min_depth``, as far as the budget goes."""
        p, tree = self._parameters, self._tree
        levels = range(min(p.min_depth, p.max_depth), -1, -1)
        return next(n for n in levels if tree.n_roots * tree.n_children**n <= p.max_cells)
