"""Splitting the simplices of a level set where it bends, without cracks.

An edge is split in the middle; both simplices beside it then have the new vertex. The first guess
of its place is on the curve that leaves both ends across their normals: Vlachos, Peters, Boyd,
Mitchell: Curved PN triangles, I3D 2001. From there it is moved onto the level set.
"""

from __future__ import annotations

import numpy as np

from ..refinement.scalar_field import ScalarField
from .level_set import LevelSet, put_on_level_set
from .simplices import edges_of

_PARTS = {
    0: ((0, 1, 2),),
    1: ((0, 3, 2), (3, 1, 2)),
    7: ((0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)),
}
"""Triangles by which edges are split (bits: 01, 12, 20); corners 3, 4, 5 are their middles."""


def split_where_bent(
    surface: LevelSet, value: float, field: ScalarField, bounds: np.ndarray, deviation: float
) -> LevelSet:
    """Split the edges from whose middle the level set is further than a distance.

    Parameters
    ----------
    surface : LevelSet
    value : float
    field : ScalarField
    bounds : numpy.ndarray, shape (dimension, 2)
    deviation : float
        The distance, as the normals at both ends tell it.

    Returns
    -------
    LevelSet
        The same one if no edge is bent so far.
    """
    edges, of_simplices, count = edges_of(surface.simplices)
    ends, normals = surface.points[edges], surface.normals[edges]
    chord = ends[:, 1] - ends[:, 0]
    rise = np.einsum("eki,ei->ek", normals, chord)
    bent = np.abs(rise[:, 1] - rise[:, 0]) / 8 > deviation
    if not bent.any():
        return surface
    guess = ends.mean(axis=1) + (rise[:, 1:] * normals[:, 1] - rise[:, :1] * normals[:, 0]) / 8
    held = _held(ends, count, bounds)[bent]
    guess = np.where(held, ends[bent, 0], guess[bent])
    length = np.linalg.norm(chord[bent], axis=1)
    points, gradients = put_on_level_set(
        np.clip(guess, *bounds.T), value, field, bounds, 0.25 * length, held, deviation / 4
    )
    middle = np.full(len(edges), -1, np.int64)
    middle[bent] = len(surface.points) + np.arange(len(points))
    all_points = np.concatenate([surface.points, points])
    split = _split_lines if surface.simplices.shape[1] == 2 else _split_triangles
    return LevelSet(
        all_points,
        np.concatenate([surface.gradients, gradients]),
        split(surface.simplices, middle[of_simplices], all_points),
    )


def _held(ends: np.ndarray, count: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Return the coordinates that the middles of edges in the boundary of the domain keep."""
    same = (ends[:, 0] == ends[:, 1]) & (
        (ends[:, 0] == bounds[:, 0]) | (ends[:, 0] == bounds[:, 1])
    )
    return same & (count == 1)[:, None]


def _split_lines(lines: np.ndarray, middle: np.ndarray, points: np.ndarray) -> np.ndarray:
    whole, split = lines[middle[:, 0] < 0], middle[:, 0] >= 0
    a, b, m = lines[split, 0], lines[split, 1], middle[split, 0]
    return np.concatenate([whole, np.stack([a, m], axis=1), np.stack([m, b], axis=1)])


def _split_triangles(triangles: np.ndarray, middle: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return triangles split in 2, 3 or 4 by the middles of their edges, -1 where there is none."""
    code = (middle >= 0) @ np.array([1, 2, 4])
    parts = []
    for bits in range(8):
        here = code == bits
        turned, n = _turned(bits)
        corners = np.roll(triangles[here], -turned, axis=1)
        middles = np.roll(middle[here], -turned, axis=1)
        six = np.concatenate([corners, middles], axis=1)
        if n == 3:
            parts.extend(_split_in_three(six, points))
        else:
            parts.extend(six[:, list(part)] for part in _PARTS[n])
    return np.concatenate(parts)


def _turned(bits: int) -> tuple[int, int]:
    """Return by how many corners to turn a triangle so that its split edges come first."""
    for turned in range(3):
        seen = sum(((bits >> ((i + turned) % 3)) & 1) << i for i in range(3))
        if seen in (0, 1, 3, 7):
            return turned, seen
    raise AssertionError(bits)


def _split_in_three(six: np.ndarray, points: np.ndarray) -> list[np.ndarray]:
    """Split triangles at edges 01 and 12; the quadrangle left along its shorter diagonal."""
    place = points[six[:, :5]]
    one = np.linalg.norm(place[:, 0] - place[:, 4], axis=1)
    other = np.linalg.norm(place[:, 3] - place[:, 2], axis=1)
    a, b = six[one <= other], six[one > other]
    return [
        six[:, [3, 1, 4]],
        a[:, [0, 3, 4]],
        a[:, [0, 4, 2]],
        b[:, [0, 3, 2]],
        b[:, [3, 4, 2]],
    ]
