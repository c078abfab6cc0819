"""Making the evaluators: how far pruning and interpolation pay is found out by trials."""

from __future__ import annotations

import torch

from ..local.cell_networks import STEADY, STEADY_GRID, CellNetworks
from ..local.plan import DEFAULT_POLICY, Policy
from ..local.planning import make_plan
from ..local.reference import Reference
from .dense_grid import NETWORK_SHARE, Interpolated, levels_to_interpolate
from .grid_evaluator import GridEvaluator
from .point_evaluator import PointEvaluator


def make_grid_evaluator(
    reference: Reference,
    allowed: float,
    n_points: float,
    steered: bool = False,
    policy: Policy = DEFAULT_POLICY,
) -> GridEvaluator:
    """Return what evaluates a network on a grid through the networks of cells.

    Parameters
    ----------
    reference : Reference
    allowed : float
        Root mean square of the relative error the values may have.
    n_points : float
        Points of the grid: they decide how far pruning and interpolation pay.
    steered : bool
        See `GridEvaluator`.
    policy : Policy
    """
    with torch.inference_mode():
        interpolated = Interpolated(range(0), 0.0, n_points)
        if n_points:
            interpolated = levels_to_interpolate(reference, allowed, n_points, policy)
        if len(interpolated.levels):
            allowed *= NETWORK_SHARE
        plan = make_plan(reference, allowed, interpolated.n_evaluated, policy=policy)
        cells = CellNetworks(reference, plan)
        cells.calibrate(STEADY_GRID if steered else STEADY)
    return GridEvaluator(cells, interpolated, steered)


def make_point_evaluator(
    reference: Reference,
    allowed: float,
    n_points: float,
    piecemeal: bool = False,
    policy: Policy = DEFAULT_POLICY,
) -> PointEvaluator:
    """Return what evaluates a network at points through the networks of cells.

    Arguments are those of `make_grid_evaluator`, but that points are spread evenly, and that
    `piecemeal` says whether they come in many calls, with the levels they sample.
    """
    with torch.inference_mode():
        plan = make_plan(reference, allowed, n_points, piecemeal, policy)
        cells = CellNetworks(reference, plan)
        cells.calibrate()
    return PointEvaluator(cells)
