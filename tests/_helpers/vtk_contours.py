"""What VTK's own contour makes of data sets."""

from __future__ import annotations

import numpy as np
from pruning_amr.datasets.vtk_compat import vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkDataObject
from vtkmodules.vtkFiltersCore import vtkCleanPolyData, vtkContourFilter
from vtkmodules.vtkFiltersHyperTree import vtkHyperTreeGridContour


def contoured(data: vtkDataObject, name: str, value: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the points and triangles of VTK's contour of an array."""
    if data.IsA("vtkHyperTreeGrid"):
        contour = vtkHyperTreeGridContour()
        contour.SetInputArrayToProcess(0, 0, 0, 1, name)
    else:
        contour = vtkContourFilter()
        contour.SetInputArrayToProcess(0, 0, 0, 0, name)
    contour.SetInputData(data)
    contour.SetValue(0, value)
    clean = vtkCleanPolyData()
    clean.SetInputConnection(contour.GetOutputPort())
    clean.Update()
    output = clean.GetOutput()
    polys = vtk_to_numpy(output.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    return vtk_to_numpy(output.GetPoints().GetData()).astype(float), polys.astype(np.int64)
