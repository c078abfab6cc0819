"""The field as a search samples it: by the whole network, or by networks pruned in cells."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np

from ..inr import Evaluator
from ..inr.chain import Chain
from ..mesh import SpaceTimeTree, Tree
from ..pruning import (
    DEFAULT_POLICY,
    PointEvaluator,
    Policy,
    Reference,
    make_point_evaluator,
    relative_rms,
)
from .known_field import KnownField
from .parameters import RefinementParameters

_POINTS_PER_CELL = 20
"""Points that a search asks for, for each cell of the mesh it ends with."""

_AUDITED = 16_384
"""Points at which local networks are compared with the original one."""

_ROOT_CELLS = 1 << 18
"""Root grids with more cells are too fine to prune in."""


class SampledField:
    """A field at one time, or over space and time, and the networks it is sampled by.

    Parameters
    ----------
    chain : Chain
        The whole network: of space at one time, or of space and then time.
    parameters : RefinementParameters
    scale : numpy.ndarray, shape (n_outputs,)
        What errors of each output are divided by.
    tree : Tree or SpaceTimeTree
        The root grid.
    policy : Policy
        When networks pruned in cells are worth their cost.
    known : KnownField, optional
        What is closed once such networks give values.
    """

    def __init__(
        self,
        chain: Chain,
        parameters: RefinementParameters,
        scale: np.ndarray,
        tree: Tree | SpaceTimeTree,
        policy: Policy = DEFAULT_POLICY,
        known: KnownField | None = None,
    ) -> None:
        self._parameters, self._scale, self._policy = parameters, scale, policy
        self._known = known
        self._roots, self._bounds = tree.root_resolution, tree.bounds
        self.exact = Evaluator(chain, parameters.device, parameters.memory_mb)
        self.local: PointEvaluator | None = None
        over_time = isinstance(tree, SpaceTimeTree)
        self._tried = (
            parameters.networks == "full"
            # Of cells of four dimensions few have a small network.
            or (over_time and parameters.networks == "auto")
            or parameters.error_norm == "max"
            or math.prod(self._roots) > _ROOT_CELLS
        )

    def expect(self, n_points: int, growth: float = 1.0) -> None:
        """Say how many points are asked for, so that local networks are made if they will pay.

        Only then: which networks give a value must not depend on how points are batched.

        Parameters
        ----------
        n_points : int
            Points asked for so far and in the next step.
        growth : float
            How many times that will probably be asked for in the end.
        """
        p = self._parameters
        foreseeable = n_points >= self._policy.foreseeable_points
        n_points = max(n_points, min(n_points * growth, _POINTS_PER_CELL * p.max_cells))
        if self._tried or not foreseeable or n_points < self._policy.search_points:
            return
        self._tried = True
        n_points = max(n_points, self._policy.least_points)
        reference = Reference.of(self.exact, self._bounds, self._scale, self._roots, p.seed)
        allowed = p.local_share * p.finest_tolerance
        local = make_point_evaluator(reference, allowed, n_points, True, self._policy)
        self.local = local if local.plan.steps else None
        if self.local is not None and self._known is not None:
            self._known.close()

    def numpy(self, points: np.ndarray, level: int | np.ndarray) -> np.ndarray:
        """Evaluate at points that sample cells of some level, or of one level each.

        Parameters
        ----------
        points : numpy.ndarray, shape (n_points, dimension)
        level : int or numpy.ndarray, shape (n_points,)

        Returns
        -------
        numpy.ndarray, shape (n_points, n_outputs), float32
        """
        if self.local is None:
            return self.exact.numpy(points)
        return self.local.numpy(points, np.broadcast_to(level, len(points)))

    def audited_error(
        self,
        tree: Tree | SpaceTimeTree,
        factor: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> float:
        """Return the error of the values that samples of a mesh got, relative.

        Measured at random points of the domain, against the original network; 0 without local
        networks. `factor`, of points, (n, n_axes) -> (n,), multiplies errors.
        """
        if self.local is None:
            return 0.0
        points, exact = self._audit
        found = self.local.numpy(points, tree.sampling_level(tree.locate(points)))
        if factor is not None:
            found = exact + factor(points)[:, None] * (found.astype(np.float64) - exact)
        return relative_rms(found, exact, self._scale)

    @cached_property
    def _audit(self) -> tuple[np.ndarray, np.ndarray]:
        unit = np.random.default_rng(self._parameters.seed).random((_AUDITED, len(self._bounds)))
        points = self._bounds[:, 0] + unit * np.diff(self._bounds)[:, 0]
        return points, self.exact.numpy(points)
