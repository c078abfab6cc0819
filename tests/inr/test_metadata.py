"""Metadata: what they say about the network is folded into it, and what they name is found."""

from __future__ import annotations

import json

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.files import save_checkpoint, sequential_state
from _helpers.reference import Dense, assert_close_to_range, evaluate, random_network
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.inr import inr_from_bytes, inr_to_bytes, save_inr
from pruning_amr.inr.metadata import check_free_inputs


@pytest.fixture
def saved(tmp_path):
    """Return a function that saves a network with metadata and loads it again."""

    def save(network, overrides=None, **metadata) -> pa.INR:
        path = save_checkpoint(tmp_path / "net.pt", sequential_state(network), metadata)
        return pa.load(path, **(overrides or {}))

    return save


def joined(network) -> list[Dense]:
    """A network whose skips are weights of coordinates that follow after the hidden values."""
    return [
        la
        if la.input_weight is None
        else Dense(np.hstack([la.weight, la.input_weight]), la.bias, la.activation)
        for la in network
    ]


def siren_values(network, x, first: float, omega: float) -> np.ndarray:
    h = x.astype(np.float64)
    for i, layer in enumerate(network[:-1]):
        h = np.sin((first if i == 0 else omega) * (h @ layer.weight.T + layer.bias))
    return h @ network[-1].weight.T + network[-1].bias


@pytest.mark.parametrize(
    ("metadata", "first", "omega"),
    [
        ({"omega_0": 3.0}, 3.0, 3.0),
        ({"omega_0": 2.0, "first_omega_0": 7.0}, 7.0, 2.0),
        ({"omega_0": 2, "first_omega_0": 1}, 1.0, 2.0),
    ],
)
def test_sine_frequencies(saved, rng, metadata, first, omega):
    network = random_network(rng, (2, 16, 16, 16, 1), "sin", gain=1.0)
    x = rng.uniform(-1, 1, (300, 2)).astype(np.float32)
    inr = saved(network, activation="sin", **metadata)
    assert_close_to_range(inr.evaluate(x), siren_values(network, x, first, omega), 2e-5)


@pytest.mark.parametrize("skip_at", [None, 2])
def test_input_normalisation(saved, rng, skip_at):
    network = random_network(rng, (3, 16, 16, 1), "tanh", skip_at=skip_at)
    mean, std = [0.2, -0.1, 4.0], [0.5, 2.0, 3.0]
    x = rng.uniform(-1, 1, (300, 3)) * std + mean
    inr = saved(
        joined(network),
        activation="tanh",
        input_mean=mean,
        input_std=std,
        skip_order="hidden_first",
    )
    expected = evaluate(network, (x - mean) / np.asarray(std))
    assert_close_to_range(inr.evaluate(x), expected, 2e-5)


@pytest.mark.parametrize("activation", ["tanh", ["tanh", "tanh", "sigmoid"]])
def test_output_scale_and_offset(saved, rng, activation):
    network = random_network(rng, (2, 16, 16, 2), "tanh")
    if isinstance(activation, list):
        network[-1] = Dense(network[-1].weight, network[-1].bias, "sigmoid")
    x = rng.uniform(-1, 1, (300, 2)).astype(np.float32)
    inr = saved(network, activation=activation, output_scale=-0.1, output_offset=40.0)
    assert_close_to_range(inr.evaluate(x), -0.1 * evaluate(network, x) + 40.0, 2e-4)


def test_fixed_inputs(saved, rng):
    network = random_network(rng, (5, 16, 16, 1), "silu")
    inr = saved(
        network,
        activation="silu",
        inputs=["mu", "x", "nu", "y", "z"],
        fixed={"mu": 0.3, "nu": -2.0},
        bounds=[[0, 1], [-1, 1], [-3, 0], [2, 3], [4, 6]],
    )
    assert inr.inputs == ("x", "y", "z")
    np.testing.assert_array_equal(inr.bounds, [[-1, 1], [2, 3], [4, 6]])
    x = rng.uniform(-1, 1, (300, 5)).astype(np.float32)
    x[:, 0], x[:, 2] = 0.3, -2.0
    assert_close_to_range(inr.evaluate(x[:, [1, 3, 4]]), evaluate(network, x))


def test_fixed_inputs_that_are_not_among_the_inputs_come_last(saved, rng):
    network = random_network(rng, (4, 16, 1), "silu")
    inr = saved(
        network, activation="silu", inputs=["x", "y", "z"], fixed={"mu": 0.5}, bounds=[[0, 1]] * 3
    )
    x = rng.uniform(-1, 1, (300, 4)).astype(np.float32)
    x[:, 3] = 0.5
    assert_close_to_range(inr.evaluate(x[:, :3]), evaluate(network, x))


@pytest.mark.parametrize(
    ("inputs", "axis"),
    [
        (["x", "y", "t"], 2),
        (["t", "x", "y"], 0),
        (["x", "time", "y"], 1),
        (["x", "y", "z", "t"], 3),
        (["t", "x", "y", "z"], 0),
        (["x", "y", "t", "z"], 2),
    ],
)
def test_time_in_any_position(saved, rng, inputs, axis):
    n = len(inputs)
    network = random_network(rng, (n, 16, 16, 1), "silu")
    bounds = [[-1, 1]] * n
    bounds[axis] = [2, 6]
    inr = saved(network, activation="silu", inputs=inputs, bounds=bounds, time_steps=5)
    assert inr.time_axis == axis
    assert inr.dimension == n - 1
    np.testing.assert_allclose(inr.times, [2, 3, 4, 5, 6])
    np.testing.assert_array_equal(inr.spatial_bounds, [[-1, 1]] * (n - 1))
    x = rng.uniform(-1, 1, (300, n)).astype(np.float32)
    for asked, used in [(3.5, 3.5), (None, 2.0), (-7.0, 2.0), (99.0, 6.0)]:
        x[:, axis] = used
        space = np.delete(x, axis, axis=1)
        found = pa.inr.Evaluator(inr.chain_at(asked)).numpy(space)
        assert_close_to_range(found, evaluate(network, x))


def test_four_inputs_are_space_and_time_and_three_are_space(saved, rng):
    four = saved(random_network(rng, (4, 8, 1)), activation="silu", bounds=[[0, 1]] * 4)
    assert (four.inputs, four.time_axis) == (("x", "y", "z", "t"), 3)
    three = saved(random_network(rng, (3, 8, 1)), activation="silu", bounds=[[0, 1]] * 3)
    assert (three.inputs, three.time_axis, len(three.times)) == (("x", "y", "z"), None, 0)


def test_listed_time_steps_are_kept_in_order(saved, rng):
    inr = saved(
        random_network(rng, (4, 8, 1)),
        activation="silu",
        bounds=[[0, 1]] * 4,
        time_steps=[0.5, 0.1, 0.9],
    )
    np.testing.assert_array_equal(inr.times, [0.1, 0.5, 0.9])


def test_outputs_name_components(saved, rng):
    inr = saved(
        random_network(rng, (3, 8, 4)),
        activation="silu",
        outputs=[
            {"name": "velocity", "components": [0, 1, 2]},
            {"name": "pressure", "components": [3]},
        ],
    )
    assert [(o.name, o.components) for o in inr.outputs] == [
        ("velocity", (0, 1, 2)),
        ("pressure", (3,)),
    ]
    plain = saved(random_network(rng, (3, 8, 2)), activation="silu")
    assert [o.components for o in plain.outputs] == [(0,), (1,)]
    assert len({o.name for o in plain.outputs}) == 2


def test_given_metadata_win_over_the_file(saved, rng):
    network = random_network(rng, (2, 8, 8, 1), "relu")
    inr = saved(
        network,
        {"activation": "relu", "bounds": [[0, 5], [0, 5]]},
        activation="tanh",
        bounds=[[0, 1], [0, 1]],
        description="kept for people",
    )
    x = rng.uniform(-1, 1, (300, 2)).astype(np.float32)
    assert_close_to_range(inr.evaluate(x), evaluate(network, x))
    np.testing.assert_array_equal(inr.bounds, [[0, 5], [0, 5]])


def test_keys_of_other_programs_are_left_alone(saved, rng):
    inr = saved(random_network(rng, (2, 8, 1)), activation="silu", optimizer={"lr": 1e-4}, epochs=9)
    assert inr.chain.hidden_widths == (8,)


def test_metadata_of_an_inr_survive_json(saved, rng):
    inr = saved(random_network(rng, (3, 8, 1)), activation="silu", bounds=[[0, 1]] * 3)
    assert json.loads(json.dumps(inr.to_metadata()))["bounds"] == [[0, 1]] * 3


# --- time -------------------------------------------------------------------------------------

UNIT_BOUNDS = [[-1, 1], [-1, 1], [0, 2]]


@pytest.mark.parametrize("skip_at", [None, 2])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_times_are_shown_in_physical_units(saved, rng, place, skip_at):
    network = random_network(rng, (3, 16, 16, 1), "tanh", skip_at=skip_at)
    names, bounds = ["x", "y"], UNIT_BOUNDS[:2]
    names.insert(place, "t")
    bounds.insert(place, UNIT_BOUNDS[2])
    inr = saved(
        joined(network),
        activation="tanh",
        skip_order="hidden_first",
        inputs=names,
        bounds=bounds,
        time_scale=50.0,
        time_offset=7.0,
        time_steps=5,
    )
    assert inr.time_axis == place
    np.testing.assert_allclose(inr.checked_bounds()[place], [7, 107])
    np.testing.assert_allclose(inr.times, [7, 32, 57, 82, 107])
    x = rng.uniform(0, 1, (300, 3))
    shown = x.copy()
    shown[:, place] = 50 * x[:, place] + 7
    assert_close_to_range(inr.evaluate(shown), evaluate(network, x), 2e-5)
    again = inr.to_metadata()
    assert "time_scale" not in again
    assert again["time_steps"] == inr.times.tolist()


def timed(saved, rng, **metadata) -> pa.INR:
    network = random_network(rng, (3, 8, 1), "tanh")
    facts = {"activation": "tanh", "inputs": ["x", "y", "t"], "bounds": UNIT_BOUNDS}
    return saved(network, **{**facts, **metadata})


def test_a_part_of_the_times(saved, rng):
    inr = timed(saved, rng, time_range=[0.5, 1.5], time_steps=3)
    np.testing.assert_allclose(inr.times, [0.5, 1.0, 1.5])
    np.testing.assert_allclose(inr.checked_bounds()[2], [0.5, 1.5])
    assert inr.clamp_time(2.0) == 1.5
    inr = timed(saved, rng, time_range=[0.5, 1.5], time_steps=[0, 0.6, 0.9, 1.7])
    np.testing.assert_allclose(inr.times, [0.6, 0.9])


def test_time_as_an_axis_of_space(saved, rng):
    inr = timed(saved, rng, time_as_space=True)
    assert inr.time_axis is None
    assert inr.dimension == 3
    np.testing.assert_allclose(inr.spatial_bounds, UNIT_BOUNDS)
    assert pa.refine(inr, max_depth=2, tolerance=0.1, device="cpu").at().tree.dimension == 3


def test_time_as_space_needs_another_input_fixed(saved, rng):
    network = random_network(rng, (4, 8, 1), "tanh")
    bounds = [[0, 1]] * 4
    facts = {"activation": "tanh", "inputs": ["x", "y", "z", "t"], "bounds": bounds}
    facts["time_as_space"] = True
    with pytest.raises(pa.MetadataError, match=r"4 spatial inputs are left .*fixed"):
        saved(network, **facts)
    inr = saved(network, fixed={"z": 0.25}, **facts)
    x = rng.uniform(0, 1, (100, 3))
    expected = evaluate(network, np.insert(x, 2, 0.25, axis=1))
    assert_close_to_range(inr.evaluate(x), expected, 2e-5)


@pytest.mark.parametrize("said", [{}, {"time_as_space": None}, {"time_as_space": True}])
def test_one_spatial_input_and_time_are_a_plane(saved, rng, said):
    network = random_network(rng, (2, 8, 1), "tanh")
    facts = {"inputs": ["t", "x"], "bounds": [[0, 2], [-1, 1]], "time_scale": 3.0}
    inr = saved(network, activation="tanh", **facts, **said)
    assert inr.time_axis is None
    assert inr.dimension == 2
    np.testing.assert_allclose(inr.spatial_bounds, [[0, 6], [-1, 1]])
    x = rng.uniform(0, 1, (100, 2))
    assert_close_to_range(inr.evaluate(x), evaluate(network, x / [3, 1]), 2e-5)
    assert inr_from_bytes(inr_to_bytes(inr)).inputs == inr.inputs


@pytest.mark.parametrize("name", ["t", "time"])
def test_a_curve_for_each_time_step_has_to_be_asked_for(saved, rng, tmp_path, name):
    network = random_network(rng, (2, 8, 1), "tanh")
    facts = {"inputs": ["x", name], "bounds": [[-1, 1], [0, 2]], "time_steps": 3}
    inr = saved(network, activation="tanh", **facts, time_as_space=False)
    save_inr(inr, tmp_path / "again.pt")
    for again in (inr, inr_from_bytes(inr_to_bytes(inr)), pa.load(tmp_path / "again.pt")):
        assert again.dimension == 1
        assert again.inputs == ("x", name)
        np.testing.assert_array_equal(again.times, [0, 1, 2])


def test_one_input_is_x_if_nothing_else_is_said(saved, rng):
    inr = saved(random_network(rng, (1, 8, 1), "tanh"), activation="tanh", bounds=[[0, 1]])
    assert (inr.inputs, inr.dimension) == (("x",), 1)


@pytest.mark.parametrize("fixed", ["x", "t"])
def test_what_is_left_of_x_and_t_is_a_curve(saved, rng, fixed):
    network = random_network(rng, (2, 8, 1), "tanh")
    facts = {"inputs": ["x", "t"], "bounds": [[-1, 1], [0, 2]], "fixed": {fixed: 0.5}}
    # Time alone is an axis only if someone says so.
    inr = saved(network, activation="tanh", **facts, time_as_space=fixed == "x" or None)
    assert inr.dimension == 1
    assert inr.time_axis is None
    s = rng.uniform(0, 1, (50, 1))
    x = np.insert(s, 0 if fixed == "x" else 1, 0.5, axis=1)
    assert_close_to_range(inr.evaluate(s), evaluate(network, x), 2e-5)


@given(st.lists(st.sampled_from(["x", "y", "z", "w", "t"]), unique=True), st.none() | st.booleans())
def test_one_to_three_axes_of_space_are_let_through(names, time_as_space):
    over_time = "t" in names and not (len(names) == 2 if time_as_space is None else time_as_space)
    if 1 <= len(names) - over_time <= 3:
        assert not (check_free_inputs(names, time_as_space) and over_time)
        return
    with pytest.raises(pa.MetadataError, match=rf"^{len(names) - over_time} spatial inputs"):
        check_free_inputs(names, time_as_space)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"time_scale": 0}, "time_scale is 0; expected a number above 0"),
        ({"time_scale": "fast"}, "time_scale is 'fast'; expected a finite number"),
        ({"time_range": [1, 0]}, r"time_range is \[1, 0\]; expected min < max"),
        ({"time_range": [1, 5]}, r"time_range is \[1, 5\]; expected a part of \[0, 2\]"),
        ({"time_range": [1, 1.5], "time_steps": [0, 2]}, "none of the time_steps lies in"),
        ({"time_as_space": "yes"}, "time_as_space is 'yes'; expected true or false"),
    ],
)
def test_times_that_make_no_sense_are_refused(saved, rng, metadata, message):
    with pytest.raises(pa.MetadataError, match=message):
        timed(saved, rng, **metadata)


def test_a_time_scale_without_time_is_refused(saved, rng):
    network = random_network(rng, (2, 8, 1), "tanh")
    with pytest.raises(pa.MetadataError, match=r"none of the inputs x, y is"):
        saved(network, activation="tanh", time_scale=2.0)


def test_times_as_they_are_typed():
    from pruning_amr.inr import parse_overrides

    typed = parse_overrides(
        time_steps=3, time_step_values="0 0.1, 0.5", time_range="0 1", time_as_space=1
    )
    assert typed == {"time_steps": [0, 0.1, 0.5], "time_range": [0, 1], "time_as_space": True}
    nothing = {"time_step_values": "", "time_range": None, "time_scale": 0.0, "time_as_space": 0}
    assert parse_overrides(**nothing) == {}
    said = parse_overrides(**nothing, metadata='{"time_as_space": false}')
    assert said == {"time_as_space": False}
    for name in ("time_step_values", "time_range"):
        with pytest.raises(pa.MetadataError, match=f'{name} is "soon"; expected'):
            parse_overrides(**{name: "soon"})


def test_channels_that_no_output_shows_are_left_out(saved, rng):
    network = random_network(rng, (2, 16, 16, 4), "silu", skip_at=2)
    inr = saved(
        joined(network),
        activation="silu",
        skip_order="hidden_first",
        outputs=[{"name": "p", "components": [3]}, {"name": "v", "components": [0, 1]}],
    )
    assert inr.chain.n_outputs == 3
    assert [(o.name, o.components) for o in inr.outputs] == [("p", (2,)), ("v", (0, 1))]
    x = rng.uniform(0, 1, (50, 2)).astype(np.float32)
    assert_close_to_range(inr.evaluate(x), evaluate(network, x)[:, [0, 1, 3]])
