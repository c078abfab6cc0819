"""How a mesh is found: criteria, the refinement loop, the search for a target error."""

from .build import build_mesh, build_space_time_mesh
from .criteria.base import Samples
from .parameters import (
    ERROR_FORMULAS,
    PARAMETER_NAMES,
    RefinementParameters,
    make_parameters,
)
from .progress import Progress, Stopped, Watch
from .registry import CRITERIA, criterion

__all__ = [
    "CRITERIA",
    "ERROR_FORMULAS",
    "PARAMETER_NAMES",
    "Progress",
    "RefinementParameters",
    "Samples",
    "Stopped",
    "Watch",
    "build_mesh",
    "build_space_time_mesh",
    "criterion",
    "make_parameters",
]
