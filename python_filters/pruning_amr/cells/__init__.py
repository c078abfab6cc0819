"""The geometry under all else: the domain, its cells, their numbers, and points in them."""

from .boxes import Boxes
from .codes import CellCodes, CodedCells
from .corners import VTK_CORNER_ORDER, corner_offsets, interpolate_corners, multilinear_weights
from .domain import Domain, near_cubic
from .grouping import Tiles
from .sampling import lattice_in_cells, uniform_in_cells
from .streams import Stream

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
