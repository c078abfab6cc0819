"""Networks stored as objects: pickled ``torch.nn`` modules and TorchScript, seen alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .records import Record, ScriptRecord

_OF_TORCH = {
    "T_destination",
    "__overloads__",
    "_backend",
    "_buffers",
    "_compiled_call_impl",
    "_is_full_backward_hook",
    "_modules",
    "_non_persistent_buffers_set",
    "_parameters",
    "_version",
    "call_super_init",
    "dump_patches",
    "training",
}
"""Attributes that every module has; its hooks besides."""


@dataclass
class Module:
    """A ``torch.nn`` module without its code.

    Attributes
    ----------
    kind : str
        Its class, as in ``"torch.nn.modules.linear.Linear"``.
    parameters : dict of str to numpy.ndarray
        Its own parameters, then its buffers, in the order of registration.
    attributes : dict of str to object
        What else it holds, as ``omega_0`` or ``negative_slope``.
    children : dict of str to Module
        In the order of registration.
    functions : tuple of str
        Functions of torch that the text of its class calls, as in ``("linear", "sin")``; known of
        TorchScript only.
    """

    kind: str
    parameters: dict[str, np.ndarray]
    attributes: dict[str, Any]
    children: dict[str, Module]
    functions: tuple[str, ...] = ()


def as_module(value: Any) -> Module | None:
    """Return the module that a `Record` of a file is, None if it is none."""
    if isinstance(value, ScriptRecord):
        return _from_script(value) if value.script.is_module else None
    if not isinstance(value, Record) or not isinstance(value.state, Mapping):
        return None
    groups = [value.state.get(name) for name in ("_parameters", "_buffers", "_modules")]
    if not all(isinstance(group, Mapping) for group in groups):
        return None
    parameters, buffers, modules = groups
    return Module(
        kind=value.kind,
        parameters=_arrays({**parameters, **buffers}),
        attributes={k: v for k, v in value.state.items() if not _is_of_torch(k)},
        children=_modules(modules),
    )


def _from_script(record: ScriptRecord) -> Module:
    state = record.state if isinstance(record.state, Mapping) else {}
    children = _modules(state)
    arrays = state if record.script.arrays is None else record.script.arrays
    named = {name: state[name] for name in arrays if isinstance(state.get(name), np.ndarray)}
    known = {*named, *children}
    own = {**record.script.attributes, **state}
    return Module(
        kind=record.kind,
        parameters=named,
        attributes={k: v for k, v in own.items() if k not in known and not _is_of_torch(k)},
        children=children,
        functions=record.script.functions,
    )


def _arrays(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: v for name, v in values.items() if isinstance(v, np.ndarray)}


def _modules(values: Mapping[str, Any]) -> dict[str, Module]:
    made = {name: as_module(v) for name, v in values.items()}
    return {name: module for name, module in made.items() if module is not None}


def _is_of_torch(name: str) -> bool:
    return name in _OF_TORCH or (name.startswith("_") and "_hooks" in name)
