"""Exploring a tree over space and time: every node is split in the direction its error asks for."""

from __future__ import annotations

import numpy as np

from ..mesh import SpaceTimeTree, Tree
from ..mesh.options import MAX_KEY_LEVEL
from .cell_errors import CellErrors
from .error_estimates import placed
from .error_sums import ErrorSums
from .explorer import Explorer
from .parameters import RefinementParameters
from .progress import Watch
from .space_time_errors import direction_sums
from .space_time_splitting import SpaceTimeSplitting

_PRIOR, _INHERITED_PRIOR = 4.0, 1.0
"""Samples that the errors by direction that a node has from its parent are worth: in the direction
in which that was split, and in the other."""

_SEEN = 0.01
"""A change of less than this share of the tolerance is none."""

_TINY = np.finfo(float).tiny

_UNKNOWN_LEFT = 0.5
"""Squared error expected to remain of the direction that is split, per square of the surplus. With
less, children in which it was not measured are too readily split in the other direction."""

_SAVING, _LEAST_PART = 0.65, 0.5
"""Share of its error that splitting a leaf may save, of the part that comes from one direction; at
least so much of it is taken to. With a larger share more leaves are explored than pay."""


class SpaceTimeExplorer(Explorer):
    """A tree over space and time that is refined further and further.

    What is known of a node is also known by direction: how much of its error interpolating in
    space and in time misses. Splitting in one direction leaves the error of the other as it is.
    """

    n_groups = 2 * (MAX_KEY_LEVEL + 2)

    tree: SpaceTimeTree

    def __init__(
        self,
        tree: SpaceTimeTree,
        errors: CellErrors,
        parameters: RefinementParameters,
        watch: Watch,
    ) -> None:
        super().__init__(tree, errors, parameters, watch)
        self.splitting = SpaceTimeSplitting(errors, parameters)
        n = tree.n_nodes
        # Squared errors in space and in time: expected of each node, and sums over those of its
        # samples that tell them apart.
        self.estimates.inherited = np.zeros(n)
        self._changing = self._change_at_ends(self.point_numbers(np.arange(n)))
        self._expected_parts, self._sampled_parts = np.zeros((n, 2)), np.zeros((n, 2))
        self._n_told_apart = np.zeros(n, np.int32)

    @property
    def points_per_node(self) -> float:
        """Points that exploring a node takes: both ends of its interval for half of them too."""
        return 2.0 * self.parameters.n_error_samples + 2.0

    def begin(self, similar: Tree | None = None) -> None:
        """Refine uniformly in space to ``min_depth``, as far as the budget goes."""
        super().begin(None)

    def parts(self, nodes: np.ndarray) -> np.ndarray:
        """Return the squared errors to expect of nodes in space and in time, shape (n, 2)."""
        count, sampled = self._n_told_apart[nodes], self._sampled_parts[nodes]
        in_time = self.estimates.group[nodes] > MAX_KEY_LEVEL
        known, unknown = self._expected_parts[nodes], self.estimates.expected[nodes] < 0.0
        for split in range(2):
            # What a split says of the other direction is what held for the whole parent.
            weight = np.where(in_time == bool(split), _PRIOR, _INHERITED_PRIOR)
            weight[unknown] = 0.0
            total = weight * known[:, split] + sampled[:, split]
            known[:, split] = total / np.maximum(weight + count, _TINY)
        # Samples, or the ends of the interval at corners, have to show a change: a part of a cell
        # in which something moves may stand still, for all that is seen of it.
        least = (_SEEN * self.parameters.finest_tolerance) ** 2
        moving = self._changing[nodes] | (sampled[:, 1] > least * np.maximum(count, 1))
        known[~moving, 1] = 0.0
        return known

    def _change_at_ends(self, points: np.ndarray) -> np.ndarray:
        """Return in which nodes corners, by the numbers of these, change over the interval."""
        earlier, later = np.split(self.errors.nodes.values(points), 2, axis=1)
        change = np.abs(self.errors.relative(later - earlier)).max(axis=(1, 2))
        return change > _SEEN * self.parameters.finest_tolerance

    def _split(self, nodes: np.ndarray, uniform: bool) -> list[np.ndarray]:
        """Subdivide the leaves that it can help, each in its direction; return those alike."""
        in_time, useful = np.zeros(len(nodes), bool), np.ones(len(nodes), bool)
        if not uniform:
            in_time, useful = self.splitting.directions(self.tree, nodes, self.parts(nodes))
        self._closed[nodes[~useful]] = True
        nodes, in_time = nodes[useful], in_time[useful]
        self.tree.subdivide(nodes, in_time)
        return [alike for alike in (nodes[in_time], nodes[~in_time]) if len(alike)]

    def _groups(self, parents: np.ndarray, children: np.ndarray) -> np.ndarray:
        tree = self.tree
        if tree.split_of(parents):
            return MAX_KEY_LEVEL + 2 + tree.time_level[children]
        return tree.level[children]

    def _inherit(self, parents: np.ndarray, children: np.ndarray, points: np.ndarray) -> None:
        """Leave the errors of the other direction to children; expect this one's from surpluses."""
        n = self.tree.n_nodes
        self._expected_parts, self._sampled_parts = (
            placed(parts, n, children, 0.0) for parts in (self._expected_parts, self._sampled_parts)
        )
        self._n_told_apart = placed(self._n_told_apart, n, children, 0)
        self._changing = placed(self._changing, n, children, self._change_at_ends(points))
        split = self.tree.split_of(parents)
        other = np.repeat(self.parts(parents)[:, 1 - split], len(children) // len(parents))
        other *= self._factor_beside_siblings(parents, children)
        self.estimates.inherited = placed(self.estimates.inherited, n, children, other)
        self._expected_parts[children, 1 - split] = other
        self._expected_parts[children, split] = _UNKNOWN_LEFT * np.maximum(
            self.estimates.expected[children], 0.0
        )

    def _factor_beside_siblings(
        self, parents: np.ndarray, children: np.ndarray
    ) -> np.ndarray | float:
        """Return the factor of squared errors in children over its mean in their parent."""
        squares = self.errors.mean_square_factor(self.tree, children)
        if squares is None:
            return 1.0
        mean = squares.reshape(len(parents), -1).mean(axis=1)
        return squares / np.maximum(np.repeat(mean, len(squares) // len(mean)), _TINY)

    def _sample(self, parents: np.ndarray, own: np.ndarray, below: np.ndarray) -> None:
        """Sample the children of nodes, and these at the same points; share what that tells.

        The errors of the other direction are those of the parent, which was split because they
        seemed small beside those of this one: fresh samples in its children tell what they are.
        """
        super()._sample(parents, own, below)
        k, other = below.shape[1], 1 - self.tree.split_of(parents)
        children = self.tree.children(parents)
        count = self._n_told_apart[children].reshape(-1, k).sum(axis=1)
        found = self._sampled_parts[children, other].reshape(-1, k).sum(axis=1)
        inherited = self.estimates.inherited[children].reshape(-1, k).mean(axis=1)
        shared = (_INHERITED_PRIOR * inherited + found) / (_INHERITED_PRIOR + count)
        shared = np.repeat(shared, k) * self._factor_beside_siblings(parents, children)
        self.estimates.inherited[children] = shared
        self._expected_parts[children, other] = shared

    def _counts(self, nodes: np.ndarray) -> np.ndarray:
        """Return how many points to sample in each node: more in large ones.

        What moves passes through a large cell in a small part of its interval.
        """
        return self._counts_by_volume(nodes)

    def _half(self, parents: np.ndarray) -> np.ndarray:
        """Return that all children are sampled: in which direction to split is known by that."""
        return np.zeros(len(parents), bool)

    def _measured(
        self, nodes: np.ndarray, points: np.ndarray, unit: np.ndarray, exact: np.ndarray
    ) -> ErrorSums:
        some = self._told_apart(nodes, unit.shape[1])
        here, samples = nodes[some], (points[some], unit[some], exact[some])
        self._sampled_parts[here] += direction_sums(self.errors, self.tree, here, *samples, True)
        self._n_told_apart[here] += unit.shape[1]
        return super()._measured(nodes, points, unit, exact)

    def _told_apart(self, nodes: np.ndarray, count: int) -> np.ndarray:
        """Return of which nodes errors are measured by direction, at two more points a sample.

        Of nodes with more samples than one, and of a checkerboard of all others: siblings tell.
        """
        if count > self.parameters.n_error_samples:
            return np.arange(len(nodes))
        return np.flatnonzero(self.tree.index[nodes].sum(axis=1) % 2 == 0)

    def _sibling_at(self, nodes: np.ndarray, unit: np.ndarray) -> np.ndarray:
        in_space = super()._sibling_at(nodes, unit[:, :-1])
        return np.where(self.tree.in_time[nodes], unit[:, -1] >= 0.5, in_space)

    def gain(self, leaves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what splitting leaves may save of their shares, and the cells it adds."""
        parts, more = self.parts(leaves), self.tree.n_children - 1
        in_space, in_time = parts.T
        timely = in_time * more > in_space
        part = np.where(timely, in_time, in_space)
        share = part / np.maximum(in_space + in_time, _TINY)
        saving = _SAVING * np.maximum(share, _LEAST_PART) * self.estimates.shares()[leaves]
        return saving, np.where(timely, 1, more)

    @property
    def open_leaves(self) -> np.ndarray:
        """Leaves of the explored tree that may be refined."""
        leaves = np.flatnonzero((self.tree.first_child < 0) & ~self._closed)
        return leaves[self.splitting.can_split(self.tree, leaves)]

    def finished(self, refined: np.ndarray) -> tuple[SpaceTimeTree, np.ndarray]:
        """Return a mesh, and the explored node of each of its nodes."""
        return self.tree.subtree(refined)
