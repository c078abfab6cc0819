"""An adaptive mesh of a field at one time: the tree, and the field's values on it."""

from __future__ import annotations

import hashlib
import time as clock
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ..inr import INR, Evaluator
from ..pruning.evaluation.local_values import LocalEvaluation
from .dual import DualGrid
from .error_scales import error_scale
from .history import History
from .tree import Tree
from .vertices import Vertices, conforming_values, find_vertices, interpolate

_REMEMBERED = 8
"""Sets of points whose values are kept."""


Recall = Callable[[np.ndarray, int, Callable[[np.ndarray], np.ndarray]], np.ndarray]
"""Vertices on the lattice of a depth, and a function positions among them -> values of the whole
network, (n,) -> (n, n_outputs), that is asked for what is not known -> values of all."""


class MeshParameters(Protocol):
    """What a mesh heeds of the parameters it was refined with."""

    finest_tolerance: float
    error_formula: str
    values: str
    local_share: float
    time_values: str
    max_depth: int
    seed: int
    device: str
    memory_mb: float
    balance: str
    change: bool
    indicator: bool


@dataclass
class Mesh:
    """The adaptive mesh of a field at one time.

    Attributes
    ----------
    inr : INR
    time : float
        The time it shows; 0 for a static field.
    parameters : MeshParameters
    tree : Tree
    history : History
        How it was refined, with the indicator of each node.
    seconds : dict of str to float
        Wall-clock time by stage.
    recall : callable or None
        What the search knows at vertices (see `Recall`).
    """

    inr: INR
    time: float
    parameters: MeshParameters
    tree: Tree
    history: History
    seconds: dict[str, float] = field(default_factory=dict)
    recall: Recall | None = field(default=None, repr=False, compare=False)
    _exact: dict[bytes, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    @property
    def n_cells(self) -> int:
        """Number of cells (leaves)."""
        return self.tree.n_leaves

    @cached_property
    def evaluator(self) -> Evaluator:
        """The network at this time, ready to be evaluated."""
        p = self.parameters
        return Evaluator(self.inr.chain_at(self.time), p.device, p.memory_mb)

    @cached_property
    def local_evaluation(self) -> LocalEvaluation:
        """How values are found where not all are those of the whole network."""
        return output_evaluation(self.inr, self.time, self.parameters)

    @cached_property
    def vertices(self) -> Vertices:
        """The shared corners of the cells."""
        return find_vertices(self.tree)

    @cached_property
    def vertex_values(self) -> np.ndarray:
        """The field at `vertices`, shape (n_vertices, n_outputs), float32."""
        points = self.vertices.points
        if self.recall is None or self.parameters.values != "exact":
            return self._timed("vertex_values", points)
        self.seconds.setdefault("vertex_values", 0.0)
        return self.recall(
            self.vertices.lattice,
            self.tree.depth,
            lambda missing: self._timed("vertex_values", points[missing]),
        )

    @cached_property
    def conforming_vertex_values(self) -> np.ndarray:
        """Vertex values with hanging vertices interpolated from the coarser cell, float64."""
        return conforming_values(self.tree, self.vertices, self.vertex_values)

    @cached_property
    def dual_grid(self) -> DualGrid:
        """The grid whose points are the centres of the cells."""
        return DualGrid.of(self.tree, self.vertices)

    @cached_property
    def node_values(self) -> np.ndarray:
        """The field at the centre of every node, shape (n_nodes, n_outputs), float32."""
        return self._timed("cell_values", self.tree.centers(np.arange(self.tree.n_nodes)))

    @property
    def previous_time(self) -> float | None:
        """The last time step before this time; None at the first, and for a static field."""
        return self.inr.time_before(self.time)

    @property
    def unchanged_fraction(self) -> float | None:
        """Share of cells that are those of the previous time step; None if meshes are separate."""
        return None

    @cached_property
    def vertex_change(self) -> np.ndarray:
        """What changed at `vertices` since the previous time step, (n_vertices, n_outputs)."""
        return self.vertex_values - self._before(self.vertices.points, self.vertex_values)

    @cached_property
    def node_change(self) -> np.ndarray:
        """What changed at the centres since the previous time step, (n_nodes, n_outputs)."""
        centers = self.tree.centers(np.arange(self.tree.n_nodes))
        return self.node_values - self._before(centers, self.node_values)

    def _before(self, points: np.ndarray, now: np.ndarray) -> np.ndarray:
        """Return the field at points at the previous time step; at the first, that of now."""
        previous, p = self.previous_time, self.parameters
        if previous is None:
            return now
        return Evaluator(self.inr.chain_at(previous), p.device, p.memory_mb).numpy(points)

    def values_at(self, points: np.ndarray, nodes: np.ndarray) -> np.ndarray:
        """Return the field at the centres of cells, which need not be nodes of the tree.

        Parameters
        ----------
        points : numpy.ndarray, shape (n_cells, dimension)
        nodes : numpy.ndarray, shape (n_cells,), int64
            Node that each cell is, -1 for none.

        Returns
        -------
        numpy.ndarray, shape (n_cells, n_outputs), float32
        """
        return self.evaluator.numpy(points)

    def change_at(self, points: np.ndarray, nodes: np.ndarray) -> np.ndarray:
        """Return what changed since the previous time step where `values_at` gives values."""
        values = self.values_at(points, nodes)
        return values - self._before(points, values)

    def reconstruct(self, points: np.ndarray, reconstruction: str = "multilinear") -> np.ndarray:
        """Return the field that the mesh stands for at points, (n_points, n_outputs), float64.

        Parameters
        ----------
        points : numpy.ndarray, shape (n_points, dimension)
        reconstruction : str
            One of `pruning_amr.mesh.RECONSTRUCTIONS`.
        """
        if reconstruction == "cell_constant":
            return self.node_values[self.tree.locate(points)].astype(np.float64)
        if reconstruction == "dual":
            return self.dual_grid.interpolate(self.node_values, points)
        values = self.vertex_values
        if reconstruction == "conforming":
            values = self.conforming_vertex_values
        return interpolate(self.tree, self.vertices, values, points)

    def exact_values(self, points: np.ndarray, truth: INR | None = None) -> np.ndarray:
        """Return the field of the network at points, (n_points, n_outputs), float64.

        Points that are asked for again, as those at which errors are measured, are not evaluated
        again.

        Parameters
        ----------
        points : numpy.ndarray, shape (n_points, dimension)
        truth : INR, optional
            Another network than the one the mesh was made of.
        """
        if truth is not None and truth is not self.inr:
            other = Evaluator(truth.chain_at(self.time), self.parameters.device)
            return other.numpy(points).astype(np.float64)
        key = hashlib.sha256(np.ascontiguousarray(points)).digest()
        if key not in self._exact:
            while len(self._exact) >= _REMEMBERED:
                self._exact.pop(next(iter(self._exact)))
            self._exact[key] = self.evaluator.numpy(points)
        return self._exact[key].astype(np.float64)

    def truncated(self, depth: int) -> Mesh:
        """Return the mesh as it was with ``max_depth = depth``."""
        tree, nodes = self.tree.truncated(depth)
        history = self.history
        kept = History(
            history.indicator[nodes],
            history.tested[: depth + 1],
            [*history.refined[:depth], 0],
            "max_depth",
        )
        coarser = Mesh(self.inr, self.time, self.parameters, tree, kept)
        # Its vertices are some of this mesh's.
        coarser._exact, coarser.__dict__["evaluator"] = self._exact, self.evaluator
        place = self.vertices.places_of(coarser.vertices, self.tree.depth - tree.depth, self.tree)
        coarser.__dict__["vertex_values"] = self.vertex_values[place]
        return coarser

    def _timed(self, stage: str, points: np.ndarray) -> np.ndarray:
        started = clock.perf_counter()
        if self.parameters.values == "exact":
            values = self.evaluator.numpy(points)
        else:
            values = self.local_evaluation.at_points(points).values
        self.seconds[stage] = self.seconds.get(stage, 0.0) + clock.perf_counter() - started
        return values


def generation_counts(mesh: Mesh) -> list[dict[str, Any]]:
    """Return what happened on each level: cells tested and refined."""
    history = mesh.history
    return [
        {"level": level, "tested": history.tested[level], "refined": history.refined[level]}
        for level in range(mesh.tree.depth + 1)
    ]


def output_evaluation(inr: INR, time: float | None, parameters: MeshParameters) -> LocalEvaluation:
    """Return how values of the output are found, as the parameters say."""
    p, scale = parameters, error_scale(inr, parameters.error_formula)
    share = p.local_share * p.finest_tolerance if p.values == "local" else 0.0
    return LocalEvaluation(
        inr.chain_at(time), inr.spatial_bounds, scale, share, p.device, p.memory_mb, p.seed
    )
