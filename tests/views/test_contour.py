"""Contours: closed, where the field has them, with the topology they have, and whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.level_sets import LEVEL, Bump, Topology, bump_network, topology, torus_network
from _helpers.reference import evaluate, linear_network, random_network, to_inr
from pruning_amr.views.simplices import edges_of

CUBE = [[-1.0, 1.0]] * 3
SQUARE = [[-1.0, 1.0]] * 2
COARSE = {"smallest_feature": 1 / 16, "device": "cpu"}


def bumps(*made: Bump, bounds=CUBE):
    network = bump_network(list(made))
    return network, to_inr(network, bounds)


def distances(network, found: pa.Contour, value: float, points: np.ndarray) -> np.ndarray:
    """Distances to the level set by central differences in float64."""
    step, d = 1e-5, points.shape[1]
    slopes = [
        (evaluate(network, points + step * e) - evaluate(network, points - step * e)) / (2 * step)
        for e in np.eye(d)
    ]
    slope = np.linalg.norm(np.concatenate(slopes, axis=1), axis=1)
    return np.abs(evaluate(network, points)[:, 0] - value) / slope


def middles(found: pa.Contour) -> np.ndarray:
    return found.points[found.simplices].mean(axis=1)


def test_a_sphere_is_closed_round_and_faces_along_the_gradient():
    network, inr = bumps(Bump((0.1, -0.05, 0.02), 0.5))
    found = pa.contour(inr, LEVEL, **COARSE)
    report = found.report
    assert topology(found.triangles) == Topology(1, 2)
    assert report.open_edges == 0 and report.turned == 0 and report.without_direction == 0
    assert report.stopped_by == "tolerance" and report.shortfall == ""
    assert distances(network, found, LEVEL, found.points).max() < 2e-5
    outward = found.points - [0.1, -0.05, 0.02]
    assert np.linalg.norm(outward, axis=1) == pytest.approx(0.5, abs=0.01)
    # The field falls outwards.
    assert ((found.normals * outward).sum(axis=1) < -0.49).all()
    a, b, c = np.moveaxis(found.points[found.triangles], 1, 0)
    assert ((np.cross(b - a, c - a) * found.normals[found.triangles[:, 0]]).sum(axis=1) > 0).all()
    assert (found.outputs == np.float32(LEVEL)).all()


def test_the_reported_distance_is_the_true_one_and_within_the_tolerance():
    network, inr = bumps(Bump((0.0, 0.0, 0.0), 0.4))
    diagonal = np.sqrt(12)
    vertices = []
    for tolerance in (4e-3, 1e-3, 2e-4):
        found = pa.contour(inr, LEVEL, tolerance=tolerance, **COARSE)
        exact = distances(network, found, LEVEL, middles(found)) / diagonal
        assert found.report.distance_quantile <= tolerance
        assert np.quantile(exact, 0.999) <= tolerance
        # In the middle of a triangle the surface is furthest away.
        assert 0.3 < np.sqrt(np.mean(exact**2)) / found.report.distance_rms < 3
        vertices.append(len(found.points))
    assert vertices[0] < vertices[1] < vertices[2]


def test_a_torus_has_a_hole():
    found = pa.contour(to_inr(torus_network(), CUBE), 0.0, **COARSE)
    assert topology(found.triangles) == Topology(1, 0)
    assert found.report.open_edges == 0 and found.report.turned == 0


def test_a_surface_is_open_only_where_it_leaves_the_domain():
    _, inr = bumps(Bump((0.9, 0.2, 0.1), 0.5))
    found = pa.contour(inr, LEVEL, **COARSE)
    edges, _, count = edges_of(found.triangles)
    open_ = found.points[edges[count == 1]]
    assert len(open_) > 20
    assert (open_[..., 0] == 1.0).all()
    assert found.report.open_edges == 0
    assert topology(found.triangles) == Topology(1, 1)


@pytest.mark.parametrize("seed", range(6))
def test_a_ball_and_a_tube_as_wide_as_the_smallest_feature_are_found(seed):
    rng = np.random.default_rng(seed)
    radius = 2 / 64 / 2
    made = [
        Bump((-0.45, 0.0, 0.0), 0.3),
        Bump((0.35, 0.1, -0.75), radius, axis=(0.2, 1.0, 0.1)),
        Bump((0.45, *rng.uniform(-0.2, 0.2, 2)), radius),
    ]
    found = pa.contour(bumps(*made)[1], LEVEL, device="cpu")
    assert topology(found.triangles) == Topology(3, 2 + 2)
    assert found.report.given_up_left == 0


def test_several_values_are_as_many_surfaces():
    _, inr = bumps(Bump((0.0, 0.0, 0.0), 0.4))
    both = pa.contour(inr, [0.7, 0.3], **COARSE)
    assert topology(both.triangles) == Topology(2, 4)
    assert both.values == (0.3, 0.7)
    for value in both.values:
        alone = pa.contour(inr, value, **COARSE)
        here = both.outputs[:, 0] == np.float32(value)
        assert abs(int(here.sum()) - len(alone.points)) < 0.02 * len(alone.points)


def test_a_printed_contour_says_what_it_is():
    _, inr = bumps(Bump((0.0, 0.0, 0.0), 0.4))
    found = pa.contour(inr, [0.3, 0.7], **COARSE)
    text = repr(found)
    assert text.startswith(f"<contour of {inr.outputs[0].name} at 0.3, 0.7 of ")
    assert f"{len(found.simplices):,} triangles" in text
    assert len(text.splitlines()) <= 6


def test_lines_of_a_plane_are_closed_and_end_at_its_edges():
    network, inr = bumps(Bump((0.2, 0.0), 0.4), Bump((-1.0, 0.0), 0.3), bounds=SQUARE)
    found = pa.contour(inr, LEVEL, **COARSE)
    assert found.simplices.shape[1] == 2
    ends = found.points[np.bincount(found.simplices.reshape(-1)) == 1]
    assert len(ends) == 2 and (ends[:, 0] == -1.0).all()
    assert found.report.open_edges == 0
    assert distances(network, found, LEVEL, found.points).max() < 2e-5
    assert np.quantile(distances(network, found, LEVEL, middles(found)), 0.99) < 2e-3 * np.sqrt(8)


def test_a_line_is_met_in_points():
    network = random_network(np.random.default_rng(3), (1, 16, 16, 1), "sin", gain=4.0)
    found = pa.contour(to_inr(network, [[-1.0, 1.0]]), 0.1, device="cpu")
    dense = evaluate(network, np.linspace(-1, 1, 20_001)[:, None])[:, 0] >= 0.1
    assert len(found.points) == np.count_nonzero(dense[1:] != dense[:-1]) > 2
    assert distances(network, found, 0.1, found.points).max() < 0.05 * 2e-3 * 2


def test_time_and_other_outputs():
    network = random_network(np.random.default_rng(5), (4, 16, 16, 2), "sin", gain=1.5)
    inr = to_inr(network)
    found = pa.contour(inr, 0.05, output="b", time=0.3, **COARSE)
    at = np.column_stack([found.points, np.full(len(found.points), 0.3)])
    exact = evaluate(network, at)
    assert np.ptp(exact[:, 0]) > 0.1
    np.testing.assert_allclose(found.outputs[:, 0], exact[:, 0], atol=1e-4)
    np.testing.assert_allclose(exact[:, 1], 0.05, atol=1e-4)
    assert (found.outputs[:, 1] == np.float32(0.05)).all()


def test_edges_of_a_surface_in_noise_are_split_no_further_than_it_helps(monkeypatch):
    inr = to_inr(random_network(np.random.default_rng(0), (2, 16, 16, 1), "sin", gain=8), SQUARE)
    with pytest.warns(pa.ToleranceWarning, match="splitting its edges further brought it no near"):
        found = pa.contour(inr, 0.0, **COARSE)
    # The control: all that may be split makes more points, and none of it is nearer.
    monkeypatch.setattr("pruning_amr.views.contour._GAIN", np.inf)
    with pytest.warns(pa.ToleranceWarning, match="split as often as they may be"):
        whole = pa.contour(inr, 0.0, **COARSE)
    assert len(found.points) < 0.7 * len(whole.points)
    assert found.report.distance_quantile <= whole.report.distance_quantile


def test_a_value_that_is_not_taken_is_an_empty_contour():
    with pytest.warns(pa.EmptyContourWarning, match="takes 17 nowhere"):
        found = pa.contour(to_inr(linear_network([1.0, 0.5, 0.2])), 17.0, **COARSE)
    assert found.points.shape == (0, 3) and found.triangles.shape == (0, 3)
    assert found.to_vtk().GetNumberOfCells() == 0
    assert found.report.stopped_by == "tolerance"


def test_more_cells_than_can_be_numbered_are_refused(inr_3d):
    with pytest.raises(pa.ParameterError, match="more than can be numbered"):
        pa.contour(inr_3d, 0.5, tolerance=1e-9)


def test_the_result_depends_on_neither_memory_nor_threads(threads, inr_3d):
    results = []
    for n, memory in ((1, 1024), (2, 1024), (2, 1)):
        threads(n)
        found = pa.contour(inr_3d, 0.1, memory_mb=memory, **COARSE)
        results.append((found.points.tobytes(), found.triangles.tobytes(), found.report))
    assert results[0] == results[1] == results[2]
    assert len(results[0][0]) > 10_000
    # The control: the seed moves the points of verification, not the surface.
    other = pa.contour(inr_3d, 0.1, seed=1, **COARSE)
    assert other.points.tobytes() == results[0][0]
    assert other.report.distance_rms != results[0][2].distance_rms


def test_limits_leave_a_coarser_closed_surface_and_say_so():
    _, inr = bumps(Bump((0.0, 0.0, 0.0), 0.5))
    with pytest.warns(pa.ToleranceWarning, match="max_cells was reached"):
        few = pa.contour(inr, LEVEL, max_cells=4096, tolerance=1e-4, **COARSE)
    assert few.report.finest_cells == (16, 16, 16)
    assert topology(few.triangles) == Topology(1, 2)
    with pytest.warns(pa.ToleranceWarning, match="time limit was reached"):
        short = pa.contour(inr, LEVEL, time_limit=1e-6, tolerance=1e-5, **COARSE)
    assert topology(short.triangles) == Topology(1, 2)


def stop_when(monkeypatch, words: str, calls: int = 0):
    """Have the time limit reached when something is said for the so many-th time."""
    said = []

    def watch(self, fraction, text):
        said.append(text)
        if sum(words in t for t in said) > calls:
            raise pa.refinement.Stopped("time_limit")

    monkeypatch.setattr("pruning_amr.refinement.Watch.__call__", watch)


@pytest.mark.parametrize("bounds", [SQUARE, CUBE])
def test_the_time_limit_leaves_vertices_between_the_corners_of_cells(monkeypatch, bounds):
    network, inr = bumps(Bump((0.05, 0.1, 0.0)[: len(bounds)], 0.5), bounds=bounds)
    whole = pa.contour(inr, LEVEL, **COARSE)
    stop_when(monkeypatch, "placing vertices", 0)
    with pytest.warns(pa.ToleranceWarning, match="the time limit was reached; .* vertices are whe"):
        found = pa.contour(inr, LEVEL, **COARSE)
    report = found.report
    assert report.stopped_by == "time_limit" and report.vertices_left == len(found.points)
    assert report.open_edges == 0 and report.turned == 0 and whole.report.vertices_left == 0
    # As far as a parabola is from its chord, and the measured distance says so.
    far = distances(network, found, LEVEL, found.points).max()
    assert distances(network, whole, LEVEL, whole.points).max() < far < 0.01
    assert report.distance_max > whole.report.distance_max
    outward = found.points - [0.05, 0.1, 0.0][: len(bounds)]
    along = (found.normals * outward).sum(axis=1) / np.linalg.norm(outward, axis=1)
    assert along.max() < -0.9
    lengths = (
        np.linalg.norm(found.gradients, axis=1).mean(),
        np.linalg.norm(whole.gradients, axis=1).mean(),
    )
    assert lengths[0] == pytest.approx(lengths[1], rel=0.2)


def test_max_cells_bounds_cells_halved_where_they_are_unclear():
    network = random_network(np.random.default_rng(7), (3, 16, 16, 1), "sin", gain=3.5)
    inr = to_inr(network, CUBE)
    given = {"smallest_feature": 1 / 12, "tolerance": 0.02, "device": "cpu"}
    whole = pa.contour(inr, 0.1, **given)
    explored = 12**3 + sum(whole.report.explored_cells)
    assert whole.report.halved_cells > 10 and not whole.report.unclear_left
    with pytest.warns(pa.ToleranceWarning, match="max_cells was reached; where it was not clear"):
        few = pa.contour(inr, 0.1, max_cells=explored + whole.report.halved_cells - 1, **given)
    assert few.report.unclear_left and few.report.open_edges == 0
    assert explored + few.report.halved_cells < explored + whole.report.halved_cells
    enough = pa.contour(inr, 0.1, max_cells=explored + whole.report.halved_cells, **given)
    assert enough.points.tobytes() == whole.points.tobytes()


def test_the_time_limit_interrupts_a_level_and_halving(monkeypatch):
    network = random_network(np.random.default_rng(7), (3, 16, 16, 1), "sin", gain=3.5)
    inr = to_inr(network, CUBE)
    given = {"smallest_feature": 1 / 12, "tolerance": 0.001, "device": "cpu"}
    said = []
    pa.contour(inr, 0.1, progress=lambda _, text: said.append(text), **given)
    last = sum("placing" in text for text in said) - 1
    levels, unclear = set(), set()
    for words, calls in (("level 0", 1), ("level 1", 0), ("placing", 0), ("placing", last)):
        with monkeypatch.context() as patch:
            stop_when(patch, words, calls)
            with pytest.warns(pa.ToleranceWarning, match="the time limit was reached"):
                found = pa.contour(inr, 0.1, **given)
        assert found.report.open_edges == 0 and len(found.triangles) > 100
        levels.add(found.report.coarser)
        unclear.add(found.report.unclear_left)
    assert levels == {0, 1, 2} and unclear == {False, True}


def test_it_can_be_stopped():
    _, inr = bumps(Bump((0.0, 0.0, 0.0), 0.5))
    said = []
    with pytest.raises(pa.refinement.Stopped):
        pa.contour(inr, LEVEL, progress=lambda f, text: said.append((f, text)) or True, **COARSE)
    assert len(said) == 1 and said[0][1].startswith("INR Contour: ")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"tolerance": 0.0}, "tolerance is 0.0; expected a number above 0"),
        ({"tolerance": 2.0}, "tolerance is 2; expected a part of the diagonal"),
        ({"smallest_feature": 3.0}, "smallest_feature is 3"),
        ({"smallest_feature": 1e-3}, "raise one of them"),
        ({"output": "pressure"}, 'output is "pressure", but made up has value'),
        ({"component": 1}, "component is 1, but value has 1"),
        ({"values": []}, "values is \\[\\]; expected one or several"),
        ({"values": [np.nan]}, "finite"),
        ({"gradient": 1}, "gradient is 1; expected True or False"),
        ({"time_limit": -1.0}, "time_limit is -1.0; expected seconds"),
        ({"depth": 3}, "unknown parameter depth"),
    ],
)
def test_mistakes_are_one_sentence(wrong, words, inr_3d):
    arguments = {"values": 0.1, "device": "cpu", **wrong}
    with pytest.raises(pa.ParameterError, match=words):
        pa.contour(inr_3d, **arguments)


def test_the_domain_need_not_be_a_cube():
    inr = replace(
        bumps(Bump((0.0, 0.0, 0.0), 0.4))[1], bounds=np.array([[-1, 1], [-0.5, 0.6], [-3, 0.1]])
    )
    found = pa.contour(inr, LEVEL, smallest_feature=1 / 32, device="cpu")
    assert found.report.start_cells == (21, 12, 32)
    assert topology(found.triangles) == Topology(1, 1)
    assert found.report.open_edges == 0
