"""What a level set that was found is worth, at fresh points."""

from __future__ import annotations

import numpy as np

from ..refinement.scalar_field import ScalarField
from ..refinement.surface_verification import distances_of, points_on_simplices
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
