"""TorchScript files: objects, and what the text of their classes says about them.

The text is code of TorchScript's own language; it is searched for constants and for the arguments
of activations, never parsed as Python and never run.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Any

import numpy as np

from .archives import Archive
from .limits import Budget
from .pickles import read_pickle
from .plain import to_plain
from .records import Record, ScriptClass, ScriptRecord
from .torch_files import ZipStorages, byte_order

_MANGLE = re.compile(r"\.?___torch_mangle_\d+")
_CLASS = re.compile(r"class (\w+)(\(Module\))?")
_TOP = re.compile(r"^(?:class|def) ", re.MULTILINE)
_ARRAYS = re.compile(r"^  __(parameters|buffers)__ = \[([^\]\n]*)\]", re.MULTILINE)
_CONSTANT = re.compile(r"^  (\w+) : Final\[[^\n]*\] = ([^\n]+)$", re.MULTILINE)
_ALIAS = re.compile(r"^ *(\w+) = __torch__\.torch\.nn\.functional\.(\w+)$", re.MULTILINE)
_CALL = re.compile(r"(?:torch\.|functional\.|\b)(\w+?)_?\(")
_FUNCTION = re.compile(r"\btorch\.(?:nn\.functional\.)?(\w+?)_?(?=\(|$)", re.MULTILINE)
_ASSIGNED = re.compile(r"^ *(\w+) = ([^\n]+)$", re.MULTILINE)
_TENSOR_CONSTANT = re.compile(r"CONSTANTS\.c(\d{1,6})")
_WORD = re.compile(r'"([^"\n]*)"')

_ARGUMENTS = {
    "softplus": {"beta": 1.0, "threshold": 20.0},
    "leaky_relu": {"negative_slope": 0.01},
    "elu": {"alpha": 1.0},
    "celu": {"alpha": 1.0},
    "gelu": {"approximate": "none"},
    "hardtanh": {"min_val": -1.0, "max_val": 1.0},
    "softshrink": {"lambd": 0.5},
    "hardshrink": {"lambd": 0.5},
    "threshold": {"threshold": None, "value": None},
}
"""What the arguments behind the first are called as attributes of a module, and their defaults.

Traced code leaves out those that have their default.
"""

_TEXT_BYTES = 2**20
"""Size of a file of class texts that is searched; longer ones are no networks'."""

_CALLS = 1000
"""Calls in one class text that are looked at."""


def read_torchscript(archive: Archive, base: str, budget: Budget) -> Any:
    """Return the object in a TorchScript file whose members lie under `base`."""
    order = byte_order(archive, base)
    constants = _constants(archive, base, order, budget)
    texts = _Texts(archive, f"{base}code/", constants)

    def make(kind: str, arguments: tuple) -> Record:
        if not kind.startswith("__torch__."):
            return Record(kind, arguments)
        return ScriptRecord(demangled(kind), arguments, script=texts.describe(kind))

    pickle = io.BytesIO(archive.read(f"{base}data.pkl"))
    storages = ZipStorages(archive, f"{base}data/", order)
    value = read_pickle(pickle, budget, storages, make=make)
    budget.refuse_if_forbidden()
    return to_plain(value, budget)


def demangled(kind: str) -> str:
    """Return the Python name of a TorchScript class.

    Examples
    --------
    >>> demangled("__torch__.torch.nn.modules.linear.___torch_mangle_2.Linear")
    'torch.nn.modules.linear.Linear'
    """
    return _MANGLE.sub("", kind.removeprefix("__torch__.")).removeprefix(".")


def _constants(archive: Archive, base: str, order: str, budget: Budget) -> list[Any]:
    name = f"{base}constants.pkl"
    if name not in archive.names:
        return []
    storages = ZipStorages(archive, f"{base}constants/", order)
    value = read_pickle(io.BytesIO(archive.read(name)), budget, storages)
    budget.refuse_if_forbidden()
    return [_number(c) for c in to_plain(value, budget) or ()]


def _number(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.item() if value.size == 1 else None
    return value if isinstance(value, int | float) else None


class _Texts:
    """The class texts of a TorchScript file, read where one is asked for."""

    def __init__(self, archive: Archive, folder: str, constants: list[Any]) -> None:
        self._archive, self._folder, self._constants = archive, folder, constants
        self._texts: dict[str, dict[str, str]] = {}
        self._classes: dict[str, ScriptClass] = {}

    def describe(self, kind: str) -> ScriptClass:
        """Return what the text of class `kind` says; of a class without text, nothing."""
        if kind not in self._classes:
            module, _, name = kind.rpartition(".")
            member = f"{self._folder}{module.replace('.', '/')}.py"
            if member not in self._texts:
                self._texts[member] = _class_texts(self._read(member))
            text = self._texts[member].get(name, "")
            self._classes[kind] = _describe(text, self._constants)
        return self._classes[kind]

    def _read(self, member: str) -> str:
        if member not in self._archive.names or self._archive.size(member) > _TEXT_BYTES:
            return ""
        return self._archive.read(member).decode("utf-8", "replace")


def _class_texts(text: str) -> dict[str, str]:
    """Return the text of each class in a file, by its name."""
    starts = [found.start() for found in _TOP.finditer(text)] + [len(text)]
    parts = [text[a:b] for a, b in pairwise(starts)]
    heads = [(_CLASS.match(part), part) for part in parts]
    return {head[1]: part for head, part in heads if head}


def _describe(text: str, constants: list[Any]) -> ScriptClass:
    head = _CLASS.match(text)
    if head is None:
        return ScriptClass()
    arrays = {kind: tuple(_WORD.findall(names)) for kind, names in _ARRAYS.findall(text)}
    attributes = {name: literal(value) for name, value in _CONSTANT.findall(text)}
    attributes = {name: value for name, value in attributes.items() if value is not None}
    for name, value in _activation_arguments(text, constants).items():
        attributes.setdefault(name, value)
    return ScriptClass(
        is_module=head[2] is not None,
        arrays=arrays.get("parameters", ()) + arrays.get("buffers", ()),
        attributes=attributes,
        functions=tuple(dict.fromkeys(_FUNCTION.findall(text))),
    )


def _activation_arguments(text: str, constants: list[Any]) -> dict[str, Any]:
    """Return the arguments of the activations that a text calls, by their names in modules.

    A frequency in front of a sine, ``torch.sin(torch.mul(x, CONSTANTS.c0))``, is ``omega_0``. What
    two calls give different values is left out: it is no fact about the whole class.
    """
    aliases = dict(_ALIAS.findall(text))
    lines = dict(_ASSIGNED.findall(text))
    found: dict[str, list[Any]] = {}
    for name, arguments in _calls(text):
        name = aliases.get(name, name)
        given = dict(zip(_ARGUMENTS.get(name, ()), arguments[1:], strict=False))
        for key, default in _ARGUMENTS.get(name, {}).items():
            value = given.get(key)
            value = default if value is None else literal(value.rpartition("=")[2], constants)
            found.setdefault(key, []).append(value)
        if name == "sin" and arguments:
            factor = _factor(lines.get(arguments[0], arguments[0]), constants)
            found.setdefault("omega_0", []).append(factor)
    first = {key: values[0] for key, values in found.items() if len(set(values)) == 1}
    return {key: value for key, value in first.items() if value is not None}


def _factor(text: str, constants: list[Any]) -> Any:
    """Return the number in the product that `text` is, None if it is none."""
    called = next(_calls(text), None) if text.startswith("torch.mul(") else None
    factors = [literal(a, constants) for a in called[1]] if called else []
    return next((f for f in factors if isinstance(f, int | float)), None)


def _calls(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each call's name and the texts of its arguments, cut at the outer commas."""
    for found in islice(_CALL.finditer(text), _CALLS):
        arguments = _cut(text, found.end())
        if arguments is not None:
            yield found[1], arguments


def _cut(text: str, start: int) -> list[str] | None:
    """Return the arguments from `start` to the closing parenthesis; None beyond 2000 characters."""
    depth, begin, parts = 0, start, []
    for place in range(start, min(len(text), start + 2000)):
        letter = text[place]
        if letter in "([{":
            depth += 1
        elif letter in ")]}" and depth:
            depth -= 1
        elif letter == ")" or (letter == "," and not depth):
            parts.append(text[begin:place].strip())
            begin = place + 1
            if letter == ")":
                return [p for p in parts if p]
    return None


def literal(text: str, constants: list[Any] | None = None) -> Any:
    """Return the number, truth value or word that `text` is, None if it is anything else."""
    text = text.strip()
    constant = _TENSOR_CONSTANT.fullmatch(text)
    if constant and constants is not None:
        place = int(constant[1])
        return constants[place] if place < len(constants) else None
    if text in ("True", "False"):
        return text == "True"
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    if re.fullmatch(r"-?\d{1,18}", text):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
