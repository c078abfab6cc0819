"""Refining further: the mesh of a search from the beginning, for a part of what that asks."""

from __future__ import annotations

import warnings

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.reference import random_network, to_inr
from pruning_amr.inr import Evaluator
from pruning_amr.refinement import KnownField, build_mesh, make_parameters

OVER_TIME = {"time_mode": "space_time", "max_depth": 5, "max_time_depth": 4, "min_depth": 1}
REGION = {"region": (0.2, 0.6, 0.2, 0.6), "region_tolerance": 0.02}


def field(dimension: int, over_time: bool = False):
    """A small random network, whose range is known."""
    network = random_network(np.random.default_rng(3), (dimension, 16, 16, 1), "tanh", 9)
    bounds, names = [[0, 1]] * dimension, ["x", "y", "z"][:dimension]
    times = None
    if over_time:
        names[-1], times = "t", np.linspace(0, 1, 5)
    inr = to_inr(network, bounds, **({"inputs": names, "times": times} if over_time else {}))
    assert np.isfinite(inr.value_range).all()
    return inr


@pytest.fixture
def asked(monkeypatch):
    """Return the function that returns how many points networks were asked for since last asked."""
    counts = []
    evaluate = Evaluator.numpy

    def counted(self, points, *rest):
        counts.append(len(points))
        return evaluate(self, points, *rest)

    monkeypatch.setattr(Evaluator, "numpy", counted)

    def take() -> int:
        total = sum(counts)
        counts.clear()
        return total

    return take


def tree_of(mesh: pa.AdaptiveMesh):
    return (mesh.space_time or mesh.at()).tree


def assert_same_cells(mesh: pa.AdaptiveMesh, other: pa.AdaptiveMesh) -> None:
    found, expected = tree_of(mesh), tree_of(other)
    np.testing.assert_array_equal(found.first_child, expected.first_child)
    np.testing.assert_array_equal(found.index, expected.index)


@pytest.mark.parametrize(
    ("inr", "parameters", "change"),
    [
        (field(2), {"tolerance": 0.01}, {"tolerance": 0.002}),
        (field(2), {"tolerance": 0.002}, {"tolerance": 0.01}),
        (field(2), {"tolerance": 0.002, "max_cells": 1000}, {"max_cells": 9000}),
        (field(2), {"tolerance": 0.1, "error_norm": "max"}, {"tolerance": 0.05}),
        (field(2), {"tolerance": 0.05, **REGION}, {"region_tolerance": 0.005}),
        (field(3), {"tolerance": 0.02, "max_depth": 5}, {"tolerance": 0.01}),
        (field(3, True), {"tolerance": 0.03, **OVER_TIME}, {"tolerance": 0.02}),
    ],
)
def test_the_mesh_is_that_of_a_search_from_the_beginning(inr, parameters, change, asked):
    mesh = quiet(pa.refine, inr, **parameters)
    asked()
    further = quiet(mesh.refine_further, **change)
    n_further = asked()
    fresh = quiet(pa.refine, inr, **{**parameters, **change})
    n_fresh = asked()
    assert_same_cells(further, fresh)
    assert tree_of(further).n_leaves != tree_of(mesh).n_leaves
    # Both verify what they have found, at points of their own; what both explore is known.
    assert n_further <= n_fresh - min(tree_of(m).n_leaves for m in (mesh, fresh))


def quiet(function, *arguments, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pa.ToleranceWarning)
        return function(*arguments, **keywords)


def test_what_is_known_goes_on_from_mesh_to_mesh(asked):
    inr = field(2)
    mesh = pa.refine(inr, tolerance=0.01)
    first = tree_of(mesh)
    coarse = mesh.refine_further(tolerance=0.1)
    asked()
    again = coarse.refine_further(tolerance=0.01)
    n_again = asked()
    assert_same_cells(again, mesh)
    assert tree_of(again) is not first
    # Verification only.
    assert n_again < 12_000


@pytest.mark.parametrize("change", [{"seed": 1}, {"max_depth": 6}, {"root_resolution": (3, 3)}])
def test_with_other_points_everything_is_asked_for_anew(change, asked):
    inr = field(2)
    mesh = pa.refine(inr, tolerance=0.02)
    asked()
    further = mesh.refine_further(**change)
    n_further = asked()
    assert_same_cells(further, pa.refine(inr, tolerance=0.02, **change))
    assert n_further == asked()


@pytest.mark.parametrize(
    ("inr", "parameters"),
    [(field(2), {"tolerance": 0.001}), (field(3, True), {"tolerance": 0.01, **OVER_TIME})],
)
def test_a_search_that_was_stopped_goes_on(inr, parameters, asked):
    calls = []

    def stop(fraction: float, text: str) -> bool:
        calls.append(text)
        return len(calls) > 6

    with pytest.warns(pa.ToleranceWarning, match="it was stopped"):
        stopped = pa.refine(inr, progress=stop, **parameters)
    history = (stopped.space_time or stopped.at()).history
    assert history.stopped_by == "user"
    # It is known how good it is all the same.
    assert history.achieved_error > parameters["tolerance"]
    asked()
    whole = quiet(stopped.refine_further, progress=lambda fraction, text: False)
    n_whole = asked()
    assert_same_cells(whole, quiet(pa.refine, inr, **parameters))
    assert n_whole < asked()


def test_a_time_limit_says_what_was_reached():
    inr = field(2)
    with pytest.warns(pa.ToleranceWarning, match="error found is .* time_limit was reached"):
        stopped = pa.refine(inr, tolerance=1e-3, time_limit=1e-9)
    assert stopped.at().history.stopped_by == "time_limit"
    whole = stopped.refine_further(time_limit=0.0, tolerance=0.02)
    assert whole.at().history.achieved_error <= 0.02


def test_other_times_are_kept_apart():
    inr = field(3, True)
    parameters = {"max_depth": 5}
    mesh = pa.refine(inr, tolerance=0.02, time=0.5, **parameters)
    further = mesh.refine_further(tolerance=0.01)
    assert further.at(0.5) is further.at(0.5)
    fresh = pa.refine(inr, tolerance=0.01, time=0.5, **parameters)
    np.testing.assert_array_equal(further.at(0.5).tree.index, fresh.at(0.5).tree.index)
    early = pa.refine(inr, tolerance=0.01, time=0.0, **parameters)
    other = mesh.refine_further(tolerance=0.01, time=0.0)
    np.testing.assert_array_equal(other.at(0.0).tree.index, early.at(0.0).tree.index)


def test_values_of_local_networks_are_not_kept():
    known, numbers = KnownField(), np.arange(5)
    known.begin("numbering")
    squares = known.values("points", numbers, lambda some: numbers[some] ** 2.0)
    known.close()
    known.values("points", numbers + 10, lambda some: np.zeros(len(some)))
    known.begin("numbering")
    assert len(known) == 5
    wanted = np.array([7, 3, 10, 0])
    found = known.values("points", wanted, lambda some: -wanted[some] * 1.0)
    np.testing.assert_array_equal(found, [-7, squares[3], -10, 0])
    known.begin("another numbering")
    assert not len(known)


def test_unknown_parameters_are_refused():
    mesh = pa.AdaptiveMesh(field(2), pa.refinement.RefinementParameters())
    with pytest.raises(pa.ParameterError, match="unknown parameter tolerence"):
        mesh.refine_further(tolerence=0.1)


@pytest.mark.parametrize("parameters", [{}, {"reconstruction": "dual"}, {**REGION}])
def test_vertices_are_not_asked_for_again(parameters, asked):
    """The values are those of the network, to the last bit."""
    mesh = pa.refine(field(2), tolerance=0.01, device="cpu", **parameters).at()
    asked()
    values = mesh.vertex_values
    n_asked = asked()
    assert "vertex_values" in mesh.seconds
    np.testing.assert_array_equal(values, mesh.evaluator.numpy(mesh.vertices.points))
    assert n_asked < 0.2 * len(values) or parameters.get("reconstruction") == "dual"


def test_vertices_are_asked_for_once_others_are_known(asked):
    known, inr = KnownField(), field(2)
    first = build_mesh(inr, make_parameters(tolerance=0.01), known=known)
    known.begin("otherwise")
    asked()
    assert len(first.vertex_values) == asked()
