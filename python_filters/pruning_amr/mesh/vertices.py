"""Vertices of a mesh: shared corners of leaves, and which of them hang."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cells import corner_offsets, multilinear_weights
from .lattice import vertex_strides
from .tree import Tree


@dataclass(frozen=True)
class Vertices:
    """The distinct corners of the leaves of a tree.

    Attributes
    ----------
    lattice : numpy.ndarray, shape (n_vertices, dimension), int64
        Positions on the uniform lattice of the finest level.
    points : numpy.ndarray, shape (n_vertices, dimension), float64
    corners : numpy.ndarray, shape (n_leaves, 2^dimension), int64
        Vertices of every leaf in the order of `Tree.leaves`, x fastest.
    hanging : numpy.ndarray, shape (n_vertices,), bool
        Vertices that lie inside an edge or face of some leaf.
    """

    lattice: np.ndarray
    points: np.ndarray
    corners: np.ndarray
    hanging: np.ndarray

    @classmethod
    def of(
        cls,
        tree: Tree,
        lattice: np.ndarray,
        points: np.ndarray,
        corners: np.ndarray,
        count: np.ndarray,
    ) -> Vertices:
        """Return vertices by the number of leaves, `count`, that each is a corner of."""
        extent = np.left_shift(np.asarray(tree.root_resolution, np.int64), tree.depth)
        on_boundary = (lattice == 0) | (lattice == extent)
        # A vertex is a corner of the leaf in every orthant around it, unless it hangs.
        orthants = np.left_shift(1, tree.dimension - np.count_nonzero(on_boundary, axis=1))
        return cls(lattice, points, corners, count < orthants)

    def places_of(self, coarser: Vertices, levels: int, tree: Tree) -> np.ndarray:
        """Return which of these vertices those of a coarser mesh are, by their numbers.

        Parameters
        ----------
        coarser : Vertices
            Of a mesh that becomes this one by refinement.
        levels : int
            By how many levels its finest cells are coarser.
        tree : Tree
            The tree of this mesh.
        """
        stride = vertex_strides(tree.root_resolution, tree.depth)
        keys = self.lattice @ stride
        return np.searchsorted(keys, np.left_shift(coarser.lattice, levels) @ stride)

    @property
    def n_conforming(self) -> int:
        """Number of vertices that do not hang."""
        return int(np.count_nonzero(~self.hanging))


def find_vertices(tree: Tree) -> Vertices:
    """Return the vertices of a tree, ordered by position (x fastest)."""
    leaves, depth = tree.leaves, tree.depth
    edge = tree.edges(leaves)
    low = tree.index[leaves] * edge[:, None]
    corner = low[:, None, :] + corner_offsets(tree.dimension) * edge[:, None, None]
    extent = np.left_shift(np.asarray(tree.root_resolution, np.int64), depth)
    stride = vertex_strides(tree.root_resolution, depth)
    keys, corners, count = np.unique(
        (corner @ stride).reshape(-1), return_inverse=True, return_counts=True
    )
    lattice = (keys[:, None] // stride) % (extent + 1)
    points = tree.bounds[:, 0] + lattice * tree.cell_size(depth)
    # The last lattice plane is the bound itself, whatever rounding says.
    points = np.where(lattice == extent, tree.bounds[:, 1], points)
    return Vertices.of(tree, lattice, points, corners.reshape(len(leaves), -1), count)


def conforming_values(tree: Tree, vertices: Vertices, values: np.ndarray) -> np.ndarray:
    """Return vertex values with every hanging vertex set from the coarser cell it hangs on.

    The multilinear interpolant of the result is continuous: it is the one whose degrees of
    freedom are the vertices that do not hang.

    Parameters
    ----------
    values : numpy.ndarray, shape (n_vertices, n_components)
    """
    values = np.array(values, dtype=np.float64)
    hanging = np.flatnonzero(vertices.hanging)
    if not len(hanging):
        return values
    host = _coarsest_host(tree, vertices, hanging)
    local = _local_coordinates(tree, host, vertices.points[hanging])
    weights = multilinear_weights(local)
    host_corners = _corners_of(tree, vertices, host)
    # Corners of a host that hang themselves do so on a still coarser cell: coarse ones first.
    for level in np.unique(tree.level[host]):
        now = tree.level[host] == level
        values[hanging[now]] = np.einsum("nc,nck->nk", weights[now], values[host_corners[now]])
    return values


def interpolate(
    tree: Tree, vertices: Vertices, values: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """Interpolate vertex values multilinearly in the leaf that contains each point.

    Parameters
    ----------
    values : numpy.ndarray, shape (n_vertices, n_components)
    points : numpy.ndarray, shape (n_points, dimension)

    Returns
    -------
    numpy.ndarray, shape (n_points, n_components), float64
    """
    leaf = tree.locate(points)
    weights = multilinear_weights(_local_coordinates(tree, leaf, points))
    return np.einsum("nc,nck->nk", weights, values[_corners_of(tree, vertices, leaf)])


def _corners_of(tree: Tree, vertices: Vertices, nodes: np.ndarray) -> np.ndarray:
    """Return the vertices of leaves given by node number, shape (n, 2^dimension)."""
    leaves = tree.leaves
    position = np.full(tree.n_nodes, -1, np.int64)
    position[leaves] = np.arange(len(leaves))
    return vertices.corners[position[nodes]]


def _local_coordinates(tree: Tree, nodes: np.ndarray, points: np.ndarray) -> np.ndarray:
    size = tree.cell_size(tree.level[nodes])
    return np.clip((points - tree.lower_corner(nodes)) / size, 0.0, 1.0)


def _coarsest_host(tree: Tree, vertices: Vertices, hanging: np.ndarray) -> np.ndarray:
    """Return the coarsest leaf around each hanging vertex: never one it is a corner of."""
    fine = tree.cell_size(tree.depth)
    best = np.full(len(hanging), -1, np.int64)
    for side in corner_offsets(tree.dimension) - 0.5:
        leaf = tree.locate(vertices.points[hanging] + side * fine)
        coarser = (best < 0) | (tree.level[leaf] < tree.level[best])
        best = np.where(coarser, leaf, best)
    return best
