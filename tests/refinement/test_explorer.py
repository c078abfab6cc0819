"""What an explorer expects of the errors of cells, and that a search is not fooled by it."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from _helpers.reference import Dense, random_network, to_inr
from pruning_amr.mesh import Tree, error_scale, measure_accuracy
from pruning_amr.refinement import (
    build_mesh,
    build_space_time_mesh,
    error_estimates,
    make_parameters,
    optimal_subtree,
)
from pruning_amr.refinement.cell_errors import CellErrors
from pruning_amr.refinement.explorer import Explorer
from pruning_amr.refinement.progress import Watch


def explorer_of(inr, **changes) -> Explorer:
    parameters = make_parameters(device="cpu", min_depth=3, **changes)
    tree = Tree.regular(inr.spatial_bounds, parameters.root_grid(inr.spatial_bounds))
    errors = CellErrors(inr, None, parameters, tree)
    explorer = Explorer(tree, errors, parameters, Watch(None, 0.0))
    explorer.begin()
    return explorer


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("reconstruction", ["multilinear", "cell_constant"])
def test_errors_of_a_smooth_field_are_foreseen_without_samples(dimension, reconstruction):
    network = random_network(np.random.default_rng(3), (dimension, 16, 16, 1), "tanh", 1.5)
    explorer = explorer_of(to_inr(network), reconstruction=reconstruction)
    tree = explorer.tree
    leaves = np.flatnonzero(tree.first_child < 0)
    exact = explorer.errors.sample(tree, leaves, 256, 77).mean_square
    foreseen = explorer.estimates.mean_square()[leaves]
    # Together they are right; and large and small errors are told apart.
    assert foreseen.sum() == pytest.approx(exact.sum(), rel=0.25)
    large = exact > 0.01 * exact.max()
    assert np.corrcoef(np.log(foreseen[large]), np.log(exact[large]))[0, 1] > 0.85


def test_points_in_a_refined_node_tell_of_its_descendants():
    network = random_network(np.random.default_rng(3), (2, 16, 16, 1), "sin", 3.0)
    explorer = explorer_of(to_inr(network))
    tree, before = explorer.tree, explorer.estimates.sums.count.copy()
    nodes = np.arange(tree.n_roots)
    points, exact = explorer.errors.points(tree, nodes, 64, 99)
    explorer.learn(nodes, points, exact)
    more = explorer.estimates.sums.count - before
    assert (more[nodes] == 64).all()
    for level in range(4):
        assert more[tree.level == level].sum() == 64 * len(nodes)
    children = tree.children(nodes).reshape(len(nodes), -1)
    low, size = tree.lower_corner(children[0]), tree.node_size(children[0])
    inside = ((points[0][:, None] >= low) & (points[0][:, None] <= low + size)).all(axis=2)
    np.testing.assert_array_equal(inside.sum(axis=0), more[children[0]])


@pytest.mark.parametrize("mode", ["per_time_step", "space_time"])
def test_the_mesh_does_not_depend_on_how_much_is_estimated_at_a_time(mode, monkeypatch):
    over_time = mode == "space_time"
    network = random_network(np.random.default_rng(3), (4 if over_time else 2, 16, 1), "sin", 3.0)
    inr = to_inr(network)
    parameters = make_parameters(device="cpu", tolerance=0.05, time_mode=mode)
    found = []
    for part in (1 << 16, 7):
        monkeypatch.setattr(error_estimates, "_PART", part)
        monkeypatch.setattr(optimal_subtree, "_PART", part)
        mesh = (build_space_time_mesh if over_time else build_mesh)(inr, parameters)
        found.append((mesh.tree.index, mesh.history.indicator, mesh.history.achieved_error))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_search_takes_little_memory_for_each_node():
    network = random_network(np.random.default_rng(3), (3, 8, 1), "sin", 12.0)
    inr, parameters = to_inr(network), make_parameters(device="cpu", tolerance=0.001)
    build_mesh(inr, make_parameters(device="cpu", tolerance=0.1))
    tracemalloc.start()
    mesh = build_mesh(inr, parameters)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(mesh.history.tested) > 150_000
    assert peak / sum(mesh.history.tested) < 250


def thin_shell():
    """A circle of radius 0.3, much thinner than the root cells, by a ring of Gaussians."""
    angle = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    normal = 120.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return [
        Dense(
            normal.astype(np.float32),
            np.full(24, -36.0, np.float32) - normal.sum(1) * 0.5,
            "gaussian",
        ),
        Dense(np.full((1, 24), 0.2, np.float32), np.zeros(1, np.float32)),
    ]


def needle():
    """Zero but for a spot of a hundredth of the edge, off all corners of coarse cells."""
    steep = 300.0
    first = np.array([[steep, 0], [-steep, 0], [0, steep], [0, -steep]], np.float32)
    offset = np.array([-0.412, 0.432, -0.617, 0.637], np.float32) * steep
    return [
        Dense(first, offset, "sigmoid"),
        Dense(np.full((1, 4), 12.0, np.float32), np.full(1, -42.0, np.float32), "sigmoid"),
        Dense(np.ones((1, 1), np.float32), np.zeros(1, np.float32)),
    ]


def aliased_wave():
    """A wave whose nodes are the corners, the centres and the edges of all coarse cells."""
    return [
        Dense(np.array([[64.0 * np.pi, 0.0]], np.float32), np.zeros(1, np.float32), "sin"),
        Dense(np.ones((1, 1), np.float32), np.zeros(1, np.float32)),
    ]


@pytest.mark.parametrize("tolerance", [0.02, 0.005])
@pytest.mark.parametrize("field", [thin_shell, needle, aliased_wave])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_field_made_to_fool_the_expectation_meets_the_tolerance(field, tolerance, seed):
    inr = to_inr(field())
    parameters = make_parameters(tolerance=tolerance, device="cpu", seed=seed, max_cells=10**6)
    mesh = build_mesh(inr, parameters)
    assert mesh.history.stopped_by == "criterion"
    extent = float(np.diff(inr.value_range)[0, 0])
    assert measure_accuracy(mesh, 400_000, seed=5).rmse / extent <= 1.05 * tolerance


@pytest.mark.parametrize("time_mode", ["per_time_step", "space_time"])
@pytest.mark.parametrize("after", [0, 3, 8, 21])
def test_a_search_stopped_between_batches_shows_what_it_knows(monkeypatch, time_mode, after):
    monkeypatch.setattr("pruning_amr.refinement.explorer._EXPLORE_BATCH", 8)
    calls: list[str] = []

    def progress(fraction: float, text: str) -> bool:
        calls.append(text)
        return len(calls) > after

    network = random_network(np.random.default_rng(5), (3, 16, 16, 1), "sin", 3.0)
    inr = to_inr(network)
    if time_mode == "space_time":
        inr = replace(inr, inputs=("x", "y", "t"), times=np.linspace(0, 1, 5))
    parameters = make_parameters(tolerance=1e-4, device="cpu", min_depth=1)
    build = build_space_time_mesh if time_mode == "space_time" else build_mesh
    mesh = build(inr, parameters, progress=progress)
    assert mesh.history.stopped_by == "user"
    assert len(calls) == after + 1
    # Children that nothing is known of would seem to have no error at all.
    assert mesh.history.achieved_error > 1e-4
    measured = measure_accuracy(mesh, 20_000).rmse / error_scale(inr, parameters.error_formula)[0]
    assert mesh.history.achieved_error == pytest.approx(measured, rel=0.3)
    assert sum(mesh.history.tested) >= mesh.tree.n_nodes
