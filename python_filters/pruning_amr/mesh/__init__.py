"""What a mesh is: trees of cells, the values on them, and how well they stand for their field."""

from .accuracy import Accuracy, measure_accuracy
from .balance import BALANCES, balanced
from .error_scale import error_scale
from .history import History
from .mesh import RECONSTRUCTIONS, Mesh, generation_counts, output_evaluation
from .space_time_mesh import SpaceTimeMesh, TimeSlice
from .space_time_tree import MAX_KEY_LEVEL, SpaceTimeTree
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
    "measure_accuracy",
    "output_evaluation",
]
