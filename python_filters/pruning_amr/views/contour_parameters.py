"""The parameters of a contour: defined once, for Python, command line and ParaView."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, field, fields
from typing import Any

from ..errors import ParameterError
from ..inr import DEFAULT_MEMORY_MB

_MAX_SEED = 2**63 - 1


def _parameter(default: Any, help_: str, **hints: Any) -> Any:
    return field(default=default, metadata={"help": help_, **hints})


@dataclass(frozen=True)
class ContourParameters:
    """Parameters of `pruning_amr.contour`; each field's help text is its documentation."""

    output: str = _parameter("", "Output of the network to contour; by default the first.")
    component: int = _parameter(0, "Component of that output, from 0.", least=0)
    tolerance: float = _parameter(
        2e-3,
        "Distance to the true surface that 99.9 % of the contour have to be within, relative to "
        "the diagonal of the domain.",
        positive=True,
    )
    smallest_feature: float = _parameter(
        1 / 64,
        "A closed piece of surface at least this wide, relative to the longest edge of the domain, "
        "is found. The whole domain is sampled at this distance.",
        positive=True,
    )
    gradient: bool = _parameter(
        False, "Add the gradient of the component contoured, as OUTPUT_gradient."
    )
    max_cells: int = _parameter(
        4_000_000,
        "Upper bound on the cells looked into, those of the sampling of the whole domain included.",
        least=1,
    )
    time_limit: float = _parameter(
        0.0, "Stop refining after this many seconds and show the surface reached; 0 is no limit."
    )
    seed: int = _parameter(0, "Seed of the random points of verification.", least=0, most=_MAX_SEED)
    device: str = _parameter("auto", "Where to compute: auto, cpu or cuda.")
    memory_mb: float = _parameter(
        float(DEFAULT_MEMORY_MB),
        "Memory for intermediate values, in MiB; does not change results.",
        positive=True,
    )

    def __post_init__(self) -> None:
        for field_ in fields(self):
            _check(field_.name, getattr(self, field_.name), field_.metadata)
        if not isinstance(self.output, str):
            raise ParameterError(f"output is {self.output!r}; expected the name of an output.")
        if not isinstance(self.gradient, bool):
            raise ParameterError(f"gradient is {self.gradient!r}; expected True or False.")
        if not 0 < self.smallest_feature <= 1:
            raise ParameterError(
                f"smallest_feature is {self.smallest_feature:g}; expected a part of the longest "
                "edge of the domain, at most 1."
            )
        if not 0 < self.tolerance <= 1:
            raise ParameterError(
                f"tolerance is {self.tolerance:g}; expected a part of the diagonal of the domain, "
                "at most 1."
            )
        if not (_is_number(self.time_limit) and self.time_limit >= 0):
            raise ParameterError(
                f"time_limit is {self.time_limit!r}; expected seconds, or 0 for no limit."
            )


CONTOUR_PARAMETER_NAMES = tuple(f.name for f in fields(ContourParameters))


def make_contour_parameters(**values: Any) -> ContourParameters:
    """Return checked parameters.

    Raises
    ------
    ParameterError
        If a name is unknown or a value is out of its range.
    """
    unknown = sorted(set(values) - set(CONTOUR_PARAMETER_NAMES))
    if unknown:
        raise ParameterError(
            f"unknown parameter {', '.join(unknown)}; expected some of "
            f"{', '.join(CONTOUR_PARAMETER_NAMES)}."
        )
    return ContourParameters(**values)


def checked_values(values: Any) -> tuple[float, ...]:
    """Return the values to contour, ascending and each once.

    Raises
    ------
    ParameterError
        If they are not finite numbers, or none.
    """
    try:
        found = [values] if isinstance(values, numbers.Real) else list(values)
    except TypeError:
        found = []
    if not found or not all(_is_number(v) for v in found):
        raise ParameterError(
            f"values is {values!r}; expected one or several finite numbers to contour."
        )
    return tuple(sorted({float(v) for v in found}))


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def _check(name: str, value: Any, hints: Any) -> None:
    """Raise `ParameterError` if a value is not what the hints of its field say."""
    if hints.get("positive") and not (_is_number(value) and value > 0):
        raise ParameterError(f"{name} is {value!r}; expected a number above 0.")
    if "least" in hints:
        least, most = hints["least"], hints.get("most", math.inf)
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not whole or not least <= value <= most:
            raise ParameterError(
                f"{name} is {value!r}; expected a whole number of at least {least}."
            )
