"""The topology of level sets, from VTK: what views are handed to extract simplices."""

from __future__ import annotations

import numpy as np
from vtkmodules.util.vtkConstants import VTK_PIXEL, VTK_VOXEL
from vtkmodules.vtkCommonDataModel import vtkUnstructuredGrid
from vtkmodules.vtkFiltersCore import vtkContour3DLinearGrid, vtkContourGrid

from .vtk_compat import cell_array, merge_points, to_vtk_array, to_vtk_points, vtk_to_numpy


def extract_simplices(
    points: np.ndarray, corners: np.ndarray, sides: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lines or triangles between points on different sides.

    Values of -1 and 1 make VTK put every vertex into the middle of an edge, so that it is known
    which one. See `pruning_amr.views.level_set.Extract` for arguments and result.
    """
    d = points.shape[1]
    if d == 1:
        first = points[corners]
        middles = first.mean(axis=1)
        return middles, np.arange(len(middles))[:, None]
    grid = vtkUnstructuredGrid()
    grid.SetPoints(to_vtk_points(points.astype(np.float64)))
    grid.SetCells(VTK_PIXEL if d == 2 else VTK_VOXEL, cell_array(corners))
    side = to_vtk_array(np.where(sides, 1.0, -1.0), "side")
    grid.GetPointData().SetScalars(side)
    contour = vtkContourGrid() if d == 2 else vtkContour3DLinearGrid()
    merge_points(contour)
    contour.SetInputData(grid)
    contour.SetValue(0, 0.0)
    contour.Update()
    found = contour.GetOutput()
    cells = found.GetLines() if d == 2 else found.GetPolys()
    if not found.GetNumberOfCells():
        return np.zeros((0, d)), np.zeros((0, d), np.int64)
    middles = vtk_to_numpy(found.GetPoints().GetData())[:, :d].astype(np.float64)
    simplices = vtk_to_numpy(cells.GetConnectivityArray()).reshape(-1, d).astype(np.int64)
    # VTK's normals point down the gradient.
    return middles, np.ascontiguousarray(simplices[:, ::-1])
