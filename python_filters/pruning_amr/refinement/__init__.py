"""Adaptive meshes of a field: the tree, the criteria, the refinement loop, the accuracy."""

from .accuracy import RECONSTRUCTIONS, Accuracy, measure_accuracy
from .mesh import Mesh, build_mesh, generation_counts
from .parameters import (
    CRITERIA,
    ERROR_FORMULAS,
    PARAMETER_NAMES,
    RefinementParameters,
    make_parameters,
)
from .refine import Progress
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
    "RefinementParameters",
    "Tree",
    "Vertices",
    "build_mesh",
    "find_vertices",
    "generation_counts",
    "make_parameters",
    "measure_accuracy",
]
