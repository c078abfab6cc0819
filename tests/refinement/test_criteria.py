"""Criteria: every cell is judged as a plain computation for that cell alone judges it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from _helpers.plain_pruning import paper_indicator
from _helpers.reference import evaluate, linear_network, random_network, steep_network, to_inr
from pruning_amr.cells.sampling import lattice_in_cells, uniform_in_cells
from pruning_amr.mesh import Tree
from pruning_amr.refinement import (
    CRITERIA,
    RefinementParameters,
    build_mesh,
    make_parameters,
    registry,
)
from pruning_amr.refinement.criteria.base import make_criterion
from pruning_amr.refinement.loop import boxes_of

CPU = torch.device("cpu")
BOUNDS = {2: [[-1.0, 1.0], [0.0, 3.0]], 3: [[-1.0, 1.0], [0.0, 1.0], [2.0, 4.0]]}


def mixed_tree(dimension: int, roots: int, rounds: int) -> Tree:
    """A tree with leaves of several levels."""
    rng = np.random.default_rng(1)
    tree = Tree.regular(np.array(BOUNDS[dimension]), (roots,) * dimension)
    for _ in range(rounds):
        leaves = tree.leaves
        tree.subdivide(leaves[rng.random(len(leaves)) < 0.4])
    return tree


def judge(inr, tree: Tree, nodes: np.ndarray, **parameters) -> np.ndarray:
    parameters = {"criterion": "interpolation_error", "device": "cpu", **parameters}
    criterion = make_criterion(inr, None, RefinementParameters(**parameters))
    with torch.inference_mode():
        return criterion(boxes_of(tree, nodes, CPU)).numpy()


def sample_points(tree: Tree, nodes, count: int, stream: int, seed: int = 0) -> np.ndarray:
    """The criterion's own sample points in space, rounded as the network sees them."""
    level, index = torch.from_numpy(tree.level[nodes]), torch.from_numpy(tree.index[nodes])
    unit = uniform_in_cells(level, index, count, stream, seed).numpy()
    low, size = tree.lower_corner(nodes), tree.cell_size(tree.level[nodes])
    return (low[:, None] + unit * size[:, None]).astype(np.float32).astype(np.float64)


def test_cells_carry_the_geometry_of_their_nodes():
    tree = mixed_tree(2, 3, 3)
    cells = boxes_of(tree, tree.leaves, CPU)
    counts = 3 * 2.0 ** tree.level[tree.leaves]
    extent = np.array(BOUNDS[2])[:, 1] - np.array(BOUNDS[2])[:, 0]
    np.testing.assert_allclose(cells.size.numpy(), extent / counts[:, None], rtol=1e-14)
    low = np.array(BOUNDS[2])[:, 0] + tree.index[tree.leaves] * extent / counts[:, None]
    np.testing.assert_allclose(cells.lower.numpy(), low, atol=1e-14)


@pytest.mark.parametrize(
    ("dimension", "activation", "formula", "n_outputs", "max_kept", "skips"),
    [
        (2, "silu", "value_range", 1, 6.5 / 80, ()),
        (2, "relu", "published", 1, 0.2, ()),
        (2, "tanh", "value_range", 3, 9.5 / 80, ()),
        (3, "sin", "published", 2, 0.4, ()),
        (2, "silu", "value_range", 1, 6.5 / 80, ((2, 0),)),
    ],
)
def test_paper_decides_like_a_plain_qr_loop(
    rng, dimension, activation, formula, n_outputs, max_kept, skips
):
    widths = (dimension, 40, 40, n_outputs)
    network = random_network(rng, widths, activation, gain=2.5, skips=skips)
    inr = to_inr(network, BOUNDS[dimension])
    tree = mixed_tree(dimension, 6 if dimension == 2 else 3, 3)
    nodes = tree.leaves[:500]
    assert len(nodes) >= 200
    found = judge(
        inr, tree, nodes, criterion="paper", error_formula=formula, max_kept_fraction=max_kept
    )
    id_points = sample_points(tree, nodes, 256, 0)
    error_points = sample_points(tree, nodes, 128, 1)
    expected = np.array(
        [
            paper_indicator(network, a, b, formula, inr.value_range, max_kept_fraction=max_kept)
            for a, b in zip(id_points, error_points, strict=True)
        ]
    ).max(axis=1)
    agree = (found > 1) == (expected > 1)
    assert agree.mean() >= 0.995
    assert 0.05 < np.mean(expected > 1) < 0.95, "both decisions have to occur"
    assert np.median(np.abs(found / expected - 1)) < 0.02


def test_paper_refines_if_either_test_asks(rng):
    inr = to_inr(random_network(rng, (2, 32, 32, 1), "silu", 2.5), BOUNDS[2])
    tree = mixed_tree(2, 4, 2)
    nodes = tree.leaves
    error_only = judge(inr, tree, nodes, criterion="paper", max_kept_fraction=1e9)
    kept_only = judge(inr, tree, nodes, criterion="paper", pruning_tolerance=1e9)
    both = judge(inr, tree, nodes, criterion="paper")
    assert (error_only > kept_only).any() and (kept_only > error_only).any()
    np.testing.assert_allclose(both, np.maximum(error_only, kept_only), rtol=1e-9)


@pytest.mark.parametrize("formula", ["value_range", "published"])
@pytest.mark.parametrize(("dimension", "n_outputs"), [(2, 1), (3, 2)])
def test_interpolation_error_is_the_mean_error_of_the_multilinear_interpolant(
    rng, formula, dimension, n_outputs
):
    network = random_network(rng, (dimension, 24, 24, n_outputs), "silu", gain=3)
    inr = to_inr(network, BOUNDS[dimension])
    tree = mixed_tree(dimension, 2, 3)
    nodes = tree.leaves
    found = judge(inr, tree, nodes, error_formula=formula, tolerance=0.02, error_samples=50)
    points = sample_points(tree, nodes, 50, 1)
    extent = np.diff(inr.value_range)[:, 0]
    expected = []
    for node, x in zip(nodes, points, strict=True):
        low, size = tree.lower_corner([node])[0], tree.cell_size(tree.level[node])
        interpolated = np.zeros((len(x), n_outputs))
        for offset in itertools.product((0, 1), repeat=dimension):
            corner = evaluate(network, (low + np.array(offset) * size)[None])
            local = (x - low) / size
            weight = np.where(np.array(offset) == 1, local, 1 - local).prod(axis=1)
            interpolated += weight[:, None] * corner
        exact = evaluate(network, x)
        difference = np.abs(interpolated - exact)
        if formula == "published":
            expected.append(difference.mean() * (1 / np.abs(exact + 5)).mean())
        else:
            expected.append((difference / extent).mean())
    np.testing.assert_allclose(found, np.array(expected) / 0.02, rtol=1e-3, atol=1e-4)
    assert (found > 1).any() and (found < 1).any()


@pytest.mark.parametrize("formula", ["value_range", "published"])
def test_a_linear_field_has_no_interpolation_error(formula):
    inr = to_inr(linear_network([2.0, -1.0, 0.5]), BOUNDS[3])
    tree = mixed_tree(3, 2, 2)
    assert judge(inr, tree, tree.leaves, error_formula=formula, tolerance=1e-5).max() < 1


def test_a_constant_field_is_never_refined():
    inr = to_inr(linear_network([0.0, 0.0], 3.0), BOUNDS[2])
    tree = mixed_tree(2, 2, 2)
    for criterion in ("interpolation_error", "paper"):
        indicator = judge(inr, tree, tree.leaves, criterion=criterion, max_kept_fraction=1)
        assert np.isfinite(indicator).all()
        assert indicator.max() <= 1


def test_relative_errors_do_not_depend_on_the_units_of_the_field(rng):
    network = random_network(rng, (2, 24, 24, 1), "silu", gain=3)
    tree = mixed_tree(2, 3, 2)
    plain = judge(to_inr(network, BOUNDS[2]), tree, tree.leaves)
    last = network[-1]
    network[-1] = type(last)(1e4 * last.weight, 1e4 * last.bias)
    np.testing.assert_allclose(
        judge(to_inr(network, BOUNDS[2]), tree, tree.leaves), plain, rtol=1e-2, atol=1e-3
    )


@pytest.mark.parametrize("criterion", ["interpolation_error", "paper", "uniform"])
def test_cells_are_judged_alike_in_any_batch_and_order(inr_3d, rng, criterion):
    tree = mixed_tree(3, 2, 2)
    nodes = tree.leaves
    whole = judge(inr_3d, tree, nodes, criterion=criterion)
    order = rng.permutation(len(nodes))
    np.testing.assert_allclose(
        judge(inr_3d, tree, nodes[order], criterion=criterion), whole[order], rtol=1e-7, atol=1e-9
    )
    for i in (0, 5, len(nodes) - 1):
        alone = judge(inr_3d, tree, nodes[i : i + 1], criterion=criterion)
        np.testing.assert_allclose(alone, whole[i : i + 1], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("criterion", ["interpolation_error", "paper"])
def test_another_seed_takes_other_samples(inr_2d, criterion):
    tree = mixed_tree(2, 3, 1)
    one, again, other = (
        judge(inr_2d, tree, tree.leaves, criterion=criterion, seed=s) for s in (3, 3, 4)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other, rtol=1e-6)
    np.testing.assert_allclose(np.median(one), np.median(other), rtol=0.5)


def test_number_of_samples_by_criterion():
    assert RefinementParameters(criterion="paper").n_error_samples == 128
    assert RefinementParameters(criterion="interpolation_error").n_error_samples == 32
    assert RefinementParameters(error_samples=7).n_error_samples == 7


def test_time_is_held_where_asked(rng):
    network = random_network(rng, (4, 24, 24, 1), "silu", gain=3)
    inr = to_inr(network, [[0, 1]] * 4)
    tree = Tree.regular(np.array([[0.0, 1.0]] * 3), (3, 3, 3))
    parameters = RefinementParameters(criterion="interpolation_error", device="cpu")
    cells = boxes_of(tree, tree.leaves, CPU)
    early, late, default = (
        make_criterion(inr, t, parameters)(cells).numpy() for t in (0.0, 1.0, None)
    )
    assert not np.allclose(early, late)
    np.testing.assert_array_equal(early, default)


def test_a_front_is_refined_and_the_plain_beside_it_is_not():
    inr = to_inr(steep_network(2, 60.0))
    tree = Tree.regular(np.array([[0.0, 1.0]] * 2), (16, 16))
    indicator = judge(inr, tree, tree.leaves)
    assert 0.05 < np.mean(indicator > 1) < 0.6


@pytest.mark.parametrize(
    ("dimension", "n_outputs", "skips"),
    [(2, 1, ()), (3, 2, ()), (2, 1, ((2, 0), (3, 1)))],
)
def test_feature_map_is_the_gradient_times_the_cell_size(rng, dimension, n_outputs, skips):
    widths = (dimension, *[12] * (3 if skips else 2), n_outputs)
    network = random_network(rng, widths, "tanh", gain=2.0, skips=skips)
    inr = to_inr(network, BOUNDS[dimension])
    tree = mixed_tree(dimension, 3, 2)
    # So small a tolerance that nothing is pruned: the gradient is then that of the network.
    found = judge(
        inr,
        tree,
        tree.leaves,
        criterion="feature_map",
        feature_threshold=0.2,
        id_tolerance=1e-7,
        error_samples=5,
    )
    level, index = (
        torch.from_numpy(tree.level[tree.leaves]),
        torch.from_numpy(tree.index[tree.leaves]),
    )
    unit = lattice_in_cells(level, index, 5, 1, 0).numpy()
    low, size = tree.lower_corner(tree.leaves), tree.cell_size(tree.level[tree.leaves])
    points = (low[:, None] + unit * size[:, None]).reshape(-1, dimension)
    change = np.zeros((len(points), n_outputs))
    for axis in range(dimension):
        step = np.zeros(dimension)
        step[axis] = 1e-5
        slope = (evaluate(network, points + step) - evaluate(network, points - step)) / 2e-5
        change += (slope * np.repeat(size[:, axis], 5)[:, None]) ** 2
    feature = np.sqrt(change) / np.diff(inr.value_range)[:, 0]
    expected = feature.reshape(len(tree.leaves), -1).max(axis=1) / 0.2
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_feature_map_ends_when_the_mesh_meets_the_tolerance():
    inr = to_inr(steep_network(2, 20.0))
    parameters = {"criterion": "feature_map", "feature_threshold": 0.01, "device": "cpu"}
    loose = build_mesh(inr, make_parameters(tolerance=0.01, max_depth=7, **parameters))
    assert loose.history.stopped_by == "criterion"
    assert loose.history.achieved_error <= loose.history.asked_error == 0.01
    coarser = build_mesh(
        inr, make_parameters(tolerance=0.01, max_depth=loose.tree.depth - 1, **parameters)
    )
    assert coarser.history.achieved_error > 0.01


def test_feature_map_uses_the_pruned_network():
    """Neurons that are there twice are pruned; the features stay."""
    network = random_network(np.random.default_rng(2), (2, 12, 12, 1), "tanh", gain=2.0)
    double = [
        replace(
            network[0],
            weight=np.vstack([network[0].weight] * 2),
            bias=np.hstack([network[0].bias] * 2),
        ),
        replace(network[1], weight=np.hstack([network[1].weight] * 2) / 2),
        network[2],
    ]
    tree = mixed_tree(2, 3, 2)
    parameters = RefinementParameters(criterion="feature_map", id_tolerance=0.0, device="cpu")
    criterion = make_criterion(to_inr(double), None, parameters)
    assert criterion.report.widths_after[0] <= 12 < criterion.report.widths_before[0]
    single = judge(to_inr(network), tree, tree.leaves, criterion="feature_map", id_tolerance=0.0)
    found = judge(to_inr(double), tree, tree.leaves, criterion="feature_map", id_tolerance=0.0)
    np.testing.assert_allclose(found, single, rtol=0.05)


def test_paper_with_an_automatic_id_tolerance_keeps_its_error_within_what_is_allowed():
    network = random_network(np.random.default_rng(4), (2, 32, 32, 1), "tanh", gain=2.0)
    inr = to_inr(network)
    tree = Tree.regular(np.array([[0.0, 1.0]] * 2), (8, 8))
    given = {"criterion": "paper", "pruning_tolerance": 1e-4, "max_kept_fraction": 1e-9}
    automatic = judge(inr, tree, tree.leaves, id_tolerance=0.0, **given)
    fine = judge(inr, tree, tree.leaves, id_tolerance=1e-6, **given)
    # Judged by kept neurons alone, as the error is within what is allowed: fewer than without.
    assert (automatic < fine).all()
    error_alone = {**given, "max_kept_fraction": 1e9}
    assert (judge(inr, tree, tree.leaves, id_tolerance=0.0, **error_alone) <= 1.0).all()


def test_files_hold_the_criterion_of_their_name(monkeypatch):
    for name in CRITERIA:
        assert (registry.entry_of(name).rule is None) == (name in ("target_error", "isosurface"))
    monkeypatch.setitem(registry._ENTRIES, "base", None)
    with pytest.raises(LookupError, match='registers no criterion "base"'):
        registry.entry_of("base")
