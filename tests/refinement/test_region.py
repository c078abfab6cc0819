"""A mesh that has to meet its tolerance in a part of its domain alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from _helpers.reference import evaluate, random_network, to_inr
from pruning_amr.refinement import build_mesh, make_parameters


class Triangle:
    """The points of the unit square below its diagonal."""

    share = 0.5

    def contains(self, points: np.ndarray) -> np.ndarray:
        return points.sum(axis=1) <= 1.0

    def meets(self, low: np.ndarray, size: np.ndarray) -> np.ndarray:
        return low.sum(axis=1) < 1.0


@pytest.fixture(scope="module")
def network():
    return random_network(np.random.default_rng(2), (2, 24, 24, 1), "sin", gain=4.0)


def mesh_of(network, norm: str, region, tolerance: float):
    parameters = make_parameters(
        tolerance=tolerance, error_norm=norm, device="cpu", min_depth=1, max_depth=8
    )
    return build_mesh(to_inr(network), parameters, region=region)


@pytest.mark.parametrize("norm", ["rms", "max"])
def test_the_tolerance_is_met_there_and_nothing_is_refined_elsewhere(norm, network):
    asked = 0.01
    shrunk = asked * math.sqrt(Triangle.share) if norm == "rms" else asked
    mesh, everywhere = (
        mesh_of(network, norm, Triangle(), shrunk),
        mesh_of(network, norm, None, asked),
    )
    tree = mesh.tree
    inner = np.flatnonzero(tree.first_child >= 0)
    away = tree.lower_corner(inner).sum(axis=1) >= 1.0
    # Root cells, 4 x 4, are halved once whatever the field.
    assert away.any() and tree.level[inner][away].max() == 0 < tree.level[inner].max()
    assert mesh.n_cells < 0.75 * everywhere.n_cells
    points = np.random.default_rng(7).random((40_000, 2))
    points = points[points.sum(axis=1) <= 1.0]
    error = mesh.reconstruct(points) - evaluate(network, points)
    error = np.abs(error / np.diff(mesh.inr.value_range)[:, 0])
    found = error.max() if norm == "max" else math.sqrt(np.mean(error**2))
    assert 0.4 * asked < found <= (1.1 if norm == "max" else 1.05) * asked
    assert mesh.history.achieved_error <= shrunk
