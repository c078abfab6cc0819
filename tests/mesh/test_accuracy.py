"""Accuracy: the error that integrating over the mesh gives."""

from __future__ import annotations

import itertools

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.errors import one_clear_sentence
from _helpers.reference import evaluate, linear_network, random_network, to_inr
from pruning_amr.mesh import measure_accuracy
from pruning_amr.refinement import build_mesh, make_parameters


def build(inr, **parameters):
    values = {"device": "cpu", "max_depth": 3, "min_depth": 1, "tolerance": 0.03, **parameters}
    return build_mesh(inr, make_parameters(**values))


def quadrature(mesh, network, reconstruction: str, n: int = 12):
    """Gauss points of every leaf: weights, error and exact values, leaf by leaf."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    nodes, weights = (nodes + 1) / 2, weights / 2
    d = mesh.tree.dimension
    local = np.array(list(itertools.product(nodes, repeat=d)))
    weight = np.array([np.prod(w) for w in itertools.product(weights, repeat=d)])
    all_weights, errors, exacts = [], [], []
    for leaf in mesh.tree.leaves:
        low = mesh.tree.lower_corner([leaf])[0]
        size = mesh.tree.cell_size(mesh.tree.level[leaf])
        exact = evaluate(network, low + local * size)
        if reconstruction == "cell_constant":
            value = evaluate(network, (low + size / 2)[None])
        else:
            value = 0.0
            for offset in itertools.product((0, 1), repeat=d):
                corner = evaluate(network, (low + np.array(offset) * size)[None])
                share = np.where(np.array(offset) == 1, local, 1 - local).prod(axis=1)
                value = value + share[:, None] * corner
        all_weights.append(weight * size.prod())
        errors.append(value - exact)
        exacts.append(exact)
    return np.concatenate(all_weights), np.concatenate(errors), np.concatenate(exacts)


@pytest.mark.parametrize("reconstruction", ["multilinear", "cell_constant"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_error_is_that_of_integrating_over_the_cells(rng, reconstruction, n_outputs):
    network = random_network(rng, (2, 16, 16, n_outputs), "silu", 3)
    mesh = build(to_inr(network, [[-1, 1], [0, 2]]))
    found = measure_accuracy(mesh, 200_000, reconstruction)
    weight, error, exact = quadrature(mesh, network, reconstruction)
    volume = weight.sum()
    rmse = np.sqrt((weight[:, None] * error**2).sum() / volume / n_outputs)
    norm = np.sqrt((weight[:, None] * exact**2).sum() / volume / n_outputs)
    assert found.rmse == pytest.approx(rmse, rel=0.02)
    assert found.relative_l2 == pytest.approx(rmse / norm, rel=0.02)
    assert found.max_error == pytest.approx(np.abs(error).max(), rel=0.1)
    assert found.psnr == pytest.approx(20 * np.log10(np.ptp(exact) / rmse), abs=0.3)
    assert (found.samples, found.reconstruction) == (200_000, reconstruction)


def test_error_of_a_known_function_on_one_grid():
    # f = x² has, between vertices h apart, the interpolation error s(h - s): rmse h²/√30.
    # A sine of small amplitude stands in for it: sin(ωx) has the error of ω²/2 x² locally.
    omega, h = 2 * np.pi, 1 / 64
    network = linear_network([1.0, 0.0], 0.0)
    network[0] = type(network[0])(
        np.array([[omega, 0.0], [0.0, 0.0]], np.float32), np.zeros(2, np.float32), "sin"
    )
    mesh = build(
        to_inr(network), criterion="uniform", root_resolution=(64, 1), min_depth=0, max_depth=1
    )
    h /= 2
    expected = omega**2 / 2 * h**2 / np.sqrt(30) / np.sqrt(2)
    assert measure_accuracy(mesh, 100_000).rmse == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("reconstruction", ["multilinear", "conforming"])
@pytest.mark.parametrize("slopes", [[2.0, -1.0], [0.5, 1.0, -3.0]])
def test_a_linear_field_is_represented_exactly(slopes, reconstruction):
    mesh = build(to_inr(linear_network(slopes)), criterion="uniform", max_depth=2)
    found = measure_accuracy(mesh, 10_000, reconstruction)
    assert found.max_error < 2e-6
    assert found.psnr > 100


def test_conforming_error_is_that_of_the_continuous_interpolant(inr_2d, network_2d):
    mesh = build(inr_2d, criterion="interpolation_error", tolerance=0.02)
    assert mesh.vertices.hanging.any()
    found = measure_accuracy(mesh, 50_000, "conforming")
    plain = measure_accuracy(mesh, 50_000, "multilinear")
    assert found.rmse > plain.rmse
    # The hanging vertices are where the two differ: there it is exactly the difference in value.
    hanging = mesh.vertices.hanging
    jump = mesh.conforming_vertex_values[hanging] - evaluate(
        network_2d, mesh.vertices.points[hanging]
    )
    assert np.abs(jump).max() > 1e-3


def test_a_cell_constant_is_worse_than_an_interpolant(inr_3d):
    mesh = build(inr_3d)
    constant = measure_accuracy(mesh, 20_000, "cell_constant")
    assert constant.rmse > 1.5 * measure_accuracy(mesh, 20_000).rmse


def test_another_network_can_be_the_truth(inr_2d, network_2d):
    mesh = pa.refine(inr_2d, max_depth=3)
    network_2d[-1].bias[:] += 5.0
    shifted = pa.accuracy(to_inr(network_2d, inr_2d.bounds), mesh, 20_000)
    assert shifted.rmse == pytest.approx(5.0, rel=0.01)
    assert pa.accuracy(inr_2d, mesh, 20_000).rmse < 0.5


def test_a_constant_field_without_error():
    mesh = build(to_inr(linear_network([0.0, 0.0], 0.0)), criterion="uniform", max_depth=1)
    found = measure_accuracy(mesh, 100)
    assert (found.rmse, found.relative_l2, found.max_error) == (0, 0, 0)
    assert found.psnr == np.inf


def test_accuracy_is_measured_at_the_time_asked_for(rng):
    network = random_network(rng, (4, 16, 16, 1), "silu", 3)
    inr = to_inr(network)
    mesh = pa.refine(inr, max_depth=1, min_depth=0)
    early, late = (pa.accuracy(inr, mesh, 5000, time=t) for t in (0.0, 1.0))
    assert early.rmse != late.rmse
    weight, error, _ = quadrature(mesh.at(1.0), held_at(network, 1.0), "multilinear", 4)
    assert late.rmse == pytest.approx(np.sqrt((weight[:, None] * error**2).sum()), rel=0.1)


def held_at(network, time: float):
    """The network of x, y, z with its last input held."""
    first = network[0]
    bias = first.bias + first.weight[:, 3] * time
    return [type(first)(first.weight[:, :3], bias, first.activation), *network[1:]]


def test_seeds_agree_within_sampling_error(inr_2d):
    mesh = build(inr_2d)
    values = [measure_accuracy(mesh, 50_000, seed=s).rmse for s in range(4)]
    assert len(set(values)) == 4
    assert np.ptp(values) < 0.1 * np.mean(values)


@pytest.mark.parametrize("samples", [0, -1])
def test_no_samples_are_refused(inr_2d, samples):
    with one_clear_sentence(pa.ParameterError, "samples", samples):
        measure_accuracy(build(inr_2d, max_depth=1), samples)


def test_unknown_reconstruction_is_refused(inr_2d):
    with one_clear_sentence(pa.ParameterError, "reconstruction", "cubic", "conforming"):
        measure_accuracy(build(inr_2d, max_depth=1), 10, "cubic")


def test_values_of_a_coarser_stage_are_those_of_the_mesh(monkeypatch):
    inr = to_inr(random_network(np.random.default_rng(1), (2, 16, 16, 1), "sin", 3.0))
    mesh = build_mesh(inr, make_parameters(tolerance=0.02, device="cpu"))
    stage = mesh.truncated(mesh.tree.depth - 2)
    np.testing.assert_array_equal(stage.vertex_values, stage.evaluator.numpy(stage.vertices.points))
    assert measure_accuracy(stage, 5000) == measure_accuracy(stage, 5000)
    # Points that both are compared at are evaluated once.
    asked = []
    monkeypatch.setattr(
        type(mesh.evaluator), "__call__", lambda self, x: asked.append(len(x)) or x[:, :1]
    )
    points = np.random.default_rng(0).random((100, 2))
    mesh.exact_values(points)
    stage.exact_values(points.copy())
    assert asked == [100]
    mesh.exact_values(points + 1e-9)
    assert asked == [100, 100]
