"""Where two triangulations of a surface have different pieces, or different edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pruning_amr.views.level_set import LevelSet
from pruning_amr.views.simplices import edges_of
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class Place:
    """A box around pieces that are not the same in both: how many there are of each, and Euler's
    characteristic of all of them."""

    low: np.ndarray
    high: np.ndarray
    pieces: tuple[int, int]
    euler: tuple[int, int]


def pieces_of(points: np.ndarray, simplices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the piece of each point, -1 for those of none, and Euler's characteristic of each."""
    edges, _, _ = edges_of(simplices)
    n = len(points)
    labels = connected_components(coo_matrix((np.ones(len(edges)), edges.T), (n, n)), False)[1]
    used = np.unique(simplices)
    _, own = np.unique(labels[used], return_inverse=True)
    piece = np.full(n, -1)
    piece[used] = own
    count = int(own.max(initial=-1)) + 1
    euler = np.bincount(own, minlength=count) - np.bincount(piece[edges[:, 0]], minlength=count)
    if simplices.shape[1] == 3:
        euler += np.bincount(piece[simplices[:, 0]], minlength=count)
    return piece, euler


def boundary_of(surface: LevelSet) -> LevelSet:
    """Return the curves in which a surface ends: the edges of one triangle alone."""
    edges, _, count = edges_of(surface.simplices)
    return LevelSet(surface.points, surface.points, edges[count == 1])


def differences(one: LevelSet, other: LevelSet, reach: float) -> list[Place]:
    """Return the places at which surfaces with points and simplices have different pieces.

    Pieces are the same where points of one are within `reach` of points of the other.
    """
    surfaces = [(s.points, *pieces_of(s.points, s.simplices)) for s in (one, other)]
    counts = [len(euler) for _, _, euler in surfaces]
    pairs = []
    for k in (0, 1):
        points, piece, _ = surfaces[k]
        others, other_piece, _ = surfaces[1 - k]
        there, known = piece >= 0, other_piece >= 0
        if not there.any() or not known.any():
            continue
        distance, nearest = cKDTree(others[known]).query(points[there])
        near = distance <= reach
        own, theirs = piece[there][near], other_piece[known][nearest[near]]
        pairs.append(np.stack([own, theirs] if k == 0 else [theirs, own], axis=1))
    pairs = np.unique(np.concatenate([np.zeros((0, 2), int), *pairs]), axis=0)
    n = sum(counts)
    if not n:
        return []
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], counts[0] + pairs[:, 1])), (n, n))
    group = connected_components(graph, False)[1]
    found = []
    for label in np.unique(group):
        members = [group[: counts[0]] == label, group[counts[0] :] == label]
        pieces = tuple(int(np.count_nonzero(m)) for m in members)
        euler = tuple(int(s[2][m].sum()) for s, m in zip(surfaces, members, strict=True))
        if pieces == (1, 1) and euler[0] == euler[1]:
            continue
        box = np.concatenate(
            [s[0][(s[1] >= 0) & m[s[1]]] for s, m in zip(surfaces, members, strict=True)]
        )
        found.append(Place(box.min(axis=0), box.max(axis=0), pieces, euler))
    return found
