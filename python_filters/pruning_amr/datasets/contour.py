"""Contour -> vtkPolyData: points, lines or triangles, smoothly shaded."""

from __future__ import annotations

import numpy as np
from vtkmodules.vtkCommonDataModel import vtkPolyData

from ..inr.array_names import GRADIENT_SUFFIX, NORMALS_ARRAY
from ..views import ContourSurface
from .field_data import add_array, add_outputs, attach_errors, attach_inr
from .vtk_compat import cell_array, to_vtk_array, to_vtk_points


def to_contour(contour: ContourSurface, gradient: bool = False) -> vtkPolyData:
    """Return a contour as poly data.

    Point data: the outputs of the network, the one contoured exactly at its values; of a surface
    ``Normals``, along the gradient, by which it is shaded; with `gradient`, that of the component
    contoured, named ``<output>_gradient``. Field data: the INR, and ``asked_error`` and
    ``achieved_error``, distances relative to the diagonal of the domain.

    Parameters
    ----------
    contour : ContourSurface
    gradient : bool
    """
    data = vtkPolyData()
    data.SetPoints(to_vtk_points(contour.points))
    set_cells = {1: data.SetVerts, 2: data.SetLines, 3: data.SetPolys}
    set_cells[contour.points.shape[1]](cell_array(contour.simplices))
    attributes = data.GetPointData()
    add_outputs(attributes, contour.inr, contour.outputs)
    if contour.channel == contour.inr.outputs[0].components[0] and len(contour.values) == 1:
        # One value everywhere is no colour map.
        attributes.SetActiveScalars(None)
    if contour.points.shape[1] == 3:
        attributes.SetNormals(to_vtk_array(contour.normals.astype(np.float32), NORMALS_ARRAY))
    if gradient:
        along = np.zeros((len(contour.points), 3), np.float32)
        along[:, : contour.points.shape[1]] = contour.gradients
        add_array(attributes, along, contour.output_name + GRADIENT_SUFFIX)
    attach_inr(data, contour.inr)
    attach_errors(data, contour.report.tolerance, contour.report.distance_quantile)
    return data
