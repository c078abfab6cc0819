"""Whole modules: what ``torch.save(model)`` and TorchScript write, of which no code is run.

A module of the file says which layers it has, in the order they were defined, which activations
stand between them where it is an ``nn.Sequential``, and frequencies that are attributes. What the
``forward`` of a user's own class does with them is not in the file: it is assumed to apply them in
that order, and the assumption is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...errors import CheckpointError, MetadataError, some
from ...files.modules import Module, as_module
from ..activations import IDENTITY, Activation
from ..metadata import Metadata
from ..questions import Questions
from .arrays import take_ranges
from .module_activations import PASSING, activation_of, class_name, frequency_of
from .raw import RawNetwork
from .state_dict import read_arrays

_CONTAINERS = {"Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"}


@dataclass
class _Seen:
    """What a walk through a module finds, in the order of definition."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    steps: list[tuple[str, str, Any]] = field(default_factory=list)
    """(kind, key, value): "dense" and its name; "activation" and what it is; "other"."""
    attributes: dict[str, Any] = field(default_factory=dict)
    own_classes: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    """Parts with parameters that are no dense layers, with their classes."""


def read_module(
    content: Mapping[str, Any], metadata: Metadata, questions: Questions
) -> RawNetwork | None:
    """Read a whole module, alone in the file or beside other things."""
    found, left_out = _module_in(content)
    if found is None:
        return None
    if metadata.network:
        found = _child(found, metadata.network)
        metadata = replace(metadata, network=None)
    seen = _Seen()
    _walk(found, "", seen, None)
    raw = read_arrays(seen.arrays, metadata, questions, "module", 1)
    if raw is None:
        raise CheckpointError(
            f"it holds a {found.kind} with {some(seen.others) or 'no dense layers'}; expected "
            "dense layers (torch.nn.Linear) and activations between them: save the state_dict() of "
            "a plain multilayer perceptron."
        )
    raw.ranges = {**take_ranges(dict(seen.attributes)), **raw.ranges}
    raw.left_out += left_out
    _set_activations(raw, seen)
    return raw


def _module_in(content: Mapping[str, Any]) -> tuple[Module | None, list[str]]:
    """Return the module of a file, and the keys beside it."""
    whole = content.get("")
    if whole is not None and len(content) == 1:
        return as_module(whole), []
    modules = {k: m for k, v in content.items() if (m := as_module(v)) is not None}
    dense = {k: m for k, m in modules.items() if any(_dense(m, ""))}
    if len(dense) != 1:
        return None, []
    ((key, module),) = dense.items()
    return module, [k for k in content if k != key]


def _child(module: Module, path: str) -> Module:
    """Return the part of a module that a dotted name stands for."""
    here = module
    for name in path.strip(".").split("."):
        if name not in here.children:
            raise MetadataError(
                f'"network" is "{path}", which is no part of the module in the file; expected one '
                f"of {some(list(module.children), 12)}: correct it."
            )
        here = here.children[name]
    return here


def _dense(module: Module, name: str) -> Iterator[str]:
    """Yield the names of the dense layers of a module."""
    weight = module.parameters.get("weight", module.parameters.get("weight_v"))
    if weight is not None and weight.ndim == 2:
        yield name
    for key, child in module.children.items():
        yield from _dense(child, f"{name}.{key}" if name else key)


def _walk(module: Module, name: str, seen: _Seen, parent: Module | None) -> None:
    prefix = name + "." if name else ""
    seen.arrays.update({prefix + k: v for k, v in module.parameters.items()})
    seen.attributes.update({k: v for k, v in module.attributes.items() if k not in seen.attributes})
    kind = class_name(module)
    if not module.kind.startswith("torch.nn."):
        seen.own_classes.append(module.kind)
    weights = [k for k, v in module.parameters.items() if v.ndim == 2]
    if module.parameters and not weights:
        seen.others.append(f"{name or 'weights'} of class {module.kind}")
    if weights and kind not in _CONTAINERS:
        # A sine layer keeps its frequency itself, or in the layer around the dense one.
        owner = module if frequency_of(module) is not None else parent
        seen.steps.append(("dense", prefix, _sine_frequency(owner)))
    elif not module.children and kind not in PASSING and kind not in _CONTAINERS:
        activation = activation_of(module)
        step = "activation" if activation is not None else "other"
        seen.steps.append((step, name, (activation or kind, frequency_of(module))))
    for key, child in module.children.items():
        _walk(child, prefix + key, seen, module)


def _sine_frequency(owner: Module | None) -> float | None:
    """Return the frequency of a sine layer of a user's own; None if it is another layer."""
    if owner is None or owner.kind.startswith("torch.nn."):
        return None
    return frequency_of(owner) if _own_dense(owner) == 1 else None


def _own_dense(module: Module) -> int:
    return len(list(_dense(module, "")))


def _set_activations(raw: RawNetwork, seen: _Seen) -> None:
    """Put the activations that were seen to the layers, and say what was assumed."""
    number = {name: i for i, name in enumerate(raw.names)}
    activations: list[Activation | None] = [None] * len(raw.weights)
    shared, last = [], None
    for step, key, value in seen.steps:
        if step == "dense":
            last = number.get(key.rstrip("."))
            if value is not None and last is not None:
                activations[last], raw.own_frequencies[last] = Activation("sin"), value
        elif step == "activation":
            activation, frequency = value
            shared.append((activation, frequency))
            if last is not None and activations[last] is None:
                activations[last] = activation
                if frequency is not None and activation.name == "sin":
                    raw.own_frequencies[last] = frequency
        else:
            raw.assumed.append(f"{key}, of class {value[0]}, is taken to change nothing")
    distinct = list(dict.fromkeys(shared))
    hidden = range(len(activations) - 1)
    if len(distinct) == 1 and any(activations[i] is None for i in hidden):
        activation, frequency = distinct[0]
        for i in hidden:
            if activations[i] is None:
                activations[i] = activation
                if frequency is not None and activation.name == "sin":
                    raw.own_frequencies[i] = frequency
    elif any(activations[i] is None for i in hidden) and distinct:
        # Some layers have none between them and the next: what forward does is not known.
        activations = [None] * len(activations)
    if activations[-1] is None and any(a is not None for a in activations):
        activations[-1] = IDENTITY
    raw.activations = activations
    _say_order(raw, seen)


def _say_order(raw: RawNetwork, seen: _Seen) -> None:
    own = [c for c in dict.fromkeys(seen.own_classes)]
    if not own:
        return
    names = list(dict.fromkeys(a.name for a in raw.activations[:-1] if a is not None))
    after = f", with {some(names)} after each hidden one" if names else ""
    raw.assumed.append(
        f"the code of {some(own)} is not in the file and not run: its layers {some(raw.names)} are "
        f"taken in the order of their definition{after}"
    )
