"""Criterion target_error: the error asked for, at points no one has seen, with few cells."""

from __future__ import annotations

import re

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.reference import (
    Dense,
    evaluate,
    linear_network,
    random_network,
    residual_network,
    steep_network,
    to_inr,
)
from pruning_amr.mesh import Mesh, measure_accuracy
from pruning_amr.mesh.balance import balanced
from pruning_amr.refinement import build_mesh, make_parameters


def mesh_of(inr, **parameters) -> Mesh:
    values = {"criterion": "target_error", "device": "cpu", "max_depth": 9, "min_depth": 1}
    return build_mesh(inr, make_parameters(**{**values, **parameters}))


def error_of(mesh: Mesh, seed: int = 77, samples: int = 100_000) -> float:
    """The error in the norm that was asked for, relative to the range, at other points."""
    p = mesh.parameters
    found = measure_accuracy(mesh, samples, p.reconstruction, seed=seed)
    error = found.max_error if p.error_norm == "max" else found.rmse
    extent = np.diff(mesh.inr.value_range)[:, 0]
    return error / (1.0 if p.error_formula == "absolute" else float(extent[0]))


def field(kind: str, dimension: int):
    rng = np.random.default_rng(5)
    if kind == "front":
        return to_inr(steep_network(dimension, 20.0))
    if kind == "residual":
        return to_inr(residual_network(rng, dimension, 16))
    return to_inr(random_network(rng, (dimension, 16, 16, 1), kind, 3.0))


@pytest.mark.parametrize("norm", ["rms", "max"])
@pytest.mark.parametrize("reconstruction", ["multilinear", "conforming", "cell_constant", "dual"])
@pytest.mark.parametrize(("kind", "dimension"), [("front", 2), ("relu", 2), ("sin", 3)])
def test_the_error_asked_for_is_met(kind, dimension, reconstruction, norm):
    rough = reconstruction in ("cell_constant", "dual")
    tolerance = (0.05 if rough else 0.01) * (4 if norm == "max" else 1) * (dimension - 1)
    mesh = mesh_of(
        field(kind, dimension),
        reconstruction=reconstruction,
        error_norm=norm,
        tolerance=tolerance,
        max_depth=7 if dimension == 2 else 5,
        max_cells=300_000,
    )
    assert mesh.history.stopped_by == "criterion"
    assert mesh.history.asked_error == tolerance
    assert mesh.history.achieved_error <= tolerance
    assert error_of(mesh) <= tolerance
    if norm == "rms":
        assert mesh.history.achieved_error == pytest.approx(error_of(mesh), rel=0.1)
        # and not far below it: that would be a waste of cells
        assert error_of(mesh) > 0.7 * tolerance or mesh.n_cells == 8**dimension


def test_the_error_asked_for_is_met_with_residual_blocks():
    mesh = mesh_of(field("residual", 2), tolerance=0.01)
    assert mesh.history.stopped_by == "criterion"
    assert mesh.history.achieved_error == pytest.approx(error_of(mesh), rel=0.1)
    assert 0.007 < error_of(mesh) <= 0.01


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("activation", ["relu", "sin"])
def test_no_threshold_of_another_criterion_does_with_fewer_cells(seed, activation):
    inr = to_inr(random_network(np.random.default_rng(seed), (2, 20, 20, 1), activation, 4.0))
    for threshold in (0.03, 0.01, 0.003):
        other = mesh_of(inr, criterion="interpolation_error", tolerance=threshold)
        extent = float(np.diff(inr.value_range)[0, 0])
        asked = measure_accuracy(other, 100_000).rmse / extent
        ours = mesh_of(inr, tolerance=asked)
        assert error_of(ours) <= asked
        assert ours.n_cells <= 1.1 * other.n_cells


def thin_slab(dimension: int):
    """Zero but for a slanted slab, much thinner than the root cells."""
    normal = np.zeros((1, dimension))
    normal[0, :2] = (0.9, 0.4)
    steep = 300.0 if dimension == 2 else 60.0
    offset = np.array([-0.63 * steep], np.float32)
    return to_inr(
        [
            Dense((steep * normal).astype(np.float32), offset, "gaussian"),
            Dense(np.ones((1, 1), np.float32), np.zeros(1, np.float32)),
        ]
    )


@pytest.mark.parametrize("norm", ["rms", "max"])
@pytest.mark.parametrize("dimension", [2, 3])
def test_a_slab_that_passes_between_the_sample_points_is_found(dimension, norm):
    depth = 8 if dimension == 2 else 5
    tolerance = 0.02 if norm == "rms" else 0.3
    mesh = mesh_of(
        thin_slab(dimension),
        tolerance=tolerance,
        error_norm=norm,
        min_depth=0,
        max_depth=depth,
        max_cells=400_000,
        error_samples=4,
    )
    assert mesh.history.stopped_by == "criterion"
    assert error_of(mesh) <= tolerance


def test_absolute_errors_are_in_units_of_the_field():
    network = steep_network(2, 20.0)
    scaled = [network[0], Dense(100 * network[1].weight, 100 * network[1].bias)]
    plain, large = to_inr(network), to_inr(scaled)
    relative = mesh_of(plain, tolerance=0.01), mesh_of(large, tolerance=0.01)
    assert relative[0].n_cells == pytest.approx(relative[1].n_cells, rel=0.02)
    absolute = mesh_of(large, tolerance=1.0, error_formula="absolute")
    assert 0.5 < error_of(absolute) <= 1.0


def test_several_outputs_count_alike():
    rng = np.random.default_rng(3)
    network = random_network(rng, (2, 16, 16, 2), "tanh", 3.0)
    scale = np.array([1.0, 1000.0])
    last = Dense((network[-1].weight.T * scale).T.astype(np.float32), network[-1].bias)
    inr = to_inr([*network[:-1], last])
    mesh = mesh_of(inr, tolerance=0.01)
    points = rng.random((50_000, 2)).astype(np.float32)
    error = mesh.reconstruct(points.astype(np.float64)) - evaluate([*network[:-1], last], points)
    relative = error / np.diff(inr.value_range)[:, 0]
    assert 0.007 < np.sqrt(np.mean(relative**2)) <= 0.0101


def test_a_linear_field_needs_no_refinement():
    mesh = mesh_of(to_inr(linear_network([2.0, -1.0])), tolerance=1e-4)
    assert mesh.n_cells == 64
    assert mesh.history.stopped_by == "criterion"
    assert mesh.history.achieved_error < 1e-5


def test_a_constant_field_needs_no_refinement():
    mesh = mesh_of(to_inr(linear_network([0.0, 0.0])), tolerance=1e-4)
    assert mesh.n_cells == 64
    assert mesh.history.achieved_error < 1e-12


def test_a_channel_that_is_constant_but_for_rounding_needs_no_refinement():
    network = random_network(np.random.default_rng(5), (2, 16, 16, 1), "sin", 3.0)
    last = network[-1]
    network[-1] = Dense(1e-5 * last.weight, last.bias + 300.0)
    mesh = mesh_of(to_inr(network), tolerance=0.01)
    assert 0 < np.diff(mesh.inr.value_range)[0, 0] < 1e-3
    assert mesh.tree.depth == 1
    assert mesh.history.stopped_by == "criterion"


@pytest.mark.parametrize("norm", ["rms", "max"])
def test_a_field_that_is_no_number_somewhere_is_never_called_good(norm):
    # Infinite for x > 0.34, and there the reconstruction is no number either.
    network = [Dense(np.array([[1e19, 0.0]], np.float32), np.zeros(1, np.float32), "relu")]
    network += [Dense(np.array([[1e20]], np.float32), np.zeros(1, np.float32))]
    mesh = mesh_of(
        to_inr(network), tolerance=1e36, max_depth=4, error_formula="absolute", error_norm=norm
    )
    assert mesh.history.achieved_error == np.inf
    assert mesh.history.stopped_by == "max_depth"
    # Where the numbers end cells are as small as may be; where there are none, such are of no use.
    leaves = mesh.tree.leaves
    centers, level = mesh.tree.centers(leaves), mesh.tree.level[leaves]
    assert centers[level == 4, 0] == pytest.approx([0.3203125, 0.3359375] * 64)
    assert mesh.n_cells < 300


@pytest.mark.parametrize("norm", ["rms", "max"])
def test_max_cells_is_kept_and_said(norm):
    mesh = mesh_of(field("sin", 2), tolerance=1e-5, max_cells=500, error_norm=norm)
    assert 400 < mesh.n_cells <= 500
    assert mesh.history.stopped_by == "max_cells"
    assert mesh.history.achieved_error > 1e-5
    assert mesh.history.achieved_error == pytest.approx(error_of(mesh), rel=0.3)


@pytest.mark.parametrize("dimension", [2, 3])
def test_max_cells_wins_over_min_depth(dimension):
    mesh = mesh_of(field("sin", dimension), tolerance=1e-5, max_cells=1000, min_depth=5)
    assert 900 < mesh.n_cells <= 1000
    assert mesh.history.stopped_by == "max_cells"


def test_with_a_budget_the_error_is_the_least_for_the_cells():
    inr = field("front", 2)
    limited = mesh_of(inr, tolerance=1e-6, max_cells=1000)
    free = mesh_of(inr, tolerance=error_of(limited))
    assert limited.n_cells <= 1.1 * free.n_cells


@pytest.mark.parametrize(("dimension", "n"), [(2, 1000), (3, 2000)])
def test_a_maximum_that_max_cells_keeps_above_the_tolerance_is_not_said_to_be_less(dimension, n):
    mesh = mesh_of(field("sin", dimension), tolerance=1e-3, max_cells=n, error_norm="max")
    assert mesh.history.stopped_by == "max_cells"
    assert mesh.n_cells > 0.98 * n
    assert mesh.history.achieved_error > 0.97 * error_of(mesh, samples=400_000)


@pytest.mark.parametrize("norm", ["rms", "max"])
def test_max_depth_is_kept_and_said(norm):
    mesh = mesh_of(field("sin", 2), tolerance=1e-5, max_depth=3, error_norm=norm)
    assert mesh.tree.depth == 3
    assert mesh.history.stopped_by == "max_depth"


@pytest.mark.parametrize("min_depth", [0, 2, 3])
def test_min_depth_is_kept(min_depth):
    mesh = mesh_of(field("front", 2), tolerance=0.05, min_depth=min_depth)
    assert mesh.tree.level[mesh.tree.leaves].min() >= min_depth


def test_a_smaller_tolerance_takes_more_cells():
    inr = field("front", 2)
    cells = [mesh_of(inr, tolerance=t).n_cells for t in (0.03, 0.01, 0.003, 0.001)]
    assert cells == sorted(set(cells))


@pytest.mark.parametrize("across", ["faces", "corners"])
def test_a_balanced_mesh_meets_the_tolerance_too(across):
    mesh = mesh_of(field("relu", 2), tolerance=0.003, balance=across)
    assert balanced(mesh.tree, across)[0] is mesh.tree
    assert error_of(mesh) <= 0.003
    assert mesh.history.stopped_by == "criterion"


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_stopping_leaves_a_usable_mesh(after):
    calls: list[str] = []

    def progress(fraction: float, text: str) -> bool:
        assert 0 <= fraction <= 1
        calls.append(text)
        return len(calls) > after

    p = make_parameters(criterion="target_error", tolerance=0.001, device="cpu")
    mesh = build_mesh(field("sin", 2), p, progress=progress)
    assert mesh.history.stopped_by == "user"
    assert np.isfinite(mesh.conforming_vertex_values).all()
    assert len(calls) == after + 1


def test_progress_says_what_is_done():
    texts: list[str] = []
    p = make_parameters(criterion="target_error", tolerance=0.01, device="cpu")
    build_mesh(field("sin", 2), p, progress=lambda f, t: bool(texts.append(t)))
    assert texts[0] == "Pruning AMR: 16 cells explored"
    assert any(re.search(r"[\d,]+ cells explored, error [\d.]+ % of 1 % asked", t) for t in texts)
    assert "verifying" in texts[-1]


def test_the_indicator_is_the_error_of_the_cell_in_units_of_the_tolerance():
    mesh = mesh_of(field("front", 2), tolerance=0.01)
    indicator = mesh.history.indicator[mesh.tree.leaves]
    assert np.isfinite(indicator).all() and (indicator >= 0).all()
    volume = 2.0 ** (-2.0 * mesh.tree.level[mesh.tree.leaves]) / 16
    total = np.sqrt(np.sum(volume * indicator**2))
    assert total == pytest.approx(mesh.history.achieved_error / 0.01, rel=0.1)


def test_the_course_counts_what_was_looked_at_and_what_is_refined():
    mesh = mesh_of(field("front", 2), tolerance=0.01)
    tree, history = mesh.tree, mesh.history
    inner = tree.first_child >= 0
    for level in range(tree.depth + 1):
        assert history.refined[level] == np.count_nonzero(inner & (tree.level == level))
        assert history.tested[level] >= np.count_nonzero(tree.level == level)


def test_the_published_formula_is_refused():
    with pytest.raises(pa.ParameterError, match="value_range"):
        mesh_of(field("front", 2), error_formula="published")


def test_accuracy_reports_the_achieved_error_beside_the_asked_one(inr_2d):
    mesh = pa.refine(inr_2d, tolerance=0.02)
    found = pa.accuracy(inr_2d, mesh)
    extent = float(np.diff(inr_2d.value_range)[0, 0])
    assert mesh.at().history.achieved_error == pytest.approx(found.rmse / extent, rel=0.1)


def test_where_the_depth_binds_flat_parts_stay_coarse():
    mesh = mesh_of(thin_slab(2), tolerance=0.001, min_depth=0, max_depth=6)
    assert mesh.history.stopped_by == "max_depth"
    everything = 4**mesh.tree.depth * int(np.prod(mesh.tree.root_resolution))
    assert mesh.n_cells < 0.2 * everything
    # Nothing that could be seen is given up for it.
    whole = mesh_of(thin_slab(2), criterion="uniform", max_depth=6)
    assert error_of(mesh) <= 1.05 * measure_accuracy(whole, 100_000).rmse
