"""How a field is looked at: defined once, for Python, command line and ParaView."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from ..refinement import RefinementParameters, make_parameters
from ..refinement.parameter_fields import MAX_SEED, check_fields, device, memory_mb
from ..refinement.parameter_fields import parameter as _parameter


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
        positive=True,
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
    seed: int = _parameter(
        0, "Seed of the random sample points of local networks.", least=0, most=MAX_SEED
    )
    device: str = device()
    memory_mb: float = memory_mb()

    def __post_init__(self) -> None:
        check_fields(self)


_OF_MESHES = {f.name: f for f in fields(RefinementParameters)}


def _as_for_meshes(name: str, help_: str = "", **hints: Any) -> Any:
    """Return a field with the meaning, and the default, that it has for meshes."""
    known = _OF_MESHES[name]
    hints = {**known.metadata, **hints}
    default = hints.pop("default", known.default)
    return field(default=default, metadata={**hints, "help": help_ or known.metadata["help"]})


@dataclass(frozen=True)
class SliceParameters:
    """Parameters of `pruning_amr.slice`; each field's help text is its documentation.

    Raises
    ------
    ParameterError
        If one is out of range.
    """

    tolerance: float = _as_for_meshes(
        "tolerance",
        "Error that each slice has to meet, relative to the range of the whole field.",
        default=5e-3,
    )
    error_norm: str = _as_for_meshes(
        "error_norm",
        "Whether tolerance is the root mean square (rms) or the maximum (max) of the error.",
    )
    max_depth: int = _as_for_meshes("max_depth")
    max_cells: int = _as_for_meshes(
        "max_cells",
        "Upper bound on the number of cells of each slice, before cells beside smaller ones are "
        "split; when it binds, the cells with the largest error are refined first.",
    )
    time_limit: float = _as_for_meshes(
        "time_limit",
        "Stop refining each slice after this many seconds and show what is reached; 0 is no limit.",
    )
    seed: int = _as_for_meshes("seed")
    device: str = _as_for_meshes("device")
    memory_mb: float = _as_for_meshes("memory_mb")

    def __post_init__(self) -> None:
        self.of_mesh()

    def of_mesh(self, tolerance: float | None = None) -> RefinementParameters:
        """Return the parameters of the mesh on a slice, perhaps with another tolerance."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        if tolerance is not None:
            values["tolerance"] = tolerance
        return make_parameters(**values, balance="corners")
