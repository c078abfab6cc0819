"""What a level set that was found is worth, at fresh points."""

from __future__ import annotations

import numpy as np

from ..refinement.scalar_field import ScalarField
from ..refinement.surface_verification import distances_of
from .level_set import LevelSet


def distances_at_fresh_points(
    surface: LevelSet, value: float, field: ScalarField, count: int, seed: int
) -> np.ndarray:
    """Return the distances of random points of simplices to the level set, (count,).

    Points are evenly distributed over the area; where the gradient vanishes they are left out.
    """
    if surface.simplices.shape[1] == 1:
        points = surface.points[surface.simplices[:count, 0]]
    else:
        points = points_on_simplices(surface.points, surface.simplices, count, seed)
    return distances_of(points, value, field)


def points_on_simplices(
    points: np.ndarray, simplices: np.ndarray, count: int, seed: int
) -> np.ndarray:
    """Return random points of lines or triangles, evenly distributed over them, (count, d)."""
    if not len(simplices):
        return np.zeros((0, points.shape[1]))
    corners = points[simplices]
    edges = corners[:, 1:] - corners[:, :1]
    # The Gram determinant, so that it does not matter how many dimensions are around.
    size = np.sqrt(np.maximum(np.linalg.det(edges @ edges.transpose(0, 2, 1)), 0.0))
    unit = _random(count, simplices.shape[1], seed)
    chosen = np.searchsorted(np.cumsum(size) / size.sum(), unit[:, 0], side="right")
    chosen = np.minimum(chosen, len(simplices) - 1)
    local = unit[:, 1:]
    if local.shape[1] == 2:
        # The other half of the square is folded back.
        local = np.where(local.sum(axis=1, keepdims=True) > 1, 1.0 - local, local)
    return corners[chosen, 0] + np.einsum("nk,nkd->nd", local, edges[chosen])


def _random(count: int, columns: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((count, columns))
