"""Searching a mesh through local networks: as accurate, and as reproducible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from _helpers.reference import evaluate, random_network, to_inr
from pruning_amr.mesh import measure_accuracy
from pruning_amr.pruning import Policy, make_point_evaluator
from pruning_amr.refinement import build_mesh, build_space_time_mesh, make_parameters, sampled_field

BOUNDS = [[-1.0, 1.0], [-1.0, 1.0]]
TOLERANCE = 1e-4


EAGER = Policy(least_cost=0.0, search_points=2000, foreseeable_points=0, least_points=5e6)
"""Small meshes are worth it too."""


@pytest.fixture
def network():
    return random_network(np.random.default_rng(8), (2, 96, 96, 1), "silu", gain=6)


@pytest.fixture
def used(monkeypatch) -> list:
    """Evaluators that searches made."""
    made = []

    def noted(*arguments):
        made.append(make_point_evaluator(*arguments))
        return made[-1]

    monkeypatch.setattr(sampled_field, "make_point_evaluator", noted)
    return made


def mesh_of(network, **parameters):
    values = {"tolerance": TOLERANCE, "device": "cpu", "max_cells": 200_000, **parameters}
    return build_mesh(to_inr(network, BOUNDS), make_parameters(**values), policy=EAGER)


def relative_error(mesh) -> float:
    low, high = mesh.inr.value_range[0]
    return measure_accuracy(mesh, 50_000).rmse / (high - low)


def test_the_tolerance_is_met_with_hardly_more_cells(network, used):
    full = mesh_of(network, networks="full")
    assert used == []
    local = mesh_of(network)
    assert len(used) == 1 and sum(used[0].statistics.pruned) > 0
    assert local.n_cells < 1.1 * full.n_cells
    assert relative_error(local) < 1.05 * TOLERANCE
    assert local.history.achieved_error == pytest.approx(relative_error(local), rel=0.1)


def test_the_mesh_is_the_same_for_any_memory_and_threads(network, used):
    meshes = [mesh_of(network)]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        meshes.append(mesh_of(network, memory_mb=16.0))
    finally:
        torch.set_num_threads(before)
    assert len(used) == 2 and all(sum(e.statistics.pruned) > 0 for e in used)
    a, b = (m.tree for m in meshes)
    assert np.array_equal(a.first_child, b.first_child) and np.array_equal(a.index, b.index)


def test_values_of_the_mesh_are_exact_or_local(network):
    uniform = {"criterion": "uniform", "max_depth": 7, "max_cells": 300_000, "tolerance": 1e-2}
    exact, local = (mesh_of(network, values=v, **uniform) for v in ("exact", "local"))
    local.local_evaluation = replace(local.local_evaluation, policy=EAGER)
    points = exact.vertices.points.astype(np.float32)
    truth, scale = evaluate(network, points), np.ptp(exact.inr.value_range)
    assert np.abs(exact.vertex_values - truth).max() < 1e-5 * scale
    error = np.sqrt(np.mean((local.vertex_values - truth) ** 2)) / scale
    allowed = local.parameters.local_share * local.parameters.tolerance
    assert 1e-6 < error < 1.2 * allowed


def test_the_maximum_is_searched_by_the_whole_network(network, used):
    mesh_of(network, error_norm="max", tolerance=0.05, max_depth=6)
    assert used == []


def over_time(network, **parameters):
    inr = to_inr(
        network,
        inputs=("x", "t"),
        bounds=np.array([[-1.0, 1.0], [-1.0, 1.0]]),
        times=np.linspace(-1, 1, 5),
    )
    values = {"tolerance": 2e-4, "device": "cpu", "max_cells": 500_000}
    values = {**values, "time_mode": "space_time", **parameters}
    return build_space_time_mesh(inr, make_parameters(**values), policy=EAGER)


def test_over_space_and_time_the_tolerance_is_met_too(network, used):
    full = over_time(network)
    assert used == []
    local = over_time(network, networks="local")
    assert len(used) == 1 and sum(used[0].statistics.pruned) > 0
    assert local.n_cells < 1.1 * full.n_cells
    extent = np.ptp(local.inr.value_range)
    error = measure_accuracy(local, 50_000).rmse / extent
    assert error < 1.05 * 2e-4
    assert local.history.achieved_error == pytest.approx(error, rel=0.1)


def test_over_space_and_time_values_are_exact_or_local(network, used):
    exact, local = (over_time(network, networks="local", values=v) for v in ("exact", "local"))
    assert np.array_equal(exact.tree.index, local.tree.index)
    difference = exact.corners.values - local.corners.values
    error = np.sqrt(np.mean(difference.astype(float) ** 2)) / np.ptp(exact.inr.value_range)
    assert 1e-7 < error < 3e-5
    time = float(exact.inr.times[2])
    at = exact.with_parameters(replace(exact.parameters, time_values="exact")).at(time)
    truth = evaluate(network, np.insert(at.vertices.points, 1, time, axis=1).astype(np.float32))
    assert np.abs(at.vertex_values - truth).max() < 1e-5 * np.ptp(exact.inr.value_range)
