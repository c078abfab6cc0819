"""What a user looks at: the field where it is asked for, without a mesh of its domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..imported_when_used import imported_when_used
from .parameters import EvaluationParameters, SliceParameters, make_slice_parameters

if TYPE_CHECKING:
    from .points import PointValues, evaluate_at, evaluate_inside
    from .slice import FieldSlice, slice_field

__all__ = [
    "EvaluationParameters",
    "FieldSlice",
    "PointValues",
    "SliceParameters",
    "evaluate_at",
    "evaluate_inside",
    "make_slice_parameters",
    "slice_field",
]

__getattr__, __dir__ = imported_when_used(
    __name__,
    {
        ".points": ("PointValues", "evaluate_at", "evaluate_inside"),
        ".slice": ("FieldSlice", "slice_field"),
    },
)
