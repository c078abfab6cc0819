"""What a user looks at: contours of a network, and its field at points; no mesh is between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..imported_when_used import imported_when_used
from .contour_parameters import (
    CONTOUR_PARAMETER_NAMES,
    ContourParameters,
    checked_values,
    make_contour_parameters,
)
from .parameters import EvaluationParameters

if TYPE_CHECKING:
    from .contour import ContourReport, ContourSurface, channel_of, find_contour
    from .points import PointValues, evaluate_at, evaluate_inside

__all__ = [
    "CONTOUR_PARAMETER_NAMES",
    "ContourParameters",
    "ContourReport",
    "ContourSurface",
    "EvaluationParameters",
    "PointValues",
    "channel_of",
    "checked_values",
    "evaluate_at",
    "evaluate_inside",
    "find_contour",
    "make_contour_parameters",
]

__getattr__, __dir__ = imported_when_used(
    __name__,
    {
        ".contour": ("ContourReport", "ContourSurface", "channel_of", "find_contour"),
        ".points": ("PointValues", "evaluate_at", "evaluate_inside"),
    },
)
