"""The uniform grid that is as accurate as a mesh."""

from __future__ import annotations

import numpy as np
import pytest
from _helpers.reference import evaluate, linear_network, random_network, to_inr
from pruning_amr.mesh import measure_accuracy
from pruning_amr.mesh.accuracy import sample_points
from pruning_amr.mesh.uniform import UniformGrid, interpolate_uniform, uniform_of_equal_error
from pruning_amr.refinement import build_mesh, make_parameters
from scipy.interpolate import RegularGridInterpolator

BOUNDS = np.array([[-1.0, 1.0], [0.0, 3.0]])


@pytest.fixture
def evaluator(inr_2d):
    return build_mesh(inr_2d, make_parameters(device="cpu", max_depth=1, min_depth=0)).evaluator


def test_multilinear_is_that_of_scipy(evaluator, network_2d):
    points = sample_points(BOUNDS, 500)
    axes = [np.linspace(*b, n + 1) for b, n in zip(BOUNDS, (5, 8), strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    values = evaluate(network_2d, grid).reshape(6, 9)
    found = interpolate_uniform(evaluator, BOUNDS, (5, 8), "multilinear", points)
    expected = RegularGridInterpolator(axes, values)(points)
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-5)


@pytest.mark.parametrize("reconstruction", ["multilinear", "cell_constant", "dual"])
def test_it_is_the_reconstruction_of_a_uniform_mesh(inr_2d, reconstruction):
    mesh = build_mesh(
        inr_2d,
        make_parameters(
            device="cpu", criterion="uniform", max_depth=2, min_depth=2, root_resolution=(2, 3)
        ),
    )
    points = sample_points(BOUNDS, 5000)
    exact = mesh.evaluator.numpy(points)
    found = interpolate_uniform(mesh.evaluator, BOUNDS, (8, 12), reconstruction, points)
    rmse = np.sqrt(np.mean((found - exact) ** 2))
    expected = measure_accuracy(mesh, 5000, reconstruction).rmse
    assert rmse == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (3, 2)])
def test_few_cells_between_centres(evaluator, network_2d, shape):
    points = sample_points(BOUNDS, 50)
    found = interpolate_uniform(evaluator, BOUNDS, shape, "dual", points)
    axes = [np.linspace(*b, 2 * n + 1)[1::2] for b, n in zip(BOUNDS, shape, strict=True)]
    centers = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = evaluate(network_2d, centers.reshape(-1, 2))
    assert found.min() >= values.min() - 1e-5
    assert found.max() <= values.max() + 1e-5


@pytest.mark.parametrize("start", [1, 7, 16, 300])
@pytest.mark.parametrize("reconstruction", ["multilinear", "cell_constant", "dual"])
def test_the_coarsest_grid_is_found_from_any_start(evaluator, reconstruction, start):
    points = sample_points(BOUNDS, 2000)
    exact = evaluator.numpy(points)

    def error(n):
        shape = (max(1, round(n * 2 / 3)), n)
        found = interpolate_uniform(evaluator, BOUNDS, shape, reconstruction, points)
        return np.sqrt(np.mean((found - exact) ** 2))

    wanted = error(23)
    grid = uniform_of_equal_error(evaluator, BOUNDS, wanted, reconstruction, points, start)
    n = grid.shape[1]
    assert 20 <= n <= 23
    assert grid.shape == (round(n * 2 / 3), n)
    assert error(n) <= wanted * 1.001
    assert error(n - 1) > wanted
    assert grid.cells == n * round(n * 2 / 3)
    assert grid.memory_bytes == 4 * grid.cells


@pytest.mark.parametrize("start", [9, 90, 300])
def test_many_points_are_asked_only_about_the_last_grids(evaluator, start):
    """A few of them find the bracket; the answer is that of all, to a hundredth."""
    points = sample_points(BOUNDS, 20_000)
    exact = evaluator.numpy(points).astype(np.float64)
    asked = []

    class Counted:
        def numpy(self, where):
            asked.append(len(where))
            return evaluator.numpy(where)

    def error(n):
        shape = (round(n * 2 / 3), n)
        found = interpolate_uniform(evaluator, BOUNDS, shape, "cell_constant", points)
        return np.sqrt(np.mean((found - exact) ** 2))

    wanted = error(90)
    grid = uniform_of_equal_error(
        Counted(), BOUNDS, wanted, "cell_constant", points, start, exact=exact
    )
    assert 87 <= grid.shape[1] <= 91
    assert error(grid.shape[1]) <= 1.02 * wanted
    assert error(grid.shape[1] - 2) > wanted
    # The few lie in less than half of the cells of this grid.
    assert sum(n > 2500 for n in asked) <= 4


def test_memory_counts_every_channel():
    assert UniformGrid.of((3, 4, 5), 2) == UniformGrid((3, 4, 5), 60 * 2 * 4)


def test_one_cell_is_enough_for_a_linear_field():
    inr = to_inr(linear_network([1.0, -2.0, 0.5]))
    mesh = build_mesh(inr, make_parameters(device="cpu", max_depth=1, min_depth=0))
    points = sample_points(mesh.tree.bounds, 1000)
    grid = uniform_of_equal_error(mesh.evaluator, mesh.tree.bounds, 0.0, "multilinear", points)
    assert grid.shape == (1, 1, 1)


def test_no_grid_is_as_good_as_none_that_can_be(rng):
    network = random_network(rng, (2, 16, 16, 1), "sin", gain=3.0)
    network[0].weight[:] *= 1e6
    inr = to_inr(network)
    mesh = build_mesh(inr, make_parameters(device="cpu", max_depth=1, min_depth=0))
    points = sample_points(mesh.tree.bounds, 100)
    assert (
        uniform_of_equal_error(mesh.evaluator, mesh.tree.bounds, 1e-4, "cell_constant", points)
        is None
    )
