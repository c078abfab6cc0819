"""Criterion isosurface: contours of the mesh are closed, whole, and within the tolerance."""

from __future__ import annotations

import warnings

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.level_sets import LEVEL, Bump, bump_network
from _helpers.reference import evaluate, to_inr
from pruning_amr.inr.field import Output
from pruning_amr.mesh import Mesh, linear_surface
from pruning_amr.refinement import build_mesh, make_parameters
from pruning_amr.refinement.scalar_field import ScalarField
from pruning_amr.refinement.surface_verification import points_on_simplices

CUBE, SQUARE = [[-1.0, 1.0]] * 3, [[-1.0, 1.0]] * 2
COARSE = {
    "criterion": "isosurface",
    "smallest_feature": 1 / 16,
    "min_depth": 0,
    "device": "cpu",
}
"""The start lattice is that of level 2."""


def field_of(*made: Bump, bounds=CUBE):
    network = bump_network(list(made))
    return network, to_inr(network, bounds)


def mesh_of(inr, values=(LEVEL,), **parameters) -> Mesh:
    return build_mesh(inr, make_parameters(**{**COARSE, "isovalues": values, **parameters}))


def met(mesh: Mesh, value: float) -> np.ndarray:
    """The leaves whose corners are on both sides of a value."""
    nodes = mesh.tree.leaves
    sides = mesh.vertex_values[mesh.vertices.corners][..., 0] >= value
    return nodes[sides.any(axis=1) & ~sides.all(axis=1)]


def distances(network, points: np.ndarray, value: float) -> np.ndarray:
    """Distances to the level set by central differences in float64."""
    step, d = 1e-5, points.shape[1]
    slopes = [
        (evaluate(network, points + step * e) - evaluate(network, points - step * e)) / (2 * step)
        for e in np.eye(d)
    ]
    slope = np.linalg.norm(np.concatenate(slopes, axis=1), axis=1)
    return np.abs(evaluate(network, points)[:, 0] - value) / slope


@pytest.mark.parametrize("tolerance", [0.02, 2e-3, 5e-4])
def test_without_splitting_the_surface_and_what_is_around_are_of_one_level(tolerance):
    _, inr = field_of(Bump((0.1, -0.05, 0.02), 0.5))
    mesh = mesh_of(inr, tolerance=tolerance, hanging_nodes="free")
    history, tree = mesh.history, mesh.tree
    assert history.stopped_by == "criterion" and history.shortfall is None
    assert history.asked_error == tolerance and 0 < history.achieved_error <= tolerance
    surface = met(mesh, LEVEL)
    assert set(tree.level[surface]) == {tree.depth}
    # The coarsest level that will do, and no coarser than the smallest feature asks for.
    assert tree.depth == {0.02: 2, 2e-3: 3, 5e-4: 4}[tolerance]
    assert tree.level[tree.leaves].min() <= 1
    # So are all cells around, between whose centres ParaView contours a hyper tree grid.
    finest = tree.leaves[tree.level[tree.leaves] == tree.depth]
    extent = np.left_shift(tree.root_resolution, tree.depth)
    around = (tree.index[surface][:, None] + np.indices((3,) * 3).reshape(3, -1).T - 1).reshape(
        -1, 3
    )
    around = np.unique(around[((around >= 0) & (around < extent)).all(axis=1)], axis=0)
    # And no others, but for their siblings.
    assert set(map(tuple, tree.index[finest] >> 1)) == set(map(tuple, around >> 1))


def test_the_surface_is_finer_where_it_bends_more():
    # A large ball and one an eighth as wide: the same distance allows cells sqrt(8) times as large.
    _, inr = field_of(Bump((-0.2, -0.1, 0.02), 0.64), Bump((0.8, 0.8, 0.8), 0.08))
    mesh = mesh_of(inr, tolerance=5e-4)
    tree, surface = mesh.tree, met(mesh, LEVEL)
    assert mesh.history.stopped_by == "criterion" and mesh.history.achieved_error <= 5e-4
    small = (tree.centers(surface) > 0.6).all(axis=1)
    assert tree.level[surface[small]].mean() > tree.level[surface[~small]].mean() + 0.7
    whole = mesh_of(inr, tolerance=5e-4, hanging_nodes="free")
    assert mesh.n_cells < 0.6 * whole.n_cells


def test_a_budget_refines_the_neediest_first_and_is_used():
    _, inr = field_of(Bump((-0.2, -0.1, 0.02), 0.64), Bump((0.8, 0.8, 0.8), 0.08))
    found = [mesh_of(inr, tolerance=1e-4, max_cells=n) for n in (2000, 3000, 6000)]
    for mesh in found:
        assert 0 <= mesh.parameters.max_cells - mesh.n_cells < 30
        assert mesh.history.stopped_by == "max_cells"
        tree, surface = mesh.tree, met(mesh, LEVEL)
        indicator = mesh.history.indicator
        refined = (tree.first_child >= 0) & (tree.level == tree.depth - 1)
        left = surface[tree.level[surface] == tree.depth - 1]
        assert np.nanmin(indicator[refined]) >= np.nanmax(indicator[left])
    errors = [mesh.history.achieved_error for mesh in found]
    assert errors == sorted(errors, reverse=True) and errors[0] > errors[-1]


def test_finer_tolerances_take_finer_cells_and_the_distance_is_the_true_one():
    network, inr = field_of(Bump((0.1, -0.05, 0.02), 0.5))
    mesh = mesh_of(inr, tolerance=2e-3)
    tree, corners = mesh.tree, mesh.vertex_values[mesh.vertices.corners][..., 0]
    simplices, cells = linear_surface(corners, LEVEL)
    nodes = tree.leaves[cells]
    simplices = tree.lower_corner(nodes)[:, None] + simplices * tree.node_size(nodes)[:, None]
    own = np.arange(3 * len(nodes)).reshape(-1, 3)
    points = points_on_simplices(simplices.reshape(-1, 3), own, 20_000, seed=77)
    quantile = np.quantile(distances(network, points, LEVEL), 0.999) / np.sqrt(12)
    assert mesh.history.achieved_error == pytest.approx(quantile, rel=0.1)
    assert quantile <= 2e-3


def test_what_lies_between_the_samples_is_shown():
    # As wide as the smallest feature; no corner of a start cell is in it.
    network, inr = field_of(Bump((-0.4, 0.3, 0.1), 0.4), Bump((0.5625, 0.5625, 0.5625), 1 / 16))
    centre = np.array([[0.5625] * 3])
    assert evaluate(network, centre)[0, 0] > LEVEL
    mesh = mesh_of(inr, tolerance=0.05)
    nodes = met(mesh, LEVEL)
    small = np.abs(mesh.tree.centers(nodes) - centre).max(axis=1) < 0.13
    assert np.count_nonzero(small) >= 4 and len(nodes) > np.count_nonzero(small)
    assert set(mesh.tree.level[nodes[small]]) == {3}


def test_several_values_are_fine_at_all_their_surfaces():
    _, inr = field_of(Bump((0.0, 0.0, 0.0), 0.4))
    both = mesh_of(inr, (0.7, 0.3))
    assert both.parameters.isovalues == (0.3, 0.7)
    for value in (0.3, 0.7):
        one = mesh_of(inr, value)
        assert set(both.tree.level[met(both, value)]) == {both.tree.depth}
        assert one.n_cells < both.n_cells


def test_component_and_output_are_those_contoured():
    network = bump_network([Bump((-0.4, 0.0, 0.0), 0.3), Bump((0.4, 0.0, 0.0), 0.3)])
    last = network[-1]
    two = [*network[:-1], type(last)(np.eye(2, dtype=np.float32), np.ones(2, np.float32))]
    inr = to_inr(two, CUBE, outputs=(Output("u", (0, 1)),))
    for component, side in ((0, -1), (1, 1)):
        mesh = mesh_of(inr, component=component, output="u", tolerance=0.02)
        tree = mesh.tree
        fine = tree.centers(np.flatnonzero(tree.level == tree.depth))
        assert (np.sign(fine[:, 0]) == side).mean() > 0.95
    with pytest.raises(pa.ParameterError, match="component is 2, but u has 2"):
        mesh_of(inr, component=2)
    with pytest.raises(pa.ParameterError, match='output is "w"'):
        mesh_of(inr, output="w")


def test_isolines_of_a_plane():
    _, inr = field_of(Bump((0.1, 0.0), 0.5), bounds=SQUARE)
    mesh = mesh_of(inr, tolerance=1e-4)
    assert mesh.tree.dimension == 2 and mesh.history.achieved_error <= 1e-4
    uniform = np.prod(mesh.tree.root_resolution) * 4**mesh.tree.depth
    assert mesh.n_cells < 0.2 * uniform


def test_limits_bind_and_are_said():
    _, inr = field_of(Bump((0.1, -0.05, 0.02), 0.5))
    wanted = {"max_cells": {"max_cells": 2500}, "max_depth": {"max_depth": 3}}
    for reason, limit in wanted.items():
        mesh = mesh_of(inr, tolerance=1e-4, **limit)
        assert mesh.history.stopped_by == reason and mesh.history.achieved_error > 1e-4
        assert f"{reason} was reached" in mesh.history.shortfall
        assert mesh.n_cells <= mesh.parameters.max_cells
        assert mesh.tree.depth <= mesh.parameters.max_depth
        assert len(met(mesh, LEVEL))
    with pytest.warns(pa.ToleranceWarning, match="tolerance 0.0001 is missed"):
        pa.refine(inr, **COARSE, isovalues=[LEVEL], tolerance=1e-4, max_depth=3).at()


@pytest.mark.parametrize("limit", [{"max_depth": 1}, {"max_cells": 300}])
def test_limits_coarser_than_the_smallest_feature(limit):
    _, inr = field_of(Bump((0.1, -0.05, 0.02), 0.5))
    mesh = mesh_of(inr, tolerance=1e-3, **limit)
    assert mesh.tree.depth <= 2 and mesh.n_cells <= mesh.parameters.max_cells
    assert "max_depth" in limit or mesh.n_cells > mesh.parameters.max_cells - 7
    assert mesh.history.stopped_by in limit and mesh.history.shortfall
    assert mesh.history.achieved_error > 1e-3


def test_a_time_limit_keeps_what_there_is():
    _, inr = field_of(Bump((0.1, -0.05, 0.02), 0.5))
    mesh = mesh_of(inr, time_limit=1e-9)
    assert mesh.history.stopped_by == "time_limit"
    assert "time_limit was reached" in mesh.history.shortfall
    assert mesh.tree.depth == mesh.parameters.min_depth


def test_stopping_at_the_users_wish():
    _, inr = field_of(Bump((0.1, -0.05, 0.02), 0.5))
    said = []

    def stop(fraction: float, text: str) -> bool:
        said.append((fraction, text))
        return "level 3" in text

    found = build_mesh(
        inr, make_parameters(**COARSE, isovalues=LEVEL, tolerance=1e-4), progress=stop
    )
    assert found.history.stopped_by == "user" and found.tree.depth == 2
    assert all(0 <= fraction <= 1 for fraction, _ in said)
    assert any("surface meets" in text for _, text in said)


def test_a_value_not_taken_is_said():
    _, inr = field_of(Bump((0.1, -0.05, 0.02), 0.5))
    with pytest.warns(pa.EmptyContourWarning, match="takes 7 nowhere.*range from about"):
        mesh = pa.refine(inr, **COARSE, isovalues=7.0).at()
    assert mesh.tree.depth == mesh.parameters.min_depth


MISTAKES = [
    ({"isovalues": []}, "isovalues is empty"),
    ({"isovalues": [float("nan")]}, "isovalues is "),
    ({"isovalues": "0.5"}, "isovalues is "),
    ({"smallest_feature": 2.0}, "smallest_feature is 2"),
    ({"smallest_feature": 1e-4}, "smallest_feature 0.0001 asks for"),
    ({"time_mode": "space_time"}, "none over space and time"),
    ({"criterion": "uniform"}, "isovalues are given, but criterion uniform"),
    ({"output": 3}, "output is 3"),
]


@pytest.mark.parametrize(("wrong", "text"), MISTAKES, ids=[t for _, t in MISTAKES])
def test_mistakes_are_said_in_a_sentence(wrong, text):
    _, inr = field_of(Bump((0.1, -0.05, 0.02), 0.5))
    with pytest.raises(pa.ParameterError, match=text) as raised:
        pa.refine(inr, **{**COARSE, "isovalues": [LEVEL], **wrong}).at()
    assert "\n" not in str(raised.value)


def test_nothing_depends_on_memory():
    _, inr = field_of(Bump((0.1, -0.05, 0.02), 0.5), Bump((-0.6, -0.6, 0.5), 0.1))
    one, other = mesh_of(inr), mesh_of(inr, memory_mb=1.0)
    np.testing.assert_array_equal(one.tree.index, other.tree.index)
    assert one.history.achieved_error == other.history.achieved_error


@pytest.mark.parametrize("hanging_nodes", ["free", "split"])
def test_the_indicator_is_the_distance_over_the_tolerance(hanging_nodes):
    _, inr = field_of(Bump((0.1, -0.05, 0.02), 0.5))
    mesh = mesh_of(inr, tolerance=1e-3, hanging_nodes=hanging_nodes)
    of_surface = mesh.history.indicator[met(mesh, LEVEL)]
    if hanging_nodes == "free":
        assert (of_surface == mesh.history.achieved_error / 1e-3).all()
    else:
        # Foreseen for each cell; no less strict than what was found at fresh points.
        assert 0.3 < np.nanmax(of_surface) <= 1
    refined = mesh.tree.first_child >= 0
    of_refined = mesh.history.indicator[refined & (mesh.tree.level == mesh.tree.depth - 1)]
    least = 1 if hanging_nodes == "free" else np.nanmax(of_surface)
    assert (of_refined[np.isfinite(of_refined)] > least).all()


def test_a_step_starts_from_the_one_before_and_a_tolerance_from_the_last(moving, monkeypatch):
    asked = []
    values = ScalarField.values
    monkeypatch.setattr(
        ScalarField, "values", lambda self, p: (asked.append(len(p)), values(self, p))[1]
    )

    def count(work):
        asked.clear()
        return work(), sum(asked)

    wanted = {**COARSE, "smallest_feature": 1 / 64, "isovalues": LEVEL}
    mesh = pa.refine(moving, **wanted, tolerance=0.02)
    later, fewer = count(lambda: mesh.at(0.02))
    fresh, all_asked = count(
        lambda: pa.refine(moving, **wanted, tolerance=0.02, time=0.02).at(0.02)
    )
    np.testing.assert_array_equal(later.tree.index, fresh.tree.index)
    assert fewer < 0.8 * all_asked
    finer, fewer = count(lambda: mesh.refine_further(time=0.02, tolerance=1e-3).at(0.02))
    fresh, all_asked = count(
        lambda: pa.refine(moving, **wanted, tolerance=1e-3, time=0.02).at(0.02)
    )
    np.testing.assert_array_equal(finer.tree.index, fresh.tree.index)
    assert fewer < 0.8 * all_asked


def test_each_time_step_has_its_mesh(moving):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mesh = pa.refine(moving, **COARSE, isovalues=LEVEL, tolerance=0.02)
        first, last = (mesh.at(t).tree for t in (0.0, 1.0))
    fine = [np.mean(t.centers(np.flatnonzero(t.level == t.depth))[:, 0]) for t in (first, last)]
    assert fine[0] == pytest.approx(-0.3, abs=0.05) and fine[1] == pytest.approx(0.3, abs=0.05)


@pytest.fixture
def moving():
    """A ball that goes from x = -0.3 to 0.3."""
    network = bump_network([Bump((-0.3, 0.0), 0.4)])
    first = network[0]
    weight = np.column_stack([first.weight, -0.6 * first.weight[:, 0]])
    network = [type(first)(weight, first.bias, first.activation), *network[1:]]
    return to_inr(
        network, [*SQUARE, [0.0, 1.0]], inputs=("x", "y", "t"), times=np.array([0, 0.02, 1])
    )
