"""Clipping convex polygons by half-planes, all at once, without cracks between them."""

from __future__ import annotations

import numpy as np


def clipped(
    points: np.ndarray, polygons: np.ndarray, sides: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clip convex polygons that share points by half-planes, one after another.

    Where an edge crosses a side there is one new point, which the polygons at the edge share. Its
    place follows from the ends of the edge alone.

    Parameters
    ----------
    points : numpy.ndarray, shape (n_points, 2)
    polygons : numpy.ndarray, shape (n_polygons, n), int64
        Points in turn, -1 after the last of them.
    sides : numpy.ndarray, shape (n_sides, 3)
        Kept is where ``a @ p + c >= 0``, of ``(a, c)`` with a of unit length.
    tolerance : float
        Points that are not farther from a side lie on it.

    Returns
    -------
    points : numpy.ndarray, shape (n_points + n_new, 2)
    polygons : numpy.ndarray, shape (n_kept, m), int64
        Those with something inside, m >= n.
    origin : numpy.ndarray, shape (n_kept,), int64
        Which polygon each is a part of.
    """
    origin = np.arange(len(polygons))
    for side in sides:
        distance = points @ side[:2] + side[2]
        distance[np.abs(distance) <= tolerance] = 0.0
        there = polygons >= 0
        at = np.where(there, distance[polygons], 0.0)
        kept = (at > 0.0).any(axis=1)
        polygons, origin, at = polygons[kept], origin[kept], at[kept]
        cut = np.flatnonzero((at < 0.0).any(axis=1))
        if not len(cut):
            continue
        points, parts = _cut(points, polygons[cut], distance)
        wider = max(polygons.shape[1], parts.shape[1])
        polygons = _widened(polygons, wider)
        polygons[cut] = _widened(parts, wider)
    return points, polygons, origin


def _cut(
    points: np.ndarray, polygons: np.ndarray, distance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cut polygons that lie on both sides of a line; return the points there are then, and parts.

    Parameters
    ----------
    points : numpy.ndarray, shape (n_points, 2)
    polygons : numpy.ndarray, shape (n, n_corners), int64
    distance : numpy.ndarray, shape (n_points,)
        Of points to the line, above 0 on the side that is kept.
    """
    there = polygons >= 0
    following = np.roll(polygons, -1, axis=1)
    following = np.where(following >= 0, following, polygons[:, :1])
    here, after = distance[polygons], distance[following]
    crosses = there & (here * after < 0.0)
    # Both polygons at an edge name its ends in the same order.
    ends = np.sort(np.stack([polygons[crosses], following[crosses]], axis=1), axis=1)
    edges, number = np.unique(ends, axis=0, return_inverse=True)
    start, stop = distance[edges[:, 0]], distance[edges[:, 1]]
    part = (start / (start - stop))[:, None]
    new = points[edges[:, 0]] * (1.0 - part) + points[edges[:, 1]] * part
    # After every corner that is kept, or not, there may be a new point.
    parts = np.full((len(polygons), 2 * polygons.shape[1]), -1, np.int64)
    parts[:, ::2] = np.where(there & (here >= 0.0), polygons, -1)
    crossing = np.full(polygons.shape, -1, np.int64)
    crossing[crosses] = len(points) + number.reshape(-1)
    parts[:, 1::2] = crossing
    order = np.argsort(parts < 0, axis=1, kind="stable")
    parts = np.take_along_axis(parts, order, axis=1)
    used = int(np.count_nonzero(parts >= 0, axis=1).max())
    return np.concatenate([points, new]), parts[:, :used]


def _widened(polygons: np.ndarray, width: int) -> np.ndarray:
    missing = width - polygons.shape[1]
    return np.pad(polygons, [(0, 0), (0, missing)], constant_values=-1)


def triangulated(polygons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return convex polygons as triangles around their first corners.

    Parameters
    ----------
    polygons : numpy.ndarray, shape (n_polygons, n), int64
        Points in turn, -1 after the last of them.

    Returns
    -------
    triangles : numpy.ndarray, shape (n_triangles, 3), int64
    origin : numpy.ndarray, shape (n_triangles,), int64
        Which polygon each is a part of, in their order.
    """
    n, corners = polygons.shape
    fan = np.stack(
        [
            np.repeat(polygons[:, :1], max(corners - 2, 0), axis=1),
            polygons[:, 1:-1],
            polygons[:, 2:],
        ],
        axis=2,
    )
    there = fan[:, :, 2] >= 0
    return fan[there], np.repeat(np.arange(n), there.sum(axis=1))
