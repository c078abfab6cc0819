"""The surface that contouring cells by the values at their corners gives: linear between edges."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np

from ..cells import corner_offsets

# The corners of a square, x fastest, as they lie around it.
_RING = (0, 1, 3, 2)


def linear_surface(values: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the simplices on which cells contoured by themselves take a value.

    Vertices lie where the value is taken on edges, linearly between their ends; around a face whose
    corners alternate, the larger ones are separated, so that neighbours agree.

    Parameters
    ----------
    values : numpy.ndarray, shape (n_cells, 2^dimension)
        At the corners, x fastest.
    level : float
        The value; what equals it counts as larger.

    Returns
    -------
    corners : numpy.ndarray, shape (n_simplices, dimension, dimension), float64
        Vertices of points, lines or triangles, in local coordinates of their cells.
    cells : numpy.ndarray, shape (n_simplices,), int64
        The cell of each.
    """
    d = int(np.log2(values.shape[1]))
    table, ends = _table(d), _edges(d)
    code = (values >= level) @ (1 << np.arange(1 << d))
    cells, place = np.nonzero(table[code][..., 0] >= 0)
    edges = table[code[cells], place]
    low, high = (
        values[cells[:, None], ends[edges][..., k]].astype(np.float64) - level for k in (0, 1)
    )
    offsets = corner_offsets(d).astype(np.float64)
    start, step = offsets[ends[:, 0]][edges], (offsets[ends[:, 1]] - offsets[ends[:, 0]])[edges]
    return start + (low / (low - high))[..., None] * step, cells


@cache
def _edges(dimension: int) -> np.ndarray:
    """Return the ends of the edges of a cell, (n_edges, 2)."""
    corners = range(1 << dimension)
    return np.array([(a, a | 1 << k) for k in range(dimension) for a in corners if not a >> k & 1])


@cache
def _table(dimension: int) -> np.ndarray:
    """Return the edges at the vertices of the simplices of every set of corners on one side.

    Shape (2^2^dimension, most simplices, dimension), -1 where there is none.
    """
    found = [_simplices(code, dimension) for code in range(1 << (1 << dimension))]
    most = max(map(len, found))
    table = np.full((len(found), most, dimension), -1)
    for row, simplices in zip(table, found, strict=True):
        row[: len(simplices)] = np.array(simplices).reshape(-1, dimension)
    return table


def _simplices(code: int, dimension: int) -> list[tuple[int, ...]]:
    number = {frozenset(ends): i for i, ends in enumerate(_edges(dimension).tolist())}
    if dimension == 1:
        return [(0,)] if code in (1, 2) else []
    segments = [
        tuple(number[frozenset(edge)] for edge in pair)
        for face in _faces(dimension)
        for pair in _segments_of_face(code, face)
    ]
    if dimension == 2:
        return segments
    # Lines on faces close to loops; each is a fan around its first vertex.
    first = {edge: edge for segment in segments for edge in segment}
    for _ in segments:
        for a, b in segments:
            first[a] = first[b] = min(first[a], first[b])
    return [(first[a], a, b) for a, b in segments if first[a] not in (a, b)]


def _faces(dimension: int) -> list[list[int]]:
    """Return the corners around each face of a cube, or around a square."""
    faces = []
    for u, v in combinations(range(dimension), 2):
        rest = [k for k in range(dimension) if k not in (u, v)]
        for side in range(1 << len(rest)):
            base = sum((side >> i & 1) << k for i, k in enumerate(rest))
            faces.append([base | (c & 1) << u | (c >> 1) << v for c in _RING])
    return faces


def _segments_of_face(code: int, ring: list[int]) -> list[tuple]:
    """Return the lines on a face, each by the two edges of the face that it joins."""
    inside = [bool(code >> corner & 1) for corner in ring]
    sides = [(ring[i], ring[(i + 1) % 4]) for i in range(4)]
    crossed = [i for i in range(4) if inside[i] != inside[(i + 1) % 4]]
    if len(crossed) < 4:
        return [(sides[crossed[0]], sides[crossed[1]])] if crossed else []
    return [(sides[i - 1], sides[i]) for i in range(4) if inside[i]]
