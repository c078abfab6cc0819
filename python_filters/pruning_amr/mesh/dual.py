"""The field of a hyper tree grid that is linear between cell centres.

Its cells are those of VTK's ``vtkHyperTreeGridToDualGrid``: one for every vertex of the mesh
inside the domain, hanging or not, with the centres of the leaves in the 2^dimension orthants
around the vertex as corners. A coarse leaf that covers several orthants is a corner several
times: such cells are triangles, pyramids, wedges. The centres of leaves at the boundary of the
domain are moved onto it.

It is the field ParaView contours, except next to the boundary: ``vtkHyperTreeGridContour`` joins
the same centres unmoved, so that contours end half a cell before the boundary. Moved centres
bring an error there as large as that of one value per cell, even for a linear field.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..cells import corner_offsets, multilinear_weights
from .tree import Tree
from .vertices import Vertices

_CHUNK = 1 << 16
"""Points or pairs of point and cell handled at once, so that memory stays small."""

_NEWTON_STEPS = 12

_CONVERGED = 1e-10

_TOLERANCE = 1e-6
"""How far outside a dual cell, in units of the cell, a point still counts as inside."""


@dataclass(frozen=True)
class DualGrid:
    """The dual of a mesh.

    Attributes
    ----------
    tree : Tree
    leaves : numpy.ndarray, shape (n_leaves,)
        Node numbers of the leaves, in the order of `Tree.leaves`.
    points : numpy.ndarray, shape (n_leaves, dimension)
        The corners of the dual cells: the centres of the leaves, moved at the boundary.
    cells : numpy.ndarray, shape (n_cells, 2^dimension)
        Positions in `leaves` of the corners of every dual cell, x fastest.
    vertices : numpy.ndarray, shape (n_cells, dimension)
        The vertex of the mesh that each dual cell belongs to.
    cell_at_corner : numpy.ndarray, shape (n_leaves, 2^dimension)
        Dual cell at each corner of each leaf, -1 on the boundary of the domain.
    """

    tree: Tree
    leaves: np.ndarray
    points: np.ndarray
    cells: np.ndarray
    vertices: np.ndarray
    cell_at_corner: np.ndarray

    @classmethod
    def of(cls, tree: Tree, vertices: Vertices) -> DualGrid:
        """Return the dual of a mesh."""
        leaves = tree.leaves
        extent = np.left_shift(np.asarray(tree.root_resolution, np.int64), tree.depth)
        inside = ((vertices.lattice > 0) & (vertices.lattice < extent)).all(axis=1)
        number = np.where(inside, np.cumsum(inside) - 1, -1)
        around = np.full((len(vertices.points), tree.n_children), -1, np.int64)
        for corner in range(tree.n_children):
            # The leaf whose lower corner this is lies in the upper orthant, and so on.
            opposite = tree.n_children - 1 - corner
            around[vertices.corners[:, corner], opposite] = np.arange(len(leaves))
        around = around[inside]
        _fill_hanging(tree, leaves, vertices.points[inside], around)
        return cls(
            tree,
            leaves,
            _moved_centers(tree, leaves),
            around,
            vertices.points[inside],
            number[vertices.corners],
        )

    def interpolate(self, values: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Interpolate values at the centres of all nodes."""
        at_leaves = np.asarray(values, np.float64)[self.leaves]
        found = np.empty((len(points), at_leaves.shape[1]))
        for start in range(0, len(points), _CHUNK):
            part = slice(start, start + _CHUNK)
            leaf, cell, local = self.locate(points[part])
            hit = cell >= 0
            weights = multilinear_weights(local[hit])
            # Points no dual cell contains have the value of their leaf.
            found[part] = at_leaves[leaf]
            found[part][hit] = np.einsum("nc,nck->nk", weights, at_leaves[self.cells[cell[hit]]])
        return found

    def locate(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find the dual cell that contains each point.

        Returns
        -------
        leaf : numpy.ndarray, shape (n_points,)
            Position in `leaves` of the leaf that contains the point.
        cell : numpy.ndarray, shape (n_points,)
            Dual cell, -1 if there is none.
        local : numpy.ndarray, shape (n_points, dimension)
            Coordinates in the dual cell, from 0 to 1.
        """
        leaf = self._position[self.tree.locate(points)]
        cell = np.full(len(points), -1, np.int64)
        local = np.zeros(points.shape)
        # Among equal leaves it is the cell at the corner of the leaf nearest to the point.
        upper = points >= self.points[leaf]
        nearest = self.cell_at_corner[leaf, upper @ (1 << np.arange(self.tree.dimension))]
        self._try(points, np.arange(len(points)), nearest, cell, local)
        missing = np.flatnonzero(cell < 0)
        for part in _chunks(missing, np.diff(self._around[0])[leaf[missing]]):
            point, candidate, rank = self._candidates(points, part, leaf[part])
            order = np.argsort(rank, kind="stable")
            cuts = np.flatnonzero(np.diff(rank[order])) + 1
            for now in np.split(order, cuts):
                self._try(points, point[now], candidate[now], cell, local)
        return leaf, cell, local

    @cached_property
    def _position(self) -> np.ndarray:
        """Position in `leaves` by node number."""
        position = np.full(self.tree.n_nodes, -1, np.int64)
        position[self.leaves] = np.arange(len(self.leaves))
        return position

    @cached_property
    def _around(self) -> tuple[np.ndarray, np.ndarray]:
        """The dual cells that have each leaf as a corner, as offsets and one list."""
        n = len(self.cells)
        keys = np.unique(self.cells * n + np.arange(n)[:, None])
        count = np.bincount(keys // n, minlength=len(self.leaves)) if n else [0] * len(self.leaves)
        return np.concatenate([[0], np.cumsum(count)]), keys % max(n, 1)

    @cached_property
    def _boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper corners of the bounding boxes of the dual cells."""
        corners = self.points[self.cells]
        return corners.min(axis=1), corners.max(axis=1)

    def _candidates(
        self, points: np.ndarray, chosen: np.ndarray, leaf: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return pairs of point and dual cell, and the rank of the cell for the point."""
        offsets, cells = self._around
        count = offsets[leaf + 1] - offsets[leaf]
        point = np.repeat(chosen, count)
        candidate = cells[np.repeat(offsets[leaf], count) + _running(count)]
        low, high = (side[candidate] for side in self._boxes)
        slack = _TOLERANCE * (high - low)
        place = points[point]
        possible = ((place >= low - slack) & (place <= high + slack)).all(axis=1)
        point, candidate, place = point[possible], candidate[possible], place[possible]
        distance = np.square(place - self.vertices[candidate]).sum(axis=1)
        order = np.lexsort([distance, point])
        point, candidate = point[order], candidate[order]
        _, count = np.unique(point, return_counts=True)
        return point, candidate, _running(count)

    def _try(
        self,
        points: np.ndarray,
        point: np.ndarray,
        candidate: np.ndarray,
        cell: np.ndarray,
        local: np.ndarray,
    ) -> None:
        """Note in `cell` and `local` which points their candidates contain."""
        open_ = (candidate >= 0) & (cell[point] < 0)
        point, candidate = point[open_], candidate[open_]
        found, inside = _invert(self.points[self.cells[candidate]], points[point])
        cell[point[inside]] = candidate[inside]
        local[point[inside]] = np.clip(found[inside], 0.0, 1.0)


def interpolate_dual(
    tree: Tree, vertices: Vertices, node_values: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """Interpolate values at cell centres linearly on the dual grid.

    Compared with VTK's own dual grid, probed as triangles, quads and hexahedra, of random trees
    without any balance and random values: the median difference is below 1e-6 of the range, and
    at 99.7 to 99.99 % of the points it is below 1e-5. VTK rounds the points of its dual grid to
    float32 and inverts hexahedra to 1e-3 of their size; where cells of very different size meet,
    dual cells overlap, and either may be taken. In three dimensions up to 0.6 % of the points
    of such trees lie in no dual cell that has their leaf as a corner; 0.01 to 0.06 % of those of
    smoother trees.

    Parameters
    ----------
    node_values : numpy.ndarray, shape (n_nodes, n_components)
    points : numpy.ndarray, shape (n_points, dimension)

    Returns
    -------
    numpy.ndarray, shape (n_points, n_components), float64
        Points no dual cell contains have the value of their leaf.
    """
    return DualGrid.of(tree, vertices).interpolate(node_values, points)


def _moved_centers(tree: Tree, leaves: np.ndarray) -> np.ndarray:
    """Return the centres of leaves, those at the boundary moved onto it, as VTK does."""
    level = tree.level[leaves]
    last = np.left_shift(np.asarray(tree.root_resolution, np.int64), level[:, None]) - 1
    # A leaf that touches both boundaries of an axis stays where it is.
    side = (tree.index[leaves] == last).astype(np.int64) - (tree.index[leaves] == 0)
    return tree.centers(leaves) + 0.5 * side * tree.cell_size(level)


def _fill_hanging(tree: Tree, leaves: np.ndarray, points: np.ndarray, around: np.ndarray) -> None:
    """Fill the orthants of hanging vertices, where the vertex is no corner of the leaf."""
    position = np.full(tree.n_nodes, -1, np.int64)
    position[leaves] = np.arange(len(leaves))
    vertex, orthant = np.nonzero(around < 0)
    side = corner_offsets(tree.dimension)[orthant] - 0.5
    inside = points[vertex] + side * tree.cell_size(tree.depth)
    around[vertex, orthant] = position[tree.locate(inside)]


def _chunks(points: np.ndarray, pairs: np.ndarray) -> list[np.ndarray]:
    """Split points so that each part makes about `_CHUNK` pairs."""
    part = np.cumsum(pairs) // _CHUNK
    return np.split(points, np.flatnonzero(np.diff(part)) + 1)


def _running(count: np.ndarray) -> np.ndarray:
    """Return 0, 1, ..., count - 1 for every count, one after another."""
    ends = np.cumsum(count)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - count, count)


def _invert(corners: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Invert the multilinear map of cells by Newton's method.

    Parameters
    ----------
    corners : numpy.ndarray, shape (n, 2^dimension, dimension)
    points : numpy.ndarray, shape (n, dimension)

    Returns
    -------
    local : numpy.ndarray, shape (n, dimension)
    inside : numpy.ndarray, shape (n,), bool
    """
    origin = corners[:, :1]
    scale = np.maximum(np.ptp(corners, axis=1), np.finfo(float).tiny)
    corners = (corners - origin) / scale[:, None]
    points = (points - origin[:, 0]) / scale
    local = np.full(points.shape, 0.5)
    found = np.zeros(len(points), bool)
    active = np.arange(len(points))
    for _ in range(_NEWTON_STEPS):
        residual = points[active] - _map(corners[active], local[active])
        found[active] = np.abs(residual).max(axis=1, initial=0.0) < _CONVERGED
        moving = ~found[active]
        active, residual = active[moving], residual[moving]
        if not len(active):
            break
        step = _solve(_jacobian(corners[active], local[active]), residual)
        local[active] = np.clip(local[active] + step, -1.0, 2.0)
    inside = found & ((local >= -_TOLERANCE) & (local <= 1 + _TOLERANCE)).all(axis=1)
    return local, inside


def _map(corners: np.ndarray, local: np.ndarray) -> np.ndarray:
    return np.einsum("nc,nci->ni", multilinear_weights(local), corners)


def _jacobian(corners: np.ndarray, local: np.ndarray) -> np.ndarray:
    """Return derivatives of the multilinear map, shape (n, dimension, dimension)."""
    columns = []
    for axis in range(local.shape[1]):
        low, high = local.copy(), local.copy()
        low[:, axis], high[:, axis] = 0.0, 1.0
        columns.append(_map(corners, high) - _map(corners, low))
    return np.stack(columns, axis=2)


def _solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve small systems; a singular one gives no step."""
    regular = np.abs(np.linalg.det(matrix)) > np.finfo(float).eps
    matrix = np.where(regular[:, None, None], matrix, np.eye(matrix.shape[1]))
    step = np.linalg.solve(matrix, right[..., None])[..., 0]
    return np.where(regular[:, None], step, 0.0)
