"""What a mesh is: trees of cells, the values on them, and how well they stand for their field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..imported_when_used import imported_when_used
from .options import BALANCES, MAX_KEY_LEVEL, RECONSTRUCTIONS

if TYPE_CHECKING:
    from .accuracy import Accuracy, measure_accuracy
    from .balance import balanced, refined_when_balanced
    from .error_scales import error_scale
    from .history import History
    from .linear_surfaces import linear_surface
    from .mesh import Mesh, generation_counts, output_evaluation
    from .space_time_mesh import SpaceTimeMesh, TimeSlice
    from .space_time_tree import SpaceTimeTree
    from .space_time_values import CornerValues
    from .tree import Tree
    from .vertices import Vertices, find_vertices

__all__ = [
    "BALANCES",
    "MAX_KEY_LEVEL",
    "RECONSTRUCTIONS",
    "Accuracy",
    "CornerValues",
    "History",
    "Mesh",
    "SpaceTimeMesh",
    "SpaceTimeTree",
    "TimeSlice",
    "Tree",
    "Vertices",
    "balanced",
    "error_scale",
    "find_vertices",
    "generation_counts",
    "linear_surface",
    "measure_accuracy",
    "output_evaluation",
    "refined_when_balanced",
]

__getattr__, __dir__ = imported_when_used(
    __name__,
    {
        ".accuracy": ("Accuracy", "measure_accuracy"),
        ".balance": ("balanced", "refined_when_balanced"),
        ".error_scales": ("error_scale",),
        ".history": ("History",),
        ".linear_surfaces": ("linear_surface",),
        ".mesh": ("Mesh", "generation_counts", "output_evaluation"),
        ".space_time_mesh": ("SpaceTimeMesh", "TimeSlice"),
        ".space_time_tree": ("SpaceTimeTree",),
        ".space_time_values": ("CornerValues",),
        ".tree": ("Tree",),
        ".vertices": ("Vertices", "find_vertices"),
    },
)
