"""Adaptive meshes of a field: the tree, the criteria, the refinement loop, the accuracy."""

from .accuracy import Accuracy, measure_accuracy, measure_space_time_accuracy
from .build import build_mesh
from .course import Refinement
from .error_scale import error_scale
from .mesh import Mesh, generation_counts
from .parameters import (
    CRITERIA,
    ERROR_FORMULAS,
    PARAMETER_NAMES,
    RECONSTRUCTIONS,
    RefinementParameters,
    make_parameters,
)
from .progress import Progress, Stopped, Watch
from .sampled_field import output_evaluation
from .space_time_mesh import SpaceTimeMesh, build_space_time_mesh
from .space_time_tree import SpaceTimeTree
from .time_slice import TimeSlice
from .tree import Tree
from .vertices import Vertices, find_vertices

__all__ = [
    "CRITERIA",
    "ERROR_FORMULAS",
    "PARAMETER_NAMES",
    "RECONSTRUCTIONS",
    "Accuracy",
    "Mesh",
    "Progress",
    "Refinement",
    "RefinementParameters",
    "SpaceTimeMesh",
    "SpaceTimeTree",
    "Stopped",
    "TimeSlice",
    "Tree",
    "Vertices",
    "Watch",
    "build_mesh",
    "build_space_time_mesh",
    "error_scale",
    "find_vertices",
    "generation_counts",
    "make_parameters",
    "measure_accuracy",
    "measure_space_time_accuracy",
    "output_evaluation",
]
