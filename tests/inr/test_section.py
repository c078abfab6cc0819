"""A network on an affine subspace is the network at its points, whatever enters its layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _helpers.reference import evaluate, random_network, to_chain, to_inr
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.inr import inr_from_bytes, inr_to_bytes, section_of


@given(
    seed=st.integers(0, 2**32 - 1),
    inputs=st.integers(1, 4),
    kept=st.integers(1, 4),
    activation=st.sampled_from(["sin", "tanh", "silu"]),
    skip=st.sampled_from([None, 1, 2]),
)
def test_restricted(seed, inputs, kept, activation, skip):
    rng = np.random.default_rng(seed)
    network = random_network(rng, (inputs, 9, 9, 2), activation, skip_at=skip, skips=((2, 0),))
    origin, along = rng.normal(size=inputs), rng.normal(size=(inputs, kept))
    chain = to_chain(network).restricted(origin, along)
    assert chain.n_inputs == kept and chain.n_outputs == 2
    u = rng.uniform(-1, 1, (50, kept))
    found = chain(torch.from_numpy(u).float()).numpy()
    exact = evaluate(network, origin + u @ along.T)
    np.testing.assert_allclose(found, exact, atol=3e-5 * (1 + np.abs(exact).max()))


def test_sums_are_rounded_once():
    # Large terms cancel: in float32 nothing would be left of the small one.
    network = random_network(np.random.default_rng(0), (3, 4, 1), "tanh")
    network[0].weight[:] = np.array([[1e7, 1.0, -1e7]], np.float32)
    chain = to_chain(network).restricted(np.ones(3), np.ones((3, 1)))
    np.testing.assert_array_equal(chain.layers[0].weight.numpy(), np.ones((4, 1), np.float32))
    bias = (network[0].bias.astype(np.float64) + 1.0).astype(np.float32)
    np.testing.assert_array_equal(chain.layers[0].bias.numpy(), bias)


@pytest.fixture
def timed():
    network = random_network(np.random.default_rng(4), (4, 12, 12, 2), "sin", gain=2.0)
    bounds = [[0, 2], [-1, 1], [-1, 1], [-1, 1]]
    return network, to_inr(network, bounds, inputs=("t", "x", "y", "z"), times=np.linspace(0, 2, 3))


def test_a_section_keeps_time_and_outputs(timed):
    network, inr = timed
    origin, along = np.array([0.1, 0.2, 0.3]), np.eye(3)[:, [2, 0]]
    section = section_of(inr, origin, along, np.array([[-1.0, 1.0], [-0.5, 0.5]]))
    assert section.inputs == ("u", "v", "t") and section.time_axis == 2
    assert section.outputs == inr.outputs and section.times is inr.times
    np.testing.assert_array_equal(section.spatial_bounds, [[-1, 1], [-0.5, 0.5]])
    assert section.clamp_time(9.0) == 2.0
    u = np.random.default_rng(1).uniform(-0.5, 0.5, (40, 2))
    found = section.evaluate(np.column_stack([u, np.full(40, 1.25)]), "cpu")
    exact = evaluate(network, np.column_stack([np.full(40, 1.25), origin + u @ along.T]))
    np.testing.assert_allclose(found, exact, atol=3e-5)


def test_errors_on_a_section_are_in_units_of_the_whole_field(timed):
    _, inr = timed
    section = section_of(inr, np.zeros(3), np.eye(3)[:, :2], np.array([[0.0, 1e-3]] * 2))
    np.testing.assert_array_equal(section.value_range, inr.value_range)
    # The control: its own range is another one.
    alone = inr_from_bytes(inr_to_bytes(section))
    assert (np.ptp(alone.value_range, axis=1) < np.ptp(inr.value_range, axis=1)).all()
