"""Pruning networks by interpolative decomposition: whole, and cell by cell."""

from .cells import PrunedNetworks, bytes_per_cell, prune_in_cells
from .interpolative import (
    MIN_TOLERANCE,
    InterpolativeDecomposition,
    interpolative_decomposition,
)
from .network import DEFAULT_SAMPLES, PruneReport, check_id_tolerance, prune

__all__ = [
    "DEFAULT_SAMPLES",
    "MIN_TOLERANCE",
    "InterpolativeDecomposition",
    "PruneReport",
    "PrunedNetworks",
    "bytes_per_cell",
    "check_id_tolerance",
    "interpolative_decomposition",
    "prune",
    "prune_in_cells",
]
