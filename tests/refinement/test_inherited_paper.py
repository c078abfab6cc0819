"""Criterion paper with networks that cells inherit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _helpers.reference import random_network, residual_network, to_inr
from pruning_amr.cells import Boxes
from pruning_amr.mesh import Tree
from pruning_amr.refinement import build_mesh, make_parameters
from pruning_amr.refinement.criteria.base import make_criterion
from pruning_amr.refinement.loop import boxes_of

BOUNDS = [[-1.0, 1.0], [-1.0, 1.0]]


@pytest.fixture(scope="module")
def inr():
    network = random_network(np.random.default_rng(3), (2, 64, 64, 64, 1), "silu", gain=4)
    return to_inr(network, BOUNDS)


def parameters(networks: str, **more):
    return make_parameters(
        criterion="paper", networks=networks, device="cpu", root_resolution=(4, 4), **more
    )


def judged(inr, networks: str, level: int, **more) -> np.ndarray:
    tree = Tree.regular(inr.spatial_bounds, (4 << level, 4 << level))
    cells = boxes_of(tree, np.arange(tree.n_nodes), torch.device("cpu"))
    cells = Boxes(torch.full_like(cells.level, level), cells.index, cells.lower, cells.size)
    p = parameters(networks, **more)
    criterion = make_criterion(inr, None, p)
    with torch.inference_mode():
        return criterion(cells).numpy()


@pytest.mark.parametrize("level", [2, 3])
def test_it_mostly_decides_like_the_published_rule(inr, level):
    limit = {2: 0.12, 3: 0.09}[level]
    full, local = (judged(inr, n, level, max_kept_fraction=limit) for n in ("full", "local"))
    assert 0.02 < np.mean(full > 1) < 0.98
    assert np.mean((full > 1) == (local > 1)) > 0.9
    assert np.median(local / full) == pytest.approx(1.0, abs=0.1)


def test_ranks_of_what_the_parent_kept_are_those_of_all(inr):
    # With a tolerance that no error exceeds, only the kept fraction is left.
    more = {"pruning_tolerance": 1e6, "max_kept_fraction": 1.0}
    full, local = (judged(inr, n, 3, **more) for n in ("full", "local"))
    assert np.abs(local / full - 1).mean() < 0.03


def test_the_mesh_is_the_same_for_any_memory_and_threads(inr):
    some = {"max_depth": 5, "max_kept_fraction": 0.1, "max_cells": 20_000}
    meshes = [build_mesh(inr, parameters("local", **some))]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        meshes.append(build_mesh(inr, parameters("local", memory_mb=1.0, **some)))
    finally:
        torch.set_num_threads(before)
    a, b = (m.tree for m in meshes)
    assert a.n_nodes > 500
    assert np.array_equal(a.first_child, b.first_child) and np.array_equal(a.index, b.index)


def test_auto_is_the_published_rule(inr):
    assert np.array_equal(judged(inr, "auto", 2), judged(inr, "full", 2))


def test_networks_with_residual_blocks_are_inherited_too():
    inr = to_inr(residual_network(np.random.default_rng(3), 2, 32, "silu", 3.0), BOUNDS)
    for more in (
        {"pruning_tolerance": 1e6, "max_kept_fraction": 1.0},
        {"pruning_tolerance": 1e-3, "max_kept_fraction": 1e6},
    ):
        full, local = (judged(inr, n, 2, **more) for n in ("full", "local"))
        assert full.min() > 0 and local.min() > 0
        assert np.median(local / full) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("criterion", ["paper", "feature_map"])
def test_meshes_of_residual_networks(criterion):
    inr = to_inr(residual_network(np.random.default_rng(3), 2, 24), BOUNDS)
    given = {"max_depth": 4, "max_kept_fraction": 0.3, "feature_threshold": 0.2, "device": "cpu"}
    mesh = build_mesh(inr, make_parameters(criterion=criterion, tolerance=1e-4, **given))
    levels = np.unique(mesh.tree.level[mesh.tree.leaves])
    assert len(levels) > 1
