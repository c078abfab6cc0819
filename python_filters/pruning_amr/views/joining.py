"""Joining the triangles of cells of different levels without cracks.

An edge of a larger cell is one or two of smaller ones, and its vertex that of the part that the
level set crosses. Across a face, a smaller cell's side of the level set is a chain of edges where
the larger one's is a single edge: the triangle there is replaced by a fan of triangles that use the
chain, around its corner across from it, or around its middle if there are more chains than one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .simplices import edges_of

_LONGEST_CHAIN = 8


@dataclass(frozen=True)
class Piece:
    """Simplices of the cells of one level.

    Attributes
    ----------
    doubled : numpy.ndarray, shape (n_vertices, dimension), int64
        Middles of the edges of cells that carry vertices, on the lattice of the next level.
    vertices : numpy.ndarray, shape (n_vertices,), int64
        Which of all vertices each is.
    simplices : numpy.ndarray, shape (n_simplices, dimension), int64
        By the vertices of this piece.
    """

    doubled: np.ndarray
    vertices: np.ndarray
    simplices: np.ndarray


@dataclass(frozen=True)
class Joined:
    """Simplices of all pieces.

    Attributes
    ----------
    simplices : numpy.ndarray, shape (n_simplices, dimension), int64
        Those that were split left out.
    segments : numpy.ndarray, shape (n_segments, 2), int64
        Outlines of the triangles that were split.
    of_triangle : numpy.ndarray, shape (n_segments,), int64
        Which of them each is of, from 0.
    """

    simplices: np.ndarray
    segments: np.ndarray
    of_triangle: np.ndarray

    def with_centres(self, n_vertices: int) -> np.ndarray:
        """Return all simplices, triangles that were split as fans around further vertices."""
        fans = np.column_stack([self.segments, n_vertices + self.of_triangle])
        return np.concatenate([self.simplices, fans[:, : self.simplices.shape[1]]])


def join(pieces: list[Piece], extents: list[np.ndarray]) -> Joined:
    """Join pieces whose vertices are known to be the same or not.

    Parameters
    ----------
    pieces : list of Piece
        One level after the other.
    extents : list of numpy.ndarray
        Cells along each axis on each of these levels.
    """
    simplices = np.concatenate([p.vertices[p.simplices] for p in pieces])
    nothing = np.empty((0, 2), np.int64), np.empty(0, np.int64)
    if simplices.shape[1] != 3:
        return Joined(simplices, *nothing)
    _, of_simplices, count = edges_of(simplices)
    first = np.cumsum([0, *(len(p.simplices) for p in pieces)])
    sides = [
        _open_sides(p, of_simplices[a:b], count, extent)
        for p, a, b, extent in zip(pieces, first[:-1], first[1:], extents, strict=True)
    ]
    found = [_chains(large, small) for large, small in pairwise(sides)]
    if not sum(len(triangle) for _, triangle, _ in found):
        return Joined(simplices, *nothing)
    segments = np.concatenate([s for s, _, _ in found])
    triangle = np.concatenate([t + n for (_, t, _), n in zip(found, first, strict=False)])
    return _fans(simplices, segments, triangle, np.concatenate([r for _, _, r in found]))


@dataclass(frozen=True)
class _Sides:
    """Sides of triangles that no other triangle has, inside the domain.

    Attributes
    ----------
    triangle, from_, to : numpy.ndarray, shape (n_sides,)
        In the direction that the triangle has.
    face : numpy.ndarray, shape (n_sides, 2 + dimension)
        The cell's face in which the side lies: axis and lower corner on the level.
    """

    triangle: np.ndarray
    from_: np.ndarray
    to: np.ndarray
    face: np.ndarray

    def take(self, which: np.ndarray) -> _Sides:
        return _Sides(self.triangle[which], self.from_[which], self.to[which], self.face[which])


def _open_sides(
    piece: Piece, of_simplices: np.ndarray, count: np.ndarray, extent: np.ndarray
) -> _Sides:
    triangle, side = np.nonzero(count[of_simplices] == 1)
    corners = piece.simplices[triangle]
    rows = np.arange(len(triangle))
    a, b = corners[rows, side], corners[rows, (side + 1) % 3]
    p, q = piece.doubled[a], piece.doubled[b]
    flat = (p == q) & (p % 2 == 0)
    axis = flat.argmax(axis=1)
    lower = (p + q) // 4
    plane = lower[rows, axis]
    inside = flat.any(axis=1) & (plane > 0) & (plane < extent[axis])
    face = np.column_stack([axis, lower])
    return _Sides(triangle, piece.vertices[a], piece.vertices[b], face).take(inside)


def _chains(large: _Sides, small: _Sides) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the chains of small sides that replace large ones.

    Returns
    -------
    segments : numpy.ndarray, shape (n_segments, 2)
    triangle : numpy.ndarray, shape (n_segments,)
        That each is to be a side of.
    replaced : numpy.ndarray, shape (n_segments,)
        Where the side of it that is replaced starts.
    """
    nothing = np.empty(0, np.int64)
    if not len(large.triangle) or not len(small.triangle):
        return np.empty((0, 2), np.int64), nothing, nothing
    axis = small.face[:, 0]
    small = small.take(small.face[np.arange(len(axis)), 1 + axis] % 2 == 0)
    behind = np.column_stack([small.face[:, 0], small.face[:, 1:] >> 1])
    _, number = np.unique(np.concatenate([large.face, behind]), axis=0, return_inverse=True)
    of_large, of_small = np.split(number.reshape(-1), [len(large.face)])
    matched = np.isin(of_large, of_small)
    large, of_large = large.take(matched), of_large[matched]
    # Beyond the face sides run the other way round: one ends where the one sought starts.
    scale = int(max(s.max(initial=0) for s in (small.to, small.from_, large.to, large.from_))) + 1
    keys = of_small * scale + small.to
    order = np.argsort(keys)
    keys, next_ = keys[order], small.from_[order]
    at, walking = large.from_.copy(), np.arange(len(large.from_))
    segments, owners = [], []
    for _ in range(_LONGEST_CHAIN if len(keys) else 0):
        wanted = of_large[walking] * scale + at[walking]
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        known = keys[place] == wanted
        walking, to = walking[known], next_[place[known]]
        segments.append(np.column_stack([at[walking], to]))
        owners.append(walking)
        at[walking] = to
        walking = walking[to != large.to[walking]]
    if not owners:
        return np.empty((0, 2), np.int64), nothing, nothing
    owner = np.concatenate(owners)
    whole = (at == large.to)[owner]
    owner = owner[whole]
    return np.concatenate(segments)[whole], large.triangle[owner], large.from_[owner]


def _fans(
    simplices: np.ndarray, segments: np.ndarray, triangle: np.ndarray, replaced: np.ndarray
) -> Joined:
    """Return the outlines of triangles whose sides chains replace, and all other triangles."""
    gone, owner = np.unique(triangle, return_inverse=True)
    outline = np.stack([simplices[gone], np.roll(simplices[gone], -1, axis=1)], axis=2)
    # A side is known by where it starts.
    side = (outline[owner, :, 0] == replaced[:, None]).argmax(axis=1)
    left = np.ones(outline.shape[:2], bool)
    left[owner, side] = False
    kept = np.ones(len(simplices), bool)
    kept[gone] = False
    # With one side replaced, the corner across from it sees the whole chain.
    alone = left.sum(axis=1) == 2
    across = alone[owner]
    apex = outline[owner, (side + 2) % 3, 0][across]
    around = np.flatnonzero(~alone)
    number = np.zeros(len(gone), np.int64)
    number[around] = np.arange(len(around))
    return Joined(
        np.concatenate([simplices[kept], np.column_stack([segments[across], apex])]),
        np.concatenate([outline[around][left[around]], segments[~across]]),
        np.concatenate([np.nonzero(left[around])[0], number[owner[~across]]]),
    )
