"""Slices: closed surfaces within the domain, exact at their points, and as good as was asked."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.reference import evaluate, random_network, to_inr
from hypothesis import given, settings
from hypothesis import strategies as st
from pruning_amr.views import FieldSlice, SliceParameters, slice_field

BOUNDS = np.array([[-1.0, 1.0], [0.0, 3.0], [2.0, 2.5]])


@pytest.fixture(scope="module")
def network():
    return random_network(np.random.default_rng(3), (3, 16, 16, 2), "sin", gain=3.0)


@pytest.fixture(scope="module")
def inr(network):
    return to_inr(network, BOUNDS)


def sliced(inr, normal, origin=None, offsets=(0.0,), time=None, warn=None, **values) -> FieldSlice:
    parameters = SliceParameters(**{"device": "cpu", "tolerance": 0.02, **values})
    return slice_field(inr, origin, normal, offsets, parameters, time, None, warn)


def triangles_of(found: FieldSlice) -> np.ndarray:
    """Return the cells as triangles, quads as two."""
    quads = found.cells[found.cells[:, 3] >= 0]
    return np.concatenate(
        [found.cells[found.cells[:, 3] < 0][:, :3], quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]
    )


def area_vectors(found: FieldSlice) -> np.ndarray:
    a, b, c = np.moveaxis(found.points[triangles_of(found)], 1, 0)
    return 0.5 * np.cross(b - a, c - a)


def edges_of(found: FieldSlice) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges, and how many cells each has."""
    n = np.count_nonzero(found.cells >= 0, axis=1)
    pairs = [
        np.stack([found.cells[n == k][:, i], found.cells[n == k][:, (i + 1) % k]], axis=1)
        for k in (3, 4)
        for i in range(k)
    ]
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0, return_counts=True)


def assert_closed(found: FieldSlice) -> None:
    """Assert that edges have two cells each but for those on the surface of the domain."""
    edges, count = edges_of(found)
    assert set(count.tolist()) <= {1, 2}
    middle = found.points[edges[count == 1]].mean(axis=1)
    away = np.abs(middle[:, :, None] - BOUNDS).min(axis=(1, 2))
    assert away.max() < 1e-6


def on_plane(normal, through: np.ndarray, n: int) -> tuple[np.ndarray, float]:
    """Return random points of plane and domain, spread evenly, and the area they lie in."""
    unit = np.asarray(normal, float) / np.linalg.norm(normal)
    across = np.linalg.svd(unit[None])[2][1:]
    radius = np.linalg.norm(np.diff(BOUNDS)) + np.linalg.norm(through - BOUNDS.mean(axis=1))
    points = through + np.random.default_rng(8).uniform(-radius, radius, (n, 2)) @ across
    inside = ((points >= BOUNDS[:, 0]) & (points <= BOUNDS[:, 1])).all(axis=1)
    return points[inside], inside.mean() * (2 * radius) ** 2


def shown_at(found: FieldSlice, points: np.ndarray) -> np.ndarray:
    """Return what VTK shows at points of the plane."""
    from pruning_amr.datasets import slice_to_vtk
    from pruning_amr.datasets.vtk_compat import to_vtk_points, use_cell_locator, vtk_to_numpy
    from vtkmodules.vtkCommonDataModel import vtkPolyData
    from vtkmodules.vtkFiltersCore import vtkProbeFilter

    data, where, probe = slice_to_vtk(found), vtkPolyData(), vtkProbeFilter()
    where.SetPoints(to_vtk_points(points))
    probe.SetInputData(where)
    probe.SetSourceData(data)
    probe.SetComputeTolerance(False)
    probe.SetTolerance(1e-5)
    use_cell_locator(probe)
    probe.Update()
    attributes = probe.GetOutput().GetPointData()
    valid = vtk_to_numpy(attributes.GetArray("vtkValidPointMask"))
    assert valid.mean() > 0.999
    columns = [vtk_to_numpy(attributes.GetArray(o.name)) for o in found.inr.outputs]
    return np.where(valid[:, None] > 0, np.column_stack(columns), np.nan)


NORMALS = {
    "x": (1, 0, 0),
    "y": (0, -1, 0),
    "z": (0, 0, 2),
    "oblique": (1, 1, 1),
    "steep": (0.01, 1, -3),
    "along an axis": (1, 0.4, 0),
}


@pytest.mark.parametrize("name", NORMALS)
def test_a_slice_is_closed_flat_and_exact_at_its_points(name, inr, network):
    normal = np.array(NORMALS[name], float)
    found = sliced(inr, normal)
    unit = normal / np.linalg.norm(normal)
    assert_closed(found)
    assert np.abs((found.points - BOUNDS.mean(axis=1)) @ unit).max() < 1e-6
    assert ((found.points >= BOUNDS[:, 0]) & (found.points <= BOUNDS[:, 1])).all()
    areas = area_vectors(found) @ unit
    assert (areas > 0).all()
    _, area = on_plane(normal, BOUNDS.mean(axis=1), 400_000)
    np.testing.assert_allclose(areas.sum(), area, rtol=0.02)
    np.testing.assert_allclose(found.values, evaluate(network, found.points), atol=2e-5)
    assert found.first_points.tolist() == [0, len(found.points)]
    assert len(found.level) == found.n_cells


@pytest.mark.parametrize("norm", ["rms", "max"])
@pytest.mark.parametrize("name", ["z", "oblique", "steep"])
def test_what_vtk_shows_is_as_good_as_asked(name, norm, inr, network):
    normal = NORMALS[name]
    found = sliced(inr, normal, error_norm=norm, tolerance=0.01)
    points, _ = on_plane(normal, BOUNDS.mean(axis=1), 300_000)
    assert len(points) > 5_000
    scale = np.diff(inr.value_range)[:, 0]
    error = (shown_at(found, points) - evaluate(network, points)) / scale
    error = error[np.isfinite(error).all(axis=1)]
    shown = np.abs(error).max() if norm == "max" else np.sqrt(np.mean(error**2))
    assert found.achieved_error <= 0.01
    assert shown <= 0.01 * (1.2 if norm == "max" else 1.05)
    # A mesh much better than that would have too many cells.
    assert shown > 0.003


@settings(max_examples=15)
@given(
    st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda n: np.linalg.norm(n) > 0.05),
    st.tuples(*[st.floats(0, 1)] * 3),
)
def test_any_plane(normal, place):
    network = random_network(np.random.default_rng(5), (3, 8, 1), "tanh", gain=2.0)
    origin = BOUNDS[:, 0] + np.array(place) * np.diff(BOUNDS)[:, 0]
    said = []
    found = sliced(to_inr(network, BOUNDS), normal, origin, tolerance=0.05, warn=said.append)
    if not found.n_cells:
        assert [type(s) for s in said] == [pa.EmptySliceWarning]
        return
    assert_closed(found)
    assert (area_vectors(found) @ found.normal > 0).all()
    assert np.abs((found.points - origin) @ found.normal).max() < 1e-6


def test_cells_beside_an_oblique_cut_cost_next_to_nothing(inr):
    # The plane cuts a corner off: most of the search's rectangle lies beside the triangle.
    from pruning_amr.views.plane import cut_box, make_plane

    cut = cut_box(make_plane((1.0, 3.0, 2.5 - 0.4), (1, 1, 1), 3), BOUNDS)
    assert len(cut.vertices) == 3 and cut.share < 0.7
    whole = sliced(inr, (1, 1, 1), (1.0, 3.0, 2.1), tolerance=0.002)
    areas = np.linalg.norm(area_vectors(whole), axis=1)
    assert areas.sum() == pytest.approx(cut.area, rel=1e-5)
    assert whole.achieved_error <= 0.002


def test_several_planes(inr):
    said = []
    found = sliced(inr, (0, 0, 1), offsets=(-0.1, 0.0, 0.2, 7.0), warn=said.append)
    heights = [
        np.unique(found.points[a:b, 2].round(9)).tolist()
        for a, b in zip(found.first_points[:-1], found.first_points[1:], strict=True)
    ]
    assert heights == [[2.15], [2.25], [2.45]]
    assert len(said) == 1 and "1 of 4 planes miss the domain" in str(said[0])
    assert "offset 7" in str(said[0]) and "from -0.25 to 0.25" in str(said[0])
    alone = sliced(inr, (0, 0, 1), offsets=(0.2,))
    assert np.array_equal(found.points[found.first_points[2] :], alone.points)


def test_a_plane_in_a_face_and_one_that_only_touches(inr):
    face = sliced(inr, (0, 0, 1), (0, 0, 2.5))
    assert np.linalg.norm(area_vectors(face), axis=1).sum() == pytest.approx(6.0)
    for origin, normal in [((-1, 0, 2), (1, 1, 1)), ((1, 3, 2), (1, 1, 0)), ((5, 0, 0), (1, 0, 0))]:
        said = []
        nothing = sliced(inr, normal, origin, warn=said.append)
        assert nothing.n_cells == 0 and nothing.points.shape == (0, 3)
        assert nothing.values.shape == (0, 2) and np.isnan(nothing.achieved_error)
        assert len(said) == 1 and str(said[0]).startswith("the plane misses the domain")


def test_a_nearly_constant_slice_is_not_refined(network):
    steep = to_inr(network, np.array([[-1e-3, 1e-3], [-1e-3, 1e-3], [-9.0, 9.0]]))
    found = sliced(steep, (0, 0, 1), tolerance=0.01)
    assert found.level.max() == 2 and found.n_cells == 256
    assert found.achieved_error < 0.01


def test_results_do_not_depend_on_chunks(inr):
    first = sliced(inr, (1, 1, 1))
    again = sliced(inr, (1, 1, 1), memory_mb=0.5)
    assert np.array_equal(first.points, again.points)
    assert np.array_equal(first.cells, again.cells)
    # Nor on the point that gives the plane.
    moved = sliced(inr, (2, 2, 2), BOUNDS.mean(axis=1) + np.array([0.1, -0.1, 0.0]))
    assert len(moved.points) == len(first.points)
    np.testing.assert_allclose(moved.points, first.points, atol=1e-9)


def test_fields_with_time(inr):
    network = random_network(np.random.default_rng(4), (4, 16, 16, 1), "sin", gain=2.0)
    timed = to_inr(
        network,
        np.vstack([BOUNDS, [0, 2]]),
        inputs=("x", "y", "z", "t"),
        times=np.linspace(0, 2, 5),
    )
    found = sliced(timed, (1, 2, 3), time=1.5)
    where = np.column_stack([found.points, np.full(len(found.points), 1.5)])
    np.testing.assert_allclose(found.values, evaluate(network, where), atol=2e-5)
    assert found.time == 1.5


@pytest.mark.parametrize("normal", [(1, 0, 0), (0, 1, 5), (1, -2, 0)])
def test_a_field_of_two_dimensions_is_cut_along_a_line(normal, network_2d):
    bounds = np.array([[-1.0, 1.0], [0.0, 3.0]])
    found = sliced(to_inr(network_2d, bounds), normal, (0.1, 1.0, 0.0), offsets=(0.0, 0.1))
    assert found.cells.shape[1] == 2 and len(found.first_points) == 3
    unit = np.array(normal[:2]) / np.linalg.norm(normal[:2])
    first = found.points[: found.first_points[1]]
    assert np.abs((first - [0.1, 1.0]) @ unit).max() < 1e-6
    along = first @ [-unit[1], unit[0]]
    assert (np.diff(along) > 0).all() or (np.diff(along) < 0).all()
    for end in first[[0, -1]]:
        assert np.isclose(end, bounds.T, atol=1e-6).any()
    np.testing.assert_allclose(found.values, evaluate(network_2d, found.points), atol=2e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"normal": (0, 0, 0)}, "normal is 0 0 0; expected a direction"),
        ({"normal": (1, 2)}, "normal is 1 2; expected three finite numbers"),
        ({"origin": (1, np.nan, 0)}, "origin is 1 nan 0; expected three finite numbers"),
        ({"offsets": ()}, "expected one or more finite numbers"),
        ({"offsets": ("a",)}, "expected one or more finite numbers"),
        ({"tolerance": 0}, "tolerance is 0; expected a number above 0"),
        ({"criterion": "paper"}, "unknown parameter criterion; expected some of tolerance"),
    ],
)
def test_mistakes(change, words, inr):
    with pytest.raises(pa.ParameterError, match=words):
        pa.slice(inr, **change)


def test_fields_that_cannot_be_cut(inr_2d):
    with pytest.raises(pa.ParameterError, match="is cut along a line"):
        pa.slice(inr_2d, normal=(0, 0, 1))
    line = random_network(np.random.default_rng(0), (1, 8, 1), "tanh")
    with pytest.raises(pa.ParameterError, match="has one spatial input; expected two or three"):
        pa.slice(to_inr(line, np.array([[0.0, 1.0]])))
