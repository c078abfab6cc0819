"""Splitting: cells meet at whole faces, fill the domain and have no hanging vertices."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from _helpers.trees import BOUNDS, grow, trees
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.mesh import Tree, find_vertices
from pruning_amr.mesh.balance import balanced
from pruning_amr.mesh.split_cells import N_CORNERS, SplitCells, split_cells

SIDES = {
    "quad": ["01", "12", "23", "30"],
    "triangle": ["01", "12", "20"],
    "hexahedron": ["0321", "4567", "0154", "1265", "2376", "3047"],
    "pyramid": ["0321", "014", "124", "234", "304"],
    "tetrahedron": ["021", "013", "123", "203"],
}
"""Faces of 3-D cells, seen counterclockwise from outside, and edges of 2-D ones."""


@dataclass
class Split:
    """A split tree with the coordinates of its points."""

    tree: Tree
    cells: SplitCells
    points: np.ndarray
    hanging: np.ndarray

    @classmethod
    def of(cls, tree: Tree) -> Split:
        tree, _ = balanced(tree, "corners")
        vertices = find_vertices(tree)
        cells = split_cells(tree, vertices)
        centers = tree.centers(tree.leaves[cells.split])
        return cls(tree, cells, np.concatenate([vertices.points, centers]), vertices.hanging)

    def each(self):
        """All cells, as shape, points and leaf."""
        for shape, connectivity in self.cells.connectivity.items():
            for corners, leaf in zip(connectivity, self.cells.leaf[shape], strict=True):
                yield shape, corners, leaf

    def sides(self):
        """Faces (3-D) or edges (2-D) of all cells, as points in order."""
        for shape, corners, _ in self.each():
            for side in SIDES[shape]:
                yield corners[[int(c) for c in side]]

    def size(self, shape: str, corners: np.ndarray) -> float:
        """Signed area, or volume by the divergence theorem (faces are planar)."""
        x = self.points[corners] - self.points[corners[0]]
        if self.tree.dimension == 2:
            y = np.roll(x, -1, axis=0)
            return float((x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0]).sum()) / 2
        total = 0.0
        for side in SIDES[shape]:
            face = x[[int(c) for c in side]]
            for a, b in itertools.pairwise(face[1:]):
                total += float(np.linalg.det([face[0], a, b])) / 6
        return total


def on_boundary(split: Split, side: np.ndarray) -> bool:
    return any(
        bool((split.points[side] == bound).all(axis=0).any()) for bound in split.tree.bounds.T
    )


@given(trees(max_refined=6))
def test_every_face_is_shared_by_two_cells_or_on_the_boundary(grown):
    split = Split.of(grown[0])
    count = Counter(tuple(sorted(side)) for side in split.sides())
    for side, cells in count.items():
        assert cells == (1 if on_boundary(split, np.array(side)) else 2)


@given(trees(max_refined=6))
def test_both_sides_of_a_face_see_it_the_other_way_round(grown):
    # Corners in the same cyclic order, reversed: a square is not taken for a bow tie.
    split = Split.of(grown[0])

    def edges(side):
        return set(zip(side.tolist(), np.roll(side, -1).tolist(), strict=True))

    seen = {}
    for side in split.sides():
        other = seen.setdefault(tuple(sorted(side)), side)
        if other is not side and split.tree.dimension == 3:
            assert edges(side) == {(b, a) for a, b in edges(other)}


@given(trees(max_refined=6))
def test_cells_fill_their_leaves_with_positive_volumes(grown):
    split = Split.of(grown[0])
    filled = np.zeros(split.tree.n_leaves)
    for shape, corners, leaf in split.each():
        size = split.size(shape, corners)
        assert size > 0
        filled[leaf] += size
    expected = split.tree.cell_size(split.tree.level[split.tree.leaves]).prod(axis=1)
    np.testing.assert_allclose(filled, expected, rtol=1e-9)


@given(trees(max_refined=6))
def test_points_inside_a_leaf_are_the_centres_of_the_split_ones(grown):
    split = Split.of(grown[0])
    used = {int(p) for _, corners, _ in split.each() for p in corners}
    assert used == set(range(len(split.points)))
    for shape, corners, leaf in split.each():
        place = corners[-1] - len(split.hanging)
        if shape in ("quad", "hexahedron"):
            assert leaf not in split.cells.split
            assert (corners < len(split.hanging)).all()
        else:
            assert split.cells.split[place] == leaf
            assert (corners[:-1] < len(split.hanging)).all()


def is_in_simplex(x: np.ndarray, point: np.ndarray) -> bool:
    """Tell whether a point lies on a segment or triangle."""
    equations = np.vstack([x.T, np.ones(len(x))])
    wanted = np.append(point, 1.0)
    weights = np.linalg.lstsq(equations, wanted, rcond=None)[0]
    return bool(np.allclose(equations @ weights, wanted) and (weights > -1e-9).all())


@given(trees(max_refined=6))
def test_no_point_lies_inside_an_edge_or_face_of_a_cell(grown):
    split = Split.of(grown[0])
    unit = (split.points - split.tree.bounds[:, 0]) / split.tree.cell_size(split.tree.depth + 1)
    unit = np.rint(unit)
    for side in split.sides():
        x = unit[side]
        near = ((unit >= x.min(axis=0)) & (unit <= x.max(axis=0))).all(axis=1)
        near[side] = False
        for point in unit[near]:
            parts = [x] if len(x) < 4 else [x[:3], x[[0, 2, 3]]]
            assert not any(is_in_simplex(part, point) for part in parts)


def centroid(x: np.ndarray) -> np.ndarray:
    """The centroid of a quadrilateral: that of its two triangles."""
    halves = x[[0, 1, 2]], x[[0, 2, 3]]
    sizes = [np.linalg.norm(np.cross(h[1] - h[0], h[2] - h[0])) for h in halves]
    return np.average([h.mean(axis=0) for h in halves], axis=0, weights=sizes)


@given(trees(max_refined=6), st.integers(0, 2**32 - 1))
def test_linear_functions_are_reproduced(grown, seed):
    # The integral of the linear interpolant over simplices, and of the function over the domain.
    split = Split.of(grown[0])
    d = split.tree.dimension
    slope = np.random.default_rng(seed).normal(size=d)
    total = 0.0
    for shape, corners, _ in split.each():
        x = split.points[corners]
        middle = x.mean(axis=0)
        if shape == "pyramid":  # its centroid is a quarter of the way up
            middle = 0.75 * centroid(x[:4]) + 0.25 * x[4]
        total += split.size(shape, corners) * (middle @ slope)
    bounds = BOUNDS[:d]
    expected = np.diff(bounds)[:, 0].prod() * (bounds.mean(axis=1) @ slope)
    assert total == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(trees(max_refined=6))
def test_hanging_vertices_are_what_leaves_are_split_for(grown):
    split = Split.of(grown[0])
    assert (len(split.cells.split) > 0) == bool(split.hanging.any())
    corners = {shape: c for shape, c in split.cells.connectivity.items() if len(c)}
    assert {c.shape[1] for c in corners.values()} <= set(N_CORNERS.values())
    simple = {2: {"quad", "triangle"}, 3: {"hexahedron", "pyramid", "tetrahedron"}}
    assert set(corners) <= simple[split.tree.dimension]


@pytest.mark.parametrize(("roots", "whole"), [((3, 2), "quad"), ((3, 2, 1), "hexahedron")])
def test_a_uniform_grid_is_not_split(roots, whole):
    split = Split.of(grow(roots, [])[0])
    assert len(split.cells.split) == 0
    assert [s for s, c in split.cells.connectivity.items() if len(c)] == [whole]


def test_the_pieces_of_one_face_between_levels():
    # 2 x 1 x 1 cells, one of them refined. The other: a divided face, four plain or fanned ones.
    tree = Tree.regular(BOUNDS, (2, 1, 1))
    tree.subdivide(np.array([0]))
    split = Split.of(tree)
    counts = {shape: len(c) for shape, c in split.cells.connectivity.items() if len(c)}
    # Far side plain, four sides with one hanging vertex (a quadrilateral and a triangle each), four
    # subsquares.
    assert counts == {"hexahedron": 8, "pyramid": 9, "tetrahedron": 4}


def test_a_vertex_can_hang_on_an_edge_alone():
    tree = Tree.regular(BOUNDS, (2, 2, 1))
    tree.subdivide(np.array([0]))
    split = Split.of(tree)
    far = int(np.flatnonzero(split.tree.leaves == 3)[0])
    assert far in split.cells.split
    shapes = {s: int((leaf == far).sum()) for s, leaf in split.cells.leaf.items()}
    # Two faces hold the edge, in two parts each; the other four are plain.
    assert shapes == {
        "line": 0,
        "quad": 0,
        "triangle": 0,
        "hexahedron": 0,
        "pyramid": 6,
        "tetrahedron": 2,
    }
