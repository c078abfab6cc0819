"""The best mesh among all that a tree contains: fewest cells for an error, least error for cells.

The error of a mesh is the sum of those of its cells, so for a price per cell the cheapest
subtree follows from one pass from the finest level to the coarsest: a refined node stays
refined if its descendants, each at the price of a cell, cost less than the node as a cell.
(Breiman, Friedman, Olshen, Stone: Classification and Regression Trees, 1984, chapter 10; for
adaptive meshes Binev and DeVore: Fast computation in adaptive tree approximation, Numer. Math.
97, 2004.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..mesh import SpaceTimeTree, Tree

_TINY = 1e-300

_PART = 1 << 12
"""Refined nodes that are decided at a time: what that takes fits a processor's cache."""

_PRECISION = 1.005
"""Prices are searched to this factor: the number of cells changes far less."""

_LEAST_STEP, _STEEP, _FAR, _LONGEST = 1.1, 2.0, 3.0, 1e100
"""Steps from the price that a search begins at are factors: the first number at least, longer each
time up to the last. A price rises about with the second's power of an error, or of a number of
cells, so a step leads to about where the excess, a logarithm, is 0: believed up to the third."""


@dataclass(frozen=True)
class Subtree:
    """A mesh contained in a tree.

    Attributes
    ----------
    price : float
        Error that one more cell has to save.
    error : float
        Sum of the errors of its cells.
    n_cells : int
    refined : numpy.ndarray, shape (n_nodes,), bool
        Nodes of the tree that are refined in the subtree (if their ancestors are).
    """

    price: float
    error: float
    n_cells: int
    refined: np.ndarray

    def leaves(self, tree: Tree | SpaceTimeTree) -> np.ndarray:
        """Return the nodes that are its cells, level by level."""
        found, nodes = [], np.arange(tree.n_roots)
        while len(nodes):
            split = self.refined[nodes]
            found.append(nodes[~split])
            nodes = tree.children(nodes[split])
        return np.concatenate(found)


class OptimalSubtrees:
    """The optimal subtrees of a tree whose nodes have additive errors.

    Parameters
    ----------
    tree : Tree or SpaceTimeTree
    error : numpy.ndarray, shape (n_nodes,)
        What each node contributes to the error of a mesh in which it is a cell.
    min_depth : int
        Nodes above this level are always refined, as far as the tree refines them.
    """

    def __init__(self, tree: Tree | SpaceTimeTree, error: np.ndarray, min_depth: int) -> None:
        self._tree = tree
        self._error = error
        self._forced = tree.level < min_depth
        # The same at every price; in parts, so that numbers of children take little memory.
        self._families = [
            (nodes[start : start + _PART], k)
            for nodes, k in tree.families()
            for start in range(0, len(nodes), _PART)
        ]

    def at(self, price: float) -> Subtree:
        """Return the subtree with the smallest error + price * cells."""
        tree = self._tree
        error, count = self._error.copy(), np.ones(tree.n_nodes, np.int32)
        refined = np.zeros(tree.n_nodes, bool)
        for nodes, k in self._families:
            below = tree.sum_of_children(error, nodes, k)
            cells = tree.sum_of_children(count, nodes, k)
            pays = below + price * cells < error[nodes] + price
            pays |= self._forced[nodes]
            chosen = nodes[pays]
            error[chosen], count[chosen] = below[pays], cells[pays]
            refined[chosen] = True
        roots = slice(0, tree.n_roots)
        return Subtree(price, float(error[roots].sum()), int(count[roots].sum()), refined)

    def cheapest(self, max_error: float, max_cells: int, near: float | None = None) -> Subtree:
        """Return the subtree with the fewest cells whose error is at most `max_error`.

        If that is out of reach, or would have more than `max_cells` cells, return the one with
        the least error that has no more.

        Parameters
        ----------
        max_error : float
        max_cells : int
        near : float, optional
            A price to begin the search at.
        """
        accurate = self._last(lambda s: _log(s.error) - _log(max_error), near)
        if accurate.n_cells <= max_cells:
            return accurate
        return self._last(
            lambda s: _log(max_cells + 1) - _log(s.n_cells), accurate.price, take_next=True
        )

    def _last(
        self, excess: Callable[[Subtree], float], near: float | None, take_next: bool = False
    ) -> Subtree:
        """Return the subtree of the highest price that is wanted, or of the next price.

        Wanted is what has an `excess` of 0 or less, which rises with the price. Where nothing is,
        the subtree of price 0 is returned: all that pays at all.
        """
        # The dearest price is that of the roots alone, as far as depth allows.
        ceiling = 2.0 * float(self._error.max(initial=0.0)) + _TINY
        low = high = None
        price, least = min(max(near or ceiling / 1e6, _TINY), ceiling / 2.0), _LEAST_STEP
        # Outwards from the price to begin at: about to the one wanted, then in ever longer steps.
        while low is None or high is None:
            found = self.at(price)
            over = excess(found)
            step = max(least, math.exp(_STEEP * min(abs(over), _FAR)))
            if over <= 0.0:
                low = found
                if price == ceiling:
                    return low
                price = min(price * step, ceiling)
            else:
                if low is None and high is None:
                    free = self.at(0.0)
                    if excess(free) > 0.0:
                        return free
                high = found
                if low is None and price / step <= _TINY:
                    low = free
                price /= step
            least = min(least**2, _LONGEST)
        low, high = self._closer(low, high, excess)
        return high if take_next else low

    def _closer(
        self, low: Subtree, high: Subtree, excess: Callable[[Subtree], float]
    ) -> tuple[Subtree, Subtree]:
        """Return neighbouring prices around that at which the excess is 0.

        By the power law between the last two, a little to the side that was not met last, so that
        both ends close in; by halves where that does not help.
        """
        halve, was_low = False, True
        under, over = excess(low), excess(high)
        while high.price > max(low.price, _TINY) * _PRECISION:
            bottom, top = _log(low.price), _log(high.price)
            share = 0.5 if halve else under / (under - over)
            aside = 0.4 * math.log(_PRECISION) / (top - bottom)
            share = min(max(share + (aside if was_low else -aside), aside), 1.0 - aside)
            middle = self.at(math.exp(bottom + share * (top - bottom)))
            found = excess(middle)
            was_low = found <= 0.0
            low, under = (middle, found) if was_low else (low, under)
            high, over = (high, over) if was_low else (middle, found)
            halve = _log(high.price) - _log(low.price) > 0.5 * (top - bottom)
        return low, high


def _log(value: float) -> float:
    """Return the logarithm of a price, an error or a number, of 0 that of a tiny one."""
    return math.log(max(value, _TINY))
