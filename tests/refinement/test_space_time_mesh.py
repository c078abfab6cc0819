"""One mesh for all times: the error asked for, over space and time, with few cells."""

from __future__ import annotations

import itertools

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.reference import Dense, evaluate, random_network, steep_network, to_inr
from pruning_amr.mesh import MAX_KEY_LEVEL, SpaceTimeMesh, SpaceTimeTree, measure_accuracy
from pruning_amr.mesh.vertices import find_vertices
from pruning_amr.refinement import build_mesh, build_space_time_mesh, make_parameters
from pruning_amr.refinement.cell_errors import CellErrors
from pruning_amr.refinement.progress import Watch
from pruning_amr.refinement.space_time_errors import errors_by_direction
from pruning_amr.refinement.space_time_explorer import SpaceTimeExplorer
from pruning_amr.refinement.space_time_splitting import SpaceTimeSplitting


def mesh_of(inr, **parameters) -> SpaceTimeMesh:
    values = {"device": "cpu", "min_depth": 1, "max_depth": 6, "time_mode": "space_time"}
    return build_space_time_mesh(inr, make_parameters(**{**values, **parameters}))


def timed(network, n_inputs: int = 3, **changes):
    """A network of (x, y[, z], t) over [0, 1] in space and [0, 2] in time."""
    names = (*("x", "y", "z")[: n_inputs - 1], "t")
    bounds = np.array([[0.0, 1.0]] * (n_inputs - 1) + [[0.0, 2.0]])
    return to_inr(
        network, **{"inputs": names, "bounds": bounds, "times": np.linspace(0, 2, 9), **changes}
    )


def travelling_front(speed: float = 0.3):
    """A front in x that moves, beside one in y that stands still."""
    weight = np.array([[40, 0, -40 * speed], [0, 40, 0]], np.float32)
    bias = np.array([-40 * 0.2, -40 * 0.7], np.float32)
    return [Dense(weight, bias, "tanh"), Dense(np.array([[0.5, 0.5]], np.float32), np.zeros(1))]


@pytest.fixture(scope="module")
def moving() -> SpaceTimeMesh:
    return mesh_of(timed(travelling_front()), tolerance=0.02)


def error_of(mesh: SpaceTimeMesh, samples: int = 60_000) -> float:
    """Root mean square error of slices at many times, relative to the range."""
    times = (np.arange(60) + np.random.default_rng(5).random()) / 60 * 2
    square = [
        measure_accuracy(mesh.at(t), samples // 60, "multilinear", seed=i).rmse ** 2
        for i, t in enumerate(times)
    ]
    return float(np.sqrt(np.mean(square)) / np.diff(mesh.inr.value_range)[0, 0])


@pytest.mark.parametrize("activation", ["sin", "relu"])
@pytest.mark.parametrize("n_inputs", [3, 4])
def test_the_error_asked_for_is_met_over_space_and_time(n_inputs, activation):
    network = random_network(np.random.default_rng(3), (n_inputs, 16, 16, 1), activation, 2.5)
    tolerance = 0.01 if n_inputs == 3 else 0.03
    mesh = mesh_of(timed(network, n_inputs), tolerance=tolerance, max_depth=7)
    assert mesh.history.stopped_by == "criterion"
    assert 0.7 * tolerance < mesh.history.achieved_error <= tolerance
    accuracy = measure_accuracy(mesh, 60_000)
    extent = np.diff(mesh.inr.value_range)[0, 0]
    assert accuracy.rmse / extent == pytest.approx(mesh.history.achieved_error, rel=0.1)
    # What is shown at a time is no worse than what was promised.
    assert error_of(mesh) <= tolerance


def test_both_directions_are_split(moving):
    tree = moving.tree
    assert tree.depth > 2
    assert tree.time_depth > 2
    assert tree.n_leaves > 2 * moving.at(0.7).n_cells


def test_what_stands_still_is_not_split_in_time():
    mesh = mesh_of(timed(travelling_front(0.0)), tolerance=0.01)
    assert mesh.tree.depth > 2
    assert mesh.tree.time_depth == 0
    assert mesh.at(0.3).n_cells == mesh.n_cells


def test_only_what_moves_is_split_in_time(moving):
    tree = moving.tree
    leaves = np.flatnonzero((tree.first_child < 0) & (tree.level > 2))
    center = (tree.lower_corner(leaves) + tree.node_size(leaves) / 2)[:, :2]
    # The front runs from x = 0.2 to 0.8; at x > 0.9 only the one that stands still is seen.
    still = center[:, 0] > 0.95
    assert still.any()
    assert tree.time_level[leaves[still]].max() == 0


def test_a_field_that_changes_everywhere_at_once_is_split_in_time_only():
    ramp = [
        Dense(np.array([[0, 0, 40]], np.float32), np.array([-30], np.float32), "tanh"),
        Dense(np.ones((1, 1), np.float32), np.zeros(1)),
    ]
    mesh = mesh_of(timed(ramp), tolerance=0.01, min_depth=0)
    assert mesh.tree.depth == 0
    assert mesh.tree.time_depth > 4


def test_far_fewer_cells_than_meshes_of_their_own(moving):
    p = moving.parameters
    own = [build_mesh(moving.inr, p, t).n_cells for t in moving.inr.times]
    # Nine steps only: even so.
    assert moving.n_cells < sum(own)


def test_values_and_vertices_of_a_slice(moving):
    mesh = moving.at(0.7)
    found, expected = mesh.vertices, find_vertices(mesh.tree)
    for name in ("lattice", "points", "corners", "hanging"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert mesh.vertices.hanging.any()
    network = travelling_front()
    tree, nodes, time = moving.tree, mesh.nodes, 0.7
    begin, end = moving.intervals[nodes].T

    def between(points, begin, end):
        def at(t):
            return evaluate(network, np.column_stack([points, t]))

        late = ((time - begin) / (end - begin))[:, None]
        return (1 - late) * at(begin) + late * at(end)

    centers = mesh.tree.centers(np.arange(mesh.tree.n_nodes))
    np.testing.assert_allclose(mesh.node_values, between(centers, begin, end), atol=1e-5)
    leaves = mesh.tree.leaves
    level = tree.time_level[nodes[leaves]]
    owner = np.full(len(found.points), -1)
    for depth in range(tree.time_depth + 1):
        for row in np.flatnonzero(level == depth):
            owner[found.corners[row]] = leaves[row]
    np.testing.assert_allclose(
        mesh.vertex_values, between(found.points, begin[owner], end[owner]), atol=1e-5
    )


def test_values_at_corners_are_in_order_and_none_is_there_twice(moving):
    tree, corners = moving.tree, moving.corners
    leaves = np.flatnonzero(tree.first_child < 0)
    np.testing.assert_array_equal(corners.row[leaves], np.arange(len(leaves)))
    points, ends = moving.points[corners.vertex], moving.intervals[leaves]
    where = np.empty((len(corners.values), 3))
    for side in (0, 1):
        at = np.broadcast_to(ends[:, None, None, side], (*points.shape[:2], 1))
        where[corners.place[:, side]] = np.concatenate([points, at], axis=2)
    # x fastest, and of each place the times one after another.
    order = np.lexsort((where[:, 2], where[:, 0], where[:, 1]))
    np.testing.assert_array_equal(order, np.arange(len(where)))
    assert len(np.unique(where, axis=0)) == len(where)
    expected = evaluate(travelling_front(), where.astype(np.float32))
    np.testing.assert_allclose(corners.values, expected, atol=1e-5)


def test_siblings_share_what_some_of_them_tell_of_directions():
    explorer = explorer_over_time(timed(travelling_front()))
    tree = explorer.tree
    small = tree.level == tree.level.max()
    told = explorer._n_told_apart > 0
    assert told[small].mean() == 0.5 and told[~small].all()
    in_time = explorer.parts(np.flatnonzero(small))[:, 1]
    exact = errors_by_direction(explorer.errors, tree, np.flatnonzero(small), 64, 99)[:, 1]
    # Known as well where none was measured: what moves is told from what stands still.
    for some in (told[small], ~told[small]):
        assert in_time[some].sum() == pytest.approx(exact[some].sum(), rel=0.3)


def explorer_over_time(inr) -> SpaceTimeExplorer:
    """Explored uniformly in space until a cell has one sample."""
    parameters = make_parameters(device="cpu", min_depth=7, tolerance=0.02, time_mode="space_time")
    bounds = np.vstack([inr.spatial_bounds, inr.checked_bounds()[inr.time_axis]])
    tree = SpaceTimeTree.regular(bounds, (2, 2, 2))
    errors = CellErrors(inr, None, parameters, tree)
    explorer = SpaceTimeExplorer(tree, errors, parameters, Watch(None, 0.0))
    explorer.begin()
    return explorer


def test_exact_values_are_those_of_the_network():
    mesh = mesh_of(timed(travelling_front()), tolerance=0.05, time_values="exact").at(0.7)
    points = np.insert(mesh.vertices.points, 2, 0.7, axis=1)
    np.testing.assert_allclose(mesh.vertex_values, evaluate(travelling_front(), points), atol=1e-5)


def test_a_slice_is_the_same_whatever_was_shown_before(moving):
    """What is kept between time steps does not show."""
    whole = SpaceTimeMesh(*(getattr(moving, f) for f in moving.__dataclass_fields__))
    for time in (*moving.inr.times, 0.501, 0.502, 0.503, 0.502, 0.0, 2.0, 1.0):
        used = whole.at(time)
        fresh = SpaceTimeMesh(*(getattr(moving, f) for f in moving.__dataclass_fields__)).at(time)
        assert used.time == fresh.time == time
        np.testing.assert_array_equal(used.nodes, fresh.nodes)
        np.testing.assert_array_equal(used.vertex_values, fresh.vertex_values)
        np.testing.assert_array_equal(used.node_values, fresh.node_values)
        np.testing.assert_array_equal(used.vertices.corners, fresh.vertices.corners)


def test_between_times_with_the_same_cells_nothing_is_built_anew(moving):
    first = moving.at(0.5001)
    second = moving.at(0.5002)
    assert first.holds(0.5002)
    assert second.tree is first.tree
    assert second.time == 0.5002


def test_no_network_is_evaluated_for_another_time(moving, monkeypatch):
    from pruning_amr.inr import Evaluator

    _ = moving.at(0.4).node_values

    def evaluated(*_):
        raise AssertionError("evaluated")

    monkeypatch.setattr(Evaluator, "numpy", evaluated)
    mesh = moving.at(1.234)
    assert len(mesh.vertex_values) == len(mesh.vertices.points)
    assert len(mesh.node_values) == mesh.tree.n_nodes


def test_the_share_of_unchanged_cells(moving):
    times = moving.inr.times
    assert moving.at(times[0]).unchanged_fraction == 1.0
    fractions = []
    for before, time in itertools.pairwise(times):
        one, other = moving.at(before), moving.at(time)
        kept = np.isin(other.nodes[other.tree.leaves], one.nodes[one.tree.leaves])
        assert other.unchanged_fraction == pytest.approx(kept.mean())
        fractions.append(kept.mean())
    assert 0.2 < np.mean(fractions) < 1.0


def test_what_changed_since_the_step_before(moving):
    mesh = moving.at(1.0)
    assert mesh.previous_time == 0.75
    points, network = mesh.vertices.points, travelling_front()
    now, before = (evaluate(network, np.insert(points, 2, t, axis=1)) for t in (1.0, 0.75))
    change = mesh.vertex_change
    assert np.abs(change).max() > 0.5
    assert np.sqrt(np.mean((change - (now - before)) ** 2)) < 0.1
    still = points[:, 0] > 0.95
    assert np.abs(change[still]).max() < 0.1
    assert not moving.at(0.0).vertex_change.any()
    assert not moving.at(0.0).node_change.any()
    np.testing.assert_allclose(
        build_mesh(moving.inr, moving.parameters, 1.0).vertex_change.shape[1], 1
    )


@pytest.mark.parametrize("balance", ["faces", "corners"])
def test_slices_are_balanced(balance):
    network = travelling_front()
    mesh = mesh_of(timed(network), tolerance=0.03, balance=balance).at(0.6)
    from pruning_amr.mesh.balance import balanced

    assert balanced(mesh.tree, balance)[0] is mesh.tree
    assert (mesh.nodes < 0).any()
    exact = evaluate(network, np.insert(mesh.vertices.points, 2, 0.6, axis=1))
    np.testing.assert_allclose(mesh.vertex_values, exact, atol=1e-5)


@pytest.mark.parametrize("memory_mb", [0.05, 1024.0])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_mesh_does_not_depend_on_batches_and_threads(n_threads, memory_mb, threads):
    inr = timed(random_network(np.random.default_rng(8), (4, 24, 24, 1), "silu", 3.0), 4)
    threads(2)
    expected = mesh_of(inr, tolerance=0.05)
    threads(n_threads)
    found = mesh_of(inr, tolerance=0.05, memory_mb=memory_mb)
    np.testing.assert_array_equal(found.tree.index, expected.tree.index)
    np.testing.assert_array_equal(found.tree.in_time, expected.tree.in_time)
    np.testing.assert_array_equal(found.corners.values, expected.corners.values)
    assert found.history.achieved_error == expected.history.achieved_error


def test_time_may_stand_anywhere_among_the_inputs(moving):
    weight = travelling_front()[0].weight[:, [2, 0, 1]]
    network = [Dense(weight, travelling_front()[0].bias, "tanh"), travelling_front()[1]]
    inr = timed(network, inputs=("t", "x", "y"), bounds=np.array([[0, 2.0], [0, 1], [0, 1]]))
    mesh = mesh_of(inr, tolerance=0.02)
    # Samples of the range are others, and with them the tolerance in units of the field.
    assert mesh.n_cells == pytest.approx(moving.n_cells, rel=0.05)
    assert mesh.at(0.7).vertices.points.shape[1] == 2
    assert error_of(mesh) <= 0.02


def test_the_budget_of_cells_holds():
    inr = timed(travelling_front())
    mesh = mesh_of(inr, tolerance=1e-4, max_cells=700)
    assert mesh.n_cells <= 700
    assert mesh.history.stopped_by == "max_cells"
    assert mesh.history.achieved_error > 1e-4
    more = mesh_of(inr, tolerance=1e-4, max_cells=2100)
    assert more.history.achieved_error < mesh.history.achieved_error


def ball_that_passes_quickly():
    """A small bump that crosses the domain in a tenth of the time, and nothing else."""
    weight = np.array([[12, 0, -80], [0, 12, 0], [-12, 0, 80], [0, -12, 0]], np.float32)
    bias = np.array([80, -5, -79, 6], np.float32)
    return [
        Dense(weight, bias + 1, "sigmoid"),
        Dense(20 * np.ones((1, 4), np.float32), np.array([-70], np.float32), "sigmoid"),
        Dense(np.ones((1, 1), np.float32), np.zeros(1)),
    ]


@pytest.mark.parametrize("network", [travelling_front(), ball_that_passes_quickly()])
def test_a_budget_of_cells_is_spent_as_well_as_a_tolerance_is_met(network):
    inr = timed(network)
    met = mesh_of(inr, tolerance=0.02)
    assert met.history.stopped_by == "criterion"
    bound = mesh_of(inr, tolerance=0.005, max_cells=met.n_cells)
    assert bound.history.stopped_by == "max_cells"
    assert bound.history.achieved_error < 1.2 * 0.02
    found = measure_accuracy(bound)
    extent = np.diff(inr.value_range)[0, 0]
    assert found.rmse / extent == pytest.approx(bound.history.achieved_error, rel=0.2)


def test_depth_limits_hold():
    mesh = mesh_of(timed(travelling_front()), tolerance=1e-3, max_depth=3, max_time_depth=2)
    assert mesh.tree.depth == 3
    assert mesh.tree.time_depth == 2
    assert mesh.history.stopped_by == "max_depth"


def test_the_root_grid_in_time():
    mesh = mesh_of(timed(travelling_front()), tolerance=0.1, time_root_resolution=3)
    assert mesh.tree.root_resolution[-1] == 3
    begin = mesh.intervals[mesh.at(1.0).nodes, 0]
    assert set(np.round(begin, 6)) >= {0.666667}


def test_several_outputs():
    network = random_network(np.random.default_rng(2), (3, 16, 16, 2), "sin", 2.0)
    mesh = mesh_of(timed(network), tolerance=0.03)
    assert mesh.history.achieved_error <= 0.03
    assert mesh.at(0.5).vertex_values.shape[1] == 2
    assert mesh.at(0.5).vertex_change.shape[1] == 2


@pytest.mark.parametrize("reconstruction", ["cell_constant", "dual"])
def test_what_has_no_meaning_over_space_and_time_is_refused(reconstruction):
    with pytest.raises(pa.ParameterError, match=r"needs reconstruction .*per_time_step"):
        mesh_of(timed(travelling_front()), reconstruction=reconstruction)


CRITERIA = {
    "interpolation_error": {"tolerance": 0.02},
    "paper": {"pruning_tolerance": 0.02, "max_kept_fraction": 0.9, "max_depth": 4},
    "feature_map": {"tolerance": 0.03, "pruning_tolerance": 0.001, "feature_threshold": 0.2},
    "uniform": {"max_depth": 2, "max_time_depth": 2},
}


@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_criterion_splits_in_time_only_what_moves(criterion):
    parameters = {"criterion": criterion, **CRITERIA[criterion]}
    found = mesh_of(timed(travelling_front()), **parameters)
    assert found.tree.depth > 1
    assert found.tree.time_depth > 0
    still = mesh_of(timed(travelling_front(0.0)), **parameters)
    assert still.tree.depth > 1
    assert still.tree.time_depth == 0


def test_uniform_refines_to_any_depth():
    inr = timed(travelling_front(0.0))
    mesh = mesh_of(inr, criterion="uniform", max_depth=6, max_cells=10**6)
    leaves = mesh.tree.first_child < 0
    assert set(mesh.tree.level[leaves]) == {6}
    assert mesh.history.stopped_by == "max_depth"


def test_a_search_ends_where_no_split_is_of_any_use(monkeypatch):
    def none_useful(splitting, tree, nodes, parts):
        return np.zeros(len(nodes), bool), np.zeros(len(nodes), bool)

    monkeypatch.setattr(SpaceTimeSplitting, "directions", none_useful)
    mesh = mesh_of(timed(travelling_front()), tolerance=1e-3, time_limit=20.0)
    assert mesh.history.stopped_by != "time_limit"


def test_a_limit_in_time_is_said():
    moving = timed(travelling_front(1.0))
    mesh = mesh_of(
        moving, criterion="interpolation_error", tolerance=0.01, max_time_depth=0, max_depth=9
    )
    assert mesh.tree.depth < 9
    assert mesh.history.stopped_by == "max_depth"


def test_interpolation_error_meets_its_tolerance_in_every_cell():
    mesh = mesh_of(timed(travelling_front()), criterion="interpolation_error", tolerance=0.02)
    leaves = mesh.tree.first_child < 0
    assert mesh.history.indicator[leaves].max() <= 1.0
    assert measure_accuracy(mesh, 60_000).rmse < 0.04


def test_feature_map_ends_when_the_mesh_is_good_enough():
    mesh = mesh_of(
        timed(travelling_front()),
        criterion="feature_map",
        tolerance=0.03,
        feature_threshold=0.01,
    )
    extent = np.diff(mesh.inr.value_range)[0, 0]
    rmse = measure_accuracy(mesh, 60_000).rmse / extent
    assert mesh.history.achieved_error == pytest.approx(rmse, rel=0.2)
    assert rmse < 0.035


def test_the_budget_of_cells_holds_for_other_criteria():
    mesh = mesh_of(
        timed(travelling_front()), criterion="interpolation_error", tolerance=1e-5, max_cells=500
    )
    assert 400 < mesh.n_cells <= 500
    assert mesh.history.stopped_by == "max_cells"


def test_the_maximum_asked_for_is_met_over_space_and_time():
    tolerance = 0.05
    mesh = mesh_of(timed(travelling_front()), error_norm="max", tolerance=tolerance)
    assert mesh.history.stopped_by == "criterion"
    extent = np.diff(mesh.inr.value_range)[0, 0]
    assert measure_accuracy(mesh, 200_000).max_error / extent < 1.1 * tolerance
    assert mesh.tree.time_depth > 2


def test_a_root_grid_beyond_the_budget_is_refused():
    with pytest.raises(pa.ParameterError, match="lower time_root_resolution"):
        mesh_of(timed(travelling_front()), max_cells=1000, time_root_resolution=100)


def test_a_depth_that_cannot_be_numbered_is_refused():
    with pytest.raises(pa.ParameterError, match=r"at most .* lower max_time_depth"):
        mesh_of(timed(travelling_front()), max_time_depth=30)


@pytest.mark.parametrize("name", ["max_depth", "max_time_depth"])
def test_levels_that_a_key_cannot_tell_apart_are_refused(name):
    with pytest.raises(pa.ParameterError, match=f"{name} is 16; .* at most 15 levels .*: lower"):
        mesh_of(timed(travelling_front(), 2), **{name: 16, "tolerance": 0.5})


def test_keys_of_all_levels_differ():
    bounds = np.array([[0.0, 1.0], [0.0, 1.0]])
    tree = SpaceTimeTree.regular(bounds, (1, 1))
    levels = np.array([*itertools.product(range(MAX_KEY_LEVEL + 1), repeat=2)])
    tree.level, tree.time_level = levels.T
    keys = tree.shape_key(np.arange(len(levels)))
    # The streams of random points use the bits beyond these.
    assert len(set(keys)) == len(levels) and keys.max() < 256


@pytest.mark.parametrize("in_time", [False, True])
def test_on_a_line_children_in_space_are_not_taken_for_those_in_time(in_time):
    network = [
        Dense(np.array([[3.0, 0.2]]), np.array([0.1]), "sin"),
        Dense(np.ones((1, 1)), np.zeros(1)),
    ]
    parameters = make_parameters(
        tolerance=0.1, time_mode="space_time", device="cpu", error_samples=256, min_depth=0
    )
    bounds = np.array([[0.0, 1.0], [0.0, 1.0]])
    tree = SpaceTimeTree.regular(bounds, (2, 1))
    errors = CellErrors(timed(network, 2), None, parameters, tree)
    expected = errors.sample(tree, np.arange(2), 512, 77).mean_square
    explorer = SpaceTimeExplorer(tree, errors, parameters, Watch(None, 0.0))
    explorer.splitting.directions = lambda tree, nodes, parts: (
        np.full(2, in_time),
        np.ones(2, bool),
    )
    explorer.explore(np.arange(2))
    assert tree.in_time[:2].tolist() == [in_time, in_time]
    np.testing.assert_allclose(explorer.estimates.sums.mean_square[:2], expected, rtol=0.1)


def test_the_front_door_makes_one_mesh_for_all_times():
    inr = timed(travelling_front())
    calls = []
    mesh = pa.refine(
        inr,
        tolerance=0.02,
        min_depth=1,
        time_mode="space_time",
        device="cpu",
        progress=lambda fraction, text: bool(calls.append(text)),
    )
    made = len(calls)
    assert made
    assert any("cells explored, error" in text for text in calls)
    fractions = []
    for time in inr.times:
        assert mesh.at(time).time == time
        fractions.append(mesh.unchanged_fraction)
        assert fractions[-1] == mesh.space_time.at(time).unchanged_fraction
    assert len(calls) == made
    assert min(fractions) < fractions[0] == 1.0


def test_a_static_field_has_no_mesh_for_all_times():
    mesh = pa.refine(to_inr(steep_network(2)), tolerance=0.1, time_mode="space_time", device="cpu")
    assert mesh.space_time is None
    assert mesh.unchanged_fraction is None


def test_stopping_leaves_a_mesh():
    mesh = build_space_time_mesh(
        timed(travelling_front()),
        make_parameters(tolerance=1e-3, device="cpu"),
        progress=lambda fraction, text: fraction > 0.5,
    )
    assert mesh.history.stopped_by == "user"
    assert mesh.at(0.5).n_cells > 16
