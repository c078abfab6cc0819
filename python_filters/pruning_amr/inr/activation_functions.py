"""Activation functions as operations of PyTorch.

Those of ``FUNCTIONS`` are built from operations whose vectorised and scalar code paths round
identically (``exp``, ``expm1``, ``log1p``, ``erf``, ``sin``, ``tanh`` and exact arithmetic).
``torch.nn.functional.silu``, ``gelu`` and others do not: they give different last bits at the ends
of a buffer, so results would depend on chunk size and thread count, and a cell near the threshold
would be refined in one run and not in the next. ``IN_PLACE`` has these, for buffers that are
multiples of 64 elements, on which one thread works: there the scalar path is never taken.

Arguments of ``exp`` are bounded, but in derivatives: numbers below 1.2e-38 ("subnormal") take
processors a hundred times as long, in the function and in the product of matrices that follows.

The module is imported by the first thread that needs a function, and others wait for it: all
functions have then been called once.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from . import products  # noqa: F401  chooses MKL's mode, before MKL's first function is called

Function = Callable[[torch.Tensor, float], torch.Tensor]
"""Called with values and the parameter of the activation."""

_NOTHING_BESIDE_1, _NORMAL = -40.0, -80.0
"""Where exp is lost in the rounding of a sum with 1, in float64 too; and where it is far from
subnormal in float32, which log1p needs: what is smaller becomes 1.8e-35."""

_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


def _silu(x: torch.Tensor) -> torch.Tensor:
    return x / torch.neg(x).clamp_(min=_NOTHING_BESIDE_1).exp_().add_(1.0)


def _sigmoid(x: torch.Tensor) -> torch.Tensor:
    return torch.neg(x).clamp_(min=_NOTHING_BESIDE_1).exp_().add_(1.0).reciprocal_()


def _elu(x: torch.Tensor, alpha: float) -> torch.Tensor:
    below = x.clamp(min=_NOTHING_BESIDE_1, max=0.0).expm1_()
    return below.mul_(alpha).add_(x.clamp(min=0.0))


def _softplus(x: torch.Tensor) -> torch.Tensor:
    return x.abs().neg_().clamp_(min=_NORMAL).exp_().log1p_().add_(x.clamp(min=0.0))


def _gaussian(x: torch.Tensor) -> torch.Tensor:
    return x.square_().neg_().clamp_(min=_NORMAL).exp_()


def _gelu(x: torch.Tensor) -> torch.Tensor:
    return torch.erf(x * math.sqrt(0.5)).add_(1.0).mul_(x).mul_(0.5)


FUNCTIONS: dict[str, Function] = {
    "identity": lambda x, _: x,
    "relu": lambda x, _: torch.relu(x),
    "leaky_relu": lambda x, slope: torch.where(x > 0, x, x * slope),
    "elu": _elu,
    "selu": lambda x, _: _elu(x, _SELU_ALPHA).mul_(_SELU_SCALE),
    "silu": lambda x, _: _silu(x),
    "gelu": lambda x, _: _gelu(x),
    "softplus": lambda x, _: _softplus(x),
    "tanh": lambda x, _: torch.tanh(x),
    "sigmoid": lambda x, _: _sigmoid(x),
    "sin": lambda x, _: torch.sin(x),
    "cos": lambda x, _: torch.cos(x),
    "gaussian": lambda x, _: _gaussian(x.clone()),
}


def _elu_in_place(x: torch.Tensor, alpha: float) -> torch.Tensor:
    # exp is faster than expm1; what it loses near 0 is a rounding of the values around.
    below = x.clamp(min=_NOTHING_BESIDE_1, max=0.0).exp_().sub_(1.0)
    return x.clamp_(min=0.0).add_(below, alpha=alpha)


IN_PLACE: dict[str, Function] = FUNCTIONS | {
    "relu": lambda x, _: torch.relu_(x),
    "leaky_relu": lambda x, slope: torch.nn.functional.leaky_relu_(x, slope),
    "elu": _elu_in_place,
    "selu": lambda x, _: _elu_in_place(x, _SELU_ALPHA).mul_(_SELU_SCALE),
    "silu": lambda x, _: torch.nn.functional.silu(x, inplace=True),
    "gelu": lambda x, _: torch.nn.functional.gelu(x),
    "tanh": lambda x, _: torch.tanh_(x),
    "sigmoid": lambda x, _: torch.sigmoid_(x.clamp_(max=-_NOTHING_BESIDE_1)),
    "sin": lambda x, _: torch.sin_(x),
    "cos": lambda x, _: torch.cos_(x),
    "gaussian": lambda x, _: _gaussian(x),
}
"""The fastest operations, which may overwrite their argument: PyTorch's fused ones, where they are
the fastest."""


def _silu_derivative(x: torch.Tensor, _: float) -> torch.Tensor:
    s = torch.sigmoid(x)
    return s * (1.0 + x * (1.0 - s))


def _gelu_derivative(x: torch.Tensor, _: float) -> torch.Tensor:
    density = torch.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    return 0.5 * (1.0 + torch.erf(x * math.sqrt(0.5))) + x * density


def _elu_derivative(x: torch.Tensor, alpha: float) -> torch.Tensor:
    return torch.where(x > 0, 1.0, alpha * x.clamp(max=0.0).exp())


DERIVATIVES: dict[str, Function] = {
    "identity": lambda x, _: torch.ones_like(x),
    "relu": lambda x, _: (x > 0).to(x.dtype),
    "leaky_relu": lambda x, slope: torch.where(x > 0, 1.0, slope).to(x.dtype),
    "elu": _elu_derivative,
    "selu": lambda x, _: _SELU_SCALE * _elu_derivative(x, _SELU_ALPHA),
    "silu": _silu_derivative,
    "gelu": _gelu_derivative,
    "softplus": lambda x, _: torch.sigmoid(x),
    "tanh": lambda x, _: 1.0 - torch.tanh(x).square(),
    "sigmoid": lambda x, _: torch.sigmoid(x) * (1.0 - torch.sigmoid(x)),
    "sin": lambda x, _: torch.cos(x),
    "cos": lambda x, _: -torch.sin(x),
    "gaussian": lambda x, _: -2.0 * x * torch.exp(-x * x),
}


def _call_all_once() -> None:
    """Call every function on one thread, before several call it at once.

    MKL's vector functions choose their kernels at their first call. Where two threads make it
    together, about one time in a hundred one of them gets the least accurate kernel (errors of
    2e-4; MKL in PyTorch 2.13 with its kernels for Intel's AVX-512).
    """
    x = torch.linspace(-1.0, 1.0, 64)
    for function in (*FUNCTIONS.values(), *IN_PLACE.values(), *DERIVATIVES.values()):
        function(x.clone(), 1.0)


_call_all_once()
