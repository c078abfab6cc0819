"""What a user looks at: the field where it is asked for, without a mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..imported_when_used import imported_when_used
from .parameters import EvaluationParameters

if TYPE_CHECKING:
    from .points import PointValues, evaluate_at, evaluate_inside

__all__ = ["EvaluationParameters", "PointValues", "evaluate_at", "evaluate_inside"]

__getattr__, __dir__ = imported_when_used(
    __name__, {".points": ("PointValues", "evaluate_at", "evaluate_inside")}
)
