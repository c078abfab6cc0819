"""Evaluation through networks of cells: accurate, and the same however it is cut up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from _helpers.reference import evaluate, random_network, to_chain
from pruning_amr.inr import Evaluator
from pruning_amr.pruning import Policy, Reference, make_grid_evaluator, make_point_evaluator

BOUNDS = np.array([[-1.0, 1.0], [0.5, 2.0], [10.0, 11.0], [0.0, 1.0]])
ALLOWED = 1e-3


EAGER = Policy(least_cost=0.0)
"""Small networks are worth it too."""


class Case:
    """A network wide enough that pruning pays, and its evaluator."""

    def __init__(self, dimension: int, n_points: float = 1e6, policy: Policy = EAGER) -> None:
        rng = np.random.default_rng(dimension)
        n_outputs = 1 if dimension == 3 else 2
        self.network = random_network(rng, (dimension, 96, 96, 96, n_outputs), "silu", gain=2.5)
        self.network[0].weight[:] *= 2 / (BOUNDS[:dimension, 1] - BOUNDS[:dimension, 0])
        self.bounds = BOUNDS[:dimension]
        unit = rng.random((4000, dimension))
        values = self.exact(self.at(unit))
        self.scale = np.ptp(values, axis=0)
        self.n_points, self.policy = n_points, policy
        self.evaluator = self.make()

    def reference(self, memory_mb: float = 1024.0) -> Reference:
        evaluator = Evaluator(to_chain(self.network), "cpu", memory_mb)
        return Reference.of(evaluator, self.bounds, self.scale)

    def make(self, make=make_point_evaluator, memory_mb: float = 1024.0):
        return make(self.reference(memory_mb), ALLOWED, self.n_points, policy=self.policy)

    def grid(self, axes, *report, memory_mb: float = 1024.0) -> np.ndarray:
        """Evaluate on a grid, nothing interpolated."""
        policy = replace(self.policy, interpolated_share=0.0)
        make = make_grid_evaluator
        return make(self.reference(memory_mb), ALLOWED, self.n_points, policy=policy)(axes, *report)

    def at(self, unit: np.ndarray) -> np.ndarray:
        return self.bounds[:, 0] + unit * np.diff(self.bounds)[:, 0]

    def exact(self, points: np.ndarray) -> np.ndarray:
        return evaluate(self.network, points.astype(np.float32))

    def error(self, points: np.ndarray, values: np.ndarray) -> float:
        return float(np.sqrt(np.mean(((values - self.exact(points)) / self.scale) ** 2)))


@pytest.fixture(scope="module", params=[2, 3])
def case(request):
    return Case(request.param)


def random_points(case: Case, count: int, seed: int = 0) -> np.ndarray:
    return case.at(np.random.default_rng(seed).random((count, len(case.bounds))))


def test_pruning_pays_and_the_error_is_about_what_is_allowed(case):
    evaluator, points = case.make(), random_points(case, 200_000)
    values = evaluator.numpy(points)
    assert evaluator.plan.steps and sum(evaluator.statistics.pruned) > 0
    error = case.error(points[:20_000], values[:20_000])
    assert 1e-6 < error < 1.5 * ALLOWED
    assert evaluator.statistics.rms == pytest.approx(error, rel=1.0)


def test_a_grid_is_what_its_points_are(case):
    sizes = [61, 47, 39][: len(case.bounds)]
    axes = [np.linspace(*b, n) for b, n in zip(case.bounds, sizes, strict=True)]
    fractions = []
    values = case.grid(axes, fractions.append)
    assert values.shape == (*reversed(sizes), len(case.scale))
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    expected = np.moveaxis(values, range(len(axes)), range(len(axes))[::-1])
    assert case.error(points, expected.reshape(len(points), -1)) < 1.5 * ALLOWED
    assert fractions == sorted(fractions) and fractions[-1] == 1.0


def test_values_depend_on_nothing_but_the_point(case):
    points = random_points(case, 30_000)
    levels = np.random.default_rng(1).integers(0, 9, len(points))
    expected = case.make().numpy(points, levels)
    other = case.make(memory_mb=8)
    order = np.random.default_rng(2).permutation(len(points))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        parts = [other.numpy(points[i], levels[i]) for i in np.array_split(order, 7)]
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(np.concatenate(parts), expected[order])
    sizes = [33] * len(case.bounds)
    axes = [np.linspace(*b, n) for b, n in zip(case.bounds, sizes, strict=True)]
    assert np.array_equal(case.grid(axes), case.grid(axes, memory_mb=8))


def test_finer_levels_go_through_smaller_networks(case):
    evaluator, points = case.make(), random_points(case, 20_000)
    coarse = evaluator.numpy(points, np.zeros(len(points)))
    assert sum(evaluator.statistics.pruned) == 0
    assert case.error(points, coarse) < 1e-5
    evaluator.numpy(points, np.full(len(points), 30))
    pruned = list(evaluator.statistics.pruned)
    assert all(pruned)
    # Networks are kept.
    evaluator.numpy(points, np.full(len(points), 30))
    assert evaluator.statistics.pruned == pruned


def test_points_outside_the_domain_are_those_of_the_whole_network(case):
    inside = random_points(case, 50_000)
    outside = case.bounds[:, 1] + np.random.default_rng(3).random((40, len(case.bounds)))
    values = case.evaluator.numpy(np.concatenate([inside, outside]))
    np.testing.assert_allclose(values[-40:], case.exact(outside), rtol=1e-4, atol=1e-4)


def test_only_cells_with_enough_points_are_pruned(case):
    evaluator = case.make()
    corner = case.at(0.02 * np.random.default_rng(4).random((60_000, len(case.bounds))))
    few = case.at(0.5 + 0.5 * np.random.default_rng(5).random((50, len(case.bounds))))
    values = evaluator.numpy(np.concatenate([corner, few]))
    assert 0 < sum(evaluator.statistics.pruned) < sum(evaluator.statistics.kept)
    assert case.error(few, values[-50:]) < 1e-5


def test_time_can_be_an_axis_like_any_other():
    case = Case(4, n_points=5e6)
    assert case.evaluator.plan.steps
    points = random_points(case, 20_000)
    values = case.evaluator.numpy(points, np.full(len(points), 30))
    assert case.error(points, values) < 1.5 * ALLOWED


def test_few_points_are_not_worth_a_plan():
    evaluator = Case(3, n_points=1000, policy=Policy()).evaluator
    assert evaluator.plan.steps == ()


def test_a_field_without_numbers_somewhere_keeps_them_there():
    case = Case(2)
    case.network[0].bias[:] = np.where(np.arange(96) == 5, np.nan, case.network[0].bias)
    values = case.make().numpy(random_points(case, 50_000))
    assert np.isnan(values).all()
