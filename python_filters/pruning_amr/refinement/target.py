"""Criterion target_error: the fewest cells whose error, at fresh points, is the one asked for.

The root mean square of the error is a sum over cells, so the best mesh is found among all those
that an explored tree contains (`optimal_subtree`). The tree is explored from the root grid down,
a whole generation of cells at a time, wherever a cell's share of the error could still buy more
than the cells it costs. The maximum is met by every cell for itself.

No estimate is trusted in the end: the mesh is verified at fresh points, at least some of them in
every cell and more where a neighbour is much finer, because what passes through a neighbour may
pass through the cell unseen. What is found there is added to what is known of the cells, and the
search goes on until the mesh holds.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np

from ..cells import Stream
from ..inr import INR
from ..mesh import History, Tree, balanced
from ..pruning import Policy
from .cell_errors import CellErrors
from .error_sums import ErrorSums
from .optimal_subtree import OptimalSubtrees, Subtree
from .parameters import RefinementParameters
from .progress import Progress, Stopped, Watch
from .verification import FRESH_POINTS, Verification, mesh_error

_MAX_VERIFICATIONS = 20

_ERROR_LEFT = 0.25
"""Share of a cell's squared error expected to remain when it is refined (1/16 where smooth)."""

_DECAY = 8.0
"""A level more is expected to divide the squared error of a mesh by this."""

WORTHWHILE = 0.01
"""Exploring on has to promise to save this share of the cells."""

_SLACK = 0.9
"""A mesh whose squared error is below this share of what is allowed is worth coarsening."""

_MAX_MARGIN = 1.05
"""Maxima of many samples miss the true one by about this factor."""

_AT_RISK = 0.6
"""Cells whose sampled maximum is above this share of what is allowed are sampled thoroughly."""

_THOROUGH = 256
"""Points of a thorough sampling."""


class _Search(ABC):
    """What searching a mesh for either norm shares: exploring, verifying, reporting.

    `similar` is a mesh of a similar field, as that of the time step before, to explore at once.
    """

    def __init__(
        self,
        inr: INR,
        time: float,
        parameters: RefinementParameters,
        tree: Tree,
        progress: Progress | None,
        policy: Policy,
        similar: Tree | None = None,
    ) -> None:
        self.parameters, self.tree, self.similar = parameters, tree, similar
        self.watch = Watch(progress, parameters.time_limit)
        self.sums = ErrorSums.zeros(0)
        # What all of the domain is refined to: less than min_depth where that takes too many cells.
        self.min_depth = 0
        self.prepare(inr, time, policy)
        self.out_of_cells = self.limited = False
        # Tree, explored node of each of its nodes, and error of the best mesh so far.
        self.best: tuple[Tree, np.ndarray, float] | None = None
        self.best_met = False

    # What the norms differ in.

    norm: str

    @abstractmethod
    def find(self) -> None:
        """Explore until a mesh seems to meet the tolerance or a limit is reached."""

    @abstractmethod
    def chosen(self) -> np.ndarray:
        """Return which explored nodes are refined in the mesh found, shape (n_nodes,), bool."""

    @abstractmethod
    def judge(self, fresh: ErrorSums, volume: np.ndarray, local: float) -> tuple[float, bool, bool]:
        """Return the error found at fresh points, whether it is met, and whether to stop.

        `local` is the error of the networks that gave the values there.
        """

    @abstractmethod
    def expect_points(self, n_nodes: int) -> None:
        """Say how many points will be sampled when the explored tree has `n_nodes`."""

    # What they share.

    def prepare(self, inr: INR, time: float, policy: Policy) -> None:
        """Make what measures errors, of nodes explored and of meshes at fresh points."""
        self.errors = CellErrors(inr, time, self.parameters, self.tree, policy)
        self.verification = Verification(inr, time, self.parameters, self.errors)

    def local_error(self, tree: Tree) -> float:
        """Return the error of the networks that gave the values in a mesh."""
        return self.errors.field.audited_error(tree)

    def run(self) -> tuple[Tree, History]:
        """Search; return the mesh, and how it was found."""
        stopped_by = "criterion"
        try:
            self.begin()
            for _ in range(_MAX_VERIFICATIONS):
                self.find()
                if self.verify():
                    break
        except Stopped as reason:
            stopped_by = str(reason)
        if self.best is None:
            self.best = (*self.finished(self.chosen()), math.nan)
        return self.result(stopped_by)

    def begin(self) -> None:
        """Refine uniformly to ``min_depth``, as far as the budget goes, sampling all cells."""
        p, tree = self.parameters, self.tree
        leaves = np.arange(tree.n_nodes)
        self.sums = self.errors.sample(tree, leaves, p.n_error_samples, Stream.SEARCH)
        for _ in range(min(p.min_depth, p.max_depth)):
            if len(leaves) * tree.n_children > p.max_cells:
                break
            leaves = self.explore(leaves)
            self.min_depth += 1
        if self.similar is not None:
            self.follow(self.similar)

    def follow(self, other: Tree) -> None:
        """Explore the nodes that are refined in another tree over the same root grid."""
        tree = self.tree
        here = there = np.arange(int(np.prod(tree.root_resolution)))
        while len(here):
            refined = other.first_child[there] >= 0
            here, there = here[refined], there[refined]
            self.explore(here[tree.first_child[here] < 0])
            here, there = tree.children(here), other.children(there)

    def explore(self, nodes: np.ndarray) -> np.ndarray:
        """Refine leaves of the explored tree; sample their children, and them better."""
        tree, p = self.tree, self.parameters
        found = []
        self.expect_points(tree.n_nodes + len(nodes) * tree.n_children)
        # In their order, cells that follow each other lie beside each other.
        nodes = np.sort(nodes)
        for part in np.array_split(nodes, n_batches(len(nodes))):
            level = int(tree.level[part].max(initial=0)) + 1
            self.watch(
                min(level / p.max_depth, 0.95),
                f"Pruning AMR: level {level} of {p.max_depth}, {tree.n_leaves} cells explored",
            )
            children = tree.subdivide(part)
            self.sums = self.sums.grown(tree.n_nodes)
            below, here = self.errors.sample_children(tree, part, p.n_error_samples, Stream.SEARCH)
            self.sums.add(children, below)
            self.sums.add(part, here)
            found.append(children)
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def finished(self, refined: np.ndarray) -> tuple[Tree, np.ndarray]:
        """Return a mesh balanced as asked, and the explored node of each of its nodes or -1."""
        subtree, nodes = self.tree.subtree(refined)
        mesh_tree, origin = balanced(subtree, self.parameters.balance_across)
        return mesh_tree, np.where(origin >= 0, nodes[origin], -1)

    def verify(self) -> bool:
        """Measure the mesh found at fresh points; return whether the search is over."""
        mesh_tree, nodes = self.finished(self.chosen())
        leaves = np.flatnonzero(mesh_tree.first_child < 0)
        self.watch(0.97, f"Pruning AMR: verifying {len(leaves)} cells at fresh points")
        fresh = self.verification(mesh_tree, leaves)
        known = nodes[leaves] >= 0
        self.sums.add(nodes[leaves[known]], fresh.taken(known))
        local = self.local_error(mesh_tree)
        error, met, over = self.judge(fresh, mesh_tree.volume_share(leaves), local)
        if self.best_met:
            better = met and len(leaves) < self.best[0].n_leaves
        else:
            better = met or self.best is None or not error >= self.best[2]
        if better:
            self.best, self.best_met = (mesh_tree, nodes, error), met
        return over

    def result(self, stopped_by: str) -> tuple[Tree, History]:
        """Return the best mesh and how it was found."""
        tree, nodes, achieved = self.best
        known = nodes >= 0
        indicator = np.full(tree.n_nodes, np.nan)
        indicator[known] = self.cell_error[nodes[known]] / self.parameters.tolerance
        n_levels = self.parameters.max_depth + 1
        sampled = np.bincount(self.tree.level, minlength=n_levels)
        inner = tree.level[tree.first_child >= 0]
        if stopped_by == "criterion" and not self.best_met:
            full = tree.n_leaves + tree.n_children - 1 > self.parameters.max_cells
            stopped_by = "max_depth" if self.limited else "verifications"
            stopped_by = "max_cells" if full or self.out_of_cells else stopped_by
        return tree, History(
            indicator,
            sampled.tolist(),
            np.bincount(inner, minlength=n_levels).tolist(),
            stopped_by,
            asked_error=self.parameters.tolerance,
            achieved_error=achieved,
        )

    @property
    @abstractmethod
    def cell_error(self) -> np.ndarray:
        """The error of each explored node in the norm asked for, relative."""

    @property
    def open_leaves(self) -> np.ndarray:
        """Leaves of the explored tree that may be refined."""
        tree = self.tree
        return np.flatnonzero((tree.first_child < 0) & (tree.level < self.parameters.max_depth))


class RMSSearch(_Search):
    """Root mean square: the cells together meet the tolerance."""

    norm = "rms"

    samples_per_node = 1  # How often a node is sampled in a search.

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.allowed = self.aim = self.parameters.tolerance**2
        self.subtree: Subtree | None = None

    @property
    def cell_error(self) -> np.ndarray:
        """The root mean square error of each explored node, relative."""
        return np.sqrt(self.sums.mean_square)

    @property
    def shares(self) -> np.ndarray:
        """What each explored node, as a cell, contributes to the mean squared error."""
        return self.sums.mean_square * self.tree.volume_share(np.arange(self.tree.n_nodes))

    def expect_points(self, n_nodes: int) -> None:
        """Say how many points will be sampled, and how many times that in the end."""
        # A level more divides the error by four where the field is smooth, elsewhere by less.
        leaves = self.tree.first_child < 0
        square = float(self.shares[leaves & (self.sums.count > 0)].sum())
        levels = math.log(max(square / self.aim, 1.0)) / math.log(_DECAY)
        later = self.tree.n_children ** max(min(levels, 12.0) - 1.0, 0.0)
        asked = n_nodes * self.samples_per_node * self.parameters.n_error_samples
        self.errors.field.expect(asked, later)

    def find(self) -> None:
        """Explore until no leaf of the best mesh could pay for its refinement."""
        while True:
            p, shares = self.parameters, self.shares
            near = None if self.subtree is None else self.subtree.price
            subtrees = OptimalSubtrees(self.tree, shares, self.min_depth)
            self.subtree = subtrees.cheapest(self.aim, p.max_cells, near or None)
            short = self.subtree.error > self.aim
            if short and self.tree.n_leaves <= p.max_cells:
                chosen = self.needed(shares)
            else:
                self.out_of_cells = short
                chosen = self.promising(shares)
            if not len(chosen):
                return
            self.explore(chosen)

    def needed(self, shares: np.ndarray) -> np.ndarray:
        """Return the fewest leaves that may bring the error down to the aim."""
        leaves = self.open_leaves
        leaves = leaves[np.lexsort([leaves, -shares[leaves]])]
        total = float(shares[self.tree.first_child < 0].sum())
        left = total - (1.0 - _ERROR_LEFT) * np.cumsum(shares[leaves])
        number = int(np.searchsorted(-left, -self.aim)) + 1
        # A cell with less than this can stay, however many there will be.
        negligible = 0.5 * self.aim / self.tree.n_leaves
        number = min(number, int(np.count_nonzero(shares[leaves] > negligible)))
        room = int(1.5 * self.parameters.max_cells - self.tree.n_leaves)
        return leaves[: min(number, max(1, room // (self.tree.n_children - 1)))]

    def promising(self, shares: np.ndarray) -> np.ndarray:
        """Return the unexplored leaves of the best mesh whose refinement could pay."""
        open_ = np.zeros(self.tree.n_nodes, bool)
        open_[self.open_leaves] = True
        leaves = self.subtree.leaves(self.tree)
        leaves = leaves[open_[leaves]]
        price = self.subtree.price * (self.tree.n_children - 1)
        leaves = leaves[shares[leaves] > price]
        if not len(leaves) or self.subtree.price <= 0.0:
            return leaves
        saved = np.sum(shares[leaves] - price) / self.subtree.price
        return leaves if saved > WORTHWHILE * self.subtree.n_cells else leaves[:0]

    def chosen(self) -> np.ndarray:
        """Return which explored nodes are refined in the best mesh."""
        if self.subtree is None or len(self.subtree.refined) != self.tree.n_nodes:
            subtrees = OptimalSubtrees(self.tree, self.shares, self.min_depth)
            self.subtree = subtrees.cheapest(self.aim, self.parameters.max_cells)
        return self.subtree.refined

    def judge(self, fresh: ErrorSums, volume: np.ndarray, local: float) -> tuple[float, bool, bool]:
        """Return the error found at fresh points, whether it is met, and whether to stop."""
        # Errors of mesh and networks have nothing to do with each other: their squares add up.
        error = math.hypot(mesh_error(fresh, volume, self.norm), local)
        self.limited = self.subtree.error > self.aim
        if not math.isfinite(error):
            return error, False, self.limited
        square = float((fresh.mean_square * volume).sum()) + local**2
        fourth = float((np.nan_to_num(fresh.fourth) / fresh.count * volume).sum())
        if square == 0.0:
            return error, True, True
        scatter = math.sqrt(max(fourth - square**2, 0.0) / FRESH_POINTS["rms"]) / square
        # Whoever measures at as many points of their own should find the tolerance met.
        allowed = self.allowed / (1.0 + 2.0 * min(scatter, 0.5))
        met = square <= allowed
        over = self.limited or (met and (square >= _SLACK * allowed or not self.can_coarsen()))
        ratio = allowed / square
        self.aim *= min(ratio, 1.5) if met else max(0.25, 0.99 * ratio)
        return error, met, over

    def can_coarsen(self) -> bool:
        """Tell whether the mesh has cells that min_depth allows to be merged."""
        return bool((self.subtree.refined & (self.tree.level >= self.min_depth)).any())


class MaxSearch(_Search):
    """Maximum: every cell meets the tolerance."""

    norm = "max"

    @property
    def cell_error(self) -> np.ndarray:
        """The largest error of each explored node, relative."""
        return self.sums.largest

    @property
    def limit(self) -> float:
        """What sampled errors may reach."""
        return self.parameters.tolerance / _MAX_MARGIN

    def expect_points(self, n_nodes: int) -> None:
        """Say nothing: a maximum is searched with the whole network."""

    def find(self) -> None:
        """Refine every leaf whose error is too large, the largest first if not all fit."""
        p = self.parameters
        while True:
            leaves = self.open_leaves
            leaves = leaves[self.sums.largest[leaves] > self.limit]
            room = (p.max_cells - self.tree.n_leaves) // (self.tree.n_children - 1)
            if len(leaves) > room:
                self.out_of_cells = True
                order = np.lexsort([leaves, -self.sums.largest[leaves]])
                leaves = leaves[order[: max(1, room // 2) if room > 0 else 0]]
            if len(leaves):
                self.explore(leaves)
            elif not self.look_closer():
                return

    def look_closer(self) -> bool:
        """Sample the leaves at risk thoroughly; return whether there were any."""
        leaves, sums = self.open_leaves, self.sums
        risky = sums.largest[leaves] > _AT_RISK * self.limit
        risky &= (sums.largest[leaves] <= self.limit) & (sums.count[leaves] < _THOROUGH)
        leaves = leaves[risky]
        self.watch(0.95, f"Pruning AMR: {len(leaves)} cells sampled thoroughly")
        for part in np.array_split(leaves, n_batches(len(leaves))):
            sums.add(part, self.errors.sample(self.tree, part, _THOROUGH, Stream.THOROUGH))
        return len(leaves) > 0

    def chosen(self) -> np.ndarray:
        """Return which explored nodes are refined: the mesh is all that was explored."""
        return self.tree.first_child >= 0

    def judge(self, fresh: ErrorSums, volume: np.ndarray, local: float) -> tuple[float, bool, bool]:
        """Return the error found at fresh points, whether it is met, and whether to stop."""
        error = mesh_error(fresh, volume, self.norm)
        met = error <= self.parameters.tolerance
        open_ = self.sums.largest[self.open_leaves] > self.limit
        self.limited = self.out_of_cells or not open_.any()
        return error, met, met or self.limited


SEARCHES = {"rms": RMSSearch, "max": MaxSearch}

_EXPLORE_BATCH, _MOST_BATCHES = 4096, 32
"""Cells refined between two reports of progress at least, and most such batches: with each the
arrays of the tree are copied."""


def n_batches(n_cells: int) -> int:
    """Return in how many batches cells are worked on."""
    return max(1, min(-(-n_cells // _EXPLORE_BATCH), _MOST_BATCHES))
