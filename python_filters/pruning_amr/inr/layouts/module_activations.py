"""Which activation a module of a file stands for, by the name of its class and its attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import CheckpointError, MetadataError
from ...files.modules import Module, as_module
from ..activations import PARAMETERS, Activation, make_activation

FREQUENCIES = ("omega_0", "omega0", "omega", "w0", "w_0", "first_omega_0", "frequency")
"""Attributes that hold the frequency of a sine layer."""

PASSING = {"Identity", "Dropout", "Dropout1d", "Dropout2d", "Flatten", "AlphaDropout"}
"""Modules that leave values as they are once training is over."""


def frequency_of(module: Module) -> float | None:
    """Return the frequency that a module keeps as an attribute, if it does."""
    for name in FREQUENCIES:
        value = module.attributes.get(name, module.parameters.get(name))
        if isinstance(value, np.ndarray | np.generic) and np.size(value) == 1:
            value = float(np.asarray(value).item())
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def class_name(module: Module) -> str:
    """Return the name of a module's class, without the package."""
    return module.kind.rpartition(".")[2]


def activation_of(value: Any) -> Activation | None:
    """Return the activation a module stands for; None if it is none that is known.

    Raises
    ------
    CheckpointError
        If it is one with a parameter that is not supported.
    """
    module = value if isinstance(value, Module) else as_module(value)
    if module is None:
        return None
    name = class_name(module)
    if name == "PReLU":
        return _prelu(module)
    frequency = frequency_of(module)
    if module.parameters and frequency is None:
        return None
    if name in ("Sine", "Sin", "SineActivation"):
        return Activation("sin")
    try:
        activation = make_activation(name)
    except MetadataError:
        return None
    if frequency is not None and activation.name != "sin":
        return None
    key = PARAMETERS.get(activation.name)
    if _other_numbers(module, key):
        return None
    if key is not None:
        value = module.attributes.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        activation = make_activation(name, float(value))
    approximate = module.attributes.get("approximate", "none")
    if activation.name == "gelu" and approximate not in ("none", False):
        raise CheckpointError(
            f"the file holds GELU with approximate = {approximate}; only approximate = none is "
            "supported: retrain, or write the network in another form."
        )
    return activation


def is_of_torch(module: Module) -> bool:
    """Tell whether a module is of PyTorch, and no user's own class."""
    return module.kind.startswith("torch.nn.")


def _other_numbers(module: Module, key: str | None) -> list[str]:
    """Return the numbers in a user's own class, on which its function may depend."""
    if is_of_torch(module):
        return []
    return [
        name
        for name, value in module.attributes.items()
        if isinstance(value, int | float | np.ndarray | np.generic)
        and not isinstance(value, bool)
        and name not in (key, *FREQUENCIES)
    ]


def _prelu(module: Module) -> Activation:
    slope = module.parameters.get("weight")
    if slope is None or slope.size != 1:
        raise CheckpointError(
            f"the file holds a PReLU of {0 if slope is None else slope.size} slopes; only one "
            "slope for all neurons of a layer is supported: write the network in another form."
        )
    return make_activation("leaky_relu", float(slope.item()))
