"""Pruning networks by interpolative decomposition: whole, and cell by cell."""

from .cell_codes import near_cubic
from .cells import (
    ID_TOLERANCES,
    PrunedNetworks,
    bytes_per_cell,
    prune_in_cells,
    prune_in_cells_to_error,
)
from .inherited import Found, InheritedNetworks
from .interpolative import (
    MIN_TOLERANCE,
    InterpolativeDecomposition,
    interpolative_decomposition,
)
from .local import CellBoxes
from .local_values import LocalEvaluation, LocalValues, relative_rms
from .nested_evaluation import NestedEvaluator
from .network import DEFAULT_SAMPLES, PruneReport, check_id_tolerance, prune

__all__ = [
    "DEFAULT_SAMPLES",
    "ID_TOLERANCES",
    "MIN_TOLERANCE",
    "CellBoxes",
    "Found",
    "InheritedNetworks",
    "InterpolativeDecomposition",
    "LocalEvaluation",
    "LocalValues",
    "NestedEvaluator",
    "PruneReport",
    "PrunedNetworks",
    "bytes_per_cell",
    "check_id_tolerance",
    "interpolative_decomposition",
    "near_cubic",
    "prune",
    "prune_in_cells",
    "prune_in_cells_to_error",
    "relative_rms",
]
