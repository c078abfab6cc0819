"""Tree -> vtkHyperTreeGrid."""

from __future__ import annotations

import numpy as np
from vtkmodules.vtkCommonDataModel import vtkHyperTreeGrid

from ..inr.array_names import INDICATOR_ARRAY, LEVEL_ARRAY
from ..mesh import Mesh
from .field_data import add_array, add_changes, add_outputs, attach_facts
from .pieces import indicator_of, piece_roots
from .vtk_compat import to_bit_array, to_vtk_array


def to_hyper_tree_grid(mesh: Mesh, piece: int = 0, n_pieces: int = 1) -> vtkHyperTreeGrid:
    """Return a mesh as a hyper tree grid.

    Cell data of refined nodes and leaves: the outputs of the network at the cell's centre,
    ``level``, and with ``indicator`` that of the node.

    Parameters
    ----------
    mesh : Mesh
    piece, n_pieces : int
        Part of the root cells to make trees of.
    """
    tree = mesh.tree
    grid = vtkHyperTreeGrid()
    grid.Initialize()
    roots = np.asarray([*tree.root_resolution, 0][:3])
    grid.SetDimensions(*(int(n) + 1 for n in roots))
    grid.SetBranchFactor(2)
    bounds = np.vstack([tree.bounds, [[0.0, 0.0]]])[:3]
    setters = (grid.SetXCoordinates, grid.SetYCoordinates, grid.SetZCoordinates)
    for setter, n, (low, high), axis in zip(setters, roots, bounds, "xyz", strict=True):
        setter(to_vtk_array(np.linspace(low, high, int(n) + 1), axis))

    wanted = piece_roots(mesh, piece, n_pieces)
    order = tree.breadth_first()
    order = order[tree.restricted(wanted)[order]]
    if len(order):
        _build_trees(grid, mesh, order, wanted)
    cells = grid.GetCellData()
    add_outputs(cells, mesh.inr, mesh.node_values[order])
    if mesh.parameters.change:
        add_changes(cells, mesh.inr, mesh.node_change[order])
    add_array(cells, tree.level[order].astype(np.uint8), LEVEL_ARRAY)
    if mesh.parameters.indicator:
        add_array(cells, indicator_of(mesh, order), INDICATOR_ARRAY)
    attach_facts(grid, mesh)
    return grid


def _build_trees(grid: vtkHyperTreeGrid, mesh: Mesh, order: np.ndarray, roots: np.ndarray) -> None:
    """Make the trees of `roots` from one shared breadth-first descriptor, one bit per node."""
    tree = mesh.tree
    descriptor = to_bit_array(tree.first_child[order] >= 0)
    position = np.searchsorted(roots, tree.root[order])
    n_nodes = np.bincount(position, minlength=len(roots))
    deepest = np.zeros(len(roots), np.int64)
    np.maximum.at(deepest, position, tree.level[order])
    on_deepest = np.bincount(position[tree.level[order] == deepest[position]], minlength=len(roots))
    start = np.concatenate([[0], np.cumsum(n_nodes)[:-1]])
    # A descriptor leaves out the deepest level of its tree, where nothing is refined.
    for root, first, bits in zip(
        roots.tolist(), start.tolist(), (n_nodes - on_deepest).tolist(), strict=True
    ):
        node = grid.GetTree(root, True)
        node.SetGlobalIndexStart(first)
        node.BuildFromBreadthFirstOrderDescriptor(descriptor, bits, first)
