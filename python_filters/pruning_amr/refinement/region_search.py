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
falls with the power 4 / dimension of the number of cells, so ratio_k goes as
``weight_k^(-1 / (1 + dimension / 4))``: that is the first step, later ones are secants.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..inr import INR
from ..mesh import History, Tree
from ..pruning import DEFAULT_POLICY, Policy
from .cell_errors import CellErrors
from .parameters import RefinementParameters
from .progress import Progress, Watch
from .reconstruction import AnyTree
from .region import IN_REGION, IN_REST, Region, RegionFactor
from .target import Search
from .verification import Verification

_MOST_SEARCHES = 6

_WORTHWHILE = 0.04
"""Another search has to promise to save this share of the cells, or the last one to have saved a
part of it."""

_MARGIN = 1.04
"""By how much a search that follows another asks for less than what is allowed: the parts of the
error scatter more than their sum."""

_LARGEST_STEP = 3.0
"""Of the logarithm of the ratio of the weights."""

_LEAST_POINTS = 16_384
"""Points at which each part is measured, at least."""


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

    @property
    def order(self) -> tuple[float, ...]:
        """Return what is the least for the best mesh."""
        return (0.0, self.tree.n_leaves) if self.met else (1.0, float(self.ratios.max()))


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
    ) -> None:
        self._inr, self._time, self._parameters = inr, time, parameters
        # One for all searches: the time limit is theirs together.
        self._watch = Watch(progress, parameters.time_limit)
        boxes = parameters.region_boxes(inr.spatial_bounds)
        self._roots, self._region = tree, Region.of(boxes, inr.spatial_bounds)
        self.errors = CellErrors(inr, time, parameters, tree, policy)
        self._allowed = np.array([parameters.region_tolerance, parameters.tolerance])
        self._volume = np.array([self._region.share, 1.0 - self._region.share])
        self._parts = [
            None if volume == 0.0 else Verification(inr, time, parameters, self._with(factors))
            for volume, factors in zip(self._volume, (IN_REGION, IN_REST), strict=True)
        ]

    def _with(self, factors: tuple[float, float]) -> CellErrors:
        return self.errors.with_factor(RegionFactor(self._region, factors))

    def run(self, similar: Tree | None = None) -> tuple[AnyTree, History]:
        """Search; return the mesh, and how it was found (see `Search.run`)."""
        best = self._search(np.zeros(0), similar) if self._one_search else self._balanced(similar)
        history, p = best.history, self._parameters
        if best.met and history.stopped_by == "verifications":
            history.stopped_by = "criterion"
        elif not best.met and history.stopped_by == "criterion":
            history.stopped_by = "verifications"
        history.asked_region_error, history.achieved_region_error = (
            p.region_tolerance,
            best.errors[0],
        )
        history.asked_error = history.achieved_error = None
        if self._parts[1] is not None:
            history.asked_error, history.achieved_error = p.tolerance, best.errors[1]
        return best.tree, history

    @property
    def _one_search(self) -> bool:
        """Whether the weights do not matter: every cell meets a maximum; there is no rest."""
        return self._parameters.error_norm == "max" or self._parts[1] is None

    def _balanced(self, similar: Tree | None) -> _Found:
        """Search until both parts are met without much slack; return the best mesh."""
        best: _Found | None = None
        margin, slope, balance = 1.0, 1.0 / (1.0 + len(self._roots.bounds) / 4.0), 0.0
        before: tuple[float, float] | None = None
        for _ in range(_MOST_SEARCHES):
            weights = margin / (1.0 + np.exp([-balance, balance]))
            found = self._search(weights, similar)
            last = best
            if best is None or found.order < best.order:
                best = found
            if found.history.stopped_by in ("user", "time_limit", "max_depth"):
                break
            if found.met and not self._worthwhile(found, last):
                break
            if not (np.isfinite(found.ratios).all() and (found.ratios > 0.0).all()):
                break
            gap = math.log(found.ratios[0] / found.ratios[1])
            if before is not None and abs(balance - before[0]) > 1e-3:
                secant = (before[1] - gap) / (balance - before[0])
                slope = min(max(secant, 0.25 * slope), 4.0 * slope)
            before = balance, gap
            step = min(max(gap / slope, -_LARGEST_STEP), _LARGEST_STEP)
            balance, similar = balance + step, found.tree
            # What is missed although both parts are alike is asked for in advance.
            margin = max(_MARGIN, margin * min(float(found.certain.min()), 1.2))
        return best

    def _worthwhile(self, found: _Found, best: _Found | None) -> bool:
        """Tell whether another search may do with fewer cells than one that met both tolerances."""
        n_cells, tree = found.tree.n_leaves, found.tree
        if (
            best is not None
            and best.met
            and n_cells > (1.0 - _WORTHWHILE / 2.0) * best.tree.n_leaves
        ):
            # Such as where all cells of a part are as coarse as they may be.
            return False
        leaves = np.flatnonzero(tree.first_child < 0)
        inside = self._region.fraction(tree.lower_corner(leaves), tree.node_size(leaves)).sum()
        needed = np.minimum(found.certain, 1.0) ** (len(tree.bounds) / 4.0)
        return [inside, n_cells - inside] @ (1.0 - needed) > _WORTHWHILE * n_cells

    def _search(self, weights: np.ndarray, similar: Tree | None) -> _Found:
        """Return the mesh for weights, or for factors that meet both tolerances everywhere."""
        p = self._parameters
        squares = (p.tolerance / self._allowed) ** 2
        if len(weights):
            squares = squares * weights / self._volume
        inside, outside = np.sqrt(squares).tolist()
        roots, errors = self._roots, self._with((inside, outside))
        roots = type(roots).regular(roots.bounds, roots.root_resolution)
        search = Search.with_errors(self._inr, self._time, roots, errors, self._watch)
        return self._measured(*search.run(similar))

    def _measured(self, tree: AnyTree, history: History) -> _Found:
        """Return a mesh with the errors of its parts, at fresh points."""
        norm = self._parameters.error_norm
        leaves = np.flatnonzero(tree.first_child < 0)
        errors, ratios, certain = [0.0, 0.0], np.zeros(2), np.zeros(2)
        for k, (part, volume) in enumerate(zip(self._parts, self._volume, strict=True)):
            if part is None:
                continue
            fresh = part(tree, leaves, least=_LEAST_POINTS)
            if norm == "max":
                errors[k] = fresh.error(norm)
            else:
                local = part.errors.audited_error(tree)
                errors[k] = math.sqrt((fresh.square + local**2) / volume)
            ratios[k] = (errors[k] / self._allowed[k]) ** 2
            margin = 1.0 if norm == "max" else 1.0 + 2.0 * min(fresh.scatter, 0.25)
            certain[k] = ratios[k] * margin
        return _Found(tree, history, tuple(errors), ratios, certain)
