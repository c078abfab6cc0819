"""How a mesh is found: criteria, the refinement loop, the search for a target error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..imported_when_used import imported_when_used
from .parameter_fields import make
from .parameters import (
    ERROR_FORMULAS,
    PARAMETER_NAMES,
    RefinementParameters,
    make_parameters,
    suited_to_output,
)
from .progress import Progress, Stopped, Watch
from .registry import CRITERIA, criterion

if TYPE_CHECKING:
    from .build import build_mesh, build_space_time_mesh
    from .criteria.base import Samples
    from .known_field import KnownField
    from .scalar_field import channel_of, nowhere

__all__ = [
    "CRITERIA",
    "ERROR_FORMULAS",
    "PARAMETER_NAMES",
    "KnownField",
    "Progress",
    "RefinementParameters",
    "Samples",
    "Stopped",
    "Watch",
    "build_mesh",
    "build_space_time_mesh",
    "channel_of",
    "criterion",
    "make",
    "make_parameters",
    "nowhere",
    "suited_to_output",
]

__getattr__, __dir__ = imported_when_used(
    __name__,
    {
        ".build": ("build_mesh", "build_space_time_mesh"),
        ".criteria.base": ("Samples",),
        ".known_field": ("KnownField",),
        ".scalar_field": ("channel_of", "nowhere"),
    },
)
