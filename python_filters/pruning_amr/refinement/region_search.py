"""A mesh with one tolerance in a region of interest and another one in the rest of the domain.

The fewest cells that meet two constraints, E_in <= t_in^2 and E_out <= t_out^2, are those that
minimise cells + E_in / price_in + E_out / price_out for two prices (Lagrange). That is the search
for one tolerance, with errors multiplied by a factor in either part. Which ratio of the factors
has both constraints met at once, is found by measuring both parts of the mesh apart, at fresh
points, and searching again.

What part k contributes to the square asked for is ``weight_k ratio_k``: ratio_k is the mean squared
error found there over the one allowed, and the weights sum up to 1, so that the search ends where
both constraints hold with equality once the ratios are equal. In the best mesh for a price both
parts save the same of the weighted error with one more cell. Where the field is smooth the error
falls with the power 4 / dimension of the number of cells: so the weights are as the numbers of
cells that meet both tolerances, which the errors of the coarsest mesh tell, and then ratio_k goes
as ``weight_k^(-1 / (1 + dimension / 4))``: that is the first step, later ones are secants.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..cells import Stream
from ..inr import INR
from ..mesh import History, Tree
from ..pruning import DEFAULT_POLICY, Policy
from .cell_errors import CellErrors
from .known_field import KnownField
from .parameters import RefinementParameters
from .progress import Progress, Watch
from .reconstruction import AnyTree
from .region import IN_REGION, IN_REST, Region, RegionFactor
from .target import Search
from .verification import Verification, Verified

_MOST_SEARCHES = 6

_WORTHWHILE = 0.1
"""Another search, after one whose mesh meets both tolerances, has to promise to save this share of
the cells."""

_MARGIN = 1.07
"""By how much a search asks for less than what is allowed: the parts of the error scatter more than
their sum."""

_LARGEST_MISS = 1.5
"""By which a search asks for less, after one that has missed a tolerance."""

_NEARLY = 1.1
"""What is missed by less than this, weights need not mend: the next search asks for less."""

_RELAXED = 1.05
"""A part that max_depth limits need not be quite as accurate as it can be."""

_LEAST_RATIO = 1e-12
"""What a part without errors counts as."""

_FLATTEST, _STEEPEST = 0.7, 3.0
"""Slopes over those of smooth fields."""

_LARGEST_STEP, _LARGEST = 3.0, 4.6
"""Of the logarithm of the ratio of the weights, and this ratio itself: a part that is as coarse as
it may be, and good enough, is not to hold the other one up."""

_SURE = 0.04
"""Relative standard error of a mean square at which meshes are verified, and parts measured."""

_SMALL = 0.05
"""Regions of a smaller share of the domain are measured at points of their own."""

_IN_REGION = 4096
"""Random points in a small region."""


@dataclass(frozen=True)
class _Found:
    """A mesh, and what its two parts are worth.

    Attributes
    ----------
    errors : tuple of float
        In the region, in the rest.
    ratios : numpy.ndarray, shape (2,)
        Squared errors over those allowed.
    certain : numpy.ndarray, shape (2,)
        The same with a margin for the scatter of what was measured.
    """

    tree: AnyTree
    history: History
    errors: tuple[float, float]
    ratios: np.ndarray
    certain: np.ndarray

    @property
    def met(self) -> bool:
        return bool((self.certain <= 1.0).all())

    def order(self, goals: np.ndarray) -> tuple[float, ...]:
        """Return what is the least for the best mesh, where ratios are to be within `goals`."""
        if (self.certain <= goals).all():
            return 0.0, self.tree.n_leaves
        return 1.0, float((self.ratios / goals).max())


class RegionSearch:
    """A search for the mesh that meets both tolerances; parameters are those of `Search.of`.

    Attributes
    ----------
    errors : CellErrors
        Of the mesh.
    """

    def __init__(
        self,
        inr: INR,
        time: float | None,
        parameters: RefinementParameters,
        tree: AnyTree,
        progress: Progress | None = None,
        policy: Policy = DEFAULT_POLICY,
        known: KnownField | None = None,
    ) -> None:
        self._inr, self._time, self._parameters = inr, time, parameters
        self._n_searched = 0
        # One for all searches: the time limit is theirs together.
        self._watch = Watch(progress, parameters.time_limit)
        boxes = parameters.region_boxes(inr.spatial_bounds)
        self._roots, self._region = tree, Region.of(boxes, inr.spatial_bounds)
        if self._region.share == 1.0:
            # There is no rest.
            parameters = replace(parameters, tolerance=parameters.region_tolerance, region=())
        self.errors = CellErrors(inr, time, parameters, tree, policy, known=known)
        self._allowed = np.array([parameters.region_tolerance, parameters.tolerance])
        self._volume = np.array([self._region.share, 1.0 - self._region.share])
        self._parts = [
            Verification(inr, time, parameters, self._with(factors), Stream.PARTS, _SURE)
            for factors in (IN_REGION, IN_REST)
        ]

    def _with(self, factors: tuple[float, float], of_whole_cells: bool = False) -> CellErrors:
        return self.errors.with_factor(RegionFactor(self._region, factors, of_whole_cells))

    def run(self, similar: Tree | None = None) -> tuple[AnyTree, History]:
        """Search; return the mesh, and how it was found (see `Search.run`)."""
        if self._region.share == 1.0:
            return self._everywhere(similar)
        is_maximum = self._parameters.error_norm == "max"
        best = self._of_maximum(similar) if is_maximum else self._balanced(similar)
        history, p = best.history, self._parameters
        met = bool((best.ratios <= 1.0).all())
        if met and not history.interrupted:
            history.stopped_by = "criterion"
        elif not met and history.stopped_by == "criterion":
            history.stopped_by = "verifications"
        history.asked_error, history.achieved_error = p.tolerance, best.errors[1]
        history.asked_region_error, history.achieved_region_error = (
            p.region_tolerance,
            best.errors[0],
        )
        return best.tree, history

    def corner_numbers(self, tree: AnyTree, nodes: np.ndarray) -> np.ndarray:
        """Return the numbers of the corners of nodes of the mesh found (see `CellErrors`)."""
        return self.errors.corner_numbers(tree, nodes)

    def _everywhere(self, similar: Tree | None) -> tuple[AnyTree, History]:
        """Search for the mesh that meets the tolerance of a region that is all of the domain."""
        search = Search.with_errors(self._inr, self._time, self._roots, self.errors, self._watch)
        tree, history = search.run(similar)
        history.asked_region_error, history.achieved_region_error = (
            history.asked_error,
            history.achieved_error,
        )
        history.asked_error = history.achieved_error = None
        return tree, history

    def _of_maximum(self, similar: Tree | None) -> _Found:
        """Search for the mesh whose cells meet the tolerance of their part, each for itself."""
        best: _Found | None = None
        squares, goals = 1.0 / self._allowed**2, np.ones(2)
        for _ in range(_MOST_SEARCHES):
            found = self._search(squares, similar)
            if best is None or found.order(goals) < best.order(goals):
                best = found
            if found.history.interrupted:
                best.history.stopped_by = found.history.stopped_by
            if found.met or found.history.stopped_by != "criterion":
                break
            # Fresh points have found more than those of the search: it asks for less.
            squares, similar = squares * np.maximum(found.ratios, 1.0), found.tree
        return best

    def _balanced(self, similar: Tree | None) -> _Found:
        """Search until both parts are met without much slack; return the best mesh."""
        best: _Found | None = None
        expected = 1.0 / (1.0 + len(self._roots.bounds) / 4.0)
        margin, slope = _MARGIN, expected
        balance, before = self._balance_of(self._coarsest()), None
        # Ratios to reach: more than 1 in a part that max_depth keeps from its tolerance. The other
        # part is to meet its own all the same.
        goals = np.ones(2)
        for n_searched in range(_MOST_SEARCHES):
            weights = margin / (1.0 + np.exp([-balance, balance]))
            squares = weights / (self._volume * self._allowed**2 * goals)
            found = self._search(squares, similar)
            has_met = best is not None and best.met
            if best is None or found.order(goals) < best.order(goals):
                best = found
            if found.history.interrupted:
                best.history.stopped_by = found.history.stopped_by
                break
            if not np.isfinite(found.ratios).all():
                break
            asked = found.certain / goals
            if found.history.stopped_by == "max_depth" and asked.max() > 1.0:
                limited = int(asked.argmax())
                if goals[limited] > 1.0:
                    break
                goals[limited], before, similar = (
                    _RELAXED * found.certain[limited],
                    None,
                    found.tree,
                )
                continue
            met = bool((asked <= 1.0).all())
            if has_met or (met and not self._worthwhile(found, asked)):
                break
            inside, outside = np.maximum(found.ratios / goals, _LEAST_RATIO).tolist()
            gap = math.log(inside / outside)
            if before is not None and abs(balance - before[0]) > 1e-3:
                secant = (before[1] - gap) / (balance - before[0])
                # Both ends scatter.
                slope = min(max(secant, _FLATTEST * expected), _STEEPEST * expected)
            before = balance, gap
            step = min(max(gap / slope, -_LARGEST_STEP), _LARGEST_STEP)
            balance = min(max(balance + step, -_LARGEST), _LARGEST)
            similar = found.tree
            if not met and (n_searched >= 2 or asked.max() < _NEARLY):
                # What other weights do not mend, as in meshes of few cells.
                missed = asked.max() if asked.max() < _NEARLY else weights @ asked / weights.sum()
                margin *= min(max(float(missed), 1.0), _LARGEST_MISS)
        if (goals > 1.0).any() and best.history.stopped_by == "criterion":
            best.history.stopped_by = "max_depth"
        return best

    def _coarsest(self) -> _Found:
        """Return what the mesh of the least depth is worth; over space and time the root grid."""
        p, roots = self._parameters, self._roots
        tree = type(roots).regular(roots.bounds, roots.root_resolution)
        for _ in range(min(p.min_depth, p.max_depth) if isinstance(tree, Tree) else 0):
            if tree.n_leaves * tree.n_children <= p.max_cells:
                tree.subdivide(np.flatnonzero(tree.first_child < 0))
        return self._measured(tree, History(np.empty(0)))

    def _cells(self, tree: AnyTree, leaves: np.ndarray) -> np.ndarray:
        """Return how many of the leaves lie in the region, and in the rest."""
        inside = self._region.fraction(tree.lower_corner(leaves), tree.node_size(leaves)).sum()
        return np.array([inside, len(leaves) - inside])

    def _balance_of(self, coarsest: _Found) -> float:
        """Return the logarithm of the ratio of the weights that the coarsest mesh suggests."""
        tree, ratios = coarsest.tree, np.maximum(coarsest.ratios, _LEAST_RATIO)
        cells = self._cells(tree, np.flatnonzero(tree.first_child < 0))
        # What cannot be any coarser, and is good enough, needs no weight.
        needed = np.where(ratios > 1.0, cells * ratios ** (len(tree.bounds) / 4.0), 0.0)
        if not np.isfinite(needed).all() or not needed.any():
            return 0.0
        inside, outside = np.maximum(needed, needed.max() * math.exp(-_LARGEST)).tolist()
        return math.log(inside / outside)

    def _worthwhile(self, found: _Found, asked: np.ndarray) -> bool:
        """Tell whether another search may do with fewer cells than one that met what is asked."""
        tree = found.tree
        leaves = np.flatnonzero(tree.first_child < 0)
        finer = leaves[tree.level[leaves] > self._parameters.min_depth]
        needed = np.minimum(asked, 1.0) ** (len(tree.bounds) / 4.0)
        return self._cells(tree, finer) @ (1.0 - needed) > _WORTHWHILE * len(leaves)

    def _search(self, squares: np.ndarray, similar: Tree | None) -> _Found:
        """Return the mesh for squares of the factors that relative errors are to be 1 with."""
        if self.errors.known is not None:
            self.errors.known.settle()
        # Each search asks for less than the one before, and may be the last.
        self._watch.enter(1.0 - 0.5**self._n_searched, 1.0 - 0.5 ** (self._n_searched + 1))
        self._n_searched += 1
        # The search asks for its tolerance.
        inside, outside = (self._parameters.tolerance * np.sqrt(squares)).tolist()
        roots, errors = (
            self._roots,
            self._with((inside, outside), self._parameters.error_norm == "max"),
        )
        roots = type(roots).regular(roots.bounds, roots.root_resolution)
        search = Search.with_errors(self._inr, self._time, roots, errors, self._watch, _SURE)
        return self._measured(*search.run(similar))

    def _measured(self, tree: AnyTree, history: History) -> _Found:
        """Return a mesh with the errors of its parts, at fresh points."""
        norm = self._parameters.error_norm
        leaves = np.flatnonzero(tree.first_child < 0)
        errors, ratios, certain = [0.0, 0.0], np.zeros(2), np.zeros(2)
        for k, (part, volume) in enumerate(zip(self._parts, self._volume, strict=True)):
            if k == 0 and volume < _SMALL and norm == "rms":
                fresh = self._in_region(tree)
            else:
                fresh = part(tree, leaves)
                if k == 0 and volume < _SMALL:
                    fresh = self._in_region(tree, fresh)
            if norm == "max":
                errors[k] = fresh.error(norm)
            else:
                local = part.errors.audited_error(tree)
                errors[k] = math.sqrt((fresh.square + local**2) / volume)
            ratios[k] = (errors[k] / self._allowed[k]) ** 2
            margin = 1.0 if norm == "max" else 1.0 + 2.0 * min(fresh.scatter, 0.25)
            certain[k] = ratios[k] * margin
        return _Found(tree, history, tuple(errors), ratios, certain)

    def _in_region(self, tree: AnyTree, fresh: Verified | None = None) -> Verified:
        """Return what random points in the region tell: of those in its cells few may lie in it."""
        rng = np.random.default_rng([self._parameters.seed, int(Stream.PARTS), tree.n_nodes])
        low, extent = tree.bounds[:, 0], np.diff(tree.bounds)[:, 0]
        points = low + rng.random((_IN_REGION, len(low))) * extent
        inside = self._region.sample(len(points), rng)
        points[:, : inside.shape[1]] = inside
        found = self._parts[0].at(tree, points)
        square = float(found.square.mean()) * self._volume[0]
        mean = max(float(found.square.mean()), _LEAST_RATIO)
        scatter = float(found.square.std()) / mean / math.sqrt(len(points))
        largest = found.largest.max() if fresh is None else max(fresh.largest, found.largest.max())
        return Verified(square, scatter, float(largest), square, scatter)
