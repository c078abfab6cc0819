"""What fresh points tell of a mesh: how many are asked for, and what a rare one says."""

from __future__ import annotations

import numpy as np
import pytest
from _helpers.reference import random_network, to_inr
from pruning_amr.mesh import Tree
from pruning_amr.refinement import make_parameters, verification
from pruning_amr.refinement.cell_errors import CellErrors
from pruning_amr.refinement.verification import Verification


@pytest.fixture
def uniform() -> tuple[Verification, Tree]:
    """A grid of 64 x 64 cells of a smooth field."""
    inr = to_inr(random_network(np.random.default_rng(3), (2, 16, 16, 1), "tanh", 1.5))
    parameters = make_parameters(device="cpu", tolerance=1e-3)
    tree = Tree.regular(inr.spatial_bounds, (64, 64))
    errors = CellErrors(inr, None, parameters, tree)
    return Verification(inr, None, parameters, errors), tree


def test_a_rare_point_counts_but_is_not_taken_for_usual(uniform, monkeypatch):
    verify, tree = uniform
    rng, rare = np.random.default_rng(0), [3e-6]

    def with_outlier(measure, volume, density, count):
        found = rng.random(count) * 1e-6 / count
        found[0] += rare.pop() if rare else 0.0
        return found

    monkeypatch.setattr(verify, "_round", with_outlier)
    found = verify(tree, np.arange(tree.n_nodes))
    assert found.square > 0.6e-6
    assert found.usual == pytest.approx(0.5e-6, rel=0.05)
    # Nor is it taken for doubt about the others.
    assert found.scatter > 0.03 > found.usual_scatter


@pytest.mark.parametrize(("outlier", "more"), [(3e-6, False), (0.3e-6, True)])
def test_a_miss_by_rare_points_is_not_measured_on(uniform, monkeypatch, outlier, more):
    """Where the tolerance, a mean square of 1e-6, may yet be met more points are asked for."""
    verify, tree = uniform
    rng, rounds = np.random.default_rng(0), []

    def with_outlier(measure, volume, density, count):
        found = rng.random(count) * 1e-6 / count
        found[0] += 0.0 if rounds else outlier
        rounds.append(count)
        return found

    monkeypatch.setattr(verify, "_round", with_outlier)
    verify(tree, np.arange(tree.n_nodes))
    assert (len(rounds) > 1) == more


def test_usually_all_points_are_usual(uniform):
    verify, tree = uniform
    found = verify(tree, np.arange(tree.n_nodes))
    assert found.usual == pytest.approx(found.square, rel=1e-12)


def test_large_meshes_are_measured_more_closely(uniform, monkeypatch):
    verify, tree = uniform
    leaves = np.arange(tree.n_nodes)
    few = verify(tree, leaves).scatter
    monkeypatch.setattr(verification, "_LARGE", len(leaves) // 16)
    assert 0.0 < verify(tree, leaves).scatter < verification.SURE / 4 * 1.01 < few


@pytest.mark.parametrize("together", [1, 1 << 16])
def test_what_is_found_does_not_depend_on_what_is_asked_for_at_a_time(
    uniform, monkeypatch, together
):
    verify, tree = uniform
    leaves, seen = np.arange(tree.n_nodes), []

    def learn(cells, points, exact, found):
        seen.append((cells, points[:, 0]))

    monkeypatch.setattr(verification, "_TOGETHER", together)
    found = verify(tree, leaves, learn=learn)
    cells, points = (np.concatenate(part) for part in zip(*seen, strict=True))
    np.testing.assert_array_equal(tree.locate(points), leaves[cells])
    expected = verify.at(tree, points)
    assert found.square == pytest.approx(float(expected.square.mean()), rel=0.2)
    monkeypatch.undo()
    uniform_again = Verification(verify._inr, None, verify._parameters, verify.errors)
    assert uniform_again(tree, leaves).square == found.square
