"""A region of interest: its boxes, and meshes that meet both tolerances."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.errors import one_clear_sentence
from _helpers.reference import linear_network, random_network, to_inr
from hypothesis import given, settings
from hypothesis import strategies as st
from pruning_amr.inr import Evaluator
from pruning_amr.refinement import build_mesh, build_space_time_mesh, make_parameters
from pruning_amr.refinement.region import Region, RegionFactor

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"
UNIT = np.array([[0.0, 1.0], [0.0, 1.0]])


@pytest.fixture(scope="module")
def oscillation():
    return pa.load(SAMPLES / "oscillation_2d.pt")


def inside(points, boxes):
    boxes = np.reshape(boxes, (-1, points.shape[1], 2))
    low, high = boxes[None, :, :, 0], boxes[None, :, :, 1]
    return ((points[:, None] >= low) & (points[:, None] <= high)).all(axis=2).any(axis=1)


def errors_of(mesh, boxes, norm="rms", count=200_000):
    """Return the errors at random points of the region and of the rest."""
    rng, bounds = np.random.default_rng(99), mesh.inr.spatial_bounds
    points = bounds[:, 0] + rng.random((count, len(bounds))) * np.diff(bounds)[:, 0]
    points = points.astype(np.float32).astype(np.float64)
    exact = Evaluator(mesh.inr.chain_at(mesh.time), "cpu").numpy(points)
    error = np.abs(mesh.reconstruct(points, "multilinear") - exact)
    error = error / np.diff(mesh.inr.value_range)[:, 0]
    here = inside(points, boxes)
    parts = error[here], error[~here]
    return [float(np.max(e) if norm == "max" else np.sqrt(np.mean(e**2))) for e in parts]


def mesh_of(inr, time=None, **parameters):
    return build_mesh(inr, make_parameters(device="cpu", **parameters), time)


bound = st.integers(0, 20)
intervals = st.tuples(bound, bound).filter(lambda x: x[0] != x[1]).map(sorted)
boxes_2d = st.lists(st.tuples(intervals, intervals), min_size=1, max_size=5)


@settings(max_examples=16, deadline=None)
@given(boxes_2d)
def test_overlapping_boxes_count_once(boxes):
    boxes = np.array(boxes) / 20.0
    region = Region.of(boxes, UNIT)
    centres = (np.stack(np.meshgrid(np.arange(20), np.arange(20)), -1).reshape(-1, 2) + 0.5) / 20
    expected = inside(centres, boxes)
    assert (region.contains(centres) == expected).all()
    size = np.full_like(centres, 1 / 20)
    assert region.fraction(centres - size / 2, size) == pytest.approx(expected.astype(float))
    assert region.share == pytest.approx(expected.mean())
    whole = region.fraction(np.zeros((1, 2)), np.ones((1, 2)))
    assert whole == pytest.approx([expected.mean()])


def test_the_factor_of_a_cell_is_the_mean_square_of_those_at_its_points():
    factor = RegionFactor(Region.of(np.array([[[0.2, 0.7], [0.1, 0.3]]]), UNIT), (3.0, 0.5))
    low, size = np.array([[0.1, 0.05]]), np.array([[0.4, 0.2]])
    points = low + np.random.default_rng(0).random((200_000, 2)) * size
    assert factor.mean_square(low, size)[0] == pytest.approx((factor.at(points) ** 2).mean(), 0.01)


fractions = st.floats(0.0, 0.85)
widths = st.floats(0.05, 0.5)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(fractions, fractions, widths, widths, st.sampled_from([0.02, 0.005]), st.floats(0.1, 1.0))
def test_both_tolerances_are_met(oscillation, x, y, width, height, outer, ratio):
    box = [x, min(x + width, 1.0), y, min(y + height, 1.0)]
    inner = max(ratio * outer, 0.0008)
    mesh = mesh_of(oscillation, tolerance=outer, region=box, region_tolerance=inner)
    history = mesh.history
    assert history.stopped_by == "criterion" and history.shortfall is None
    assert (history.asked_error, history.asked_region_error) == (outer, inner)
    found = errors_of(mesh, box)
    # The margin is that of points: there are few in a small box.
    assert found[0] <= 1.02 * inner
    assert found[1] <= 1.01 * outer
    assert history.achieved_region_error == pytest.approx(found[0], rel=0.1)
    assert history.achieved_error == pytest.approx(found[1], rel=0.1)


@pytest.mark.parametrize("reconstruction", ["multilinear", "conforming"])
def test_a_region_that_no_sample_of_a_cell_meets_is_measured(oscillation, reconstruction):
    box, parameters = [0.4, 0.4005, 0.4, 0.4005], {"reconstruction": reconstruction}
    mesh = mesh_of(oscillation, tolerance=0.2, region=box, region_tolerance=0.002, **parameters)
    points = 0.4 + 0.0005 * np.random.default_rng(5).random((4000, 2))
    points = points.astype(np.float32).astype(np.float64)
    exact = Evaluator(mesh.inr.chain, "cpu").numpy(points)
    error = (mesh.reconstruct(points, reconstruction) - exact) / np.ptp(mesh.inr.value_range)
    found = float(np.sqrt(np.mean(error**2)))
    assert mesh.history.achieved_region_error == pytest.approx(found, rel=0.1)
    assert 0.0 < found <= 1.05 * 0.002


def test_a_region_takes_fewer_cells_than_its_tolerance_everywhere(oscillation):
    box, parameters = [0.3, 0.5, 0.3, 0.5], {"tolerance": 0.01}
    without = mesh_of(oscillation, **parameters)
    fine = mesh_of(oscillation, tolerance=0.001)
    mesh = mesh_of(oscillation, region=box, region_tolerance=0.001, **parameters)
    # Without the region its tolerance is missed: the test could fail.
    assert errors_of(without, box)[0] > 0.002
    assert without.n_cells < mesh.n_cells < 0.3 * fine.n_cells
    sizes = mesh.tree.level[np.flatnonzero(mesh.tree.first_child < 0)]
    assert sizes.max() > without.tree.depth


def test_a_region_asks_less_of_the_network_than_its_tolerance_everywhere(monkeypatch):
    inr, points = pa.load(SAMPLES / "beltrami_4d.pt"), []
    call = Evaluator.__call__

    def counted(self, x, *rest):
        points.append(len(x))
        return call(self, x, *rest)

    box = np.stack([[-0.8, -0.2]] * 3).ravel()
    inr.value_range  # noqa: B018  found once
    monkeypatch.setattr(Evaluator, "__call__", counted)
    mesh = mesh_of(inr, 0.0, tolerance=6e-4, region=box, region_tolerance=2e-4)
    asked = sum(points)
    points.clear()
    fine = mesh_of(inr, 0.0, tolerance=2e-4)
    assert mesh.history.stopped_by == "criterion"
    assert mesh.n_cells < 0.5 * fine.n_cells
    assert asked < 0.7 * sum(points)


def test_several_boxes_are_one_region(oscillation):
    boxes = np.array([[0.1, 0.2, 0.1, 0.3], [0.15, 0.3, 0.2, 0.35], [0.8, 0.9, 0.8, 0.9]])
    mesh = mesh_of(oscillation, tolerance=0.02, region=boxes, region_tolerance=0.002)
    found = errors_of(mesh, boxes)
    assert found[0] <= 1.02 * 0.002 and found[1] <= 0.02
    assert mesh.history.stopped_by == "criterion"


@pytest.mark.parametrize("reconstruction", ["conforming", "cell_constant"])
def test_both_are_met_by_other_reconstructions(oscillation, reconstruction):
    mesh = mesh_of(
        oscillation,
        tolerance=0.05,
        region=[0.3, 0.6, 0.3, 0.6],
        region_tolerance=0.02,
        reconstruction=reconstruction,
    )
    history = mesh.history
    assert history.stopped_by == "criterion"
    assert 0.014 < history.achieved_region_error <= 0.02
    assert 0.04 < history.achieved_error <= 0.05


def test_every_point_meets_the_maximum_of_its_part(oscillation):
    box = [0.3, 0.5, 0.3, 0.5]
    parameters = {"error_norm": "max", "tolerance": 0.1, "region_tolerance": 0.02}
    mesh = mesh_of(oscillation, region=box, **parameters)
    found = errors_of(mesh, box, "max")
    assert mesh.history.stopped_by == "criterion"
    assert found[0] <= 0.02 < errors_of(mesh, box, "max")[1] <= 0.1


def test_both_are_met_over_space_and_time():
    rng = np.random.default_rng(3)
    network = random_network(rng, (3, 16, 16, 1), "sin", 3.0)
    inr = to_inr(network, [[0, 1], [0, 1], [0, 1]], inputs=("x", "y", "t"))
    parameters = make_parameters(
        time_mode="space_time",
        tolerance=0.03,
        region=[0.2, 0.5, 0.2, 0.5],
        region_tolerance=0.01,
        device="cpu",
    )
    history = build_space_time_mesh(inr, parameters).at(0.5).history
    assert history.stopped_by == "criterion"
    assert history.achieved_error <= 0.03 and history.achieved_region_error <= 0.01


@pytest.mark.parametrize("box", [[0, 1, 0, 1], [-5, 5, -1, 2]])
def test_a_region_that_is_all_of_the_domain_gives_its_tolerance(oscillation, box):
    mesh = mesh_of(oscillation, tolerance=0.03, region=box, region_tolerance=0.01)
    plain = mesh_of(oscillation, tolerance=0.01)
    assert (mesh.tree.breadth_first() == plain.tree.breadth_first()).all()
    assert mesh.n_cells == plain.n_cells
    assert mesh.history.achieved_region_error == plain.history.achieved_error
    assert mesh.history.asked_error is None and mesh.history.achieved_error is None


def test_what_is_missed_is_said(oscillation):
    mesh = mesh_of(
        oscillation, tolerance=0.02, region=[0, 0.5, 0, 0.5], region_tolerance=1e-4, max_cells=2000
    )
    said = mesh.history.shortfall
    assert mesh.history.stopped_by == "max_cells"
    assert "region_tolerance 0.0001 is missed" in said and "max_cells was reached" in said


def test_the_rest_meets_its_tolerance_where_the_depth_keeps_the_region_from_its_own(oscillation):
    asked = {"tolerance": 0.05, "region": [0.2, 0.4, 0.2, 0.4], "region_tolerance": 1e-4}
    mesh = mesh_of(oscillation, max_depth=5, **asked)
    history = mesh.history
    assert history.stopped_by == "max_depth"
    assert history.achieved_error <= 0.05 and history.achieved_region_error > 1e-4
    assert history.shortfall.startswith("region_tolerance 0.0001 is missed")


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ([0, 1, 0], ["region", "a lower and an upper"]),
        ([0, 1], ["region", "2 numbers", "expected 4"]),
        ([0, 1, 0, 1, 0, 1], ["region", "6 numbers", "expected 4"]),
        ([0.5, 0.5, 0, 1], ["region", "0.5", "below"]),
        ([0, 1, 0.7, 0.2], ["region", "axis 1", "below"]),
        ([2, 3, 0, 1], ["region", "outside the domain", "axis 0"]),
        ([0, NAN, 0, 1], ["region", "finite"]),
        ([0, INF, 0, 1], ["region", "finite"]),
        ("0 1 0 1", ["region"]),
        (3.0, ["region"]),
        ([[0, 1, 0, 1], [0, 1]], ["region", "expected 4"]),
        ([[]], ["region"]),
    ],
)
def test_impossible_regions_are_refused(region, words):
    inr = to_inr(linear_network([1.0, 2.0]), [[0, 1], [0, 1]])
    with one_clear_sentence(pa.ParameterError, *words):
        pa.refine(inr, region=region)


def test_other_criteria_take_no_region():
    inr = to_inr(linear_network([1.0, 2.0]), [[0, 1], [0, 1]])
    with one_clear_sentence(pa.ParameterError, "region", "uniform", "target_error"):
        pa.refine(inr, region=[0, 0.5, 0, 0.5], criterion="uniform")


@pytest.mark.parametrize("region", [None, (), [], [0, 0, 0, 0], (0.0,) * 6])
def test_no_region_is_none(region):
    assert make_parameters(region=region) == make_parameters()


def test_a_factor_of_zero_leaves_the_rest_alone(oscillation):
    box = np.array([[[0.3, 0.45], [0.3, 0.45]]])
    factor = RegionFactor(Region.of(box, UNIT), (1.0, 0.0))
    tolerance = 0.005
    mesh = build_mesh(oscillation, make_parameters(tolerance=tolerance), factor=factor)
    # The mean is over the whole domain, with no errors in the rest.
    assert errors_of(mesh, box)[0] * 0.15 <= tolerance
    leaves = np.flatnonzero(mesh.tree.first_child < 0)
    low, size = mesh.tree.lower_corner(leaves), mesh.tree.node_size(leaves)
    beside = factor.mean_square(low, size) == 0.0
    assert mesh.tree.level[leaves][beside].max() < mesh.tree.level[leaves][~beside].max()


def test_the_mesh_does_not_depend_on_the_memory_budget(oscillation):
    asked = {"tolerance": 0.02, "region": [0.3, 0.5, 0.3, 0.5], "region_tolerance": 0.004}
    large = mesh_of(oscillation, **asked)
    small = mesh_of(oscillation, memory_mb=0.5, **asked)
    assert (large.tree.first_child == small.tree.first_child).all()
    assert large.history.achieved_region_error == small.history.achieved_region_error
