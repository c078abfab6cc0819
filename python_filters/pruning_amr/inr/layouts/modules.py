"""Whole modules: what ``torch.save(model)`` and TorchScript write, of which no code is run.

A module of the file says which layers it has, in the order they were defined, which activations
stand between them where it is an ``nn.Sequential``, and frequencies that are attributes. What the
``forward`` of a user's own class does with them is not in the file: it is assumed to apply them in
that order, and the assumption is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...errors import CheckpointError, MetadataError, some
from ...files.modules import Module, as_module
from ..activations import ACTIVATION_NAMES, IDENTITY, Activation
from ..metadata import Metadata
from ..questions import Questions
from .arrays import is_fourier_matrix, range_parts, take_ranges
from .module_activations import (
    FREQUENCIES,
    PASSING,
    activation_of,
    class_name,
    frequency_of,
    is_of_torch,
)
from .raw import RawNetwork
from .state_dict import read_arrays
from .unused import is_record

_CONTAINERS = {"Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"}
_DENSE = {"Linear", "NonDynamicallyQuantizableLinear", "LazyLinear"}
_SEQUENCE = "sequence "
"""What the names of runs begin with that are of an ``nn.Sequential``; alone, the whole network."""

_HARMLESS = {"lr", "learning_rate", "dropout", "p", "weight_decay", "eps", "momentum"}
"""Attributes that only training uses."""


@dataclass(frozen=True)
class _Step:
    """A dense layer, an activation or something else, in the order of definition.

    Attributes
    ----------
    kind : str
        "dense", "activation" or "other".
    key : str
        Its name.
    run : str or None
        What holds the steps that surely follow one another, an ``nn.Sequential`` or a layer with
        its activation; None in a user's own class, whose code alone knows.
    activation : Activation or None
    frequency : float or None
    name : str
        The class of something else.
    """

    kind: str
    key: str
    run: str | None
    activation: Activation | None = None
    frequency: float | None = None
    name: str = ""


@dataclass
class _Seen:
    """What a walk through a module finds, in the order of definition."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    steps: list[_Step] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    own_classes: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    """Parts with parameters that are no dense layers, with their classes."""
    numbers: list[str] = field(default_factory=list)
    """Attributes of a user's own classes on which the field may depend."""


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
    _walk(found, "", seen, None, None)
    raw = read_arrays(seen.arrays, metadata, questions, "module", 1)
    if raw is None:
        raise CheckpointError(
            f"it holds a {found.kind} with {some(seen.others) or 'no dense layers'}; expected "
            "dense layers (torch.nn.Linear) and activations between them: save the state_dict() "
            "of a plain multilayer perceptron."
        )
    raw.ranges = {**take_ranges(dict(seen.attributes)), **raw.ranges}
    raw.left_out += left_out
    _set_activations(raw, seen, metadata.activation)
    return raw


def _module_in(content: Mapping[str, Any]) -> tuple[Module | None, list[str]]:
    """Return the module of a file, and the keys beside it."""
    whole = content.get("")
    if whole is not None and len(content) == 1:
        return as_module(whole), []
    modules = {k: m for k, v in content.items() if (m := as_module(v)) is not None}
    dense = {k: m for k, m in modules.items() if _own_dense(m)}
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


def _walk(module: Module, name: str, seen: _Seen, parent: Module | None, run: str | None) -> None:
    prefix = name + "." if name else ""
    if class_name(module) != "PReLU":  # Its slope is the activation's own.
        seen.arrays.update({prefix + k: v for k, v in module.parameters.items()})
    seen.attributes.update({k: v for k, v in module.attributes.items() if k not in seen.attributes})
    _refuse_other_of_torch(module, name)
    kind = class_name(module)
    if not is_of_torch(module):
        seen.own_classes.append(module.kind)
        # A matrix of Fourier features is often no registered buffer.
        matrices = {k: v for k, v in module.attributes.items() if is_fourier_matrix(k, v)}
        seen.arrays.update({prefix + k: v for k, v in matrices.items()})
        seen.numbers += [prefix + k for k, v in module.attributes.items() if _may_matter(k, v)]
    weights = [k for k, v in module.parameters.items() if v.ndim == 2]
    if module.parameters and not weights:
        seen.others.append(f"{name or 'weights'} of class {module.kind}")
    run = _run_inside(module, name, run)
    if weights and kind not in _CONTAINERS:
        # A sine layer keeps its frequency itself, or in the layer around the dense one.
        owner = module if frequency_of(module) is not None else parent
        seen.steps.append(_Step("dense", name, run, frequency=_sine_frequency(owner)))
    elif not module.children and kind not in PASSING and kind not in _CONTAINERS:
        activation = activation_of(module)
        step = "other" if activation is None else "activation"
        found = _Step(step, name, run, activation, frequency_of(module), kind)
        seen.steps += [] if _is_loss(module) else [found]
    for key, child in module.children.items():
        _walk(child, prefix + key, seen, module, run)


def _run_inside(module: Module, name: str, run: str | None) -> str | None:
    """Return the run that the children of a module are part of (see `_Step`)."""
    if is_of_torch(module):
        if class_name(module) == "Sequential":
            return run if run is not None and run.startswith(_SEQUENCE) else _SEQUENCE + name
        return run if not module.children else None
    return f"layer {name}" if _own_dense(module) == 1 else (None if module.children else run)


def _refuse_other_of_torch(module: Module, name: str) -> None:
    """Refuse layers of PyTorch that are known to be no dense layers and no known activations.

    Raises
    ------
    CheckpointError
        If a module is one.
    """
    kind = class_name(module)
    harmless = kind in _CONTAINERS or kind in PASSING or kind in _DENSE or _is_loss(module)
    if not is_of_torch(module) or harmless or (module.children and not module.parameters):
        return
    if activation_of(module) is None:
        raise CheckpointError(
            f"{name or 'it'} of class {module.kind} is neither a dense layer nor one of the "
            f"activations {', '.join(ACTIVATION_NAMES)}; expected dense layers and these alone: "
            "save the state_dict() of a network of these."
        )


def _is_loss(module: Module) -> bool:
    return module.kind.startswith("torch.nn.modules.loss.")


def _may_matter(name: str, value: Any) -> bool:
    """Tell whether an attribute of a user's own class is a number that scales something."""
    if (
        name in FREQUENCIES
        or name in _HARMLESS
        or is_record(name)
        or is_fourier_matrix(name, value)
    ):
        return False
    return isinstance(value, float) or (
        isinstance(value, np.ndarray | np.generic) and np.asarray(value).dtype.kind in "fc"
    )


def _sine_frequency(owner: Module | None) -> float | None:
    """Return the frequency of a sine layer of a user's own; None if it is another layer."""
    if owner is None or is_of_torch(owner):
        return None
    frequency = frequency_of(owner) if _own_dense(owner) == 1 else None
    if frequency is not None and "finer" in class_name(owner).lower():
        raise CheckpointError(
            f"it holds layers of {owner.kind}, in FINER networks sin(omega_0 (|z| + 1) z); "
            f"expected one of {', '.join(ACTIVATION_NAMES)}: retrain with one of these."
        )
    # The last layer of many codes is of the same class, and linear.
    return None if owner.attributes.get("is_last") is True else frequency


def _own_dense(module: Module) -> int:
    return len(list(_dense(module, "")))


# --- activations --------------------------------------------------------------------------


class _Placed:
    """Puts the activations that were seen to the layers of a network."""

    def __init__(self, raw: RawNetwork, steps: Sequence[_Step]) -> None:
        self.raw = raw
        self.found: list[Activation | None] = [None] * len(raw.weights)
        self.unknown: set[int] = set()
        """Layers followed by something of a user's own."""
        self.loose: list[tuple[Activation, float | None]] = []
        """Activations of which only the user's code knows where they are applied."""
        self.after: list[Activation] = []
        """Those of them that are defined after the last layer."""
        number = _numbers_of(raw.names, [step.key for step in steps if step.kind == "dense"])
        last, before = None, None
        for step in steps:
            if step.kind == "dense":
                i = number.get(step.key)
                if before is not None and last is not None and _surely_next(before, step):
                    self._put(last, IDENTITY, None)
                last = i
                if i is not None and step.frequency is not None:
                    self._put(i, Activation("sin"), step.frequency)
            elif step.kind == "activation":
                self._place(step, last, before)
            elif last is not None and self.found[last] is None:
                self.unknown.add(last)
            if step.kind == "dense" or _surely_next(before, step):
                before = step
        if before is not None and before.run == _SEQUENCE and last is not None:
            self._put(last, IDENTITY, None)
        self._spread()

    def _put(self, i: int, activation: Activation, frequency: float | None) -> None:
        if self.found[i] is None and i not in self.unknown:
            self.found[i] = activation
            if frequency is not None and activation.name == "sin":
                self.raw.own_frequencies[i] = frequency

    def _place(self, step: _Step, last: int | None, before: _Step | None) -> None:
        if _surely_next(before, step):
            if last is None:
                return  # After a layer of another head.
            if self.found[last] is not None and step.run.startswith(_SEQUENCE):
                raise CheckpointError(
                    f"{step.key}, {step.activation.name}, follows another activation; expected a "
                    "dense layer between two of them: write the network in another form."
                )
            self._put(last, step.activation, step.frequency)
            return
        if before is None and step.run == _SEQUENCE:
            raise CheckpointError(
                f"{step.key}, {step.activation.name}, is applied to the inputs; expected a dense "
                "layer first: write the network in another form."
            )
        self.loose.append((step.activation, step.frequency))
        if last == len(self.found) - 1:
            self.after.append(step.activation)
        elif last is not None:
            self._put(last, step.activation, step.frequency)

    def _spread(self) -> None:
        """Give the layers that have none the only activation that there is."""
        hidden = range(len(self.found) - 1)
        open_ones = [i for i in hidden if self.found[i] is None]
        seen = [(a, self.raw.own_frequencies.get(i)) for i, a in enumerate(self.found) if a]
        hidden_seen = seen if self.found[-1] is None else seen[:-1]
        distinct = list(dict.fromkeys(s for s in [*hidden_seen, *self.loose] if s[0] != IDENTITY))
        if len(distinct) == 1:
            for i in open_ones:
                self._put(i, *distinct[0])
        elif open_ones and distinct:
            # Some layers have none between them and the next: what forward does is not known.
            self.found[:-1] = [None] * len(hidden)
        after = [a for a in self.after if a not in self.found[:-1]]
        if self.found[-1] is None and after and all(self.found[:-1]):
            # Of no use to any hidden layer, it is there for the output.
            self._put(len(self.found) - 1, after[-1], None)
        if self.found[-1] is None and any(self.found):
            self.found[-1] = IDENTITY


def _numbers_of(names: Sequence[str], keys: Sequence[str]) -> dict[str, int]:
    """Return the number of each layer by its key in the module; names lack what all keys share."""
    number = {name: i for i, name in enumerate(names)}
    deepest = max((key.count(".") for key in keys), default=0)
    for depth in range(deepest + 1):
        inner = {key: ".".join(key.split(".")[depth:]) for key in keys}
        if set(names) <= set(inner.values()):
            return {key: number[name] for key, name in inner.items() if name in number}
    return number


def _surely_next(before: _Step | None, step: _Step) -> bool:
    """Tell whether a step surely follows the one before, as in an ``nn.Sequential``."""
    return before is not None and step.run is not None and step.run == before.run


def _set_activations(raw: RawNetwork, seen: _Seen, stated: Any) -> None:
    """Put the activations that were seen to the layers, and say what was assumed."""
    placed = _Placed(raw, seen.steps)
    raw.activations = placed.found
    for step in seen.steps:
        if step.kind == "other":
            raw.assumed.append(
                f"{step.key}, of class {step.name}, is not known and taken to do nothing but what "
                "the metadata say"
            )
    complete = isinstance(stated, list | tuple) and len(stated) == len(raw.weights)
    if not complete and not any(placed.found) and placed.loose:
        names = list(dict.fromkeys(a.name for a, _ in placed.loose))
        raw.assumed.append(
            f"the file has the activations {some(names)}, none of which is taken to follow the "
            'last layer; if one does, list one for each layer in "activation"'
        )
    _say_order(raw, seen)


def _say_order(raw: RawNetwork, seen: _Seen) -> None:
    own = [c for c in dict.fromkeys(seen.own_classes)]
    if not own:
        return
    names = list(dict.fromkeys(a.name for a in raw.activations[:-1] if a is not None))
    last = raw.activations[-1]
    after = f", with {some(names)} after each hidden one" if names else ""
    if last is not None:
        after += f" and {'none' if last == IDENTITY else last.name} after the last"
    raw.assumed.append(
        f"the code of {some(own)} is not in the file and not run: its layers {some(raw.names)} are "
        f"taken in the order of their definition{after}"
    )
    numbers = [
        n for n in dict.fromkeys(seen.numbers) if n.rpartition(".")[2] not in _range_names(raw)
    ]
    if numbers:
        raw.assumed.append(
            f"{some(numbers)} of the file {'is' if len(numbers) == 1 else 'are'} taken to have no "
            "part in the field"
        )


def _range_names(raw: RawNetwork) -> set[str]:
    """Return the names of vectors that may scale the inputs: these are asked for."""
    return {part for names in raw.ranges for part in range_parts(names)}
