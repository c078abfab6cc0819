"""What is checked at fresh points of a surface that was found: distances, and what was given up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cells import uniform_in_cells
from ..cells.streams import Stream
from .exploration import Exploration
from .scalar_field import ScalarField

DISTANCE_QUANTILE = 0.999
"""Share of the surface that has to be within the tolerance."""


@dataclass(frozen=True)
class Distances:
    """Distances from fresh points of simplices to the level set: ``|f - c| / |grad f|``.

    Attributes
    ----------
    rms, quantile, largest : float
        Root mean square, 99.9 % quantile and maximum.
    n_points : int
    """

    rms: float
    quantile: float
    largest: float
    n_points: int


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
    unit = np.random.default_rng(seed).random((count, simplices.shape[1]))
    chosen = np.searchsorted(np.cumsum(size) / size.sum(), unit[:, 0], side="right")
    chosen = np.minimum(chosen, len(simplices) - 1)
    local = unit[:, 1:]
    if local.shape[1] == 2:
        # The other half of the square is folded back.
        local = np.where(local.sum(axis=1, keepdims=True) > 1, 1.0 - local, local)
    return corners[chosen, 0] + np.einsum("nk,nkd->nd", local, edges[chosen])


def distances_of(points: np.ndarray, value: float, field: ScalarField) -> np.ndarray:
    """Return the distances of points to the level set; of those where the gradient vanishes none.

    Parameters
    ----------
    points : numpy.ndarray, shape (n_points, dimension)
    value : float
    field : ScalarField

    Returns
    -------
    numpy.ndarray, shape (at most n_points,)
    """
    found, gradients = field.values_and_gradients(points)
    slope = np.linalg.norm(gradients, axis=1)
    there = slope > 1e-6 * slope.max(initial=0.0)
    return np.abs(found - value)[there] / slope[there]


def summarize(distances: np.ndarray) -> Distances:
    """Return what is said about distances; nothing but zeros if there are none."""
    if not len(distances):
        return Distances(0.0, 0.0, 0.0, 0)
    return Distances(
        float(np.sqrt(np.mean(distances**2))),
        float(np.quantile(distances, DISTANCE_QUANTILE)),
        float(distances.max()),
        len(distances),
    )


def cells_given_up_in_error(
    exploration: Exploration, field: ScalarField, count: int, number: int, seed: int
) -> tuple[np.ndarray, int]:
    """Sample cells that were given up; return those in which a value on the other side is found.

    Parameters
    ----------
    exploration : Exploration
    field : ScalarField
    count : int
        Of the points, each in another cell, if there are as many.
    number : int
        Of the verification: another one gets other points.
    seed : int

    Returns
    -------
    wrong : numpy.ndarray, shape (n_wrong, dimension)
        Cells of the start lattice.
    n_points : int
    """
    cells = exploration.given_up()
    order = np.argsort(np.random.default_rng(seed + number).random(len(cells)), kind="stable")[
        :count
    ]
    cells = cells.take(order)
    if not len(cells):
        return cells.index, 0
    level, stream = np.zeros(len(cells), np.int64), Stream.VERIFICATION + number
    local = uniform_in_cells(level, cells.index, 1, stream, seed)[:, 0]
    found = field.values(exploration.positions(cells.index + local, 0))
    wrong = (exploration.side_of(found) != exploration.sides(cells.corners[:, 0])).any(axis=1)
    return cells.index[wrong], len(cells)
