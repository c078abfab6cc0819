"""Fields of parameters: their help, what they may hold, and classes of them made by name."""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection, Mapping
from dataclasses import field, fields
from typing import Any, TypeVar

from ..errors import ParameterError
from ..inr import DEFAULT_MEMORY_MB

MAX_SEED = 2**63 - 1

Parameters = TypeVar("Parameters")


def parameter(default: Any, help_: str, **hints: Any) -> Any:
    """Return a field of a dataclass of parameters.

    Parameters
    ----------
    default : object
    help_ : str
        Its documentation in Python, on the command line and in ParaView.
    **hints
        ``choices`` (a sequence), ``positive`` (a number above 0), ``limit`` (seconds, or 0), and
        ``least`` and ``most`` (of a whole number). What is True or False by default stays that.
    """
    return field(default=default, metadata={"help": help_, **hints})


def device() -> Any:
    """Return the field of the parameter ``device``."""
    return parameter("auto", "Where to compute: auto, cpu or cuda.")


def memory_mb() -> Any:
    """Return the field of the parameter ``memory_mb``."""
    return parameter(
        float(DEFAULT_MEMORY_MB),
        "Memory for intermediate values, in MiB; does not change results.",
        positive=True,
    )


def make(kind: type[Parameters], **values: Any) -> Parameters:
    """Return checked parameters of a class.

    Raises
    ------
    ParameterError
        If a name is unknown or a value is out of its range.
    """
    names = [f.name for f in fields(kind)]
    unknown = sorted(set(values) - set(names))
    if unknown:
        raise ParameterError(
            f"unknown parameter {', '.join(unknown)}; expected some of {', '.join(names)}."
        )
    return kind(**values)


def check_fields(parameters: Any) -> None:
    """Raise `ParameterError` if a value is not what the hints of its field say."""
    for field_ in fields(parameters):
        value = getattr(parameters, field_.name)
        _check(field_.name, value, field_.metadata)
        if isinstance(field_.default, bool) and not isinstance(value, bool):
            raise ParameterError(f"{field_.name} is {value!r}; expected True or False.")


def check_choice(name: str, value: Any, choices: Collection[str]) -> None:
    """Raise `ParameterError` if a value is none of those it can be."""
    if value not in choices:
        raise ParameterError(f'{name} is "{value}"; expected one of {", ".join(choices)}.')


def choices_of(kind: type) -> dict[str, Collection[str]]:
    """Return what those fields of a class can be that are one of several words."""
    return {f.name: f.metadata["choices"] for f in fields(kind) if "choices" in f.metadata}


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def _check(name: str, value: Any, hints: Mapping[str, Any]) -> None:
    if "choices" in hints:
        check_choice(name, value, hints["choices"])
    if hints.get("positive") and not (is_number(value) and value > 0):
        raise ParameterError(f"{name} is {value!r}; expected a number above 0.")
    if hints.get("limit") and not (is_number(value) and value >= 0):
        raise ParameterError(f"{name} is {value!r}; expected seconds, or 0 for no limit.")
    if "least" in hints:
        least, most = hints["least"], hints.get("most", math.inf)
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not whole or value < least:
            raise ParameterError(
                f"{name} is {value!r}; expected a whole number of at least {least}."
            )
        if value > most:
            raise ParameterError(f"{name} is {value}; expected at most {most}.")


def ascending(name: str, values: Any) -> tuple[float, ...]:
    """Return a number or several, each once and ascending; None is none.

    Raises
    ------
    ParameterError
        If they are not finite numbers.
    """
    try:
        found = [] if values is None else [values] if is_number(values) else list(values)
    except TypeError:
        found = [None]
    if isinstance(values, str | bytes) or not all(is_number(v) for v in found):
        raise ParameterError(f"{name} is {values!r}; expected one or several finite numbers.")
    return tuple(sorted({float(v) for v in found}))
