"""Values of a field through local networks, checked against the original network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...errors import ParameterError
from ...inr import DEFAULT_MEMORY_MB, Evaluator
from ...inr.chain import Chain
from ..local.plan import DEFAULT_POLICY, Plan, Policy
from ..local.reference import Reference
from ..local.statistics import NetworkStatistics
from .factory import make_grid_evaluator, make_point_evaluator
from .grid_evaluator import GridEvaluator, Report
from .point_evaluator import PointEvaluator

_CHECKED = 16_384
"""Points at which values are compared with those of the original network."""

_ATTEMPTS = 3

_AIM_AGAIN = 0.7


@dataclass(frozen=True)
class LocalValues:
    """Values of a field, and how they were found.

    Attributes
    ----------
    values : numpy.ndarray, float32
    tolerance : float
        Root mean square of the relative error that was allowed.
    error : float
        That found at `_CHECKED` of the points; 0 if the original network gave all values.
    plan : Plan
    statistics : NetworkStatistics
    interpolated_levels : tuple of int
        Levels of the blocks of a grid that were interpolated where the field is smooth.
    """

    values: np.ndarray
    tolerance: float
    error: float
    plan: Plan
    statistics: NetworkStatistics
    interpolated_levels: tuple[int, ...] = ()

    @property
    def is_original(self) -> bool:
        """Whether all values are those of the original network."""
        return not self.plan.steps and not self.interpolated_levels


@dataclass(frozen=True)
class LocalEvaluation:
    """How a field is evaluated through local networks.

    Attributes
    ----------
    chain : Chain
    bounds : numpy.ndarray, shape (n_inputs, 2)
    scale : numpy.ndarray, shape (n_outputs,)
        What errors of each output are divided by.
    tolerance : float
        Root mean square of the relative error the values may have; 0 takes the original
        network for all.
    device : str
    memory_mb : float
    seed : int
    policy : Policy
    """

    chain: Chain
    bounds: np.ndarray
    scale: np.ndarray
    tolerance: float
    device: str = "auto"
    memory_mb: float = DEFAULT_MEMORY_MB
    seed: int = 0
    policy: Policy = DEFAULT_POLICY

    def at_points(self, points: np.ndarray) -> LocalValues:
        """Evaluate at points in any order, shape (n_points, n_inputs) -> (n_points, n_outputs).

        Raises
        ------
        ParameterError
            If the shape of `points` is another one.
        """
        points = np.asarray(points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != len(self.bounds):
            raise ParameterError(
                f"points have shape {points.shape}; expected (n_points, {len(self.bounds)}), one "
                "coordinate for each input."
            )
        chosen = self._chosen(len(points))

        def make(allowed: float, n_points: int) -> PointEvaluator:
            return make_point_evaluator(self._reference, allowed, n_points, policy=self.policy)

        return self._checked(
            make,
            lambda evaluator: (evaluator.numpy(points), ()),
            lambda values: (values[chosen], points[chosen]),
            len(points),
        )

    def on_grid(
        self,
        axes: Sequence[np.ndarray],
        part: Sequence[slice] | None = None,
        report: Report | None = None,
    ) -> LocalValues:
        """Evaluate at the points of a rectilinear grid (see `GridEvaluator`).

        Parameters
        ----------
        axes : sequence of numpy.ndarray
            Ascending coordinates along each axis.
        part : sequence of slice, optional
            Which of them are wanted. The networks are then those of any other part: values do not
            depend on it, but for the check.
        report : callable, optional
        """
        wanted = [a[s] for a, s in zip(axes, part, strict=True)] if part else list(axes)
        shape = tuple(len(a) for a in reversed(wanted))
        places = np.unravel_index(self._chosen(math.prod(shape)), shape)
        points = np.stack([a[i] for a, i in zip(wanted, reversed(places), strict=True)], axis=1)

        def make(allowed: float, n_points: int) -> GridEvaluator:
            return make_grid_evaluator(
                self._reference, allowed, n_points, part is None, self.policy
            )

        return self._checked(
            make,
            lambda evaluator: (evaluator(wanted, report), tuple(evaluator.interpolated.levels)),
            lambda values: (values[places], points),
            math.prod(len(a) for a in axes),
        )

    @cached_property
    def _reference(self) -> Reference:
        evaluator = Evaluator(self.chain, self.device, self.memory_mb)
        return Reference.of(evaluator, self.bounds, self.scale, seed=self.seed)

    def _chosen(self, n_points: int) -> np.ndarray:
        if n_points <= _CHECKED:
            return np.arange(n_points)
        return np.random.default_rng(self.seed).integers(0, n_points, _CHECKED)

    def _checked(
        self,
        make: Callable[[float, int], PointEvaluator | GridEvaluator],
        compute: Callable[[Any], tuple[np.ndarray, tuple[int, ...]]],
        some: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
        n_points: int,
    ) -> LocalValues:
        """Compute values; again with more accurate networks if they miss the tolerance.

        `make` makes an evaluator, `compute` takes its values and the levels that were interpolated,
        `some` chooses values and their points.
        """
        allowed = self.tolerance
        for attempt in range(_ATTEMPTS + 1):
            # In the end the original network itself.
            exact = attempt == _ATTEMPTS or self.tolerance == 0.0
            evaluator = make(allowed or 1.0, 0 if exact else n_points)
            values, levels = compute(evaluator)
            plan, statistics = evaluator.plan, evaluator.statistics
            if evaluator.is_original:
                return LocalValues(values, self.tolerance, 0.0, plan, statistics)
            found, points = some(values)
            error = relative_rms(found, evaluator.exact.numpy(points), self.scale)
            if error <= self.tolerance:
                return LocalValues(values, self.tolerance, error, plan, statistics, levels)
            allowed *= _AIM_AGAIN * self.tolerance / error
        raise AssertionError("the original network has no error")


def relative_rms(found: np.ndarray, exact: np.ndarray, scale: np.ndarray) -> float:
    """Return the root mean square of relative errors where the exact values are numbers."""
    finite = np.isfinite(exact).all(axis=1)
    error = (found[finite].astype(np.float64) - exact[finite]) / scale
    rms = math.sqrt(np.mean(error**2)) if error.size else 0.0
    return rms if math.isfinite(rms) else math.inf
