"""Activations: the usual functions, and the same bits whatever the buffer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _helpers.reference import FORMULAS
from pruning_amr import MetadataError
from pruning_amr.inr import ACTIVATION_NAMES, activation_functions
from pruning_amr.inr.activations import make_activation

F = torch.nn.functional
TORCH = {
    "identity": lambda x: x,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "silu": F.silu,
    "gelu": F.gelu,
    "softplus": F.softplus,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "sin": torch.sin,
    "cos": torch.cos,
    "gaussian": lambda x: torch.exp(-(x**2)),
}


def points() -> torch.Tensor:
    fine = torch.linspace(-12, 12, 24_001)
    far = torch.tensor([-1e4, -200.0, -90.0, -30.0, -0.0, 0.0, 1e-30, 30.0, 90.0, 200.0, 1e4])
    return torch.cat([fine, far])


def test_every_name_has_a_torch_counterpart():
    assert set(TORCH) == set(ACTIVATION_NAMES) == set(FORMULAS)


def test_every_name_has_its_functions():
    assert tuple(activation_functions.FUNCTIONS) == ACTIVATION_NAMES
    assert set(activation_functions.DERIVATIVES) == set(ACTIVATION_NAMES)
    assert set(activation_functions.IN_PLACE) == set(ACTIVATION_NAMES)


@pytest.mark.parametrize("name", sorted(TORCH))
def test_equals_torch_to_float32_rounding(name):
    x = points()
    expected = TORCH[name](x.double())
    error = (make_activation(name)(x).double() - expected).abs()
    assert bool((error <= 5e-7 * expected.abs().clamp(min=1.0)).all()), float(error.max())


@pytest.mark.parametrize("name", sorted(TORCH))
def test_leaves_its_argument_unchanged(name):
    x = points()
    before = x.clone()
    make_activation(name)(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", sorted(TORCH))
def test_bits_do_not_depend_on_the_place_in_a_buffer(name):
    activation = make_activation(name)
    x = torch.from_numpy(np.random.default_rng(3).normal(0, 4, 4099).astype(np.float32))
    whole = activation(x)
    for start, stop in [(0, 1), (1, 8), (3, 20), (7, 7 + 33), (100, 4099), (4098, 4099)]:
        assert torch.equal(activation(x[start:stop].clone()), whole[start:stop])


@pytest.mark.parametrize(
    ("name", "parameter", "expected"),
    [("leaky_relu", 0.2, lambda x: F.leaky_relu(x, 0.2)), ("elu", 0.5, lambda x: F.elu(x, 0.5))],
)
def test_parameter_is_used(name, parameter, expected):
    x = points()
    assert torch.allclose(make_activation(name, parameter)(x), expected(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("SiLU", "silu"),
        ("swish", "silu"),
        ("Sine", "sin"),
        ("LeakyReLU", "leaky_relu"),
        ("leaky-relu", "leaky_relu"),
        (" tanh ", "tanh"),
        ("linear", "identity"),
    ],
)
def test_usual_spellings_are_understood(written, meant):
    assert make_activation(written).name == meant


def test_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(MetadataError, match=r"mish.*softplus"):
        make_activation("mish")


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_derivatives_are_those_of_autograd(name):
    x = torch.linspace(-6, 6, 1001, dtype=torch.float64) + 1e-3
    x.requires_grad_()
    activation = make_activation(name)
    (expected,) = torch.autograd.grad(TORCH[name](x).sum(), x)
    torch.testing.assert_close(activation.derivative(x.detach()), expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_fused_operations_give_the_same_and_do_not_depend_on_the_buffer(name):
    activation, x = make_activation(name), torch.linspace(-9, 9, 64 * 101)
    fused = activation.apply_(x.clone())
    torch.testing.assert_close(fused, activation(x), atol=1e-6, rtol=1e-6)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for size in (64, 192, 64 * 50):
            part = activation.apply_(x[:size].clone())
            assert torch.equal(part, fused[:size])
    finally:
        torch.set_num_threads(before)


UNBOUNDED = {
    "elu": lambda x: torch.where(x > 0, x, torch.exp(x.clamp(max=0.0)) - 1.0),
    "sigmoid": lambda x: 1.0 / (1.0 + torch.exp(-x)),
    "silu": lambda x: x / (1.0 + torch.exp(-x)),
}


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_bounding_the_exponential_changes_no_bit(precision, sign):
    x = sign * torch.linspace(30.0, 200.0, 4096, dtype=precision)
    fused = activation_functions.IN_PLACE["elu"](x.clone(), 1.0)
    assert torch.equal(fused, UNBOUNDED["elu"](x))
    if sign > 0:
        for name in ("sigmoid", "silu"):
            assert torch.equal(activation_functions.FUNCTIONS[name](x, 0.0), UNBOUNDED[name](x))
        fused = activation_functions.IN_PLACE["sigmoid"](x.clone(), 0.0)
        assert torch.equal(fused, torch.sigmoid(x))


@pytest.mark.parametrize("functions", ["FUNCTIONS", "IN_PLACE"])
@pytest.mark.parametrize("name", ["elu", "selu", "softplus", "gaussian"])
def test_results_are_never_subnormal(name, functions):
    x = torch.cat([torch.linspace(-300.0, 300.0, 60_000), torch.linspace(-1e4, 1e4, 4_000)])
    found = getattr(activation_functions, functions)[name](x, 1.0).abs()
    assert bool(((found == 0.0) | (found >= torch.finfo(torch.float32).tiny)).all())
