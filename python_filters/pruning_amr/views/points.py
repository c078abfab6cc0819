"""A field and its gradient at points."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ..errors import ParameterError
from ..inr import INR, Evaluator
from ..mesh import error_scale
from ..pruning import LocalEvaluation
from ..refinement import Progress, Watch
from .parameters import EvaluationParameters

_AT_ONCE = 1 << 17
"""Points between two looks at whether the user wants to stop."""

_FEW = 1 << 14
"""For fewer points no network is pruned: finding the range of the field takes longer."""

_FLOAT32_ROUNDING = 2e-7
"""Of coordinates; points on the edge of the domain are inside it as float32 too."""


@dataclass(frozen=True)
class PointValues:
    """A field at points.

    Attributes
    ----------
    values : numpy.ndarray, shape (n_points, n_outputs), float32
    gradients : numpy.ndarray or None, shape (n_points, n_outputs, n_coordinates), float32
        Derivatives of each output by each coordinate, in units of the field.
    inside : numpy.ndarray or None, shape (n_points,), bool
        Which points lie in the domain of the field, if that was asked for.
    error : float or None
        Root mean square of the relative error that local networks brought; None if the whole
        network gave the values.
    """

    values: np.ndarray
    gradients: np.ndarray | None = None
    inside: np.ndarray | None = None
    error: float | None = None


def evaluate_at(
    inr: INR,
    points: np.ndarray,
    parameters: EvaluationParameters,
    time: float | None = None,
    progress: Progress | None = None,
) -> PointValues:
    """Evaluate a field at points, in any order; outside its domain as the network continues it.

    Parameters
    ----------
    inr : INR
    points : numpy.ndarray, shape (n_points, dimension) or (n_points, n_inputs)
        Coordinates in space, at `time`; or in the order of all inputs of the network.
    parameters : EvaluationParameters
    time : float, optional
        By default the first time step.
    progress : callable, optional
        See `pruning_amr.refinement.Progress`.

    Raises
    ------
    ParameterError
        If the shape of `points` is another one.
    MetadataError
        If the bounds of the field are not known.
    Stopped
        If `progress` asks for it.
    """
    if _is_space(inr, points):
        chain, bounds = inr.chain_at(time), inr.spatial_bounds
    else:
        chain, bounds = inr.chain, inr.checked_bounds()
    if points.ndim != 2 or points.shape[1] != len(bounds):
        raise ParameterError(
            f"points have shape {points.shape}; expected (n_points, {len(bounds)}), one coordinate "
            "for each input."
        )
    watch, p = Watch(progress, 0.0), parameters
    watch(0.0, "INR Evaluate: evaluating points")
    if p.values == "local" and not p.gradient and len(points) > _FEW:
        # In parallel every process has points of its own, and plans for them.
        scale = error_scale(inr, "value_range")
        local = LocalEvaluation(
            chain, bounds, scale, p.tolerance, p.device, p.memory_mb, p.seed
        ).at_points(points)
        return PointValues(local.values, error=None if local.is_original else local.error)
    evaluator = Evaluator(chain, p.device, p.memory_mb)
    values = np.empty((len(points), chain.n_outputs), np.float32)
    gradients = np.empty((*values.shape, chain.n_inputs), np.float32) if p.gradient else None
    for start in range(0, len(points), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        part = torch.from_numpy(np.ascontiguousarray(points[some]))
        if gradients is None:
            values[some] = evaluator(part).cpu().numpy()
        else:
            found = evaluator.with_gradients(part)
            values[some], gradients[some] = (a.cpu().numpy() for a in found)
        watch(min(some.stop, len(points)) / len(points), "INR Evaluate: evaluating points")
    return PointValues(values, gradients)


def evaluate_inside(
    inr: INR,
    points: np.ndarray,
    parameters: EvaluationParameters,
    time: float | None = None,
    progress: Progress | None = None,
) -> PointValues:
    """Evaluate a field at those points that lie in its domain; elsewhere values are NaN.

    The arguments are those of `evaluate_at`. Gradients are by the coordinates in space only.
    """
    of_space = _is_space(inr, points)
    inside = is_inside(points, inr.spatial_bounds if of_space else inr.checked_bounds())
    all_inside = bool(inside.all())
    asked = points if all_inside else points[inside]
    found = evaluate_at(inr, asked, parameters, time, progress)

    def everywhere(part: np.ndarray) -> np.ndarray:
        if all_inside:
            return part
        spread = np.full((len(points), *part.shape[1:]), np.nan, np.float32)
        spread[inside] = part
        return spread

    gradients = found.gradients
    if gradients is not None:
        gradients = everywhere(gradients if of_space else gradients[..., inr.spatial_axes])
    return replace(found, values=everywhere(found.values), gradients=gradients, inside=inside)


def is_inside(points: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Tell which points lie in a box, its surface included, shape (n_points,).

    Parameters
    ----------
    points : numpy.ndarray, shape (n_points, n)
        May have been rounded to float32.
    bounds : numpy.ndarray, shape (n, 2)
    """
    slack = _FLOAT32_ROUNDING * np.abs(bounds).max(axis=1)
    return ((points >= bounds[:, 0] - slack) & (points <= bounds[:, 1] + slack)).all(axis=1)


def _is_space(inr: INR, points: np.ndarray) -> bool:
    """Tell whether points are given in space alone, to be taken at a time."""
    return inr.time_axis is None or points.shape[-1] != len(inr.inputs)
