"""Pruning AMR: implicit neural representations on adaptive meshes.

>>> import pruning_amr as pa
>>> inr = pa.load("scan.pt")
>>> mesh = pa.refine(inr, tolerance=0.01, max_depth=6)
>>> grid = mesh.to_vtk("hyper_tree_grid", time=0.5)

What needs PyTorch is imported when it is first asked for: ParaView loads the plugin, and can say
what is missing, without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import torch_library  # noqa: F401  before anything imports torch
from .errors import (
    CheckpointError,
    DependencyError,
    EmptyContourWarning,
    EmptySliceWarning,
    MetadataError,
    ParameterError,
    PruningAMRError,
    PruningAMRWarning,
    SlowProductsWarning,
    TimeRangeWarning,
    ToleranceWarning,
    UnsafeCheckpointError,
)
from .imported_when_used import imported_when_used

if TYPE_CHECKING:
    from .api import AdaptiveMesh, PrunedINR, accuracy, load, prune, refine
    from .api_views import Contour, FieldAndGradient, FieldSlice, contour, evaluate, slice
    from .inr import INR
    from .refinement import RefinementParameters

__version__ = "0.1.0"

__all__ = [
    "INR",
    "AdaptiveMesh",
    "CheckpointError",
    "Contour",
    "DependencyError",
    "EmptyContourWarning",
    "EmptySliceWarning",
    "FieldAndGradient",
    "FieldSlice",
    "MetadataError",
    "ParameterError",
    "PrunedINR",
    "PruningAMRError",
    "PruningAMRWarning",
    "RefinementParameters",
    "SlowProductsWarning",
    "TimeRangeWarning",
    "ToleranceWarning",
    "UnsafeCheckpointError",
    "accuracy",
    "contour",
    "evaluate",
    "load",
    "prune",
    "refine",
    "slice",
]

__getattr__, __dir__ = imported_when_used(
    __name__,
    {
        ".api": ("AdaptiveMesh", "PrunedINR", "accuracy", "load", "prune", "refine"),
        ".api_views": (
            "Contour",
            "FieldAndGradient",
            "FieldSlice",
            "contour",
            "evaluate",
            "slice",
        ),
        ".inr": ("INR",),
        ".refinement": ("RefinementParameters",),
    },
)
