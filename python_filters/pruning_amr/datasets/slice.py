"""Slice of a field -> vtkPolyData: quads and triangles on planes, or lines."""

from __future__ import annotations

import math

import numpy as np
from vtkmodules.vtkCommonDataModel import vtkPolyData

from ..inr.array_names import LEVEL_ARRAY, NORMALS_ARRAY
from ..views import FieldSlice
from .field_data import add_array, add_outputs, attach_errors, attach_inr
from .vtk_compat import cell_array, to_vtk_array, to_vtk_points


def slice_to_vtk(shown: FieldSlice) -> vtkPolyData:
    """Return a slice as quads and triangles that meet at whole edges; of lines, as polylines.

    Point data: the outputs of the network, and of planes their normal. Cell data: ``level``, of
    planes. Field data: the INR, the error asked for, and the one achieved.
    """
    data = vtkPolyData()
    data.SetPoints(to_vtk_points(shown.points))
    add_outputs(data.GetPointData(), shown.inr, shown.values)
    if shown.points.shape[1] == 3:
        there = shown.cells >= 0
        data.SetPolys(cell_array(shown.cells[there], np.count_nonzero(there, axis=1)))
        normals = np.tile(shown.normal.astype(np.float32), (len(shown.points), 1))
        data.GetPointData().SetNormals(to_vtk_array(normals, NORMALS_ARRAY))
        add_array(data.GetCellData(), shown.level.astype(np.uint8), LEVEL_ARRAY)
    else:
        # Points are in order along each line.
        data.SetLines(cell_array(np.arange(len(shown.points)), np.diff(shown.first_points)))
    attach_inr(data, shown.inr)
    achieved = None if math.isnan(shown.achieved_error) else shown.achieved_error
    attach_errors(data, shown.asked_error, achieved)
    return data
