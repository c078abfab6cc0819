"""Criterion target_error over space and time: the fewest cells of one mesh for all times.

As for one time (`target`), a tree is explored wherever a cell's share of the squared error could
still buy more than the cells it costs, the best of the meshes that it contains is found exactly,
and is verified at fresh points, here of space and time. What is added is the direction in which
an explored node is split.
"""

from __future__ import annotations

import itertools

import numpy as np

from ..cells import Stream
from ..inr import INR
from ..mesh import SpaceTimeTree
from ..pruning import Policy
from .error_sums import ErrorSums
from .space_time_errors import SpaceTimeErrors
from .space_time_splitting import SpaceTimeSplitting
from .target import WORTHWHILE, MaxSearch, RMSSearch, n_batches
from .verification import SpaceTimeVerification

_EXPLORE_POINTS, _MOST_SAMPLES = 200_000, 16
"""Points sampled in all of space and time, for nodes that are large; at most so many times
``error_samples`` in a node."""

_LEAST_PRICE = 0.4
"""Squared error that a cell of the best mesh saves at least, as a share of the mean of its cells;
it is 4 / 3 of it where errors fall with the square of the cell size, in three dimensions."""

_HELPED = 0.98
"""Verification goes on while it lowers the error to less than this, where cells run out."""

_LEFT = 1.0 / 16.0
"""Share of a squared error that remains where the direction it comes from is split (smooth)."""


class _OverSpaceAndTime:
    """What the searches for either norm do otherwise than at one time."""

    tree: SpaceTimeTree
    errors: SpaceTimeErrors

    def prepare(self, inr: INR, time: float, policy: Policy) -> None:
        """Make what measures errors, of nodes explored and of meshes at fresh points."""
        self.errors = SpaceTimeErrors(inr, time, self.parameters, self.tree, policy)
        self.verification = SpaceTimeVerification(inr, time, self.parameters, self.errors)
        self.splitting = SpaceTimeSplitting(self.errors, self.parameters)
        # Squared errors in space and in time expected of each node.
        self.parts = np.zeros((self.tree.n_nodes, 2))
        # Leaves that no split could help.
        self._closed = np.zeros(self.tree.n_nodes, bool)

    def begin(self) -> None:
        """Refine uniformly in space to ``min_depth``, as far as the budget goes."""
        p, tree = self.parameters, self.tree
        leaves = np.arange(tree.n_nodes)
        self.sums = self.errors.sample(tree, leaves, int(self._counts(leaves)[0]), Stream.SEARCH)
        for _ in range(min(p.min_depth, p.max_depth)):
            if len(leaves) * tree.n_children > p.max_cells:
                break
            in_space = np.zeros(len(leaves), bool)
            leaves = self._split(leaves, in_space, np.zeros((len(leaves), 2)))
            self.min_depth += 1
        self.parts[leaves] = self.splitting.measured(tree, leaves)

    def explore(self, nodes: np.ndarray) -> np.ndarray:
        """Refine leaves of the explored tree, each in the direction its error asks for."""
        found = []
        self.expect_points(self.tree.n_nodes + len(nodes) * self.tree.n_children)
        # In their order, cells that follow each other lie beside each other.
        nodes = np.sort(nodes)
        for part in np.array_split(nodes, n_batches(len(nodes))):
            self.watch(*self._status(part))
            parts = self.splitting.measured(self.tree, part)
            in_time, useful = self.splitting.directions(self.tree, part, parts)
            self._closed[part[~useful]] = True
            found.append(self._split(part[useful], in_time[useful], parts[useful]))
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def _status(self, nodes: np.ndarray) -> tuple[float, str]:
        tree, p = self.tree, self.parameters
        level = int(tree.level[nodes].max(initial=0)) + 1
        time_level = int(tree.time_level[nodes].max(initial=0))
        text = (
            f"Pruning AMR: level {level} of {p.max_depth} in space, {time_level} of "
            f"{p.max_time_depth} in time, {tree.n_leaves} cells explored"
        )
        return min(level / p.max_depth, 0.95), text

    def _counts(self, nodes: np.ndarray) -> np.ndarray:
        """Return how many points to sample in each node: more in large ones.

        What moves passes through a large cell in a small part of its interval.
        """
        by_volume = self.tree.volume_share(nodes) * _EXPLORE_POINTS
        least = self.parameters.n_error_samples
        count = np.clip(by_volume, least, _MOST_SAMPLES * least)
        return least * 2 ** np.ceil(np.log2(count / least)).astype(np.int64)

    def _split(self, nodes: np.ndarray, in_time: np.ndarray, parts: np.ndarray) -> np.ndarray:
        """Refine leaves; sample their children, and them better."""
        tree = self.tree
        children = tree.subdivide(nodes, in_time)
        self.sums = self.sums.grown(tree.n_nodes)
        counts = self._counts(tree.first_child[nodes])
        for timely, n in itertools.product((True, False), np.unique(counts)):
            parents = nodes[(in_time == timely) & (counts == n)]
            if not len(parents):
                continue
            below, here = self.errors.sample_children(tree, parents, int(n), Stream.SEARCH)
            self.sums.add(tree.children(parents), below)
            self.sums.add(parents, here)
        left = np.where(in_time[:, None], [1.0, _LEFT], [_LEFT, 1.0])
        expected = np.repeat(parts * left, np.where(in_time, 2, tree.n_children), axis=0)
        self.parts = np.concatenate([self.parts, expected])
        self._closed = np.concatenate([self._closed, np.zeros(len(children), bool)])
        return children

    def finished(self, refined: np.ndarray) -> tuple[SpaceTimeTree, np.ndarray]:
        """Return a mesh, and the explored node of each of its nodes."""
        return self.tree.subtree(refined)

    @property
    def open_leaves(self) -> np.ndarray:
        """Leaves of the explored tree that may be refined."""
        leaves = np.flatnonzero((self.tree.first_child < 0) & ~self._closed)
        return leaves[self.splitting.can_split(self.tree, leaves)]


class _RMSSearch(_OverSpaceAndTime, RMSSearch):
    """Root mean square over space and time."""

    samples_per_node = 2  # Also for the direction, about as often.

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self._least_error = np.inf

    def promising(self, shares: np.ndarray) -> np.ndarray:
        """Return the leaves of the explored tree whose refinement could pay.

        Not only those of the best mesh: where something small moves fast, it takes several splits
        in turn before the error falls, and none of the first ones pays by itself.

        Just after the tolerance has come within reach of all that is explored, the price of a cell
        is still near nothing; the price that the best mesh will have is known better.
        """
        tree, found = self.tree, self.subtree
        leaves = self.open_leaves
        price = max(found.price, _LEAST_PRICE * self.aim / found.n_cells)
        more = tree.n_children - 1
        in_space, in_time = self.parts[leaves].T
        timely = in_time * more > in_space
        part = np.where(timely, in_time, in_space)
        share = part / np.maximum(in_space + in_time, np.finfo(float).tiny)
        gain = (1.0 - _LEFT) * np.maximum(share, 0.5) * shares[leaves]
        gain -= price * np.where(timely, 1, more)
        leaves, gain = leaves[gain > 0.0], gain[gain > 0.0]
        return leaves if gain.sum() / price > WORTHWHILE * found.n_cells else leaves[:0]

    def judge(self, fresh: ErrorSums, volume: np.ndarray, local: float) -> tuple[float, bool, bool]:
        """Return the error found at fresh points, whether it is met, and whether to stop.

        Where cells run out, what fresh points have told of the cells still helps to choose them.
        """
        error, met, over = super().judge(fresh, volume, local)
        helped = error < _HELPED * self._least_error
        self._least_error = min(error, self._least_error)
        return error, met, over and (met or not helped)


class _MaxSearch(_OverSpaceAndTime, MaxSearch):
    """Maximum over space and time."""


SPACE_TIME_SEARCHES = {"rms": _RMSSearch, "max": _MaxSearch}
