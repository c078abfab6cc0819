"""Vertices: counted, found hanging and interpolated as a brute-force search says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from _helpers.trees import BOUNDS, Boxes, cells_of, grow, to_space, trees
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.cells.corners import multilinear_weights
from pruning_amr.mesh import find_vertices
from pruning_amr.mesh.vertices import conforming_values, interpolate

Point = tuple[int, ...]


def corners_of(box: np.ndarray) -> list[Point]:
    """Corners of a lattice box, x fastest."""
    return [
        tuple(int(box[axis, o]) for axis, o in enumerate(reversed(offset)))
        for offset in itertools.product((0, 1), repeat=len(box))
    ]


def brute_force_vertices(boxes: Boxes) -> tuple[set[Point], set[Point]]:
    """All vertices and the hanging ones, as points of the finest lattice."""
    lattice = [boxes.lattice_box(c) for c in boxes.leaves]
    every = {p for box in lattice for p in corners_of(box)}
    hanging = {
        p
        for p in every
        for box in lattice
        if (box[:, 0] <= p).all() and (p <= box[:, 1]).all() and p not in corners_of(box)
    }
    return every, hanging


def multilinear(box: np.ndarray, values: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Interpolate corner values, one axis after another; `values` run x fastest."""
    local = (point - box[:, 0]) / (box[:, 1] - box[:, 0])
    for s in local:
        values = (1 - s) * values[0::2] + s * values[1::2]
    return values[0]


def points_on_faces(rng, boxes: Boxes, count: int) -> np.ndarray:
    """Random points on faces of leaves, in units of the finest lattice."""
    leaves = sorted(boxes.leaves)
    points = []
    for _ in range(count):
        box = boxes.lattice_box(leaves[rng.integers(len(leaves))])
        point = box[:, 0] + rng.random(len(box)) * (box[:, 1] - box[:, 0])
        axis = rng.integers(len(box))
        point[axis] = box[axis, rng.integers(2)]
        points.append(point)
    return np.array(points)


def values_from_all_sides(tree, boxes, vertices, values, point) -> list[np.ndarray]:
    """The interpolants of all leaves whose closed box holds a lattice point."""
    sides = []
    for cell, corners in zip(cells_of(tree, tree.leaves), vertices.corners, strict=True):
        box = boxes.lattice_box(cell)
        if (box[:, 0] <= point).all() and (point <= box[:, 1]).all():
            sides.append(multilinear(box, values[corners], point))
    return sides


@given(trees())
def test_vertices_are_the_distinct_corners_of_the_leaves(grown):
    tree, boxes = grown
    vertices = find_vertices(tree)
    every, hanging = brute_force_vertices(boxes)
    found = [tuple(p) for p in vertices.lattice.tolist()]
    assert len(found) == len(set(found))
    assert set(found) == every
    assert {p for p, hangs in zip(found, vertices.hanging, strict=True) if hangs} == hanging
    assert vertices.n_conforming == len(every) - len(hanging)
    extent = np.array([n << boxes.depth for n in boxes.roots])
    expected = to_space(vertices.lattice / extent, tree.dimension)
    np.testing.assert_allclose(vertices.points, expected, rtol=1e-12, atol=1e-12)


@given(trees())
def test_corners_name_the_vertices_of_each_leaf_x_fastest(grown):
    tree, boxes = grown
    vertices = find_vertices(tree)
    for cell, corners in zip(cells_of(tree, tree.leaves), vertices.corners, strict=True):
        expected = corners_of(boxes.lattice_box(cell))
        assert [tuple(p) for p in vertices.lattice[corners].tolist()] == expected


@given(trees())
def test_the_boundary_is_the_bound_itself(grown):
    tree, _ = grown
    points = find_vertices(tree).points
    np.testing.assert_array_equal(points.min(axis=0), tree.bounds[:, 0])
    np.testing.assert_array_equal(points.max(axis=0), tree.bounds[:, 1])


@given(trees(), st.integers(0, 2**32 - 1))
def test_conforming_interpolant_is_continuous_across_faces(grown, seed):
    tree, boxes = grown
    rng = np.random.default_rng(seed)
    vertices = find_vertices(tree)
    values = rng.normal(size=(len(vertices.points), 2))
    conforming = conforming_values(tree, vertices, values)
    np.testing.assert_array_equal(conforming[~vertices.hanging], values[~vertices.hanging])
    for point in points_on_faces(rng, boxes, 40):
        sides = values_from_all_sides(tree, boxes, vertices, conforming, point)
        assert len(sides) >= 1
        for side in sides[1:]:
            np.testing.assert_allclose(side, sides[0], atol=1e-9)


def test_the_check_of_continuity_sees_the_jumps_of_values_left_hanging(rng):
    tree, boxes = grow((2, 1, 1), [0, 5])
    vertices = find_vertices(tree)
    assert vertices.hanging.any()
    values = rng.normal(size=(len(vertices.points), 1))
    jumps = [
        float(np.ptp(values_from_all_sides(tree, boxes, vertices, values, p)))
        for p in points_on_faces(rng, boxes, 200)
    ]
    assert max(jumps) > 0.01


@given(trees(), st.integers(0, 2**32 - 1))
def test_interpolation_is_multilinear_in_the_leaf_of_each_point(grown, seed):
    tree, boxes = grown
    rng = np.random.default_rng(seed)
    vertices = find_vertices(tree)
    values = rng.normal(size=(len(vertices.points), 3))
    unit = rng.random((30, tree.dimension))
    found = interpolate(tree, vertices, values, to_space(unit, tree.dimension))
    extent = np.array([n << boxes.depth for n in boxes.roots])
    for point, value in zip(unit * extent, found, strict=True):
        (expected,) = values_from_all_sides(tree, boxes, vertices, values, point)
        np.testing.assert_allclose(value, expected, atol=1e-8)


@given(trees(), st.integers(0, 2**32 - 1))
def test_multilinear_functions_are_reproduced_exactly(grown, seed):
    tree, _ = grown
    rng = np.random.default_rng(seed)
    d = tree.dimension
    factors = [np.array(f) for f in itertools.product((0, 1), repeat=d)]
    coefficients = rng.normal(size=(len(factors), 2))

    def function(points: np.ndarray) -> np.ndarray:
        unit = (points - BOUNDS[:d, 0]) / (BOUNDS[:d, 1] - BOUNDS[:d, 0])
        return sum(
            c * (unit**f).prod(axis=1)[:, None] for f, c in zip(factors, coefficients, strict=True)
        )

    vertices = find_vertices(tree)
    values = function(vertices.points)
    points = to_space(rng.random((50, d)), d)
    np.testing.assert_allclose(
        interpolate(tree, vertices, values, points), function(points), atol=1e-9
    )
    np.testing.assert_allclose(conforming_values(tree, vertices, values), values, atol=1e-9)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_weights_of_corners(dimension, rng):
    local = rng.random((20, dimension))
    weights = multilinear_weights(local)
    for point, row in zip(local, weights, strict=True):
        for number, weight in enumerate(row):
            bits = [(number >> axis) & 1 for axis in range(dimension)]
            expected = np.prod([s if b else 1 - s for s, b in zip(point, bits, strict=True)])
            assert weight == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("roots", "expected"), [((4, 3), 5 * 4), ((2, 3, 4), 3 * 4 * 5)])
def test_a_uniform_grid_has_no_hanging_vertices(roots, expected):
    vertices = find_vertices(grow(roots, [])[0])
    assert len(vertices.points) == vertices.n_conforming == expected
