"""Exploring a tree: refining its leaves, and sampling their children."""

from __future__ import annotations

import numpy as np

from ..cells import Stream, corner_offsets
from ..mesh import Tree, balanced
from .cell_errors import CellErrors
from .error_estimates import ErrorEstimates, placed
from .error_sums import NO_NUMBER, ErrorSums, bounded
from .outlook import Outlook
from .parameters import RefinementParameters
from .point_numbers import PointNumbers
from .progress import Stopped, Watch
from .reconstruction import AnyTree

_OWN_SHARE = 0.5
"""Share of what is expected of a child that follows the surplus over itself, not over all."""

_LEAST_GAIN = 0.75
"""Share of its error that refining a leaf may save, whatever its first children tell: what is thin
takes several levels until the error falls."""

_ROOT_SAMPLES = 8

_LOOKED_THROUGH, _MOST_SAMPLES = 100_000, 16
"""Points in all of the domain for nodes that are large, where something may pass through a small
part of them; at most so many times ``error_samples`` in a node."""

_CLIMB_POINTS, _REACHES = 8, (0.5, 0.25, 0.125)
"""Points around the largest error found, and how far from it, in units of the cell: all of the cell
first."""

_MANY_HALVINGS = 12
"""Of cells that the domain holds this power of 2 of, every second child is sampled: the surplus
tells of the others, and verification sees them too."""

_EXPLORE_BATCH, _MOST_BATCHES = 16384, 32
"""Cells refined between two reports of progress at least, and most such batches."""


def n_batches(n_cells: int) -> int:
    """Return in how many batches cells are worked on."""
    return max(1, min(-(-n_cells // _EXPLORE_BATCH), _MOST_BATCHES))


class Explorer:
    """A tree that is refined further and further, and what is known of the errors of its nodes.

    Parameters
    ----------
    tree : Tree
        The root grid.
    errors : CellErrors
    parameters : RefinementParameters
    watch : Watch

    Attributes
    ----------
    estimates : ErrorEstimates
        What is known of the errors of nodes.
    min_depth : int
        What all of the domain is refined to.
    """

    n_groups = 64
    """Kinds of children whose decay is fitted apart: those of each level."""

    def __init__(
        self,
        tree: AnyTree,
        errors: CellErrors,
        parameters: RefinementParameters,
        watch: Watch,
    ) -> None:
        self.tree, self.errors, self.parameters = tree, errors, parameters
        self.outlook = Outlook(watch, parameters, self.points_per_node)
        n = tree.n_nodes
        # No one asks for largest errors where means are asked for.
        self.estimates = ErrorEstimates(tree, self.n_groups, parameters.error_norm == "max")
        self.min_depth = 0
        # Leaves that no split could help.
        self._closed = np.zeros(n, bool)
        nodes = errors.nodes
        self._points = PointNumbers(
            nodes.points(tree, np.arange(n)), [nodes.sources(tree, split) for split in tree.splits]
        )

    @property
    def points_per_node(self) -> float:
        """Points that exploring a node takes: its samples, and corners shared with others."""
        return self.parameters.n_error_samples + 1.5

    # --- exploring ------------------------------------------------------------------------

    def begin(self, similar: Tree | None = None) -> None:
        """Refine uniformly to ``min_depth``, as far as the budget goes; follow a similar tree."""
        p, tree = self.parameters, self.tree
        leaves = np.arange(tree.n_nodes)
        self.outlook.expect(np.nan, tree.n_nodes * tree.n_children ** (p.min_depth + 1))
        self.outlook.exploring(0, tree.n_nodes)
        count = max(p.n_error_samples, _ROOT_SAMPLES)
        for part in self.errors.batches(len(leaves), count):
            here, points = leaves[part], self.point_numbers(leaves[part])
            unit, exact = self.errors.samples(tree, here, count, Stream.SEARCH)
            self.estimates.add(here, self._measured(here, points, unit, exact))
        for _ in range(min(p.min_depth, p.max_depth)):
            if len(leaves) * tree.n_children > p.max_cells:
                break
            leaves = self._explore(leaves, uniform=True)
            self.min_depth += 1
        if similar is not None:
            self._follow(similar)

    def _follow(self, other: Tree) -> None:
        """Explore the nodes that are refined in another tree over the same root grid."""
        tree = self.tree
        here = there = np.arange(tree.n_roots)
        while len(here):
            refined = other.first_child[there] >= 0
            here, there = here[refined], there[refined]
            self.explore(here[tree.first_child[here] < 0])
            here, there = tree.children(here), other.children(there)

    def explore(self, nodes: np.ndarray) -> np.ndarray:
        """Refine leaves of the explored tree, and sample their children; return these."""
        return self._explore(nodes)

    def _explore(self, nodes: np.ndarray, uniform: bool = False) -> np.ndarray:
        tree, found = self.tree, [np.empty(0, np.int64)]
        n_nodes, n_leaves = tree.n_nodes, tree.n_leaves
        self.outlook.exploring(n_nodes, n_leaves)
        # All at once: for each batch the arrays of the tree would be copied. In their order, cells
        # that follow each other lie beside each other.
        batches = [
            part
            for alike in self._split(np.sort(nodes), uniform)
            for part in np.array_split(alike, n_batches(len(alike)))
        ]
        for number, parents in enumerate(batches):
            if number:
                try:
                    self.outlook.exploring(n_nodes, n_leaves)
                except Stopped:
                    # Nothing is known of the children of the others.
                    tree.merge(np.concatenate(batches[number:]))
                    raise
            found.append(self._refine(parents))
            n_nodes += len(found[-1])
            n_leaves += len(found[-1]) - len(parents)
        return np.concatenate(found)

    def _split(self, nodes: np.ndarray, uniform: bool) -> list[np.ndarray]:
        """Subdivide leaves; return those that are split alike."""
        if not len(nodes):
            return []
        self.tree.subdivide(nodes)
        return [nodes]

    def _refine(self, parents: np.ndarray) -> np.ndarray:
        """Learn what subdividing nodes, all along the same axes, tells; return their children."""
        tree = self.tree
        children, own = tree.children(parents), self.point_numbers(parents)
        found = self.errors.nodes.refined(tree, parents, own)
        saved, squares = found.saved, self.errors.mean_square_factor(tree, children)
        expected = (1.0 - _OWN_SHARE) * saved[:, None] + _OWN_SHARE * found.of_children
        if squares is not None:
            squares = squares.reshape(found.of_children.shape)
            expected, saved = expected * squares, (found.of_children * squares).mean(axis=1)
        # Over an interpolant that is no number the surplus is none: then only samples tell.
        estimates = self.estimates
        estimates.saved[parents] = bounded(saved)
        expected = np.where(np.isfinite(expected), expected, -1.0)
        groups = self._groups(parents, children)
        estimates.expect(children, expected.reshape(-1), groups)
        # Where nothing is a number, nor would be in smaller cells, these are of no use.
        self._closed = placed(self._closed, tree.n_nodes, children, found.without_numbers)
        split = tree.split_of(parents)
        self._points.add(parents, children, found.points, found.new, split, tree.n_nodes)
        self._inherit(parents, children, found.points)
        self._sample(parents, own, found.points.reshape(len(parents), -1, own.shape[1]))
        return children

    def point_numbers(self, nodes: np.ndarray) -> np.ndarray:
        """Return the numbers of the points of explored nodes."""
        return self._points.of(nodes)

    def _groups(self, parents: np.ndarray, children: np.ndarray) -> np.ndarray:
        """Return which decay belongs to each child."""
        return self.tree.level[children]

    def _inherit(self, parents: np.ndarray, children: np.ndarray, points: np.ndarray) -> None:
        """Say what errors children have that their split does nothing about: in space none.

        `points` are the numbers of the children's points.
        """

    def _sample(self, parents: np.ndarray, own: np.ndarray, below: np.ndarray) -> None:
        """Sample the children of nodes, and these at the same points.

        Parameters
        ----------
        parents : numpy.ndarray, shape (n,), int64
        own : numpy.ndarray, shape (n, n_points)
            Numbers of their points.
        below : numpy.ndarray, shape (n, n_children, n_points)
            Those of their children.
        """
        k = below.shape[1]
        counts = self._counts(self.tree.first_child[parents])
        half = self._half(parents)
        kinds = 2 * counts + half
        for kind in np.unique(kinds).tolist():
            chosen, (count, halved) = np.flatnonzero(kinds == kind), divmod(kind, 2)
            for part in self.errors.batches(len(chosen), k * count):
                some = chosen[part]
                self._sample_alike(parents[some], own[some], below[some], count, bool(halved))

    def _sample_alike(
        self, parents: np.ndarray, own: np.ndarray, below: np.ndarray, count: int, half: bool
    ) -> None:
        """Sample children of nodes, or every second child, at `count` points each."""
        tree, k = self.tree, below.shape[1]
        siblings = np.arange(k)[None, :]
        if half:
            # Of a checkerboard of children: neighbours of those left out are sampled.
            even = [i for i in range(k) if i.bit_count() % 2 == 0]
            odd = tree.index[parents].sum(axis=1, keepdims=True) % 2
            siblings = np.array(even) ^ odd
        here = tree.first_child[parents, None] + siblings
        children = here.reshape(-1)
        points = np.take_along_axis(below, siblings[:, :, None], axis=1)
        points = points.reshape(len(children), -1)
        unit, exact = self.errors.samples(tree, children, count, Stream.SEARCH)
        self.estimates.add(children, self._measured(children, points, unit, exact))
        axes = tree.split_axes(parents)
        offset = corner_offsets(k.bit_length() - 1)[siblings][:, :, None, :]
        in_parent = unit.reshape(*here.shape, count, -1).copy()
        in_parent[..., axes] = (offset + in_parent[..., axes]) / 2.0
        in_parent = in_parent.reshape(len(parents), here.shape[1] * count, -1)
        exact = exact.reshape(len(parents), here.shape[1] * count, -1)
        self.estimates.add(parents, self.errors.sums(own, in_parent, exact))

    def _half(self, parents: np.ndarray) -> np.ndarray:
        """Return of which nodes to sample every second child only: of those that are many.

        For a maximum of none: what one cell has says nothing of another. Nor where there is no
        surplus because values are no numbers.
        """
        many = self.tree.n_halvings(parents) + np.log2(self.tree.n_roots) >= _MANY_HALVINGS
        many &= self.estimates.saved[parents] < NO_NUMBER
        return many & (self.tree.dimension > 1) & (self.parameters.error_norm == "rms")

    def _counts(self, nodes: np.ndarray) -> np.ndarray:
        """Return how many points to sample in each node: for a maximum more in large ones."""
        least = self.parameters.n_error_samples
        if self.parameters.error_norm == "rms":
            return np.full(len(nodes), least)
        return self._counts_by_volume(nodes)

    def _counts_by_volume(self, nodes: np.ndarray) -> np.ndarray:
        """Return how many points to sample in each node, more in large ones."""
        by_volume = self.tree.volume_share(nodes) * _LOOKED_THROUGH
        least = self.parameters.n_error_samples
        count = np.clip(by_volume, least, _MOST_SAMPLES * least)
        return least * 2 ** np.ceil(np.log2(count / least)).astype(np.int64)

    def _measured(
        self, nodes: np.ndarray, points: np.ndarray, unit: np.ndarray, exact: np.ndarray
    ) -> ErrorSums:
        """Return the errors of nodes, by the numbers of their points, at local coordinates."""
        return self.errors.sums(points, unit, exact)

    def climb(
        self,
        nodes: np.ndarray,
        promising: float,
        enough: float,
        stream: Stream = Stream.THOROUGH,
    ) -> None:
        """Look for the largest error of nodes: where the largest one was found, again and again.

        It ends for nodes in which it is below `promising` after the first points, spread over the
        node, and for those in which one above `enough` is found.
        """
        largest = self.estimates.sums.largest
        highest, place = (
            np.full(len(nodes), -1.0),
            np.full((len(nodes), len(self.tree.bounds)), 0.5),
        )
        for reach in _REACHES:
            self.outlook.sampling(self.tree.n_nodes, len(nodes))
            found, at = self.errors.peaks(
                self.tree,
                nodes,
                self.point_numbers(nodes),
                _CLIMB_POINTS,
                stream,
                (place, reach),
            )
            place = np.where((found > highest)[:, None], at, place)
            highest = np.maximum(found, highest)
            largest[nodes] = np.fmax(largest[nodes], found)
            on = (highest > promising) & (largest[nodes] <= enough)
            nodes, highest, place = nodes[on], highest[on], place[on]

    def learn(self, nodes: np.ndarray, points: np.ndarray, exact: np.ndarray) -> None:
        """Add what the field at points in nodes tells of these, and of their descendants.

        Parameters
        ----------
        nodes : numpy.ndarray, shape (n,), int64
        points : numpy.ndarray, shape (n, count, n_axes)
        exact : numpy.ndarray, shape (n, count, n_outputs)
        """
        here = np.repeat(nodes, points.shape[1])
        points = points.reshape(-1, points.shape[2])
        exact = exact.reshape(len(here), 1, exact.shape[2])
        while len(here):
            unit = (points - self.tree.lower_corner(here)) / self.tree.node_size(here)
            unit = np.clip(unit, 0.0, 1.0)
            found = self.errors.sums(self.point_numbers(here), unit[:, None, :], exact)
            self.estimates.add_points(here, found)
            below = self.tree.first_child[here] >= 0
            here, unit, points, exact = here[below], unit[below], points[below], exact[below]
            here = self.tree.first_child[here] + self._sibling_at(here, unit)

    def _sibling_at(self, nodes: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """Return in which child of each node a point in local coordinates lies."""
        return (unit >= 0.5) @ (1 << np.arange(unit.shape[1]))

    def gain(self, leaves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what refining leaves may save of their shares, and the cells it adds."""
        decay = self.estimates.decay()
        fraction = np.maximum(decay.saved / (decay.saved + decay.left), _LEAST_GAIN)
        saving = fraction[self.tree.level[leaves] + 1] * self.estimates.shares()[leaves]
        return saving, np.full(len(leaves), self.tree.n_children - 1)

    # --- meshes ---------------------------------------------------------------------------

    @property
    def open_leaves(self) -> np.ndarray:
        """Leaves of the explored tree that may be refined."""
        tree = self.tree
        leaves = (tree.first_child < 0) & ~self._closed
        return np.flatnonzero(leaves & (tree.level < self.parameters.max_depth))

    def finished(self, refined: np.ndarray) -> tuple[AnyTree, np.ndarray]:
        """Return a mesh balanced as asked, and the explored node of each of its nodes or -1."""
        subtree, nodes = self.tree.subtree(refined)
        mesh_tree, origin = balanced(subtree, self.parameters.balance)
        return mesh_tree, np.where(origin >= 0, nodes[origin], -1)
