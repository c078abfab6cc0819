"""Clipping convex polygons by half-planes, all at once, without cracks between them.

Of the cells of a mesh, those that are cut become triangles around their centres, with the edges
that the cut made in halves. Linear functions on triangles across a whole cell may be several times
as wrong as the bilinear one of the cell, which is what met a tolerance; on these they are not.
"""

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
    following = _following(polygons)
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
    return np.concatenate([points, new]), _compact(parts)


def _widened(polygons: np.ndarray, width: int) -> np.ndarray:
    missing = width - polygons.shape[1]
    return np.pad(polygons, [(0, 0), (0, missing)], constant_values=-1)


def fanned(
    points: np.ndarray, polygons: np.ndarray, sides: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return clipped polygons as triangles around their centres, edges on the sides in halves.

    Parameters
    ----------
    points : numpy.ndarray, shape (n_points, 2)
    polygons : numpy.ndarray, shape (n_polygons, n), int64
        Points in turn, -1 after the last of them.
    sides : numpy.ndarray, shape (n_sides, 3)
    tolerance : float
        As for `clipped`.

    Returns
    -------
    points : numpy.ndarray, shape (n_points + n_new, 2)
    triangles : numpy.ndarray, shape (n_triangles, 3), int64
    origin : numpy.ndarray, shape (n_triangles,), int64
        Which polygon each is a part of, in their order.
    """
    there = polygons >= 0
    n_corners = np.maximum(there.sum(axis=1), 1)[:, None]
    centers = np.where(there[:, :, None], points[polygons], 0.0).sum(axis=1) / n_corners
    following = _following(polygons)
    # Beyond a side there is nothing: no other polygon has this edge.
    on_side = np.abs(points[polygons] @ sides[:, :2].T + sides[:, 2]) <= tolerance
    next_on_side = np.abs(points[following] @ sides[:, :2].T + sides[:, 2]) <= tolerance
    halved = there & (on_side & next_on_side).any(axis=2)
    middles = 0.5 * (points[polygons[halved]] + points[following[halved]])
    ring = np.full((len(polygons), 2 * polygons.shape[1]), -1, np.int64)
    between = np.full(polygons.shape, -1, np.int64)
    between[halved] = len(points) + np.arange(len(middles))
    ring[:, ::2], ring[:, 1::2] = polygons, between
    ring = _compact(ring)
    after, edge = _following(ring), ring >= 0
    apex = np.broadcast_to(np.arange(len(polygons))[:, None], ring.shape)[edge]
    first_center = len(points) + len(middles)
    triangles = np.stack([first_center + apex, ring[edge], after[edge]], axis=1)
    return np.concatenate([points, middles, centers]), triangles, apex


def _following(polygons: np.ndarray) -> np.ndarray:
    """Return the point after each, -1 included: of the last one the first."""
    following = np.roll(polygons, -1, axis=1)
    return np.where(following >= 0, following, polygons[:, :1])


def _compact(polygons: np.ndarray) -> np.ndarray:
    """Return polygons with -1 after the last of their points, as narrow as can be."""
    order = np.argsort(polygons < 0, axis=1, kind="stable")
    polygons = np.take_along_axis(polygons, order, axis=1)
    return polygons[:, : int(np.count_nonzero(polygons >= 0, axis=1).max(initial=0))]
