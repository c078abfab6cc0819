"""What is measured of a structure: errors against its formula, in units of the range."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pruning_amr as pa
import torch
from structures import Structure, values

POINTS = 10_000


@dataclass(frozen=True)
class Measured:
    """Errors of a structure.

    Attributes
    ----------
    double, single, plain : float
        Largest error of the network in float64, in float32, and of plain PyTorch in float32, over
        the range of the field.
    pruned : float
        Relative L2 error of the pruned network against the formula.
    again : float
        Largest difference of the pruned network when it is saved and loaded, over the range.
    """

    double: float
    single: float
    plain: float
    pruned: float
    again: float


def random_points(bounds, n: int = POINTS) -> np.ndarray:
    """Points that float32 holds exactly."""
    low, high = np.array(bounds, dtype=float).T
    unit = np.random.default_rng(1).random((n, len(low)))
    return (low + unit * (high - low)).astype(np.float32).astype(np.float64)


def evaluated(inr: pa.INR, points: np.ndarray) -> np.ndarray:
    """Values by `pruning_amr.evaluate`, at every time if there is one."""
    if inr.time_axis is None:
        return np.asarray(pa.evaluate(inr, points, values="exact", device="cpu"), float)
    return inr.evaluate(points, "cpu").astype(float)


def measure(structure: Structure, folder: Path, tolerance: float = 1e-2) -> Measured:
    """Load, evaluate, prune, save and load again."""
    path, formula = structure.write(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pa.errors.AssumptionWarning)
        inr = pa.load(path)
    points = random_points(structure.metadata["bounds"])
    exact = values(formula, points, torch.float64)
    extent = np.ptp(exact, axis=0).max()

    def error(found: np.ndarray) -> float:
        return float(np.abs(found.reshape(exact.shape) - exact).max() / extent)

    with torch.no_grad():
        double = inr.chain.to("cpu", torch.float64)(torch.from_numpy(points)).numpy()
    small = pa.prune(inr, tolerance, samples=2000, device="cpu")
    pruned = evaluated(small, points)
    small.save(folder / "small.pt")
    again = evaluated(pa.load(folder / "small.pt"), points)
    return Measured(
        error(double),
        error(evaluated(inr, points)),
        error(values(formula, points, torch.float32)),
        float(np.linalg.norm(pruned.reshape(exact.shape) - exact) / np.linalg.norm(exact)),
        float(np.abs(again - pruned).max() / extent),
    )
