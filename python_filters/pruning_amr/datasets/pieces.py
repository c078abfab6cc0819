"""What of a mesh one process of a parallel ParaView holds: some of the root cells."""

from __future__ import annotations

import numpy as np

from ..mesh import Mesh

NOT_TESTED = -1.0
"""Indicator of cells the criterion was not asked about."""


def piece_roots(mesh: Mesh, piece: int, n_pieces: int) -> np.ndarray:
    """Return the root cells of one piece: a contiguous run of them."""
    return np.array_split(np.arange(int(np.prod(mesh.tree.root_resolution))), n_pieces)[piece]


def indicator_of(mesh: Mesh, nodes: np.ndarray) -> np.ndarray:
    """Return the indicator of nodes, float32; `NOT_TESTED` where there is none, and for node -1."""
    indicator = np.where(nodes >= 0, mesh.history.indicator[nodes], np.nan)
    return np.nan_to_num(indicator, nan=NOT_TESTED).astype(np.float32)
