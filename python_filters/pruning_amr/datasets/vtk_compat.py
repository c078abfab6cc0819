"""Everything that depends on the version of VTK, and numpy <-> VTK conversion.

Checked with VTK 9.2 (ParaView 5.11) and the newest ``vtk`` wheel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.util.vtkConstants import VTK_CHAR, VTK_UNSIGNED_CHAR
from vtkmodules.vtkCommonCore import vtkBitArray, vtkDataArray, vtkPoints, vtkVersion
from vtkmodules.vtkCommonDataModel import (
    vtkCellArray,
    vtkImageData,
    vtkOverlappingAMR,
    vtkStaticCellLocator,
)
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm
from vtkmodules.vtkFiltersCore import vtkProbeFilter

XY_GRID, XYZ_GRID = 5, 8
"""VTK's grid descriptions of planar and volumetric structured data."""

_VERSION = (
    vtkVersion.GetVTKMajorVersion(),
    vtkVersion.GetVTKMinorVersion(),
    vtkVersion.GetVTKBuildVersion(),
)

DRAWS_AMR_VOLUMES = _VERSION < (9, 3, 20240101)
"""Whether volumes of overlapping AMR can be relied on: from ParaView 5.13 on they are noise or
blank once a mesh changed."""

__all__ = [
    "DRAWS_AMR_VOLUMES",
    "XYZ_GRID",
    "XY_GRID",
    "abort_requested",
    "amr_blocks",
    "cell_array",
    "initialize_amr",
    "merge_points",
    "to_bit_array",
    "to_vtk_array",
    "to_vtk_points",
    "use_cell_locator",
    "vtk_to_numpy",
]


def to_vtk_array(values: np.ndarray, name: str) -> vtkDataArray:
    """Return a copy of a numpy array as a named VTK array.

    Parameters
    ----------
    values : numpy.ndarray, shape (n_tuples,) or (n_tuples, n_components)
    """
    kind = {"uint8": VTK_UNSIGNED_CHAR, "int8": VTK_CHAR}.get(values.dtype.name)
    array = numpy_to_vtk(np.ascontiguousarray(values), deep=True, array_type=kind)
    array.SetName(name)
    return array


def to_vtk_points(points: np.ndarray) -> vtkPoints:
    """Return points as those of a VTK data set; coordinates they do not have are 0.

    Parameters
    ----------
    points : numpy.ndarray, shape (n_points, dimension)
    """
    coordinates = np.zeros((len(points), 3))
    coordinates[:, : points.shape[1]] = points
    result = vtkPoints()
    result.SetData(to_vtk_array(coordinates, "points"))
    return result


def cell_array(corners: np.ndarray, sizes: np.ndarray | None = None) -> vtkCellArray:
    """Return cells as those of VTK: all with as many corners, (n_cells, n_corners), or of sizes."""
    sizes = np.full(len(corners), corners.shape[1]) if sizes is None else sizes
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    cells = vtkCellArray()
    cells.SetData(
        to_vtk_array(offsets.astype(np.int64), "offsets"),
        to_vtk_array(corners.reshape(-1).astype(np.int64), "connectivity"),
    )
    return cells


def to_bit_array(bits: np.ndarray) -> vtkBitArray:
    """Return booleans as a VTK bit array.

    ``numpy_to_vtk`` of VTK 9.2 does not pack bits; the packed bytes are copied in instead.
    """
    packed = np.packbits(bits.astype(bool))
    view = vtkBitArray()
    view.SetVoidArray(packed, len(bits), 1)
    array = vtkBitArray()
    array.DeepCopy(view)
    return array


def initialize_amr(amr: vtkOverlappingAMR, blocks_per_level: Sequence[int]) -> None:
    """Call ``Initialize``, whose arguments VTK changed."""
    try:
        amr.Initialize(list(blocks_per_level))
    except TypeError:
        amr.Initialize(len(blocks_per_level), list(blocks_per_level))


def merge_points(contour: vtkAlgorithm) -> None:
    """Let a contour filter give each point once; from VTK 9.7 on it always does."""
    if hasattr(contour, "MergePointsOn"):
        contour.MergePointsOn()


def abort_requested(algorithm: vtkAlgorithm) -> bool:
    """Tell whether the user asked an algorithm to stop (never heard in ParaView 5.11)."""
    check = getattr(algorithm, "CheckAbort", algorithm.GetAbortExecute)
    return bool(check())


def amr_blocks(amr: vtkOverlappingAMR) -> list[vtkImageData]:
    """Return the blocks that an AMR holds data of, coarse levels first."""
    count = getattr(amr, "GetNumberOfBlocks", None) or amr.GetNumberOfDataSets
    block = getattr(amr, "GetDataSetAsImageData", None) or amr.GetDataSet
    places = [(k, i) for k in range(amr.GetNumberOfLevels()) for i in range(count(k))]
    return [b for b in (block(*place) for place in places) if b is not None]


def use_cell_locator(probe: vtkProbeFilter) -> None:
    """Let a probe search with a locator.

    Without one VTK walks from cell to cell, which ends at vertices that hang.
    """
    setter = getattr(probe, "SetCellLocator", None) or probe.SetCellLocatorPrototype
    setter(vtkStaticCellLocator())
