"""What planes cut out of boxes, and their coordinates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.views.clipping import clipped, fanned
from pruning_amr.views.plane import cut_box, make_plane
from scipy.spatial import ConvexHull

BOX = np.array([[-1.0, 1.0], [0.0, 3.0], [2.0, 2.5]])

vectors = st.tuples(*[st.floats(-1, 1)] * 3)


def crossings(normal: np.ndarray, height: float) -> np.ndarray:
    """Return where the edges of the box cross a plane that no corner lies on."""
    corners = np.array(np.meshgrid(*BOX, indexing="ij")).reshape(3, -1).T
    found = []
    for i in range(8):
        for j in range(i):
            if np.count_nonzero(corners[i] != corners[j]) == 1:
                a, b = corners[i] @ normal - height, corners[j] @ normal - height
                if a * b < 0:
                    found.append(corners[i] + a / (a - b) * (corners[j] - corners[i]))
    return np.array(found).reshape(-1, 3)


@given(vectors.filter(lambda n: np.linalg.norm(n) > 0.05), vectors)
def test_the_polygon_is_the_hull_of_where_edges_cross(normal, place):
    origin = BOX.mean(axis=1) + np.array(place)
    plane = make_plane(origin, normal, 3)
    expected = crossings(plane.normal, plane.height)
    cut = cut_box(plane, BOX)
    if cut is None:
        if len(expected):
            assert np.ptp(expected, axis=0).max() < 1e-5 or len(expected) < 3
        return
    assert cut.area > 0 and 0 < cut.share <= 1
    at = cut.plane.in_space(cut.vertices)
    assert np.abs(at @ plane.normal - plane.height).max() < 1e-9
    assert ((at >= BOX[:, 0] - 1e-6) & (at <= BOX[:, 1] + 1e-6)).all()
    if len(expected) >= 3:
        hull = ConvexHull(expected @ plane.directions)
        assert abs(hull.volume - cut.area) <= 1e-5


@given(vectors.filter(lambda n: np.linalg.norm(n) > 0.05))
def test_coordinates_are_right_handed_unit_vectors(normal):
    plane = make_plane((0.3, 0.2, 0.1), normal, 3)
    axes = np.column_stack([plane.directions, plane.normal])
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    assert plane.origin @ plane.normal == pytest.approx(np.array([0.3, 0.2, 0.1]) @ plane.normal)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [-2, 1])
def test_along_axes_coordinates_are_those_of_space(axis, sign):
    plane = make_plane(BOX.mean(axis=1), sign * np.eye(3)[axis], 3)
    assert sorted(map(tuple, plane.directions.T)) == sorted(
        tuple(row) for i, row in enumerate(np.eye(3)) if i != axis
    )
    cut = cut_box(plane, BOX)
    which = plane.directions.argmax(axis=0)
    np.testing.assert_array_equal(cut.bounds, BOX[which])
    assert not len(cut.sides) and cut.share == 1.0


def test_regions_tell_points_and_boxes():
    cut = cut_box(make_plane((1, 3, 2.3), (1, 1, 1), 3), BOX)
    rng = np.random.default_rng(0)
    size = np.full((2000, 2), 0.02)
    low = cut.bounds[:, 0] + rng.random((2000, 2)) * (np.diff(cut.bounds)[:, 0] - size)
    inside, meets = cut.contains(low + size / 2), cut.meets(low, size)
    at = cut.plane.in_space(low + size / 2)
    np.testing.assert_array_equal(inside, ((at >= BOX[:, 0]) & (at <= BOX[:, 1])).all(axis=1))
    assert meets[inside].all() and not meets.all()
    # Boxes far beside it do not meet it.
    away = np.maximum(BOX[:, 0] - at, at - BOX[:, 1]).max(axis=1)
    assert not meets[away > 0.03].any()


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_clipping_leaves_no_cracks_and_all_of_the_area(seed, n_sides):
    rng = np.random.default_rng(seed)
    # A grid of squares, some of them as two triangles.
    n = 5
    points = np.stack(np.meshgrid(np.arange(n + 1.0), np.arange(n + 1.0)), -1).reshape(-1, 2)
    at = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).reshape(-1)
    quads = np.stack([at, at + 1, at + n + 2, at + n + 1], axis=1)
    halves = rng.random(n * n) < 0.3
    thirds = np.pad(quads[halves][:, [0, 1, 2]], [(0, 0), (0, 1)], constant_values=-1)
    fourths = np.pad(quads[halves][:, [0, 2, 3]], [(0, 0), (0, 1)], constant_values=-1)
    cells = np.concatenate([quads[~halves], thirds, fourths])
    angle = rng.uniform(0, 2 * np.pi, n_sides)
    a = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    sides = np.column_stack([a, rng.uniform(0, 2, n_sides) - a @ [2.5, 2.5]])
    points, parts, origin = clipped(points, cells, sides, 1e-9)
    assert len(origin) == len(parts)
    points, triangles, of = fanned(points, parts, sides, 1e-9)
    x, y, z = points[triangles].transpose(1, 0, 2)
    areas = 0.5 * ((y - x)[:, 0] * (z - x)[:, 1] - (y - x)[:, 1] * (z - x)[:, 0])
    assert (areas > 0).all() and set(of) == set(range(len(parts)))
    fine = (np.stack(np.meshgrid(np.arange(500), np.arange(500)), -1).reshape(-1, 2) + 0.5) / 100
    kept = (fine @ a.T + sides[:, 2] >= 0).all(axis=1).mean() * 25
    assert areas.sum() == pytest.approx(kept, abs=0.06)
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edges, count = np.unique(edges, axis=0, return_counts=True)
    assert count.max() <= 2
    middle = points[edges[count == 1]].mean(axis=1)
    on = np.abs(middle @ a.T + sides[:, 2]).min(axis=1) < 1e-7
    on |= (np.minimum(middle, 5 - middle) < 1e-7).any(axis=1)
    assert on.all()
