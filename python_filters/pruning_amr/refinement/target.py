"""Criterion target_error: the fewest cells whose error, at fresh points, is the one asked for.

A search is composed of three parts. An explorer owns the tree and what is known of its nodes, in
space (`explorer`) or over space and time (`space_time_explorer`). A norm says where to explore and
which of the meshes that the tree contains is the best (`norms`). No estimate is trusted in the end:
the mesh is verified at fresh points (`verification`), what is found there is added to what is
known, and the search goes on until the mesh holds.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..inr import INR
from ..mesh import History, SpaceTimeTree, Tree
from ..pruning import DEFAULT_POLICY, Policy
from .cell_errors import CellErrors, ErrorFactor
from .error_sums import ErrorSums
from .explorer import Explorer
from .known_field import KnownField
from .norms import NORMS, Maximum, Norm
from .parameters import RefinementParameters
from .progress import Progress, Stopped, Watch
from .reconstruction import AnyTree
from .space_time_explorer import SpaceTimeExplorer
from .verification import SURE, Verification

_MAX_VERIFICATIONS = 20

_MEASURED_AGAIN = 16_384
"""Points at least at which a mesh that misses the tolerance is measured in the end."""


class Search:
    """A search for the mesh that meets the tolerance.

    Parameters
    ----------
    explorer : Explorer
    norm : Norm
    verification : Verification
    """

    def __init__(self, explorer: Explorer, norm: Norm, verification: Verification) -> None:
        self.explorer, self._norm, self._verification = explorer, norm, verification
        # Mesh, explored node of each of its nodes, and error of the best mesh so far.
        self._best: tuple[AnyTree, np.ndarray, float] | None = None
        self._best_met = False

    @classmethod
    def of(
        cls,
        inr: INR,
        time: float,
        parameters: RefinementParameters,
        tree: AnyTree,
        progress: Progress | None = None,
        policy: Policy = DEFAULT_POLICY,
        factor: ErrorFactor | None = None,
        sure: float = SURE,
        known: KnownField | None = None,
    ) -> Search:
        """Return the search for the mesh of a field over a root grid."""
        watch = Watch(progress, parameters.time_limit)
        errors = CellErrors(inr, time, parameters, tree, policy, factor, known)
        return cls.with_errors(inr, time, tree, errors, watch, sure)

    @classmethod
    def with_errors(
        cls,
        inr: INR,
        time: float | None,
        tree: AnyTree,
        errors: CellErrors,
        watch: Watch,
        sure: float = SURE,
    ) -> Search:
        """Return the search for the mesh whose errors are given."""
        parameters = errors.parameters
        kind = SpaceTimeExplorer if isinstance(tree, SpaceTimeTree) else Explorer
        explorer = kind(tree, errors, parameters, watch)
        norm = NORMS[parameters.error_norm](explorer, parameters)
        return cls(explorer, norm, Verification(inr, time, parameters, errors, sure=sure))

    @property
    def errors(self) -> CellErrors:
        """What the field is sampled by."""
        return self.explorer.errors

    def run(self, similar: Tree | None = None) -> tuple[AnyTree, History]:
        """Search; return the mesh, and how it was found.

        `similar` is a mesh of a similar field, as that of the time step before, to explore at once.
        """
        stopped_by = "criterion"
        try:
            self.explorer.begin(similar)
            for _ in range(_MAX_VERIFICATIONS):
                self._norm.find()
                if self._verify():
                    break
            if self._best is not None and not self._best_met:
                self._measure_again()
        except Stopped as reason:
            stopped_by = str(reason)
        if self._best is None:
            self._best = self._unverified()
        return self._result(stopped_by)

    def corner_numbers(self, tree: AnyTree, nodes: np.ndarray) -> np.ndarray:
        """Return the numbers of the corners of nodes of `tree`, the mesh found over space and time.

        As `CellErrors.corner_numbers`, from what is kept of the explored tree.
        """
        return self.explorer.point_numbers(self._best[1][nodes])

    def _unverified(self) -> tuple[AnyTree, np.ndarray, float]:
        """Return the best mesh contained in what has been explored, and its error.

        Whoever has stopped the search wants to know that too; a maximum takes too long to measure.
        """
        tree, nodes = self.explorer.finished(self._norm.chosen())
        if self.explorer.parameters.error_norm == "max":
            return tree, nodes, math.nan
        return tree, nodes, self._error_of(tree, nodes, 0)

    def _verify(self) -> bool:
        """Measure the mesh found at fresh points; return whether the search is over."""
        explorer = self.explorer
        mesh_tree, nodes = explorer.finished(self._norm.chosen())
        leaves = np.flatnonzero(mesh_tree.first_child < 0)
        explorer.outlook.verifying(explorer.tree.n_nodes, len(leaves))

        def learn(
            cells: np.ndarray, points: np.ndarray, exact: np.ndarray, found: ErrorSums
        ) -> None:
            explored = nodes[leaves[cells]]
            known = explored >= 0
            if explorer.errors.of_own_points:
                explorer.learn(explored[known], points[known], exact[known])
            else:
                explorer.estimates.add_points(explored[known], found.taken(known))

        def numbers(cells: np.ndarray) -> np.ndarray:
            return explorer.point_numbers(nodes[leaves[cells]])

        expected = self._norm.expected(nodes[leaves])
        whole = bool((nodes[leaves] >= 0).all())
        fresh = self._verification(mesh_tree, leaves, expected, learn, numbers if whole else None)
        error, met, over = self._norm.judge(fresh, explorer.errors.audited_error(mesh_tree))
        if self._best_met:
            better = met and len(leaves) < self._best[0].n_leaves
        elif isinstance(self._norm, Maximum):
            # Every mesh refines the one before; a larger error was only not found there.
            better = True
        else:
            better = met or self._best is None or not error >= self._best[2]
        if better:
            self._best, self._best_met = (mesh_tree, nodes, error), met
        return over

    def _measure_again(self) -> None:
        """Measure the best mesh once more.

        Of several that miss the tolerance it is the one whose error seemed the least: the error
        found for it is likely to be too small.
        """
        tree, nodes, error = self._best
        if isinstance(self._norm, Maximum):
            # Nor did verification look for the largest error in the cells refined last.
            error = max(error, self._norm.largest(nodes[tree.first_child < 0]))
        else:
            error = self._error_of(tree, nodes, _MEASURED_AGAIN)
        self._best = tree, nodes, error

    def _error_of(self, tree: AnyTree, nodes: np.ndarray, least: int) -> float:
        """Return the error of a mesh at fresh points, `least` of them at least."""
        leaves = np.flatnonzero(tree.first_child < 0)
        expected = replace(self._norm.expected(nodes[leaves]), least=least)
        fresh = self._verification(tree, leaves, expected)
        local = self.explorer.errors.audited_error(tree)
        return math.hypot(fresh.error(self.explorer.parameters.error_norm), local)

    def _result(self, stopped_by: str) -> tuple[AnyTree, History]:
        """Return the best mesh and how it was found."""
        tree, nodes, achieved = self._best
        explorer, norm, p = self.explorer, self._norm, self.explorer.parameters
        known = nodes >= 0
        indicator = np.full(tree.n_nodes, np.nan)
        indicator[known] = norm.cell_error()[nodes[known]] / p.tolerance
        n_levels = p.max_depth + 1
        inner = tree.level[tree.first_child >= 0]
        if stopped_by == "criterion" and not self._best_met:
            full = tree.n_leaves + tree.n_children - 1 > p.max_cells
            stopped_by = "max_depth" if norm.limited else "verifications"
            stopped_by = "max_cells" if full or norm.out_of_cells else stopped_by
        return tree, History(
            indicator,
            _nodes_by_level(explorer.tree, n_levels),
            np.bincount(inner, minlength=n_levels).tolist(),
            stopped_by,
            asked_error=p.tolerance,
            achieved_error=achieved,
        )


def _nodes_by_level(tree: AnyTree, n_levels: int) -> list[int]:
    """Return how many nodes a tree has on each level, without those of a round that was stopped."""
    parents = np.flatnonzero(tree.first_child >= 0)
    level = tree.level[tree.first_child[parents]]
    found = np.bincount(level, tree.child_counts(parents), n_levels).astype(np.int64)
    found[0] += tree.n_roots
    return found.tolist()
