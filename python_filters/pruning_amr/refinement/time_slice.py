"""A mesh over space and time at one time: an ordinary mesh, whose values need no network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..inr import Evaluator
from .mesh import Mesh
from .vertices import Vertices, find_vertices, interpolate

if TYPE_CHECKING:
    from .space_time_mesh import SpaceTimeMesh


@dataclass
class TimeSlice(Mesh):
    """The mesh that a mesh over space and time is at one time.

    With ``time_values`` "interpolated", values are interpolated between the ends of the interval
    of the cell; at a vertex that cells share, of the one with the shortest interval. Cells that
    balancing adds have no interval: the network is then evaluated at that time.

    Attributes
    ----------
    whole : SpaceTimeMesh
    nodes : numpy.ndarray, shape (tree.n_nodes,), int64
        Node of the space-time tree that each node is, -1 for those that balancing added.
    """

    whole: SpaceTimeMesh = field(kw_only=True)
    nodes: np.ndarray = field(kw_only=True)

    @cached_property
    def interpolated(self) -> bool:
        """Whether values are interpolated in time."""
        return self.parameters.time_values == "interpolated" and bool((self.nodes >= 0).all())

    @cached_property
    def unchanged_fraction(self) -> float:
        """Share of the cells that are those of the previous time step too; 1 at the first."""
        previous = self.previous_time
        if previous is None:
            return 1.0
        leaves = self.nodes[self.tree.first_child < 0]
        begin = self.whole.intervals[np.maximum(leaves, 0), 0]
        return float(np.mean((leaves >= 0) & (begin <= previous)))

    def holds(self, time: float) -> bool:
        """Tell whether the mesh has the very same cells at another time."""
        begin, end = self._valid
        return begin <= time < end

    @cached_property
    def _valid(self) -> tuple[float, float]:
        """The interval in which no cell changes."""
        intervals = self.whole.intervals[self.nodes[self.nodes >= 0]]
        return float(intervals[:, 0].max()), float(intervals[:, 1].min())

    def moved_to(self, time: float) -> TimeSlice:
        """Return the mesh with the same cells at another time that it `holds`."""
        other = replace(self, time=time, seconds={})
        for name in ("vertices", "dual_grid", "_valid", "_owners"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    @cached_property
    def vertices(self) -> Vertices:
        """The shared corners of the cells, picked from those of all times."""
        if (self.nodes < 0).any():
            return find_vertices(self.tree)
        tree, corners = self.tree, self.whole.corners
        corner = corners.vertex[self._rows]
        count = np.bincount(corner.reshape(-1), minlength=len(corners.lattice))
        used = np.flatnonzero(count)
        number = np.empty(len(count), np.int64)
        number[used] = np.arange(len(used))
        lattice = corners.lattice[used] >> (self.whole.tree.depth - tree.depth)
        extent = np.left_shift(np.asarray(tree.root_resolution, np.int64), tree.depth)
        on_boundary = (lattice == 0) | (lattice == extent)
        # A vertex is a corner of the leaf in every orthant around it, unless it hangs.
        orthants = np.left_shift(1, tree.dimension - np.count_nonzero(on_boundary, axis=1))
        return Vertices(lattice, self.whole.points[used], number[corner], count[used] < orthants)

    @cached_property
    def vertex_values(self) -> np.ndarray:
        """The field at `vertices`, shape (n_vertices, n_outputs), float32."""
        if not self.interpolated:
            return self._timed("vertex_values", self.vertices.points)
        place, nodes = self._owners
        return self._between(self.whole.corners.values[place], nodes, self.time)

    @cached_property
    def node_values(self) -> np.ndarray:
        """The field at the centre of every node, shape (n_nodes, n_outputs), float32."""
        if not self.interpolated:
            return self._timed("cell_values", self.tree.centers(np.arange(self.tree.n_nodes)))
        return self._between(self.whole.center_values[self.nodes], self.nodes, self.time)

    @cached_property
    def vertex_change(self) -> np.ndarray:
        """What changed at `vertices` since the previous time step, (n_vertices, n_outputs)."""
        if not self.interpolated:
            return super().vertex_change
        place, nodes = self._owners
        ends = self.whole.corners.values[place]
        return self._change(self.vertex_values, ends, nodes, self.vertices.points)

    @cached_property
    def node_change(self) -> np.ndarray:
        """What changed at the centres since the previous time step, (n_nodes, n_outputs)."""
        if not self.interpolated:
            return super().node_change
        ends = self.whole.center_values[self.nodes]
        centers = self.tree.centers(np.arange(self.tree.n_nodes))
        return self._change(self.node_values, ends, self.nodes, centers)

    def values_at(self, points: np.ndarray, nodes: np.ndarray) -> np.ndarray:
        """Return the field at centres of cells; in parts of cells, that of their corners."""
        if not self.interpolated:
            return super().values_at(points, nodes)
        return self._at(points, nodes, self.node_values, self.vertex_values)

    def change_at(self, points: np.ndarray, nodes: np.ndarray) -> np.ndarray:
        """Return what changed since the previous time step where `values_at` gives values."""
        if not self.interpolated:
            return super().change_at(points, nodes)
        return self._at(points, nodes, self.node_change, self.vertex_change)

    def _at(
        self, points: np.ndarray, nodes: np.ndarray, at_nodes: np.ndarray, at_vertices: np.ndarray
    ) -> np.ndarray:
        known = nodes >= 0
        values = np.empty((len(points), at_nodes.shape[1]), np.float32)
        values[known] = at_nodes[nodes[known]]
        values[~known] = interpolate(self.tree, self.vertices, at_vertices, points[~known])
        return values

    @property
    def _rows(self) -> np.ndarray:
        """Row of each leaf in the arrays of the corners, in the order of `Tree.leaves`."""
        return self.whole.corners.row[self.nodes[self.tree.leaves]]

    @cached_property
    def _owners(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the two values of each vertex are, (n_vertices, 2), and the leaf they are of."""
        leaves = self.tree.leaves
        nodes = self.nodes[leaves]
        # The leaf with the shortest interval writes last; equal ones have the same values.
        order = np.argsort(self.whole.tree.time_level[nodes].astype(np.int8), kind="stable")
        corners = self.vertices.corners
        owner = np.empty(len(self.vertices.points), np.int64)
        n_corners = corners.shape[1]
        numbers = order[:, None] * n_corners + np.arange(n_corners)
        owner[corners[order].reshape(-1)] = numbers.reshape(-1)
        leaf, corner = np.divmod(owner, n_corners)
        rows = self.whole.corners.row[nodes]
        return self.whole.corners.place[rows[leaf], :, corner], nodes[leaf]

    def _between(self, ends: np.ndarray, nodes: np.ndarray, time: float) -> np.ndarray:
        """Return values at a time from those at both ends of the intervals of nodes, float32."""
        begin, end = self.whole.intervals[nodes].T
        late = np.clip((time - begin) / (end - begin), 0.0, 1.0)[:, None]
        return ((1.0 - late) * ends[:, 0] + late * ends[:, 1]).astype(np.float32)

    def _change(
        self, values: np.ndarray, ends: np.ndarray, nodes: np.ndarray, points: np.ndarray
    ) -> np.ndarray:
        """Return what changed; where the cell changed too, against the network."""
        previous = self.previous_time
        if previous is None:
            return np.zeros_like(values)
        before = self._between(ends, nodes, previous)
        new = np.flatnonzero(self.whole.intervals[nodes, 0] > previous)
        if len(new):
            p = self.parameters
            network = Evaluator(self.inr.chain_at(previous), p.device, p.memory_mb)
            before[new] = network.numpy(points[new])
        return values - before
