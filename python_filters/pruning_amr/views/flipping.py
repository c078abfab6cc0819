"""Flipping edges of triangles that do not face along the gradient.

Moving vertices onto the surface can turn a thin triangle over. With its longest edge exchanged for
the other diagonal of the two triangles beside it, both face the right way in most cases.
"""

from __future__ import annotations

import numpy as np

from .level_set import LevelSet
from .simplices import edges_of

_ROUNDS = 4


def turned_triangles(surface: LevelSet) -> np.ndarray:
    """Return which triangles do not face along the gradient, (n_triangles,), bool."""
    if surface.simplices.shape[1] != 3:
        return np.zeros(len(surface.simplices), bool)
    return _along(surface.points, surface.normals, surface.simplices) < 0


def flip_turned(surface: LevelSet) -> LevelSet:
    """Return a surface with the edges of turned triangles flipped where that turns them back."""
    turned = np.flatnonzero(turned_triangles(surface))
    if not len(turned):
        return surface
    points, normals, triangles = surface.points, surface.normals, surface.simplices.copy()
    for _ in range(_ROUNDS):
        # All that is beside one of them, or has an edge that a flip might make, is around it.
        of_turned = np.zeros(len(points), bool)
        of_turned[triangles[turned]] = True
        around = np.flatnonzero(of_turned[triangles].any(axis=1))
        flipped = _flipped(points, normals, triangles[around], np.searchsorted(around, turned))
        if flipped is None:
            break
        triangles[around] = flipped
        turned = around[_along(points, normals, flipped) < 0]
    return LevelSet(points, surface.gradients, triangles)


def _flipped(
    points: np.ndarray, normals: np.ndarray, triangles: np.ndarray, turned: np.ndarray
) -> np.ndarray | None:
    """Return triangles with some edges of turned ones flipped, None if there are none to flip."""
    edges, of_triangles, count = edges_of(triangles)
    corners = points[triangles[turned]]
    length = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2)
    side = length.argmax(axis=1)
    edge = of_triangles[turned, side]
    beside = _beside(of_triangles, edge, turned, len(edges))
    keep = (count[edge] == 2) & (beside >= 0)
    turned, side, edge, beside = turned[keep], side[keep], edge[keep], beside[keep]
    rows = np.arange(len(turned))
    a, b, c = (triangles[turned][rows, (side + i) % 3] for i in range(3))
    other = triangles[beside]
    d = other[(other != a[:, None]) & (other != b[:, None])].reshape(-1)
    first, second = np.stack([a, d, c], axis=1), np.stack([d, b, c], axis=1)
    scale = len(points)
    across = np.minimum(c, d) * scale + np.maximum(c, d)
    better = np.minimum(_along(points, normals, first), _along(points, normals, second)) > 0
    better &= ~np.isin(across, edges[:, 0] * scale + edges[:, 1])
    # No triangle, and no new edge, is part of two flips.
    taken = np.full(len(triangles), len(turned))
    for part in (turned, beside):
        np.minimum.at(taken, part[better], rows[better])
    better &= (taken[turned] == rows) & (taken[beside] == rows)
    chosen = np.flatnonzero(better)
    chosen = chosen[np.unique(across[chosen], return_index=True)[1]]
    if not len(chosen):
        return None
    result = triangles.copy()
    result[turned[chosen]], result[beside[chosen]] = first[chosen], second[chosen]
    return result


def _beside(of_triangles: np.ndarray, edge: np.ndarray, own: np.ndarray, n: int) -> np.ndarray:
    """Return the other triangle at each edge, -1 where there is none."""
    number = np.repeat(np.arange(len(of_triangles)), 3)
    flat = of_triangles.reshape(-1)
    total = np.bincount(flat, number, minlength=n).astype(np.int64)
    other = total[edge] - own
    return np.where((other >= 0) & (other < len(of_triangles)), other, -1)


def _along(points: np.ndarray, normals: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return the normals of triangles times the gradient."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    mean = sum(normals[triangles[:, i]] for i in range(3))
    return np.einsum("ij,ij->i", np.cross(b - a, c - a), mean)
