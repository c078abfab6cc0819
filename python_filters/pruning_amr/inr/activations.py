"""Activation functions, by the names used in metadata files.

What they do is in `pruning_amr.inr.activation_functions`, which is imported when one is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from ..errors import MetadataError

if TYPE_CHECKING:
    import torch

ACTIVATION_NAMES = (
    "identity",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "silu",
    "gelu",
    "softplus",
    "tanh",
    "sigmoid",
    "sin",
    "cos",
    "gaussian",
)
"""Names accepted in metadata, in the reader's property and on the command line."""

ACTIVATION_WANTED = f"one of {', '.join(ACTIVATION_NAMES)} (sin: give omega_0 too)"
"""What a question for the activation expects: whoever answers sin is not asked a second time."""

PARAMETERS = {"leaky_relu": "negative_slope", "elu": "alpha", "softplus": "beta"}
"""What the parameter of an activation is called, in metadata and by ``torch.nn``."""

_DEFAULT_PARAMETER = {"leaky_relu": 0.01, "elu": 1.0}
_ALIASES = {"sine": "sin", "swish": "silu", "linear": "identity", "none": "identity"}


@cache
def _functions() -> ModuleType:
    """Return the module of the functions; a name in a table is all that a call then looks up."""
    from . import activation_functions

    return activation_functions


@dataclass(frozen=True)
class Activation:
    """An element-wise function.

    Attributes
    ----------
    name : str
        One of `ACTIVATION_NAMES`.
    parameter : float
        Negative slope of ``leaky_relu``, alpha of ``elu``, beta of ``softplus`` until it is folded
        into weights; unused by the others.
    """

    name: str
    parameter: float = 0.0

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the function; `x` is left unchanged, the result may share its memory."""
        return _functions().FUNCTIONS[self.name](x, self.parameter)

    def derivative(self, x: torch.Tensor) -> torch.Tensor:
        """Return the derivative at `x`; of a kink, that of its left side."""
        return _functions().DERIVATIVES[self.name](x, self.parameter)

    def apply_(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the function by the fastest operations, which may overwrite `x`.

        Faster than calling the object, but the last bits of values at the end of a buffer
        depend on the size of the buffer, unless it is a multiple of 64 elements and one thread
        works on it.
        """
        return _functions().IN_PLACE[self.name](x, self.parameter)


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
    if key not in ACTIVATION_NAMES:
        raise MetadataError(
            f'activation "{name}" is unknown; expected one of {", ".join(ACTIVATION_NAMES)}: '
            f'correct the metadata key "activation".'
        )
    default = _DEFAULT_PARAMETER.get(key, 0.0)
    return Activation(key, default if parameter is None else float(parameter))
