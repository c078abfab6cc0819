"""Tree -> vtkUnstructuredGrid of cells with shared points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from vtkmodules.util.vtkConstants import (
    VTK_HEXAHEDRON,
    VTK_LINE,
    VTK_PYRAMID,
    VTK_QUAD,
    VTK_TETRA,
    VTK_TRIANGLE,
)
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkUnstructuredGrid

from ..cells import VTK_CORNER_ORDER
from ..inr.array_names import INDICATOR_ARRAY, LEVEL_ARRAY
from ..mesh import Mesh, Tree
from ..mesh.split_cells import N_CORNERS, WHOLE
from ..mesh.split_mesh import SplitMesh
from ..mesh.vertices import conforming_values
from .field_data import add_array, add_changes, add_outputs, attach_facts
from .pieces import indicator_of, piece_roots
from .vtk_compat import to_vtk_array, to_vtk_points

_CELL_TYPE = {
    "line": VTK_LINE,
    "quad": VTK_QUAD,
    "triangle": VTK_TRIANGLE,
    "hexahedron": VTK_HEXAHEDRON,
    "pyramid": VTK_PYRAMID,
    "tetrahedron": VTK_TETRA,
}


@dataclass(frozen=True)
class _Cells:
    """The cells of a grid, in the order of the leaves.

    Attributes
    ----------
    points : numpy.ndarray, shape (n_points, dimension)
    values, change : numpy.ndarray, shape (n_points, n_outputs)
        Those of `change` only if the parameter of that name asks for them, else none.
    types : numpy.ndarray, shape (n_cells,), uint8
    corners : numpy.ndarray, shape (n_cells, n_corners), int64
        Points in VTK's order, -1 after the last of them.
    tree : Tree
    nodes : numpy.ndarray, shape (n_cells,), int64
        Leaf that each cell is a part of, as a node of that tree.
    origin : numpy.ndarray, shape (n_cells,), int64
        The same as a node of the mesh's own tree, -1 for leaves that only splitting asks for.
    """

    points: np.ndarray
    values: np.ndarray
    change: np.ndarray | None
    types: np.ndarray
    corners: np.ndarray
    tree: Tree
    nodes: np.ndarray
    origin: np.ndarray


def to_unstructured_grid(mesh: Mesh, piece: int = 0, n_pieces: int = 1) -> vtkUnstructuredGrid:
    """Return the leaves of a mesh as cells that share their points.

    Cells are lines, quads or hexahedra; with ``hanging_nodes = "split"``, leaves that have hanging
    vertices are triangles, or pyramids and tetrahedra, one after another in the leaf's place, and
    leaves beside much smaller ones are refined first.
    Point data: the outputs of the network, except at hanging vertices that are constrained, and
    with ``change`` what changed since the previous time step. Cell
    data: ``level``, and with ``indicator`` that of the leaf (-1 where it has none).

    Parameters
    ----------
    mesh : Mesh
    piece, n_pieces : int
        Part of the root cells to take leaves of.
    """
    split = mesh.parameters.hanging_nodes == "split"
    all_cells = _split_leaves(mesh) if split else _leaves(mesh)
    tree, roots = all_cells.tree, piece_roots(mesh, piece, n_pieces)
    held = tree.restricted(roots)[all_cells.nodes]
    corners, nodes = all_cells.corners[held], all_cells.nodes[held]
    there = corners >= 0
    used, connectivity = _compact(corners[there], len(all_cells.points))
    offsets = np.concatenate([[0], np.cumsum(np.count_nonzero(there, axis=1))])

    grid = vtkUnstructuredGrid()
    grid.SetPoints(to_vtk_points(all_cells.points[used]))
    cells = vtkCellArray()
    cells.SetData(
        to_vtk_array(offsets.astype(np.int64), "offsets"),
        to_vtk_array(connectivity.reshape(-1).astype(np.int64), "connectivity"),
    )
    grid.SetCells(to_vtk_array(all_cells.types[held], "types"), cells)
    add_outputs(grid.GetPointData(), mesh.inr, all_cells.values[used])
    if all_cells.change is not None:
        add_changes(grid.GetPointData(), mesh.inr, all_cells.change[used])
    add_array(grid.GetCellData(), tree.level[nodes].astype(np.uint8), LEVEL_ARRAY)
    if mesh.parameters.indicator:
        add_array(grid.GetCellData(), indicator_of(mesh, all_cells.origin[held]), INDICATOR_ARRAY)
    attach_facts(grid, mesh)
    return grid


def _leaves(mesh: Mesh) -> _Cells:
    """Return the leaves of a mesh as they are."""
    tree, vertices = mesh.tree, mesh.vertices
    values, change = mesh.vertex_values, _vertex_change(mesh)
    if mesh.parameters.hanging_nodes == "constrained":
        values = mesh.conforming_vertex_values
        change = None if change is None else conforming_values(tree, vertices, change)
    return _Cells(
        vertices.points,
        values,
        change,
        np.full(tree.n_leaves, _CELL_TYPE[WHOLE[tree.dimension]], np.uint8),
        vertices.corners[:, VTK_CORNER_ORDER[tree.dimension]],
        tree,
        tree.leaves,
        tree.leaves,
    )


def _split_leaves(mesh: Mesh) -> _Cells:
    """Return the leaves of a mesh, split where vertices hang."""
    split = SplitMesh.of(mesh)
    shapes = split.cells.connectivity
    types = np.repeat([_CELL_TYPE[s] for s in shapes], [len(c) for c in shapes.values()])
    corners = np.concatenate([_padded(c) for c in shapes.values()])
    leaf = np.concatenate([split.cells.leaf[s] for s in shapes])
    order = np.argsort(leaf, kind="stable")
    nodes = split.tree.leaves[leaf[order]]
    return _Cells(
        split.points,
        split.values,
        split.change,
        types[order].astype(np.uint8),
        corners[order],
        split.tree,
        nodes,
        split.origin[nodes],
    )


def _vertex_change(mesh: Mesh) -> np.ndarray | None:
    return mesh.vertex_change if mesh.parameters.change else None


def _compact(numbers: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which of n numbers occur, and the place of each in them: np.unique, but linear."""
    there = np.zeros(n, bool)
    there[numbers] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[numbers]


def _padded(corners: np.ndarray) -> np.ndarray:
    """Return corners with -1 after them, so that all shapes have as many."""
    missing = max(N_CORNERS.values()) - corners.shape[1]
    return np.pad(corners, [(0, 0), (0, missing)], constant_values=-1)
