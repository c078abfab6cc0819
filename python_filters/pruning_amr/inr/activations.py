"""Activation functions, by the names used in metadata files.

Every function is built from operations whose vectorised and scalar code paths round
identically (``exp``, ``expm1``, ``log1p``, ``erf``, ``sin``, ``tanh`` and exact arithmetic).
``torch.nn.functional.silu``, ``gelu``, ``elu`` and ``softplus`` do not: they give different
last bits at the ends of a buffer, so results would depend on chunk size and thread count, and
a cell near the threshold would be refined in one run and not in the next.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..errors import MetadataError
from . import products  # noqa: F401  chooses MKL's mode, before MKL's first function is called

_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


def _silu(x: torch.Tensor) -> torch.Tensor:
    return x / torch.neg(x).exp_().add_(1.0)


def _sigmoid(x: torch.Tensor) -> torch.Tensor:
    return torch.neg(x).exp_().add_(1.0).reciprocal_()


def _elu(x: torch.Tensor, alpha: float) -> torch.Tensor:
    return x.clamp(max=0.0).expm1_().mul_(alpha).add_(x.clamp(min=0.0))


def _softplus(x: torch.Tensor) -> torch.Tensor:
    return x.abs().neg_().exp_().log1p_().add_(x.clamp(min=0.0))


def _gelu(x: torch.Tensor) -> torch.Tensor:
    return torch.erf(x * math.sqrt(0.5)).add_(1.0).mul_(x).mul_(0.5)


_FUNCTIONS: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
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
    "gaussian": lambda x, _: torch.square(x).neg_().exp_(),
}
_IN_PLACE: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "identity": lambda x, _: x,
    "relu": lambda x, _: torch.relu_(x),
    "leaky_relu": lambda x, slope: torch.nn.functional.leaky_relu_(x, slope),
    "elu": lambda x, alpha: torch.nn.functional.elu_(x, alpha),
    "silu": lambda x, _: torch.nn.functional.silu(x, inplace=True),
    "tanh": lambda x, _: torch.tanh_(x),
    "sin": lambda x, _: torch.sin_(x),
    "cos": lambda x, _: torch.cos_(x),
}


def _silu_derivative(x: torch.Tensor, _: float) -> torch.Tensor:
    s = torch.sigmoid(x)
    return s * (1.0 + x * (1.0 - s))


def _gelu_derivative(x: torch.Tensor, _: float) -> torch.Tensor:
    density = torch.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    return 0.5 * (1.0 + torch.erf(x * math.sqrt(0.5))) + x * density


def _elu_derivative(x: torch.Tensor, alpha: float) -> torch.Tensor:
    return torch.where(x > 0, 1.0, alpha * x.clamp(max=0.0).exp())


_DERIVATIVES: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
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
_DEFAULT_PARAMETER = {"leaky_relu": 0.01, "elu": 1.0}
_ALIASES = {"sine": "sin", "swish": "silu", "linear": "identity", "none": "identity"}

ACTIVATION_NAMES = tuple(_FUNCTIONS)
"""Names accepted in metadata, in the reader's property and on the command line."""


def _call_all_once() -> None:
    """Call every function on one thread, before several call it at once.

    MKL's vector functions choose their kernels at their first call. Where two threads make it
    together, about one time in a hundred one of them gets the least accurate kernel (errors of
    2e-4; MKL in PyTorch 2.13 with its kernels for Intel's AVX-512).
    """
    x = torch.linspace(-1.0, 1.0, 64)
    for function in (*_FUNCTIONS.values(), *_IN_PLACE.values(), *_DERIVATIVES.values()):
        function(x.clone(), 1.0)


_call_all_once()


@dataclass(frozen=True)
class Activation:
    """An element-wise function.

    Attributes
    ----------
    name : str
        One of `ACTIVATION_NAMES`.
    parameter : float
        Negative slope of ``leaky_relu``, alpha of ``elu``; unused by the others.
    """

    name: str
    parameter: float = 0.0

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the function; `x` is left unchanged, the result may share its memory."""
        return _FUNCTIONS[self.name](x, self.parameter)

    def derivative(self, x: torch.Tensor) -> torch.Tensor:
        """Return the derivative at `x`; of a kink, that of its left side."""
        return _DERIVATIVES[self.name](x, self.parameter)

    def apply_(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the function by PyTorch's fused operation, which may overwrite `x`.

        Faster than calling the object, but the last bits of values at the end of a buffer
        depend on the size of the buffer, unless it is a multiple of 64 elements and one thread
        works on it.
        """
        return _IN_PLACE.get(self.name, _FUNCTIONS[self.name])(x, self.parameter)


IDENTITY = Activation("identity")


def make_activation(name: str, parameter: float | None = None) -> Activation:
    """Return the activation called `name`.

    Raises
    ------
    MetadataError
        If `name` is not in `ACTIVATION_NAMES` (case and common synonyms are forgiven).
    """
    key = name.strip().lower().replace("-", "_").replace("leakyrelu", "leaky_relu")
    key = _ALIASES.get(key, key)
    if key not in _FUNCTIONS:
        raise MetadataError(
            f'activation "{name}" is unknown; expected one of {", ".join(ACTIVATION_NAMES)}: '
            f'correct the metadata key "activation".'
        )
    default = _DEFAULT_PARAMETER.get(key, 0.0)
    return Activation(key, default if parameter is None else float(parameter))
