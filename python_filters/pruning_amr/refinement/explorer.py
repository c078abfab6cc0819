"""Exploring a tree: refining its leaves, and estimating the error of every node as a cell.

When a node is refined, the surplus of its children says what that saved, and so what error to
expect of them: a share that is fitted on every level to samples (`Explorer.decay`). A random point
or so in each cell corrects the expectation: it may see what the points that cells share cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..cells import Stream, corner_offsets
from ..mesh import Tree, balanced
from .cell_errors import CellErrors
from .error_sums import HUGE, NO_NUMBER, ErrorSums, bounded
from .outlook import Outlook
from .parameters import RefinementParameters
from .progress import Watch
from .reconstruction import AnyTree

_PRIOR = 4.0
"""Samples that an expectation from the surplus is worth."""

_FAMILY_PRIOR = 64.0
"""Samples that the estimate of a refined node from those of its children is worth."""

_OWN_SHARE = 0.5
"""Share of what is expected of a child that follows the surplus over itself, not over all."""

_LEFT, _SAVED = 0.2, 1.3
"""Squared errors of children, and saved by them, per square of the surplus: before any sample."""

_LEAST_LEFT, _MOST_LEFT = 0.02, 4.0
_LEAST_SAVED, _MOST_SAVED = 0.1, 3.0

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

_EXPLORE_BATCH, _MOST_BATCHES = 8192, 32
"""Cells refined between two reports of progress at least, and most such batches: with each the
arrays of the tree are copied."""


_PART = 1 << 16
"""Nodes of which estimates are made at a time."""


def n_batches(n_cells: int) -> int:
    """Return in how many batches cells are worked on."""
    return max(1, min(-(-n_cells // _EXPLORE_BATCH), _MOST_BATCHES))


@dataclass(frozen=True)
class Decay:
    """How errors fall where nodes are refined.

    Attributes
    ----------
    left, saved : numpy.ndarray, shape (n_groups,)
        Squared errors of children, and saved by them, per square of the surplus.
    """

    left: np.ndarray
    saved: np.ndarray


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
    sums : ErrorSums
        Of the samples in each node.
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
        # Largest errors take memory, and no one asks for them where means are asked for.
        self.sums = ErrorSums.zeros(n, largest=parameters.error_norm == "max")
        self.min_depth = 0
        self._forget_estimates()
        # Mean square of the surplus of the children; of children, what to expect, -1 if unknown,
        # and which decay is theirs.
        self._saved, self._expected = np.zeros(n), np.full(n, -1.0)
        self._group = np.zeros(n, np.int16)
        # Leaves that no split could help.
        self._closed = np.zeros(n, bool)

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
            here, points = leaves[part], self._points(leaves[part])
            unit, exact = self.errors.samples(tree, here, count, Stream.SEARCH)
            self.add(here, self._measured(here, points, unit, exact))
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
        found = []
        # In their order, cells that follow each other lie beside each other.
        nodes = np.sort(nodes)
        for part in np.array_split(nodes, n_batches(len(nodes))):
            self.outlook.exploring(self.tree.n_nodes, self.tree.n_leaves)
            found += [self._refine(parents) for parents in self._split(part, uniform)]
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def _split(self, nodes: np.ndarray, uniform: bool) -> Iterator[np.ndarray]:
        """Subdivide leaves; yield those that are split alike."""
        if len(nodes):
            self.tree.subdivide(nodes)
            yield nodes

    def _refine(self, parents: np.ndarray) -> np.ndarray:
        """Learn what subdividing nodes, all along the same axes, tells; return their children."""
        tree = self.tree
        children, own = tree.children(parents), self._points(parents)
        found = self.errors.nodes.refined(tree, parents, own)
        saved, squares = found.saved, self.errors.mean_square_factor(tree, children)
        expected = (1.0 - _OWN_SHARE) * saved[:, None] + _OWN_SHARE * found.of_children
        if squares is not None:
            squares = squares.reshape(found.of_children.shape)
            expected, saved = expected * squares, (found.of_children * squares).mean(axis=1)
        # Over an interpolant that is no number the surplus is none: then only samples tell.
        self._saved[parents] = bounded(saved)
        expected = np.where(np.isfinite(expected), expected, -1.0)
        n = len(children)
        self.sums = self.sums.grown(tree.n_nodes)
        # Nodes of other splits of the same batch may lie between: places by number.
        self._saved = _placed(self._saved, tree.n_nodes, children, np.zeros(n))
        self._expected = _placed(self._expected, tree.n_nodes, children, expected.reshape(-1))
        self._group = _placed(self._group, tree.n_nodes, children, self._groups(parents, children))
        # Where nothing is a number, nor would be in smaller cells, these are of no use.
        self._closed = _placed(self._closed, tree.n_nodes, children, found.without_numbers)
        self._inherit(parents, children, found.points)
        self._sample(parents, own, found.points.reshape(len(parents), -1, own.shape[1]))
        return children

    def _points(self, nodes: np.ndarray) -> np.ndarray:
        """Return the numbers of the points of explored nodes.

        They are looked up again where they are needed: to keep them took more memory than all else.
        """
        return self.errors.nodes.points(self.tree, nodes)

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
        for count, halved in np.unique(np.stack([counts, half]), axis=1).T.tolist():
            chosen = np.flatnonzero((counts == count) & (half == halved))
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
        self.add(children, self._measured(children, points, unit, exact))
        axes = tree.split_axes(parents)
        offset = corner_offsets(k.bit_length() - 1)[siblings][:, :, None, :]
        in_parent = unit.reshape(*here.shape, count, -1).copy()
        in_parent[..., axes] = (offset + in_parent[..., axes]) / 2.0
        in_parent = in_parent.reshape(len(parents), here.shape[1] * count, -1)
        exact = exact.reshape(len(parents), here.shape[1] * count, -1)
        self.add(parents, self.errors.sums(own, in_parent, exact))

    def _half(self, parents: np.ndarray) -> np.ndarray:
        """Return of which nodes to sample every second child only: of those that are many.

        For a maximum of none: what one cell has says nothing of another. Nor where there is no
        surplus because values are no numbers.
        """
        many = self.tree.n_halvings(parents) + np.log2(self.tree.n_roots) >= _MANY_HALVINGS
        many &= self._saved[parents] < NO_NUMBER
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
        largest = self.sums.largest
        highest, place = (
            np.full(len(nodes), -1.0),
            np.full((len(nodes), len(self.tree.bounds)), 0.5),
        )
        for reach in _REACHES:
            self.outlook.sampling(self.tree.n_nodes, len(nodes))
            found, at = self.errors.peaks(
                self.tree,
                nodes,
                self._points(nodes),
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
        self._forget_estimates()
        while len(here):
            unit = (points - self.tree.lower_corner(here)) / self.tree.node_size(here)
            unit = np.clip(unit, 0.0, 1.0)
            found = self.errors.sums(self._points(here), unit[:, None, :], exact)
            self.sums.add_points(here, found.bounded())
            below = self.tree.first_child[here] >= 0
            here, unit, points, exact = here[below], unit[below], points[below], exact[below]
            here = self.tree.first_child[here] + self._sibling_at(here, unit)

    def _sibling_at(self, nodes: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """Return in which child of each node a point in local coordinates lies."""
        return (unit >= 0.5) @ (1 << np.arange(unit.shape[1]))

    # --- what is known --------------------------------------------------------------------

    def add(self, nodes: np.ndarray, found: ErrorSums) -> None:
        """Add errors found in nodes, each there once."""
        self.sums.add(nodes, found.bounded())
        self._forget_estimates()

    def _forget_estimates(self) -> None:
        """Have estimates made anew, because more is known."""
        self._decay: Decay | None = None
        self._mean_square: np.ndarray | None = None
        self._shares: np.ndarray | None = None

    def shares(self) -> np.ndarray:
        """Return what each node, as a cell, contributes to the mean squared error of the whole."""
        if self._shares is None:
            # In place: one of the two is asked for all the time, and the other hardly ever.
            self._shares, self._mean_square = self.mean_square(), None
            for part in _parts(self.tree.n_nodes):
                self._shares[part] *= self.tree.volume_share(part)
        return self._shares

    def mean_square(self) -> np.ndarray:
        """Return the mean squared error to expect of each node as a cell, relative."""
        if self._mean_square is None:
            self._mean_square = self._expected_squares()
        return self._mean_square

    def decay(self) -> Decay:
        """Return how errors fall, by group of children.

        Ratios of what samples found, weighted by volume, to what the surplus was.
        """
        if self._decay is None:
            left, saved = np.zeros((2, self.n_groups)), np.zeros((2, self.n_groups))
            for part in _parts(self.tree.n_nodes):
                self._add_left(left, part)
                self._add_saved(saved, part)
            self._decay = Decay(_ratio(*left, _LEFT), np.full(self.n_groups, _SAVED))
            if self.tree.n_nodes > self.tree.n_roots:
                self._decay = Decay(
                    np.clip(self._decay.left, _LEAST_LEFT, _MOST_LEFT),
                    np.clip(_ratio(*saved, _SAVED), _LEAST_SAVED, _MOST_SAVED),
                )
        return self._decay

    def _add_left(self, sums: np.ndarray, part: slice) -> None:
        """Add squared errors of some nodes, and those that their surplus stands for, by group."""
        own, expected = self.sums.mean_square_of(part), self._expected[part]
        known = (self.sums.count[part] > 0) & (expected >= 0.0)
        # What is no number tells nothing of how errors of numbers fall.
        known &= np.maximum(own, expected) < NO_NUMBER
        weight = np.where(known, self.tree.volume_share(part), 0.0)
        found = np.maximum(own - self._inherited_by(part), 0.0)
        _add_by_group(sums, self._group[part], weight * found, weight * expected)

    def _add_saved(self, sums: np.ndarray, part: slice) -> None:
        """Add what refining some nodes has saved, and what its surplus stands for, by group."""
        first = self.tree.first_child
        nodes = np.flatnonzero(first[part] >= 0) + part.start
        own = self.sums.mean_square_of(nodes)
        numbers = np.maximum(own, self._saved[nodes]) < NO_NUMBER
        nodes, own = nodes[numbers], own[numbers]
        below = self._mean_of_children(nodes, self.sums.mean_square_of)
        volume = self.tree.volume_share(nodes)
        group = self._group[first[nodes]]
        _add_by_group(sums, group, volume * (own - below), volume * self._saved[nodes])

    def _inherited_by(self, nodes: slice) -> np.ndarray | float:
        """Return squared errors that splitting their parents left as they were: in space none."""
        return 0.0

    def _mean_of_children(
        self, nodes: np.ndarray, of: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """Return the mean over the children of refined nodes of something, (n,)."""
        found, counts = np.empty(len(nodes)), self.tree.child_counts(nodes)
        for k in np.unique(counts):
            alike = counts == k
            children = self.tree.first_child[nodes[alike], None] + np.arange(k)
            found[alike] = of(children).mean(axis=1)
        return found

    def _expected_squares(self) -> np.ndarray:
        """Return the mean squared error to expect of each node as a cell, relative."""
        decay, sums, first = self.decay(), self.sums, self.tree.first_child
        known = np.empty(self.tree.n_nodes)
        for part in _parts(len(known)):
            expected = self._expected[part]
            weight = np.where(expected >= 0.0, _PRIOR, 0.0)
            expected = decay.left[self._group[part]] * np.maximum(expected, 0.0)
            known[part] = weight * (self._inherited_by(part) + expected) + sums.square[part]
            known[part] /= np.maximum(weight + sums.count[part], 1.0)
        for family, k in self.tree.families():
            for part in _parts(len(family)):
                nodes = family[part]
                below = known[first[nodes, None] + np.arange(k)].mean(axis=1)
                whole = below + decay.saved[self._group[first[nodes]]] * self._saved[nodes]
                found = _FAMILY_PRIOR * whole + sums.square[nodes]
                known[nodes] = found / (_FAMILY_PRIOR + sums.count[nodes])
        return np.minimum(known, HUGE, out=known)

    def gain(self, leaves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what refining leaves may save of their shares, and the cells it adds."""
        decay, group = self.decay(), self.tree.level[leaves] + 1
        fraction = decay.saved[group] / (decay.saved[group] + decay.left[group])
        saving = np.maximum(fraction, _LEAST_GAIN) * self.shares()[leaves]
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


def _placed(array: np.ndarray, length: int, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return an array of a length, grown if need be, with values in some rows."""
    if len(array) < length:
        more = np.zeros((length - len(array), *array.shape[1:]), array.dtype)
        array = np.concatenate([array, more])
    array[rows] = values
    return array


def _parts(n: int) -> Iterator[slice]:
    """Yield runs of so many rows: what is worked out for all of them takes little memory."""
    for start in range(0, n, _PART):
        yield slice(start, min(start + _PART, n))


def _add_by_group(sums: np.ndarray, group: np.ndarray, *values: np.ndarray) -> None:
    """Add values to sums, one row for each of them: one by one, whatever part they come in."""
    n_groups = sums.shape[1]
    group = np.concatenate([np.arange(n_groups), group])
    for row, more in zip(sums, values, strict=True):
        row[:] = np.bincount(group, np.concatenate([row, more]), n_groups)


def _ratio(found: np.ndarray, surplus: np.ndarray, without: float) -> np.ndarray:
    """Return the ratio of sums of each group; that of the group before where there is none."""
    over, under = np.clip(found, -HUGE, HUGE), np.clip(surplus, -HUGE, HUGE)
    some = 0.01 * under
    ratio = (over + without * some) / np.maximum(under + some, np.finfo(float).tiny)
    last = without
    for g in range(len(ratio)):
        last = ratio[g] = ratio[g] if under[g] > 0.0 else last
    return ratio
