"""A mesh without hanging vertices: its leaves balanced and split, and the field at their points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .balance import balanced
from .mesh import Mesh
from .split_cells import SplitCells, split_cells
from .tree import Tree
from .vertices import Vertices, find_vertices


@dataclass(frozen=True)
class SplitMesh:
    """The cells of a mesh, split so that they meet at whole faces.

    Attributes
    ----------
    tree : Tree
        That of the mesh, balanced across corners.
    origin : numpy.ndarray, shape (tree.n_nodes,), int64
        Node of the mesh's own tree that each node is, -1 for those that balancing added.
    cells : SplitCells
    points : numpy.ndarray, shape (n_points, dimension)
    values, change : numpy.ndarray, shape (n_points, n_outputs)
        The field, and what changed since the previous time step; the latter only if the parameter
        of that name asks for it, else None.
    """

    tree: Tree
    origin: np.ndarray
    cells: SplitCells
    points: np.ndarray
    values: np.ndarray
    change: np.ndarray | None

    @classmethod
    def of(cls, mesh: Mesh) -> SplitMesh:
        """Split the leaves of a mesh; the field is asked for at points that it has no values at."""
        tree, origin, vertices = _balanced(mesh)
        cells = split_cells(tree, vertices)
        points = np.concatenate([vertices.points, tree.centers(tree.leaves[cells.split])])
        known = np.arange(len(vertices.points))
        if tree is not mesh.tree:
            known = vertices.places_of(mesh.vertices, tree.depth - mesh.tree.depth, tree)
        new = np.ones(len(points), bool)
        new[known] = False
        nodes = np.full(np.count_nonzero(new), -1)

        def joined(at_vertices: np.ndarray, at_new: np.ndarray) -> np.ndarray:
            values = np.empty((len(points), at_vertices.shape[1]), np.float32)
            values[known], values[new] = at_vertices, at_new
            return values

        values = joined(mesh.vertex_values, mesh.values_at(points[new], nodes))
        change = None
        if mesh.parameters.change:
            change = joined(mesh.vertex_change, mesh.change_at(points[new], nodes))
        return cls(tree, origin, cells, points, values, change)


def _balanced(mesh: Mesh) -> tuple[Tree, np.ndarray, Vertices]:
    """Return a tree whose vertices hang in the middle of an edge or face, if anywhere."""
    # On a line no vertex hangs.
    tree, origin = balanced(mesh.tree, "none" if mesh.tree.dimension == 1 else "corners")
    return tree, origin, mesh.vertices if tree is mesh.tree else find_vertices(tree)
