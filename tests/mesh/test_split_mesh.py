"""Split meshes: the field where it is known, asked for where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from _helpers.reference import Dense, to_inr
from pruning_amr.mesh import find_vertices
from pruning_amr.mesh.split_mesh import SplitMesh
from pruning_amr.refinement import build_mesh, build_space_time_mesh, make_parameters

PARAMETERS = {"device": "cpu", "min_depth": 0, "max_depth": 6, "tolerance": 0.02}


def front(speed: float):
    """A front in x that moves, over (x, y, t)."""
    weight = np.array([[40, 0, -40 * speed], [3, 9, 0]], np.float32)
    bias = np.array([-8, -4], np.float32)
    return [Dense(weight, bias, "tanh"), Dense(np.array([[0.5, 0.5]], np.float32), np.zeros(1))]


@pytest.fixture
def inr():
    bounds = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 2.0]])
    return to_inr(front(0.3), inputs=("x", "y", "t"), bounds=bounds, times=np.linspace(0, 2, 9))


def test_values_that_are_known_are_not_asked_for_again(inr, monkeypatch):
    mesh = build_mesh(inr, make_parameters(**PARAMETERS), 0.5)
    known = mesh.vertex_values
    asked = []
    values_at = mesh.values_at
    monkeypatch.setattr(mesh, "values_at", lambda x, n: asked.append(len(x)) or values_at(x, n))
    split = SplitMesh.of(mesh)
    assert asked == [len(split.points) - len(known)]
    assert 0 < asked[0] < len(split.points) / 2
    exact = mesh.evaluator.numpy(split.points)
    np.testing.assert_allclose(split.values, exact, atol=1e-6)


def test_one_mesh_for_all_times_is_interpolated_in_what_is_split_too(inr, monkeypatch):
    whole = build_space_time_mesh(inr, make_parameters(**PARAMETERS, time_mode="space_time"))
    mesh = whole.at(0.6)
    assert mesh.interpolated
    _ = mesh.vertex_values
    monkeypatch.setattr(type(mesh), "evaluator", None)
    split = SplitMesh.of(mesh)
    vertices = find_vertices(split.tree)
    assert len(split.points) > len(vertices.points)
    centers = split.points[len(vertices.points) :]
    expected = mesh.reconstruct(centers)
    np.testing.assert_allclose(split.values[len(vertices.points) :], expected, atol=1e-6)
