"""The field as a search samples it: by the whole network, or by networks pruned in cells."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..inr import INR, Evaluator
from ..inr.chain import Chain
from ..pruning import LocalEvaluation, NestedEvaluator, relative_rms
from .error_scale import error_scale
from .parameters import RefinementParameters
from .tree import Tree

if TYPE_CHECKING:
    from .space_time_tree import SpaceTimeTree

_WORTHWHILE_POINTS = 3_000_000
"""Before a search has asked for so many points, pruning would cost more than it saves."""

_FORESEEABLE_POINTS = 100_000
"""Before a search has asked for so many, how many it will ask for cannot be told."""

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
    """

    def __init__(
        self,
        chain: Chain,
        parameters: RefinementParameters,
        scale: np.ndarray,
        tree: Tree | SpaceTimeTree,
    ) -> None:
        self._parameters, self._scale = parameters, scale
        self._roots, self._bounds = tree.root_resolution, tree.bounds
        self.exact = Evaluator(chain, parameters.device, parameters.memory_mb)
        self.local: NestedEvaluator | None = None
        self._tried = (
            parameters.networks == "full"
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
        foreseeable = n_points >= _FORESEEABLE_POINTS
        n_points = max(n_points, min(n_points * growth, _POINTS_PER_CELL * p.max_cells))
        if self._tried or not foreseeable or n_points < _WORTHWHILE_POINTS:
            return
        self._tried = True
        local = NestedEvaluator(
            self.exact.chain,
            self._bounds,
            self._scale,
            p.local_share * p.tolerance,
            n_points,
            self._roots,
            p.device,
            p.memory_mb,
            p.seed,
            piecemeal=True,
        )
        self.local = local if local.plan.steps else None

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

    def audited_error(self, tree: Tree | SpaceTimeTree) -> float:
        """Return the error of the values that samples of a mesh got, relative.

        Measured at random points of the domain, against the original network; 0 without local
        networks.
        """
        if self.local is None:
            return 0.0
        points, exact = self._audit
        found = self.local.numpy(points, tree.sampling_level(tree.locate(points)))
        return relative_rms(found, exact, self._scale)

    @cached_property
    def _audit(self) -> tuple[np.ndarray, np.ndarray]:
        unit = np.random.default_rng(self._parameters.seed).random((_AUDITED, len(self._bounds)))
        points = self._bounds[:, 0] + unit * np.diff(self._bounds)[:, 0]
        return points, self.exact.numpy(points)


def output_evaluation(
    inr: INR, time: float | None, parameters: RefinementParameters
) -> LocalEvaluation:
    """Return how values of the output are found, as the parameters say."""
    p, scale = parameters, error_scale(inr, parameters.error_formula)
    share = p.local_share * p.tolerance if p.values == "local" else 0.0
    return LocalEvaluation(
        inr.chain_at(time), inr.spatial_bounds, scale, share, p.device, p.memory_mb, p.seed
    )
