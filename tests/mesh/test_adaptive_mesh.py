"""Meshes: reproducible, and carrying the network's values."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.reference import assert_close_to_range, evaluate, random_network, to_inr
from _helpers.trees import cells_of
from pruning_amr.mesh import Mesh, generation_counts
from pruning_amr.refinement import CRITERIA, build_mesh, make_parameters

SETTINGS = {
    "target_error": {"tolerance": 0.003},
    "isosurface": {"isovalues": (0.0, 0.02), "smallest_feature": 1 / 16, "tolerance": 1e-3},
    "feature_map": {"feature_threshold": 0.15, "tolerance": 1e-4},
    "interpolation_error": {"tolerance": 0.02},
    "paper": {"max_kept_fraction": 0.3, "id_samples": 64, "error_samples": 32},
    "uniform": {},
}


def mesh_of(inr, criterion: str, **parameters) -> Mesh:
    values = {
        "criterion": criterion,
        "device": "cpu",
        "min_depth": 1,
        "max_depth": 4,
        "max_cells": 5000,
    }
    return build_mesh(inr, make_parameters(**{**values, **SETTINGS[criterion], **parameters}))


def leaves(mesh: Mesh):
    return cells_of(mesh.tree, mesh.tree.leaves)


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("activation", ["silu", "gelu", "elu"])
def test_mesh_does_not_depend_on_memory(rng, criterion, activation):
    inr = to_inr(random_network(rng, (2, 20, 20, 1), activation, 4), [[-1, 1], [0, 2]])
    reference = mesh_of(inr, criterion)
    assert reference.tree.n_leaves > 64
    for memory_mb in (0.01, 1.0):
        other = mesh_of(inr, criterion, memory_mb=memory_mb)
        assert leaves(other) == leaves(reference)
        np.testing.assert_array_equal(other.vertex_values, reference.vertex_values)
        np.testing.assert_array_equal(
            other.node_values[other.tree.leaves], reference.node_values[reference.tree.leaves]
        )


@pytest.mark.parametrize("criterion", CRITERIA)
def test_mesh_does_not_depend_on_threads(inr_3d, threads, criterion):
    threads(1)
    one = mesh_of(inr_3d, criterion, max_depth=3)
    values = one.vertex_values
    threads(2)
    two = mesh_of(inr_3d, criterion, max_depth=3)
    assert leaves(two) == leaves(one)
    np.testing.assert_array_equal(two.vertex_values, values)


@pytest.mark.parametrize("criterion", ["interpolation_error", "paper"])
def test_the_seed_decides_about_borderline_cells(rng, criterion):
    inr = to_inr(random_network(rng, (2, 20, 20, 1), "sin", 4))
    first, again, other = (leaves(mesh_of(inr, criterion, seed=s, max_depth=5)) for s in (0, 0, 1))
    assert first == again
    assert first != other
    assert abs(len(first) - len(other)) < 0.2 * len(first)


def test_values_are_the_networks(inr_3d, network_3d):
    mesh = mesh_of(inr_3d, "interpolation_error", max_depth=3)
    assert mesh.n_cells == mesh.tree.n_leaves
    assert_close_to_range(mesh.vertex_values, evaluate(network_3d, mesh.vertices.points))
    centers = mesh.tree.centers(np.arange(mesh.tree.n_nodes))
    assert_close_to_range(mesh.node_values, evaluate(network_3d, centers))


def test_bounds_of_the_mesh_are_those_of_the_field(inr_2d):
    mesh = mesh_of(inr_2d, "uniform")
    np.testing.assert_array_equal(mesh.tree.bounds, [[-1, 1], [0, 3]])


@pytest.mark.parametrize("axis", [0, 1, 3])
def test_mesh_at_a_time_is_that_of_the_network_with_time_held(rng, axis):
    inputs = ["x", "y", "z"]
    inputs.insert(axis, "t")
    network = random_network(rng, (4, 20, 20, 1), "silu", 4)
    bounds = [[0, 1]] * 4
    bounds[axis] = [2, 3]
    inr = to_inr(network, bounds, inputs=tuple(inputs), times=np.linspace(2, 3, 3))
    parameters = make_parameters(max_depth=2, min_depth=0, device="cpu", tolerance=0.05)
    for asked, used in [(None, 2.0), (2.5, 2.5), (99.0, 3.0), (-99.0, 2.0)]:
        mesh = build_mesh(inr, parameters, asked)
        assert mesh.time == used
        points = np.insert(mesh.vertices.points, axis, used, axis=1)
        assert_close_to_range(mesh.vertex_values, evaluate(network, points), 2e-5)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_truncated_is_the_mesh_of_that_maximum_depth(inr_2d, depth):
    mesh = mesh_of(inr_2d, "interpolation_error", tolerance=1e-3)
    assert mesh.tree.depth == 4
    cut, fresh = (
        mesh.truncated(depth),
        mesh_of(inr_2d, "interpolation_error", tolerance=1e-3, max_depth=depth),
    )
    assert leaves(cut) == leaves(fresh)
    np.testing.assert_array_equal(cut.vertex_values, fresh.vertex_values)


def test_generation_counts_follow_from_the_mesh(inr_2d):
    mesh = mesh_of(inr_2d, "interpolation_error")
    for entry in generation_counts(mesh):
        nodes = mesh.tree.level == entry["level"]
        assert entry["refined"] == np.count_nonzero(nodes & (mesh.tree.first_child >= 0))
        tested = np.count_nonzero(nodes) if 1 <= entry["level"] < 4 else 0
        assert entry["tested"] == tested


def test_progress_can_stop_a_mesh_that_is_still_usable(inr_3d):
    mesh = build_mesh(
        inr_3d, make_parameters(max_depth=4, min_depth=1), progress=lambda f, text: f > 0.05
    )
    assert mesh.history.stopped_by == "user"
    assert mesh.vertex_values.shape == (len(mesh.vertices.points), 1)


def test_time_limit_leaves_a_usable_mesh(inr_2d):
    mesh = mesh_of(inr_2d, "interpolation_error", time_limit=1e-9)
    assert mesh.history.stopped_by == "time_limit"
    assert np.isfinite(mesh.conforming_vertex_values).all()


def test_a_smaller_tolerance_gives_more_cells_and_less_error(inr_2d):
    meshes = [
        pa.refine(inr_2d, tolerance=t, max_depth=8, min_depth=0) for t in (0.1, 0.03, 0.01, 0.003)
    ]
    cells = [m.at().n_cells for m in meshes]
    errors = [pa.accuracy(inr_2d, m, 20_000).rmse for m in meshes]
    assert cells == sorted(set(cells))
    assert errors == sorted(set(errors), reverse=True)
