"""What is known of the errors of the nodes of a tree, as cells, and what to expect of them.

When a node is refined, the surplus of its children says what that saved, and so what error to
expect of them: a share that is fitted on every level to samples (`ErrorEstimates.decay`). A random
point or so in each cell corrects the expectation: it may see what the points that cells share
cannot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .error_sums import HUGE, NO_NUMBER, ErrorSums
from .reconstruction import AnyTree

_PRIOR = 4.0
"""Samples that an expectation from the surplus is worth."""

_FAMILY_PRIOR = 64.0
"""Samples that the estimate of a refined node from those of its children is worth."""

_LEFT, _SAVED = 0.2, 1.3
"""Squared errors of children, and saved by them, per square of the surplus: before any sample."""

_LEAST_LEFT, _MOST_LEFT = 0.02, 4.0
_LEAST_SAVED, _MOST_SAVED = 0.1, 3.0

_PART = 1 << 14
"""Nodes of which estimates are made at a time: what that takes fits a processor's cache."""


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


class ErrorEstimates:
    """Samples and surpluses of the nodes of a growing tree, and the errors to expect.

    Parameters
    ----------
    tree : AnyTree
        It may grow; `expect` follows.
    n_groups : int
        Kinds of children whose decay is fitted apart.
    largest : bool
        Whether the largest errors are kept: they take memory.

    Attributes
    ----------
    sums : ErrorSums
        Of the samples in each node.
    saved : numpy.ndarray, shape (n_nodes,)
        Mean square of the surplus of the children of a node.
    expected : numpy.ndarray, shape (n_nodes,)
        Square of the surplus that a child's error follows; -1 if unknown.
    group : numpy.ndarray, shape (n_nodes,), int16
        Which decay is a child's.
    inherited : numpy.ndarray, shape (n_nodes,), or None
        Squared errors that the split of the parent left as they were; None where there are none.
    """

    def __init__(self, tree: AnyTree, n_groups: int, largest: bool) -> None:
        n = tree.n_nodes
        self._tree, self._n_groups = tree, n_groups
        self.sums = ErrorSums.zeros(n, largest)
        self.saved, self.expected = np.zeros(n), np.full(n, -1.0)
        self.group = np.zeros(n, np.int16)
        self.inherited: np.ndarray | None = None
        self._forget()

    def expect(self, children: np.ndarray, expected: np.ndarray, group: np.ndarray) -> None:
        """Say what to expect of new children, shape (n,), before anything was sampled in them."""
        n = self._tree.n_nodes
        self.sums = self.sums.grown(n)
        # Other children, to be told of later, may lie before them: places by number.
        self.saved = placed(self.saved, n, children, 0.0)
        self.expected = placed(self.expected, n, children, expected)
        self.group = placed(self.group, n, children, group)

    def add(self, nodes: np.ndarray, found: ErrorSums) -> None:
        """Add errors found in nodes, each there once."""
        self.sums.add(nodes, found.bounded())
        self._forget()

    def add_points(self, nodes: np.ndarray, found: ErrorSums) -> None:
        """Add errors of single points in nodes; several may lie in one."""
        self.sums.add_points(nodes, found.bounded())
        self._forget()

    def _forget(self) -> None:
        """Have estimates made anew, because more is known."""
        self._decay: Decay | None = None
        self._mean_square: np.ndarray | None = None
        self._shares: np.ndarray | None = None

    def shares(self) -> np.ndarray:
        """Return what each node, as a cell, contributes to the mean squared error of the whole."""
        if self._shares is None:
            # In place: one of the two is asked for all the time, and the other hardly ever.
            self._shares, self._mean_square = self.mean_square(), None
            for part in _parts(self._tree.n_nodes):
                self._shares[part] *= self._tree.volume_share(part)
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
            left, saved = np.zeros((2, self._n_groups)), np.zeros((2, self._n_groups))
            parts, own = [*_parts(self._tree.n_nodes)], np.empty(self._tree.n_nodes)
            for part in parts:
                own[part] = self.sums.mean_square_of(part)
            for part in parts:
                self._add_left(left, part, own)
                self._add_saved(saved, part, own)
            self._decay = Decay(_ratio(*left, _LEFT), np.full(self._n_groups, _SAVED))
            if self._tree.n_nodes > self._tree.n_roots:
                self._decay = Decay(
                    np.clip(self._decay.left, _LEAST_LEFT, _MOST_LEFT),
                    np.clip(_ratio(*saved, _SAVED), _LEAST_SAVED, _MOST_SAVED),
                )
        return self._decay

    def _add_left(self, sums: np.ndarray, part: slice, own: np.ndarray) -> None:
        """Add squared errors of some nodes, and those that their surplus stands for, by group.

        `own` are the mean squared errors of samples in each node, (n_nodes,).
        """
        nodes = np.flatnonzero((self.sums.count[part] > 0) & (self.expected[part] >= 0.0))
        nodes += part.start
        nodes = nodes[_are_numbers(own[nodes], self.expected[nodes])]
        weight, expected = self._tree.volume_share(nodes), self.expected[nodes]
        found = own[nodes] - self._inherited_by(nodes)
        _add_by_group(sums, self.group[nodes], weight * found, weight * expected)

    def _add_saved(self, sums: np.ndarray, part: slice, own: np.ndarray) -> None:
        """Add what refining some nodes has saved, and what its surplus stands for, by group."""
        first = self._tree.first_child
        nodes = np.flatnonzero(first[part] >= 0) + part.start
        nodes = nodes[_are_numbers(own[nodes], self.saved[nodes])]
        volume, group = self._tree.volume_share(nodes), self.group[first[nodes]]
        found = own[nodes] - self._mean_of_children(nodes, own)
        _add_by_group(sums, group, volume * found, volume * self.saved[nodes])

    def _inherited_by(self, nodes: slice | np.ndarray) -> np.ndarray | float:
        return 0.0 if self.inherited is None else self.inherited[nodes]

    def _mean_of_children(self, nodes: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return the mean over the children of refined nodes of values of all nodes, (n,)."""
        found, counts = np.empty(len(nodes)), self._tree.child_counts(nodes)
        for k in np.flatnonzero(np.bincount(counts)).tolist():
            alike = counts == k
            found[alike] = self._tree.sum_of_children(values, nodes[alike], k) / k
        return found

    def _expected_squares(self) -> np.ndarray:
        """Return the mean squared error to expect of each node as a cell, relative."""
        decay, sums, first = self.decay(), self.sums, self._tree.first_child
        known = np.empty(self._tree.n_nodes)
        for part in _parts(len(known)):
            expected = self.expected[part]
            weight = np.where(expected >= 0.0, _PRIOR, 0.0)
            expected = decay.left[self.group[part]] * np.maximum(expected, 0.0)
            known[part] = weight * (self._inherited_by(part) + expected) + sums.square[part]
            known[part] /= np.maximum(weight + sums.count[part], 1.0)
        for family, k in self._tree.families():
            for part in _parts(len(family)):
                nodes = family[part]
                below = self._tree.sum_of_children(known, nodes, k) / k
                whole = below + decay.saved[self.group[first[nodes]]] * self.saved[nodes]
                found = _FAMILY_PRIOR * whole + sums.square[nodes]
                known[nodes] = found / (_FAMILY_PRIOR + sums.count[nodes])
        return np.minimum(known, HUGE, out=known)


def placed(
    array: np.ndarray, length: int, rows: np.ndarray, values: np.ndarray | float
) -> np.ndarray:
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


def _are_numbers(own: np.ndarray, surplus: np.ndarray) -> np.ndarray:
    """Tell which errors are those of numbers: others tell nothing of how these fall."""
    return np.maximum(own, surplus) < NO_NUMBER


def _ratio(found: np.ndarray, surplus: np.ndarray, without: float) -> np.ndarray:
    """Return the ratio of sums of each group; that of the group before where there is none."""
    over, under = (np.maximum(np.minimum(s, HUGE), -HUGE) for s in (found, surplus))
    some = 0.01 * under
    ratio = (over + without * some) / np.maximum(under + some, np.finfo(float).tiny)
    last = np.maximum.accumulate(np.where(under > 0.0, np.arange(len(ratio)), -1))
    return np.where(last >= 0, ratio[last], without)
