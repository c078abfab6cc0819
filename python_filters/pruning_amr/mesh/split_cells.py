"""Cells without hanging vertices: leaves beside finer ones are split to use their vertices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..cells import VTK_CORNER_ORDER
from .lattice import vertex_strides
from .tree import Tree
from .vertices import Vertices

N_CORNERS = {"line": 2, "quad": 4, "triangle": 3, "hexahedron": 8, "pyramid": 5, "tetrahedron": 4}
"""Shapes of cells and their numbers of corners."""

WHOLE = {1: "line", 2: "quad", 3: "hexahedron"}
"""Shape of the leaves that are not split, by dimension."""

# Around a square, in halves of its edge: corners at even places, middles of edges at odd ones.
_RING = np.array([[0, 0], [1, 0], [2, 0], [2, 1], [2, 2], [1, 2], [0, 2], [0, 1]])

Pieces = tuple[str, np.ndarray, np.ndarray]
"""Shape, corners without the centre, and places among the leaves that are split."""


@dataclass(frozen=True)
class SplitCells:
    """Cells that meet at whole faces.

    Leaves are numbered by their place in `Tree.leaves`. Points are the vertices, followed by the
    centres of the leaves that are split.

    Attributes
    ----------
    connectivity : dict of str to numpy.ndarray, shape (n_cells, n_corners), int64
        Points of the cells of each shape of `N_CORNERS`, in VTK's order.
    leaf : dict of str to numpy.ndarray, shape (n_cells,), int64
        Leaf that each cell is a part of.
    split : numpy.ndarray, shape (n_split,), int64
        Leaves whose centres are points.
    """

    connectivity: dict[str, np.ndarray]
    leaf: dict[str, np.ndarray]
    split: np.ndarray


def split_cells(tree: Tree, vertices: Vertices) -> SplitCells:
    """Return the leaves of a tree, those with hanging vertices on them split around their centres.

    What a leaf is split into depends, on each of its faces, on the vertices of that face alone:
    both sides of a face agree.

    Parameters
    ----------
    tree : Tree
        Balanced across corners: a vertex then hangs in the middle of an edge or face.
    vertices : Vertices
        Those of the tree.
    """
    split, stencil = _stencils(tree, vertices)
    whole = np.ones(len(vertices.corners), bool)
    whole[split] = False
    shape, order = WHOLE[tree.dimension], VTK_CORNER_ORDER[tree.dimension]
    cells = {name: [np.zeros((0, n), np.int64)] for name, n in N_CORNERS.items()}
    leaves = {name: [np.zeros(0, np.int64)] for name in N_CORNERS}
    cells[shape].append(vertices.corners[whole][:, order])
    leaves[shape].append(np.flatnonzero(whole))
    for name, corners, place in _pieces(tree.dimension, stencil):
        apex = len(vertices.points) + place
        cells[name].append(np.column_stack([corners, apex]))
        leaves[name].append(split[place])
    return SplitCells(
        {name: np.concatenate(parts) for name, parts in cells.items()},
        {name: np.concatenate(parts) for name, parts in leaves.items()},
        split,
    )


def _stencils(tree: Tree, vertices: Vertices) -> tuple[np.ndarray, np.ndarray]:
    """Return the leaves with hanging vertices on them, and all vertices on these leaves.

    Vertices are those at corners, middles of edges and middles of faces, x fastest, -1 where there
    is none: shape (n_split, 3^dimension).
    """
    leaves, depth, d = tree.leaves, tree.depth, tree.dimension
    # Nothing is finer than the finest leaves: the others have a middle on the lattice.
    coarse = np.flatnonzero(tree.level[leaves] < depth)
    nodes = leaves[coarse]
    half = tree.edges(nodes)[:, None] >> 1
    stride = vertex_strides(tree.root_resolution, depth)
    known = vertices.lattice @ stride
    offsets = (np.arange(3**d)[:, None] // 3 ** np.arange(d)) % 3
    keys = (2 * tree.index[nodes] * half) @ stride
    wanted = keys[:, None] + half * (offsets @ stride)
    number = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    stencil = np.where(known[number] == wanted, number, -1)
    hangs = np.count_nonzero(stencil >= 0, axis=1) > 1 << d
    return coarse[hangs], stencil[hangs]


def _pieces(dimension: int, stencil: np.ndarray) -> Iterable[Pieces]:
    """Yield the pieces between the centre and the boundary of each leaf."""
    place = np.arange(len(stencil))
    if dimension == 1:
        # Nothing hangs on a line.
        return
    if dimension == 2:
        yield from _edges(stencil[:, _RING @ (1, 3)], place)
        return
    for axis in range(3):
        for side in range(2):
            # Counterclockwise as seen from the centre.
            u, v = (axis + 1) % 3, (axis + 2) % 3
            strides = (3**u, 3**v) if side == 0 else (3**v, 3**u)
            first = 2 * side * 3**axis
            yield from _face(
                stencil[:, first + _RING @ strides], stencil[:, first + 3**u + 3**v], place
            )


def _edges(ring: np.ndarray, place: np.ndarray) -> Iterator[Pieces]:
    """Yield one or two triangles for every edge of squares."""
    for k in range(0, 8, 2):
        for edge, there in _halves(ring[:, k], ring[:, k + 1], ring[:, (k + 2) % 8]):
            yield "triangle", edge[there], place[there]


def _face(ring: np.ndarray, middle: np.ndarray, place: np.ndarray) -> Iterator[Pieces]:
    """Yield pyramids on the squares of faces, and on parts of those with hanging edges only.

    Parts are quadrilaterals where two triangles would do: they take fewer cells.
    """
    divided = middle >= 0
    for k in range(0, 8, 2):
        square = np.column_stack([ring[:, k], ring[:, k + 1], middle, ring[:, k - 1]])
        yield "pyramid", square[divided], place[divided]
    pattern = (ring[:, 1::2] >= 0) @ (1, 2, 4, 8)
    for hanging, turn, parts in _PARTS:
        here = np.flatnonzero(~divided & (pattern == hanging))
        turned = np.roll(ring[here], -2 * turn, axis=1)
        for part, first in parts:
            if first is None:
                there = np.ones(len(here), bool)
            else:
                # The lower number is the same for both cells at the face.
                there = turned[:, first[0]] < turned[:, first[1]]
            shape = "pyramid" if len(part) == 4 else "tetrahedron"
            yield shape, turned[np.ix_(there, part)], place[here[there]]


def _turned_parts() -> list[tuple[int, int, list[tuple[list[int], tuple[int, int] | None]]]]:
    """Return the parts of a square for every set of edges with hanging vertices.

    Each as the set, by bits, how often the ring is turned by an edge, and places in the turned
    ring; of parts with two places beside them, those are taken whose first has the lower number.
    """
    parts = {
        (): [([0, 2, 4, 6], None)],
        (0,): [
            *[([1, 2, 4], (4, 6)), ([0, 1, 4, 6], (4, 6))],
            *[([0, 1, 6], (6, 4)), ([1, 2, 4, 6], (6, 4))],
        ],
        (0, 2): [([0, 1, 5, 6], None), ([1, 2, 4, 5], None)],
        (0, 1): [
            ([1, 2, 3], None),
            *[([0, 1, 6], (1, 3)), ([1, 3, 4, 6], (1, 3))],
            *[([3, 4, 6], (3, 1)), ([0, 1, 3, 6], (3, 1))],
        ],
        (0, 1, 2): [([0, 1, 5, 6], None), *(([a, a + 1, b], None) for a, b in ((1, 3), (3, 5)))],
        (0, 1, 2, 3): [
            ([1, 3, 5, 7], None),
            *(([a, (a + 1) % 8, (a + 2) % 8], None) for a in _MIDDLES),
        ],
    }
    parts[0, 1, 2].append(([1, 3, 5], None))
    found = {}
    for edges, of_square in parts.items():
        for turn in range(4):
            hanging = sum(1 << (edge + turn) % 4 for edge in edges)
            found.setdefault(hanging, (hanging, turn, of_square))
    return list(found.values())


_MIDDLES = (1, 3, 5, 7)
_PARTS = _turned_parts()


def _halves(
    start: np.ndarray, middle: np.ndarray, end: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return edges, whole or in halves, as pairs of vertices, and where they exist."""
    hangs = middle >= 0
    return [
        (np.column_stack([start, np.where(hangs, middle, end)]), np.ones(len(start), bool)),
        (np.column_stack([middle, end]), hangs),
    ]
