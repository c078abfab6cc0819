"""Tree -> vtkUnstructuredGrid of quads or hexahedra with shared points."""

from __future__ import annotations

import numpy as np
from vtkmodules.util.vtkConstants import VTK_HEXAHEDRON, VTK_QUAD
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkUnstructuredGrid

from ..refinement import Mesh
from .field_data import add_array, add_outputs, attach_inr
from .pieces import INDICATOR_ARRAY, LEVEL_ARRAY, indicator_of, piece_roots
from .vtk_compat import to_vtk_array

# VTK walks around each face of a quad or hexahedron; the tree's corners run x fastest.
_CORNER_ORDER = {2: [0, 1, 3, 2], 3: [0, 1, 3, 2, 4, 5, 7, 6]}
_CELL_TYPE = {2: VTK_QUAD, 3: VTK_HEXAHEDRON}


def to_unstructured_grid(mesh: Mesh, piece: int = 0, n_pieces: int = 1) -> vtkUnstructuredGrid:
    """Return the leaves of a mesh as quads or hexahedra that share their points.

    Point data: the outputs of the network. Cell data: ``level`` and ``indicator``.

    Parameters
    ----------
    mesh : Mesh
    piece, n_pieces : int
        Part of the root cells to take leaves of.
    """
    tree, vertices = mesh.tree, mesh.vertices
    leaves = tree.leaves
    held = tree.restricted(piece_roots(mesh, piece, n_pieces))[leaves]
    leaves = leaves[held]
    corners = vertices.corners[held][:, _CORNER_ORDER[tree.dimension]]
    used, connectivity = np.unique(corners, return_inverse=True)
    coordinates = np.zeros((len(used), 3))
    coordinates[:, : tree.dimension] = vertices.points[used]

    grid = vtkUnstructuredGrid()
    points = vtkPoints()
    points.SetData(to_vtk_array(coordinates, "points"))
    grid.SetPoints(points)
    offsets = np.arange(len(leaves) + 1, dtype=np.int64) * tree.n_children
    cells = vtkCellArray()
    cells.SetData(
        to_vtk_array(offsets, "offsets"),
        to_vtk_array(connectivity.reshape(-1).astype(np.int64), "connectivity"),
    )
    types = np.full(len(leaves), _CELL_TYPE[tree.dimension], np.uint8)
    grid.SetCells(to_vtk_array(types, "types"), cells)
    add_outputs(grid.GetPointData(), mesh.inr, mesh.vertex_values[used])
    add_array(grid.GetCellData(), tree.level[leaves].astype(np.int32), LEVEL_ARRAY)
    add_array(grid.GetCellData(), indicator_of(mesh, leaves), INDICATOR_ARRAY)
    attach_inr(grid, mesh.inr)
    return grid
