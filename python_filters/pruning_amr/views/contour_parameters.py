"""The parameters of a contour: defined once, for Python, command line and ParaView."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from ..errors import ParameterError
from ..refinement.parameter_fields import MAX_SEED, ascending, check_fields, device, memory_mb
from ..refinement.parameter_fields import parameter as _parameter


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
        0.0,
        "Stop refining after this many seconds and show the surface reached; 0 is no limit.",
        limit=True,
    )
    seed: int = _parameter(0, "Seed of the random points of verification.", least=0, most=MAX_SEED)
    device: str = device()
    memory_mb: float = memory_mb()

    def __post_init__(self) -> None:
        check_fields(self)
        if not isinstance(self.output, str):
            raise ParameterError(f"output is {self.output!r}; expected the name of an output.")
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


CONTOUR_PARAMETER_NAMES = tuple(f.name for f in fields(ContourParameters))


def checked_values(values: Any) -> tuple[float, ...]:
    """Return the values to contour, ascending and each once.

    Raises
    ------
    ParameterError
        If they are not finite numbers, or none.
    """
    found = ascending("values", values)
    if not found:
        raise ParameterError(
            f"values is {values!r}; expected one or several finite numbers to contour."
        )
    return found
