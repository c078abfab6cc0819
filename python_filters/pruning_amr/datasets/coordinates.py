"""Coordinates of the points of VTK data sets and of the rows of tables."""

from __future__ import annotations

import numpy as np
from vtkmodules.vtkCommonCore import vtkDataArray
from vtkmodules.vtkCommonDataModel import (
    vtkDataObject,
    vtkImageData,
    vtkPointSet,
    vtkRectilinearGrid,
    vtkTable,
)

from ..errors import ParameterError, some
from ..inr import INR
from .vtk_compat import vtk_to_numpy

_XYZ = ("x", "y", "z")


def coordinates_of(data: vtkDataObject, inr: INR) -> np.ndarray:
    """Return the coordinates at which a field is to be evaluated.

    Parameters
    ----------
    data : vtkPointSet, vtkImageData, vtkRectilinearGrid or vtkTable
        A field of fewer dimensions takes the first coordinates of points. The columns of a table
        are called like the inputs of the field, else x, y, z, or like the points that ParaView
        writes to .csv files (``Points:0``); a column of the time is taken, too.
    inr : INR

    Returns
    -------
    numpy.ndarray, shape (n_points, dimension) or, with times, (n_points, n_inputs), float64

    Raises
    ------
    ParameterError
        If a table has no such columns.
    """
    if isinstance(data, vtkTable):
        return _of_table(data, inr)
    return xyz_of(data)[:, : inr.dimension].astype(np.float64)


def has_own_times(data: vtkDataObject, inr: INR) -> bool:
    """Tell whether rows of a table have times of their own."""
    return isinstance(data, vtkTable) and coordinates_of(data, inr).shape[1] > inr.dimension


def xyz_of(data: vtkPointSet | vtkImageData | vtkRectilinearGrid) -> np.ndarray:
    """Return x, y and z of all points, shape (n_points, 3)."""
    if isinstance(data, vtkImageData):
        return _of_image(data)
    if isinstance(data, vtkRectilinearGrid):
        axes = (data.GetXCoordinates(), data.GetYCoordinates(), data.GetZCoordinates())
        return _product([vtk_to_numpy(a) for a in axes])
    return _of_point_set(data)


def _of_point_set(data: vtkPointSet) -> np.ndarray:
    if not data.GetNumberOfPoints():
        return np.empty((0, 3))
    return vtk_to_numpy(data.GetPoints().GetData())


def _of_image(image: vtkImageData) -> np.ndarray:
    extent = image.GetExtent()
    index = _product([np.arange(a, b + 1) for a, b in zip(extent[0::2], extent[1::2], strict=True)])
    matrix = image.GetDirectionMatrix()
    direction = np.array([[matrix.GetElement(i, j) for j in range(3)] for i in range(3)])
    return (index * image.GetSpacing()) @ direction.T + image.GetOrigin()


def _product(axes: list[np.ndarray]) -> np.ndarray:
    """Return the points of a rectilinear grid, x fastest, shape (n_points, 3)."""
    z, y, x = np.meshgrid(*reversed(axes), indexing="ij")
    return np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)


def _of_table(table: vtkTable, inr: INR) -> np.ndarray:
    names = [table.GetColumnName(i) for i in range(table.GetNumberOfColumns())]
    known = {name.lower(): name for name in reversed(names)}
    d = inr.dimension
    own = [inr.inputs[axis] for axis in inr.spatial_axes]
    written = ([f"points{sep}{i}" for i in range(d)] for sep in (":", "_"))
    for wanted in (own, _XYZ[:d], *written):
        if all(name.lower() in known for name in wanted):
            break
    else:
        raise ParameterError(
            f"the table has no columns of coordinates: expected {', '.join(own)}, but it has "
            f"{some(names) or 'none'}: rename its columns, or the inputs of the field."
        )
    columns = [_column(table, known[name.lower()]) for name in wanted]
    time = None if inr.time_axis is None else inr.inputs[inr.time_axis].lower()
    if time in known:
        columns.insert(inr.time_axis, _column(table, known[time]))
    return np.stack(columns, axis=1)


def _column(table: vtkTable, name: str) -> np.ndarray:
    column = table.GetColumnByName(name)
    if not isinstance(column, vtkDataArray) or column.GetNumberOfComponents() != 1:
        raise ParameterError(
            f'column "{name}" of the table is not numeric; expected a coordinate in each row: '
            "correct the rows that hold text."
        )
    return vtk_to_numpy(column).astype(np.float64)
