"""What a user looks at: slices, contours, and the field at points, without a mesh of its domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..imported_when_used import imported_when_used
from .contour_parameters import (
    CONTOUR_PARAMETER_NAMES,
    ContourParameters,
    checked_values,
)
from .parameters import EvaluationParameters, SliceParameters

if TYPE_CHECKING:
    from .contour import find_contour
    from .contour_result import ContourReport, ContourSurface
    from .points import PointValues, evaluate_at, evaluate_inside
    from .slice import FieldSlice, slice_field

__all__ = [
    "CONTOUR_PARAMETER_NAMES",
    "ContourParameters",
    "ContourReport",
    "ContourSurface",
    "EvaluationParameters",
    "FieldSlice",
    "PointValues",
    "SliceParameters",
    "checked_values",
    "evaluate_at",
    "evaluate_inside",
    "find_contour",
    "slice_field",
]

__getattr__, __dir__ = imported_when_used(
    __name__,
    {
        ".contour": ("find_contour",),
        ".contour_result": ("ContourReport", "ContourSurface"),
        ".points": ("PointValues", "evaluate_at", "evaluate_inside"),
        ".slice": ("FieldSlice", "slice_field"),
    },
)
