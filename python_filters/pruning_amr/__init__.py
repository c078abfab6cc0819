"""Pruning AMR: implicit neural representations on adaptive meshes.

>>> import pruning_amr as pa
>>> inr = pa.load("scan.pt")
>>> mesh = pa.refine(inr, tolerance=0.01, max_depth=6)
>>> grid = mesh.to_vtk("hyper_tree_grid", time=0.5)
"""

from .api import AdaptiveMesh, PrunedINR, accuracy, evaluate, load, prune, refine
from .errors import (
    CheckpointError,
    DependencyError,
    MetadataError,
    ParameterError,
    PruningAMRError,
    TimeRangeWarning,
    UnsafeCheckpointError,
)
from .inr import INR
from .refinement import RefinementParameters

__version__ = "0.1.0"

__all__ = [
    "INR",
    "AdaptiveMesh",
    "CheckpointError",
    "DependencyError",
    "MetadataError",
    "ParameterError",
    "PrunedINR",
    "PruningAMRError",
    "RefinementParameters",
    "TimeRangeWarning",
    "UnsafeCheckpointError",
    "accuracy",
    "evaluate",
    "load",
    "prune",
    "refine",
]
