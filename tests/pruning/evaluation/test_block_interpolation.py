"""Interpolated blocks of dense grids."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _helpers.reference import evaluate, random_network, to_chain
from pruning_amr.cells import Domain
from pruning_amr.inr import Evaluator
from pruning_amr.pruning import LocalEvaluation, Policy, Reference, make_grid_evaluator
from pruning_amr.pruning.evaluation.block_interpolation import NODES, BlockInterpolation
from pruning_amr.pruning.evaluation.dense_grid import levels_to_interpolate

CPU = torch.device("cpu")
BOUNDS = np.array([[-1.0, 1.0], [-1.0, 1.0]])


def polynomial(x: torch.Tensor) -> torch.Tensor:
    """Return two outputs whose degree along each axis is one less than there are nodes."""
    degree = NODES[x.shape[-1]] - 1
    first = (x**degree - 0.5 * x).prod(dim=-1)
    return torch.stack([first, (1.0 - x[..., :1] ** degree)[..., 0]], dim=-1)


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("outputs", [slice(0, 1), slice(0, 2)])
def test_polynomials_are_reproduced_at_points_and_on_grids(rng, dimension, outputs):
    scheme = BlockInterpolation(dimension, CPU)
    values = polynomial(scheme.unit)[None, :, outputs].repeat(3, 1, 1).float()
    unit = torch.from_numpy(rng.random((3, 7, dimension)))
    exact = polynomial(unit)[..., outputs].float()
    torch.testing.assert_close(scheme.at(values, unit), exact, atol=1e-5, rtol=0)
    axes = [torch.from_numpy(np.sort(rng.random((3, n)), axis=1)) for n in (4, 5, 6)[:dimension]]
    found = scheme.on_grid(values, [scheme.matrix(a) for a in axes])
    for block in range(3):
        grid = torch.meshgrid(*[a[block] for a in reversed(axes)], indexing="ij")
        points = torch.stack(grid[::-1], dim=-1).reshape(-1, dimension)
        exact = polynomial(points)[..., outputs].float()
        torch.testing.assert_close(found[block], exact, atol=1e-5, rtol=0)


def test_values_at_nodes_stay(rng):
    scheme = BlockInterpolation(2, CPU)
    values = torch.from_numpy(rng.normal(size=(2, scheme.n_nodes**2, 3))).float()
    torch.testing.assert_close(scheme.at(values, scheme.unit.expand(2, -1, -1)), values)


def interpolated(function, n_points: float, allowed: float = 1e-3):
    one, domain = torch.ones(1, dtype=torch.float64), Domain.of(BOUNDS, (4, 4))
    return levels_to_interpolate(Reference(function, domain, one), allowed, n_points, Policy())


def evaluator_of(network, scale, n_points: int):
    reference = Reference.of(Evaluator(to_chain(network), "cpu"), BOUNDS, scale)
    return make_grid_evaluator(reference, 1e-3, n_points)


def test_smooth_fields_are_interpolated_from_the_coarsest_level():
    found = interpolated(lambda x: (x[:, :1] * x[:, 1:]).square(), 1e6)
    assert found.levels.start == 0 and found.n_evaluated == 16 * BlockInterpolation(2, CPU).n_points


def test_rough_fields_and_coarse_grids_are_evaluated_everywhere():
    rough = interpolated(lambda x: torch.sin(1e4 * x[:, :1] * x[:, 1:]), 1e6)
    assert not rough.levels and rough.n_evaluated == 1e6
    assert not interpolated(lambda x: x[:, :1], 1e3).levels


def test_a_kink_is_left_to_finer_levels():
    found = interpolated(lambda x: (x[:, :1] - 0.1).abs(), 1e6)
    assert len(found.levels) > 1 and found.n_evaluated < 3e5


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_grids_of_fields_that_are_smooth_in_part_are_accurate(rng, n_outputs):
    network = random_network(rng, (2, 32, 32, n_outputs), "relu", gain=3)
    axes = [np.linspace(-1, 1, 1100), np.sort(rng.uniform(-1, 1, 900))]
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    exact = evaluate(network, points).reshape(900, 1100, n_outputs)
    scale = np.ptp(exact, axis=(0, 1))
    evaluator = evaluator_of(network, scale, len(points))
    assert evaluator.interpolated.levels and evaluator.interpolated.n_evaluated < len(points) / 2
    error = (evaluator(axes) - exact) / scale
    assert 1e-7 < np.sqrt(np.mean(error**2)) < 1e-3


def test_a_field_that_is_no_number_stays_so(rng):
    network = random_network(rng, (2, 16, 16, 1), "silu")
    network[0].weight[3] = np.nan
    evaluator = evaluator_of(network, np.ones(1), 250_000)
    axes = [np.linspace(-1, 1, 500)] * 2
    assert np.isnan(evaluator(axes)).all()
    assert np.isnan(Evaluator(to_chain(network), "cpu").numpy(np.zeros((1, 2)))).all()


def test_it_is_told_where_a_grid_was_interpolated(rng):
    network = random_network(rng, (2, 32, 32, 1), "tanh", gain=2)
    axes = [np.linspace(-1, 1, 700)] * 2
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    exact = evaluate(network, points).reshape(700, 700, 1)
    scale = np.ptp(exact, axis=(0, 1))
    found = LocalEvaluation(to_chain(network), BOUNDS, scale, 1e-3, "cpu").on_grid(axes)
    assert found.interpolated_levels and 0 < found.error <= 1e-3
    assert np.sqrt(np.mean(((found.values - exact) / scale) ** 2)) < 1.1e-3
    whole = LocalEvaluation(to_chain(network), BOUNDS, scale, 0.0, "cpu").on_grid(axes)
    assert whole.interpolated_levels == () and whole.error == 0.0
    np.testing.assert_allclose(whole.values, exact, atol=1e-4)
