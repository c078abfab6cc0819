"""Pruning networks by interpolative decomposition: whole, and cell by cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..imported_when_used import imported_when_used
from .options import DEFAULT_SAMPLES, MIN_TOLERANCE, check_id_tolerance

if TYPE_CHECKING:
    from .decomposition.interpolative import InterpolativeDecomposition, interpolative_decomposition
    from .evaluation.factory import make_grid_evaluator, make_point_evaluator
    from .evaluation.grid_evaluator import GridEvaluator
    from .evaluation.local_values import LocalEvaluation, LocalValues, relative_rms
    from .evaluation.point_evaluator import PointEvaluator
    from .local.inherited import Found, Inheritance, InheritedNetworks
    from .local.plan import DEFAULT_POLICY, Policy
    from .local.reference import Reference
    from .published import (
        ID_TOLERANCES,
        PrunedNetworks,
        bytes_per_cell,
        prune_in_cells,
        prune_in_cells_to_error,
    )
    from .whole_network import PruneReport, prune

__all__ = [
    "DEFAULT_POLICY",
    "DEFAULT_SAMPLES",
    "ID_TOLERANCES",
    "MIN_TOLERANCE",
    "Found",
    "GridEvaluator",
    "Inheritance",
    "InheritedNetworks",
    "InterpolativeDecomposition",
    "LocalEvaluation",
    "LocalValues",
    "PointEvaluator",
    "Policy",
    "PruneReport",
    "PrunedNetworks",
    "Reference",
    "bytes_per_cell",
    "check_id_tolerance",
    "interpolative_decomposition",
    "make_grid_evaluator",
    "make_point_evaluator",
    "prune",
    "prune_in_cells",
    "prune_in_cells_to_error",
    "relative_rms",
]

__getattr__, __dir__ = imported_when_used(
    __name__,
    {
        ".decomposition.interpolative": (
            "InterpolativeDecomposition",
            "interpolative_decomposition",
        ),
        ".evaluation.factory": ("make_grid_evaluator", "make_point_evaluator"),
        ".evaluation.grid_evaluator": ("GridEvaluator",),
        ".evaluation.local_values": ("LocalEvaluation", "LocalValues", "relative_rms"),
        ".evaluation.point_evaluator": ("PointEvaluator",),
        ".local.inherited": ("Found", "Inheritance", "InheritedNetworks"),
        ".local.plan": ("DEFAULT_POLICY", "Policy"),
        ".local.reference": ("Reference",),
        ".published": (
            "ID_TOLERANCES",
            "PrunedNetworks",
            "bytes_per_cell",
            "prune_in_cells",
            "prune_in_cells_to_error",
        ),
        ".whole_network": ("PruneReport", "prune"),
    },
)
