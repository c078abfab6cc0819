"""What a search asks of a mesh in either norm: where to explore, which mesh is best, when to end.

The root mean square of the error is a sum over cells, so the best mesh is found among all those
that an explored tree contains (`optimal_subtree`). The tree is explored at a price, the squared
error that one more cell has to save: completely, that is wherever refining could save more, before
the price is lowered towards the one of the mesh that meets the tolerance. The maximum is met by
every cell for itself.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from ..cells import Stream
from .error_sums import NO_NUMBER
from .explorer import Explorer
from .optimal_subtree import OptimalSubtrees, Subtree
from .parameters import RefinementParameters
from .verification import Expected, Verified

_WORTHWHILE, _MANY_CELLS = 0.02, 10_000
"""Exploring on has to promise to save this share of so many cells, of fewer cells less, once the
error of a small tree is low enough: there it costs next to nothing."""

_SMALL, _FAR = 40_000, 2.0
"""A tree of fewer nodes takes longer for a round of exploring than for thousands of points: its
price is lowered before it was explored at the last one, while the squared error of the best mesh is
above this many times the aim."""

_CLOSE = 1.02
"""A mesh whose squared error is this close to the aim has the price of the one that meets it."""

_WITHIN = 1.05
"""A mesh whose squared error is within this of that of the cells of the greatest depth alone is as
good as can be."""

_NEGLIGIBLE = 0.5
"""A cell with less than this share of the mean squared error that cells may have is good enough."""

_SLOWEST, _FASTEST = 0.9, 0.125
"""A price is lowered by these factors at least and at most."""

_SLACK = 0.9
"""A mesh whose squared error is below this share of what is allowed is worth coarsening."""

_MAX_MARGIN = 1.06
"""Maxima of many samples miss the true one by about this factor."""

_AT_RISK, _PROMISING = 0.3, 0.6
"""Cells whose predicted maximum is above this share of what is allowed are sampled thoroughly; to
the end if more points find one above the second."""

_PEAK = 2.0
"""Maximum of the error of a cell over its root mean square, as predicted."""

_NEAR_LARGEST = 0.85
"""Where max_cells binds, cells above this share of the largest error may have a larger one."""

_DENSITY, _MOST_SEEN = 1_000_000, 256
"""Points that cells at risk are to have seen, in the domain, and in a cell at most: in large ones
the error may have several peaks."""

_SEEN_AT_RISK, _SEEN_PROMISING = 16, 64
"""Points that a small cell at risk is to have seen, and one likely near the limit."""

_FRESH, _FRESH_LIMITED = 2, 8
"""Fresh points of a cell that is likely near the limit, and of one near the largest error that has
to stay because max_cells binds."""

_LAST_CELLS = 0.02
"""The last cells that max_cells allows, as a share of it, are for what verification finds."""

_RELEASES = 6
"""Verifications after which all of them may be used; half of those left before."""

_CAREFULLY, _MAY_GROW = 0.1, 0.4
"""The last cells that max_cells allows, as a share of it, are given once all leaves were climbed
whose predicted error is above this share of the least one that is still to be refined."""

_REPORTED, _MOST_REPORTED = 0.6, 4096
"""Where max_cells binds, cells above this share of the largest error, so many at most, are climbed
once more for the error that is reported."""

_LEAST_SAMPLED = 8192
"""Random points that a search has seen in the end, however small its mesh."""

_FIRST_AIM = 0.92
"""Of the squared error allowed, what the first mesh is aimed at if its tree is small: fresh points
have to find less than is allowed by more than they scatter, and so the first verification may be
the last. In large meshes what it tells saves more cells than it costs."""

_SURER = 0.98
"""Share of what is expected to be met that meshes of small trees are aimed at after a verification:
a few cells more take less time than to verify again what has just missed."""

_EXPLORED_PER_CELL = 2.5
"""Nodes explored for each cell of a mesh that max_cells limits, about."""

_HELPED = 0.98
"""Verification goes on while it lowers the error to less than this, where limits bind."""


class Norm(Protocol):
    """How errors of cells become the error of a mesh, and what follows for a search.

    Attributes
    ----------
    out_of_cells, limited : bool
        Whether max_cells binds; whether nothing that may still be done can meet the tolerance.
    """

    out_of_cells: bool
    limited: bool

    def find(self) -> None:
        """Explore until a mesh seems to meet the tolerance or a limit is reached."""

    def chosen(self) -> np.ndarray:
        """Return which explored nodes are refined in the mesh found, shape (n_nodes,), bool."""

    def expected(self, nodes: np.ndarray) -> Expected:
        """Return what is known of nodes, the cells of a mesh; -1 for cells that are none."""

    def judge(self, fresh: Verified, local: float) -> tuple[float, bool, bool]:
        """Return the error found at fresh points, whether it is met, and whether to stop.

        `local` is the error of the networks that gave the values there.
        """

    def cell_error(self) -> np.ndarray:
        """Return the error of each explored node in this norm, relative."""


class RootMeanSquare:
    """The cells together meet the tolerance.

    Parameters
    ----------
    explorer : Explorer
    parameters : RefinementParameters
    """

    def __init__(self, explorer: Explorer, parameters: RefinementParameters) -> None:
        self._explorer, self._parameters = explorer, parameters
        self._allowed = parameters.tolerance**2
        self._aim = self._allowed
        self._price = 0.0
        self._subtree: Subtree | None = None
        self._least_error = math.inf
        # Of the squared error found, relative to the expected one.
        self._bias: float | None = None
        self.out_of_cells = self.limited = False

    def cell_error(self) -> np.ndarray:
        """Return the root mean square error of each explored node, relative."""
        return np.sqrt(self._explorer.estimates.mean_square())

    def find(self) -> None:
        """Explore until no leaf of the best mesh could pay for its refinement."""
        explorer, p, shares = self._explorer, self._parameters, None
        while True:
            # What follows from the tree alone: known until it grows.
            if shares is None:
                tree, shares = explorer.tree, explorer.estimates.shares()
                if self._bias is None:
                    self._aim = (_FIRST_AIM if self._small else 1.0) * self._allowed
                open_leaves = explorer.open_leaves
                goal = self._goal(shares, open_leaves)
                leaves = open_leaves[self._matters(shares[open_leaves])]
                gain = explorer.gain(leaves)
                subtrees = OptimalSubtrees(tree, shares, explorer.min_depth)
            if not self._price:
                self._price = float(shares[tree.first_child < 0].sum()) / tree.n_leaves
            best = subtrees.at(self._price)
            far = self._small and best.error > _FAR * goal
            if far and best.n_cells <= p.max_cells and self._lower(best, goal, leaves, shares):
                best = subtrees.at(self._price)
            self.out_of_cells = best.n_cells > p.max_cells
            if self.out_of_cells:
                best = subtrees.cheapest(self._aim, p.max_cells, self._price)
                self._price = max(best.price, self._price)
            paying = leaves[self._pay(best, goal, *gain)]
            if len(paying):
                self._expect_points(best, len(paying))
                explorer.explore(paying)
                # Even if none of them could be split: they are closed by now.
                shares = None
            elif self.out_of_cells or not self._lower(best, goal, leaves, shares):
                break
        self._subtree = subtrees.cheapest(goal, p.max_cells, self._price or None)
        self._price = max(self._price, self._subtree.price)

    def _pay(self, best: Subtree, goal: float, saving: np.ndarray, added: np.ndarray) -> np.ndarray:
        """Tell which leaves are expected to pay for being refined; none if that saves too little.

        Of all that matter, also those of no cell of the best mesh: where something is thin, or
        small and fast, it takes several splits in turn before the error falls, and none of the
        first ones pays by itself. `saving` and `added` are what `Explorer.gain` says of them.
        """
        surplus = saving - self._price * added
        pays = surplus > 0.0
        worthwhile = _WORTHWHILE
        if not self._small or best.error <= goal:
            worthwhile *= min(1.0, best.n_cells / _MANY_CELLS)
        return pays & (surplus[pays].sum() > worthwhile * self._price * best.n_cells)

    @property
    def _small(self) -> bool:
        # The prices of a region and of the rest follow from what verifications tell.
        return not self._parameters.region and self._explorer.tree.n_nodes < _SMALL

    def _goal(self, shares: np.ndarray, open_leaves: np.ndarray) -> float:
        """Return the mean squared error to reach: the aim, or little more than the depth allows."""
        closed = self._explorer.tree.first_child < 0
        closed[open_leaves] = False
        reach = float(shares[closed].sum())
        # An error that is no number counts as the largest there is: nothing can be reached.
        return max(self._aim, _WITHIN * reach) if reach < NO_NUMBER else self._aim

    def _matters(self, shares: np.ndarray) -> np.ndarray:
        """Tell which leaves, by their shares, matter: with less than this a cell can stay."""
        return shares > _NEGLIGIBLE * self._aim / self._explorer.tree.n_leaves

    def _lower(self, best: Subtree, goal: float, leaves: np.ndarray, shares: np.ndarray) -> bool:
        """Lower the price towards that of the mesh that meets the aim; return whether to go on.

        With cells half as large squared errors fall to a sixteenth where the field is smooth, so
        with the power 4 / dimension of the number of cells, and the price with one power more.
        """
        if best.error <= goal or not len(leaves):
            return False
        whole = float(shares[self._explorer.tree.first_child < 0].sum())
        if best.error <= _CLOSE * goal and whole <= goal:
            return False
        power = 1.0 + len(self._explorer.tree.bounds) / 4.0
        factor = (goal / best.error) ** power
        self._price *= min(max(factor, _FASTEST), _SLOWEST)
        return self._price > np.finfo(float).tiny

    def _expect_points(self, best: Subtree, n_explored: int) -> None:
        """Say how many points will be sampled, and how many times that in the end."""
        tree = self._explorer.tree
        growth = max(best.error / self._aim, 1.0) ** (len(tree.bounds) / 4.0)
        n_nodes = tree.n_nodes + n_explored * tree.n_children
        most = _EXPLORED_PER_CELL * self._parameters.max_cells
        probably = max(n_nodes, min(tree.n_nodes * growth, most))
        self._explorer.outlook.expect(math.sqrt(best.error), probably)
        asked = n_nodes * self._explorer.points_per_node
        self._explorer.errors.field.expect(int(asked), growth)

    def chosen(self) -> np.ndarray:
        """Return which explored nodes are refined in the best mesh."""
        explorer = self._explorer
        if self._subtree is None or len(self._subtree.refined) != explorer.tree.n_nodes:
            subtrees = OptimalSubtrees(
                explorer.tree, explorer.estimates.shares(), explorer.min_depth
            )
            self._subtree = subtrees.cheapest(self._aim, self._parameters.max_cells)
        return self._subtree.refined

    def expected(self, nodes: np.ndarray) -> Expected:
        """Return what nodes are expected to contribute to the error, and how many points to see."""
        seen = int(self._explorer.estimates.sums.count[self._explorer.tree.first_child < 0].sum())
        shares = self._explorer.estimates.shares()[np.maximum(nodes, 0)]
        return Expected(shares, max(_LEAST_SAMPLED - seen, 0))

    def judge(self, fresh: Verified, local: float) -> tuple[float, bool, bool]:
        """Return the error found at fresh points, whether it is met, and whether to stop."""
        self.limited = self._subtree.error > self._aim
        if not math.isfinite(fresh.square):
            return math.inf, False, self.limited
        # Errors of mesh and networks have nothing to do with each other: their squares add up.
        square = fresh.square + local**2
        error = math.sqrt(square)
        if square == 0.0:
            return error, True, True
        allowed = self._allowed_at(fresh.scatter)
        met = square <= allowed
        helped, self._least_error = (
            error < _HELPED * self._least_error,
            min(error, self._least_error),
        )
        # Where the limits bind, what fresh points have told may still help to choose cells.
        over = self.limited and not helped
        over |= met and (square >= _SLACK * allowed or not self._can_coarsen())
        if not over:
            self._aim_again(fresh.usual + local**2, self._allowed_at(fresh.usual_scatter), met)
        return error, met, over

    def _allowed_at(self, scatter: float) -> float:
        """Return the squared error to find by points that scatter.

        Whoever measures at many points of their own should find the tolerance met.
        """
        return self._allowed / (1.0 + 2.0 * min(scatter, 0.25))

    def _aim_again(self, square: float, allowed: float, met: bool) -> None:
        """Set the aim by what a mesh was found to have, beside what is expected of it.

        What fresh points have told is known by now: what estimates still miss is made up for.
        """
        bias = square / max(self._expected_error(), np.finfo(float).tiny)
        # What the last mesh told by half: its points scatter, and so would the meshes. Of a large
        # one the first time too, as exploring on mends some of it; what it misses again it misses.
        first = self._bias is None
        by_half = (not first) if self._small else (first or met)
        if by_half:
            bias = math.sqrt((self._bias or 1.0) * bias)
        self._bias = min(max(bias, 1.0 / 1.5), 4.0)
        self._aim = (_SURER if self._small else 1.0) * allowed / self._bias

    def _expected_error(self) -> float:
        """Return the mean squared error that the cells of the mesh found are expected to have."""
        explorer = self._explorer
        return float(explorer.estimates.shares()[self._subtree.leaves(explorer.tree)].sum())

    def _can_coarsen(self) -> bool:
        """Tell whether the mesh has cells that min_depth allows to be merged."""
        refined = self._subtree.refined
        return bool((refined & (self._explorer.tree.level >= self._explorer.min_depth)).any())


class Maximum:
    """Every cell meets the tolerance; parameters are those of `RootMeanSquare`.

    A cell is refined where an error above the limit was found, and only there. Where that of its
    samples, or the one predicted from the surplus and them, comes close, its largest error is
    looked for (`Explorer.climb`).
    """

    def __init__(self, explorer: Explorer, parameters: RefinementParameters) -> None:
        self._explorer, self._parameters = explorer, parameters
        # What sampled errors may reach.
        self._limit = parameters.tolerance / _MAX_MARGIN
        self._climbed = np.zeros(0, bool)
        # What the mesh may have for now, and how often that was raised.
        self._releases = 0
        self._most_cells = int((1.0 - _LAST_CELLS) * parameters.max_cells)
        self.out_of_cells = self.limited = False

    def cell_error(self) -> np.ndarray:
        """Return the largest error of each explored node, relative."""
        return self._explorer.estimates.sums.largest

    def find(self) -> None:
        """Refine every leaf whose error is too large, the largest first if not all fit."""
        explorer = self._explorer
        while True:
            tree = explorer.tree
            leaves = explorer.open_leaves
            leaves = leaves[explorer.estimates.sums.largest[leaves] > self._limit]
            room = (self._most_cells - tree.n_leaves) // (tree.n_children - 1)
            if len(leaves) > room:
                self.out_of_cells = True
                leaves = self._largest(leaves, room)
            if len(leaves):
                self._expect_points(leaves)
                explorer.explore(leaves)
            elif self.out_of_cells or not self._look_closer():
                return

    def _expect_points(self, leaves: np.ndarray) -> None:
        """Say how many nodes there will be, for a field that is smooth."""
        explorer, p = self._explorer, self._parameters
        tree, largest = (
            explorer.tree,
            np.minimum(explorer.estimates.sums.largest[leaves], NO_NUMBER),
        )
        most = float(tree.n_children) ** (p.max_depth - tree.level[leaves])
        wanted = np.minimum((largest / self._limit) ** (len(tree.bounds) / 2.0), most).sum()
        more = max(min(wanted, p.max_cells - tree.n_leaves), len(leaves) * tree.n_children)
        worst = explorer.estimates.sums.largest[tree.first_child < 0].max()
        explorer.outlook.expect(float(worst), tree.n_nodes + more)

    def _largest(self, leaves: np.ndarray, room: int) -> np.ndarray:
        """Return the leaves to refine where only `room` of them can be: the worst, some at once."""
        if room <= 0:
            return leaves[:0]
        while True:
            predicted = self._predicted(leaves)
            order = np.lexsort([leaves, -predicted])
            if room * self._explorer.tree.n_children > _CAREFULLY * self._parameters.max_cells:
                break
            # Any of those that may have a larger error than those that are to be refined.
            least = predicted[order[min(room, len(order)) - 1]]
            near = self._explorer.open_leaves
            near = near[self._predicted(near) > _MAY_GROW * least]
            if not self._climb(near, _PROMISING * least, math.inf):
                break
            leaves = near[self._explorer.estimates.sums.largest[near] > self._limit]
        return leaves[order[: max(1, room // 2)]]

    def _predicted(self, nodes: np.ndarray) -> np.ndarray:
        """Return the largest error of nodes: what was found, or what their mean square suggests.

        Where max_cells binds, what was found where it was looked for is better than what a mean
        suggests: cells are for the largest error, and not for all that may be above a limit.
        """
        mean_square = self._explorer.estimates.mean_square()[nodes]
        suggested = _PEAK * np.sqrt(mean_square)
        if self.out_of_cells:
            suggested[self._climbed_of_all()[nodes]] = 0.0
        return np.maximum(self._explorer.estimates.sums.largest[nodes], suggested)

    def _climbed_of_all(self) -> np.ndarray:
        """Return for which nodes the largest error was looked for, (n_nodes,), bool."""
        more = self._explorer.tree.n_nodes - len(self._climbed)
        if more:
            self._climbed = np.concatenate([self._climbed, np.zeros(more, bool)])
        return self._climbed

    def _look_closer(self) -> bool:
        """Look for the largest error of the leaves at risk; return whether there were any."""
        leaves = self._explorer.open_leaves
        leaves = leaves[self._predicted(leaves) > _AT_RISK * self._limit]
        return self._climb(leaves, _PROMISING * self._limit, self._limit)

    def _climb(self, leaves: np.ndarray, promising: float, enough: float) -> bool:
        """Look for the largest errors of leaves, once for each; return whether there were any."""
        leaves = leaves[~self._climbed_of_all()[leaves]]
        if not len(leaves):
            return False
        self._explorer.climb(leaves, promising, enough)
        self._climbed[leaves] = True
        return True

    def largest(self, nodes: np.ndarray, stream: Stream = Stream.REPORT) -> float:
        """Return the largest error of the cells of a mesh, looked for once more where it may be.

        0 where reconstructions are not those of cells by themselves: these tell nothing of it.
        """
        explorer, leaves = self._explorer, nodes[nodes >= 0]
        if not explorer.errors.of_own_points or not len(leaves):
            return 0.0
        predicted = self._predicted(leaves)
        order = np.lexsort([leaves, -predicted])[:_MOST_REPORTED]
        order = order[predicted[order] > _REPORTED * explorer.estimates.sums.largest[leaves].max()]
        explorer.climb(leaves[order], 0.0, math.inf, stream)
        found = float(explorer.estimates.sums.largest[leaves].max())
        return found if found < NO_NUMBER else math.inf

    def chosen(self) -> np.ndarray:
        """Return which explored nodes are refined: the mesh is all that was explored."""
        return self._explorer.tree.first_child >= 0

    def expected(self, nodes: np.ndarray) -> Expected:
        """Return at how many points nodes were seen and are to be, and their largest errors."""
        sums, known = self._explorer.estimates.sums, nodes >= 0
        nodes = np.maximum(nodes, 0)
        largest, predicted = sums.largest[nodes], self._predicted(nodes)
        limit = self._limit
        if self.out_of_cells:
            # The error of the cells that the last ones allowed will be used up with.
            tree = self._explorer.tree
            room = (self._parameters.max_cells - tree.n_leaves) // (tree.n_children - 1)
            worst = min(max(room, 1), len(largest))
            limit = max(limit, float(np.partition(largest, -worst)[-worst]))
        fresh = np.where(predicted > _PROMISING * limit, _FRESH, 0)
        if self.out_of_cells:
            fresh[predicted > _NEAR_LARGEST * limit] = _FRESH_LIMITED
        wanted = np.minimum(self._explorer.tree.volume_share(nodes) * _DENSITY, _MOST_SEEN)
        if not self.out_of_cells:
            small = np.where(predicted > _PROMISING * limit, _SEEN_PROMISING, _SEEN_AT_RISK)
            wanted = np.maximum(wanted, small)
        wanted = np.where(predicted > _AT_RISK * limit, wanted - sums.count[nodes], 0)
        fresh = np.maximum(fresh, wanted)
        if not self._explorer.errors.of_own_points:
            # What was seen is another reconstruction, that of each cell by itself.
            return Expected(
                seen=np.zeros(len(nodes)),
                fresh=np.maximum(fresh, _FRESH),
                largest=np.zeros(len(nodes)),
            )
        seen, largest = np.where(known, sums.count[nodes], 0), np.where(known, largest, 0.0)
        return Expected(seen=seen, fresh=fresh, largest=largest)

    def judge(self, fresh: Verified, local: float) -> tuple[float, bool, bool]:
        """Return the error found at fresh points, whether it is met, and whether to stop."""
        error = fresh.error("max")
        met = error <= self._parameters.tolerance
        open_ = self._explorer.estimates.sums.largest[self._explorer.open_leaves] > self._limit
        held_back = self._parameters.max_cells - self._most_cells
        if self.out_of_cells:
            self._releases += 1
            left = held_back // 2 if self._releases < _RELEASES else 0
            self._most_cells = self._parameters.max_cells - left
            if held_back and not left:
                # The last ones are for what is found where the largest error may be.
                self.largest(np.flatnonzero(self._explorer.tree.first_child < 0), Stream.LAST)
        self.limited = not open_.any() or (self.out_of_cells and not held_back)
        return error, met, met or self.limited


NORMS = {"rms": RootMeanSquare, "max": Maximum}
