"""Pruning AMR: implicit neural representations on adaptive meshes.

>>> import pruning_amr as pa
>>> inr = pa.load("scan.pt")
>>> mesh = pa.refine(inr, tolerance=0.01, max_depth=6)
>>> grid = mesh.to_vtk("hyper_tree_grid", time=0.5)

What needs PyTorch is imported when it is first asked for: ParaView loads the plugin, and can say
what is missing, without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import torch_library  # noqa: F401  before anything imports torch
from .errors import (
    CheckpointError,
    DependencyError,
    MetadataError,
    ParameterError,
    PruningAMRError,
    PruningAMRWarning,
    SlowProductsWarning,
    TimeRangeWarning,
    ToleranceWarning,
    UnsafeCheckpointError,
)

if TYPE_CHECKING:
    from .api import AdaptiveMesh, PrunedINR, accuracy, evaluate, load, prune, refine
    from .inr import INR
    from .refinement import RefinementParameters

__version__ = "0.1.0"

_IMPORTED_WHEN_USED = {
    "AdaptiveMesh": ".api",
    "PrunedINR": ".api",
    "accuracy": ".api",
    "evaluate": ".api",
    "load": ".api",
    "prune": ".api",
    "refine": ".api",
    "INR": ".inr",
    "RefinementParameters": ".refinement",
}

__all__ = [
    "INR",
    "AdaptiveMesh",
    "CheckpointError",
    "DependencyError",
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
    "evaluate",
    "load",
    "prune",
    "refine",
]


def __getattr__(name: str) -> Any:
    if name not in _IMPORTED_WHEN_USED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .environment import require

    require()
    value = getattr(import_module(_IMPORTED_WHEN_USED[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
