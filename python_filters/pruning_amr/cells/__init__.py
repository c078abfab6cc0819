"""The geometry under all else: the domain, its cells, their numbers, and points in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..imported_when_used import imported_when_used
from .root_grid import near_cubic
from .streams import Stream

if TYPE_CHECKING:
    from .boxes import Boxes
    from .codes import CellCodes, CodedCells
    from .corners import VTK_CORNER_ORDER, corner_offsets, interpolate_corners, multilinear_weights
    from .domain import Domain
    from .grouping import Tiles
    from .sampling import lattice_in_cells, uniform_in_cells

__all__ = [
    "VTK_CORNER_ORDER",
    "Boxes",
    "CellCodes",
    "CodedCells",
    "Domain",
    "Stream",
    "Tiles",
    "corner_offsets",
    "interpolate_corners",
    "lattice_in_cells",
    "multilinear_weights",
    "near_cubic",
    "uniform_in_cells",
]

__getattr__, __dir__ = imported_when_used(
    __name__,
    {
        ".boxes": ("Boxes",),
        ".codes": ("CellCodes", "CodedCells"),
        ".corners": (
            "VTK_CORNER_ORDER",
            "corner_offsets",
            "interpolate_corners",
            "multilinear_weights",
        ),
        ".domain": ("Domain",),
        ".grouping": ("Tiles",),
        ".sampling": ("lattice_in_cells", "uniform_in_cells"),
    },
)
