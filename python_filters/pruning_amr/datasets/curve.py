"""Mesh of a field of one dimension -> vtkPolyData: the curve of its values."""

from __future__ import annotations

import numpy as np
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

from ..inr.array_names import INDICATOR_ARRAY, LEVEL_ARRAY
from ..mesh import Mesh
from .field_data import add_array, add_changes, add_outputs, attach_facts
from .pieces import indicator_of, piece_roots
from .vtk_compat import to_vtk_array, to_vtk_points


def to_curve(mesh: Mesh, piece: int = 0, n_pieces: int = 1) -> vtkPolyData:
    """Return a mesh of one dimension as the curve of its field, one polyline.

    The points are the vertices of the mesh. Their height, y, is the value of the first component
    of the first output as it is: nothing is scaled. Point data: the outputs of the network,
    ``level``, with ``indicator`` that of the cells, and with ``change`` what changed since the
    previous time step. At a vertex between two cells, level and indicator are the larger ones.

    Parameters
    ----------
    mesh : Mesh
        Of a field of one dimension.
    piece, n_pieces : int
        Part of the root cells to draw the curve over.
    """
    tree, vertices = mesh.tree, mesh.vertices
    held = tree.restricted(piece_roots(mesh, piece, n_pieces))[tree.leaves]
    nodes, ends = tree.leaves[held], vertices.corners[held]
    # Vertices are ordered by position: so are those of a run of roots, and the polyline.
    used, position = np.unique(ends, return_inverse=True)
    position = position.reshape(ends.shape)
    values = mesh.vertex_values[used]

    curve = vtkPolyData()
    height = values[:, mesh.inr.outputs[0].components[0]]
    curve.SetPoints(to_vtk_points(np.column_stack([vertices.points[used], height])))
    curve.SetLines(_polyline(len(used)))
    attributes = curve.GetPointData()
    add_outputs(attributes, mesh.inr, values)
    if mesh.parameters.change:
        add_changes(attributes, mesh.inr, mesh.vertex_change[used])
    level = _largest_around(tree.level[nodes], position, len(used))
    add_array(attributes, level.astype(np.uint8), LEVEL_ARRAY)
    if mesh.parameters.indicator:
        indicator = _largest_around(indicator_of(mesh, nodes), position, len(used))
        add_array(attributes, indicator, INDICATOR_ARRAY)
    attach_facts(curve, mesh)
    return curve


def _largest_around(of_cells: np.ndarray, ends: np.ndarray, n_points: int) -> np.ndarray:
    """Return, for each point, the largest number of the cells that end there."""
    found = np.full(n_points, -1, of_cells.dtype)
    for side in range(2):
        np.maximum.at(found, ends[:, side], of_cells)
    return found


def _polyline(n_points: int) -> vtkCellArray:
    """Return one line through all points; none if there are no points."""
    offsets = np.array([0, n_points] if n_points else [0], np.int64)
    cells = vtkCellArray()
    cells.SetData(
        to_vtk_array(offsets, "offsets"),
        to_vtk_array(np.arange(n_points, dtype=np.int64), "connectivity"),
    )
    return cells
