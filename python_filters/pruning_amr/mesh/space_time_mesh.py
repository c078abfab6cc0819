"""One adaptive mesh of a field for all times, and what it is at each of them."""

from __future__ import annotations

import time as clock
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ..cells import multilinear_weights
from ..inr import INR, Evaluator
from .balance import balanced
from .history import History
from .mesh import Mesh, MeshParameters
from .space_time_tree import SpaceTimeTree
from .space_time_values import CornerValues, center_values
from .tree import Tree
from .vertices import Vertices, find_vertices, interpolate

_KEPT_SLICES = 4


@dataclass
class SpaceTimeMesh:
    """The adaptive mesh of a field over space and time.

    Attributes
    ----------
    inr : INR
    parameters : MeshParameters
    tree : SpaceTimeTree
    history : History
        How it was refined; errors are those over space and time.
    corners : CornerValues
    seconds : dict of str to float
        Wall-clock time by stage.
    """

    inr: INR
    parameters: MeshParameters
    tree: SpaceTimeTree
    history: History
    corners: CornerValues
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._slices: OrderedDict[float, TimeSlice] = OrderedDict()

    def with_parameters(self, parameters: MeshParameters) -> SpaceTimeMesh:
        """Return the same cells with other parameters that lead to the `same_cells`."""
        other = replace(self, parameters=parameters)
        for name in ("points", "intervals", "center_values"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    @property
    def n_cells(self) -> int:
        """Number of cells of all times."""
        return self.tree.n_leaves

    @property
    def nbytes(self) -> int:
        """Memory of the tree and of the values at the corners of its cells, in bytes."""
        return self.tree.nbytes + self.corners.nbytes

    @cached_property
    def evaluator(self) -> Evaluator:
        """The network of space and time, ready to be evaluated."""
        p = self.parameters
        return Evaluator(self.inr.chain_over_time(), p.device, p.memory_mb)

    def exact_values(self, points: np.ndarray, truth: INR | None = None) -> np.ndarray:
        """Return the field at points of space and time, (n_points, n_outputs), float64.

        `truth` is another network than the one the mesh was made of.
        """
        evaluator = self.evaluator
        if truth is not None and truth is not self.inr:
            evaluator = Evaluator(truth.chain_over_time(), self.parameters.device)
        return evaluator.numpy(points).astype(np.float64)

    @cached_property
    def points(self) -> np.ndarray:
        """The vertices of all times in space, shape (n_vertices, dimension)."""
        tree, lattice = self.tree, self.corners.lattice
        bounds = tree.bounds[:-1]
        extent = np.left_shift(np.asarray(tree.root_resolution[:-1], np.int64), tree.depth)
        size = np.diff(bounds)[:, 0] / np.asarray(tree.root_resolution[:-1]) / 2.0**tree.depth
        # The last lattice plane is the bound itself, whatever rounding says.
        return np.where(lattice == extent, bounds[:, 1], bounds[:, 0] + lattice * size)

    @cached_property
    def intervals(self) -> np.ndarray:
        """Beginning and end of the interval of each node, shape (n_nodes, 2)."""
        nodes = np.arange(self.tree.n_nodes)
        low = self.tree.lower_corner(nodes)[:, -1]
        return np.stack([low, low + self.tree.node_size(nodes)[:, -1]], axis=1)

    @cached_property
    def center_values(self) -> np.ndarray:
        """The field at the centre of every node at both ends of its interval.

        Shape (n_nodes, 2, n_outputs), float32; evaluated for all times at once, when first asked
        for.
        """
        return center_values(self.tree, self.evaluator)

    def at(self, time: float | None = None) -> TimeSlice:
        """Return the mesh at a time (None: the first time step); the last few are kept."""
        key = self.inr.clamp_time(time)
        if key not in self._slices:
            self._slices[key] = self._sliced(key)
            while len(self._slices) > _KEPT_SLICES:
                self._slices.popitem(last=False)
        self._slices.move_to_end(key)
        return self._slices[key]

    def reconstruct(self, points: np.ndarray, reconstruction: str = "multilinear") -> np.ndarray:
        """Return the field that the mesh stands for at points, (n_points, n_outputs), float64.

        In each cell it is interpolated between the values at its corners and at both ends of its
        interval; there is no other reconstruction.

        Parameters
        ----------
        points : numpy.ndarray, shape (n_points, dimension + 1)
            The last coordinate is time.
        reconstruction : str
        """
        leaf = self.tree.locate(points)
        local = (points - self.tree.lower_corner(leaf)) / self.tree.node_size(leaf)
        place = self.corners.place[self.corners.row[leaf]].reshape(len(leaf), -1)
        weights = multilinear_weights(np.clip(local, 0.0, 1.0))
        total = np.zeros((len(points), self.corners.values.shape[1]))
        for corner in range(place.shape[1]):
            total += weights[:, corner, None] * self.corners.values[place[:, corner]]
        return total

    def _sliced(self, time: float) -> TimeSlice:
        started = clock.perf_counter()
        same = next((s for s in reversed(self._slices.values()) if s.holds(time)), None)
        if same is not None:
            found = same.moved_to(time)
        else:
            tree, nodes = self.tree.at_time(time)
            finer, old = balanced(tree, self.parameters.balance)
            nodes = np.where(old >= 0, nodes[old], -1)
            found = TimeSlice(
                self.inr,
                time,
                self.parameters,
                finer,
                self._history(finer, nodes),
                whole=self,
                nodes=nodes,
            )
        found.seconds = {**self.seconds, "slice": clock.perf_counter() - started}
        return found

    def _history(self, tree: Tree, nodes: np.ndarray) -> History:
        """Return the history as far as the nodes of a time have seen it."""
        known = nodes >= 0
        indicator = np.full(tree.n_nodes, np.nan)
        indicator[known] = self.history.indicator[nodes[known]]
        n_levels = self.parameters.max_depth + 1
        return History(
            indicator,
            np.bincount(tree.level, minlength=n_levels).tolist(),
            np.bincount(tree.level[tree.first_child >= 0], minlength=n_levels).tolist(),
            self.history.stopped_by,
            self.history.asked_error,
            self.history.achieved_error,
            self.history.asked_region_error,
            self.history.achieved_region_error,
        )


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
        # The values of the network that are remembered are those of this time.
        other = replace(self, time=time, seconds={}, _exact={})
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
        points, corner = self.whole.points[used], number[corner]
        return Vertices.of(tree, lattice, points, corner, count[used])

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
        return self._at(points, nodes, lambda: self.node_values, self.vertex_values)

    def change_at(self, points: np.ndarray, nodes: np.ndarray) -> np.ndarray:
        """Return what changed since the previous time step where `values_at` gives values."""
        if not self.interpolated:
            return super().change_at(points, nodes)
        return self._at(points, nodes, lambda: self.node_change, self.vertex_change)

    def _at(
        self,
        points: np.ndarray,
        nodes: np.ndarray,
        at_nodes: Callable[[], np.ndarray],
        at_vertices: np.ndarray,
    ) -> np.ndarray:
        known = nodes >= 0
        values = np.empty((len(points), at_vertices.shape[1]), np.float32)
        if known.any():
            values[known] = at_nodes()[nodes[known]]
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
