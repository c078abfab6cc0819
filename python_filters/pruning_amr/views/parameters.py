"""How a field is evaluated at points: defined once, for Python, command line and ParaView."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..inr import DEFAULT_MEMORY_MB
from ..refinement import make_parameters


def _parameter(default: Any, help_: str, **hints: Any) -> Any:
    return field(default=default, metadata={"help": help_, **hints})


@dataclass(frozen=True)
class EvaluationParameters:
    """Parameters of `pruning_amr.evaluate`; each field's help text is its documentation.

    Raises
    ------
    ParameterError
        If one is out of range.
    """

    tolerance: float = _parameter(
        1e-3,
        "Root mean square of the error that local networks may bring, relative to the range of "
        "each output.",
    )
    values: str = _parameter(
        "local",
        "local: networks pruned in cells, where so many points lie in them that it is faster; "
        "exact: the whole network, as with gradients and where values are compared.",
        choices=("local", "exact"),
    )
    gradient: bool = _parameter(
        False, "Also the derivatives of each output, exact, in units of the field."
    )
    seed: int = _parameter(0, "Seed of the random sample points of local networks.")
    device: str = _parameter("auto", "Where to compute: auto, cpu or cuda.")
    memory_mb: float = _parameter(
        float(DEFAULT_MEMORY_MB), "Memory for intermediate values, in MiB; does not change results."
    )

    def __post_init__(self) -> None:
        make_parameters(
            tolerance=self.tolerance,
            values=self.values,
            seed=self.seed,
            device=self.device,
            memory_mb=self.memory_mb,
        )
