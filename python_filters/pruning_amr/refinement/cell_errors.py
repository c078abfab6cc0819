"""The error of a cell's reconstruction, from samples inside the cell.

A tree in space and one over space and time are sampled alike: time is the last axis of the latter.
"""

from __future__ import annotations

import numpy as np
import torch

from ..cells import corner_offsets, interpolate_corners, lattice_in_cells
from ..inr import INR
from ..inr.chain import Chain
from ..mesh import SpaceTimeTree, Tree, error_scale
from ..mesh.lattice import Evaluate, LatticeValues
from ..pruning import DEFAULT_POLICY, Policy
from .error_sums import ErrorSums
from .parameters import RefinementParameters
from .sampled_field import SampledField

_MAX_POINTS = 1 << 20

AnyTree = Tree | SpaceTimeTree


class CellErrors:
    """Samples the error of the reconstruction in nodes of a tree.

    The reconstruction is the multilinear interpolant of the values at a cell's corners, or its
    value at the centre. Every value of the network is asked for once, and serves the cells on all
    levels that share the point.

    Parameters
    ----------
    inr : INR
    time : float or None
    parameters : RefinementParameters
    tree : Tree or SpaceTimeTree
        The root grid.
    policy : Policy, optional
        When networks pruned in cells are worth their cost.
    """

    def __init__(
        self,
        inr: INR,
        time: float | None,
        parameters: RefinementParameters,
        tree: AnyTree,
        policy: Policy = DEFAULT_POLICY,
    ) -> None:
        self.parameters = parameters
        self.constant = parameters.reconstruction == "cell_constant"
        self.scale = error_scale(inr, parameters.error_formula)
        self.field = SampledField(self._chain(inr, time), parameters, self.scale, tree, policy)
        self._lattice = self._values_by(self.field.numpy, tree)

    def _chain(self, inr: INR, time: float | None) -> Chain:
        return inr.chain_at(time)

    @property
    def _depth(self) -> int:
        """Depth of the lattice: its points are corners of the finest cells, and their centres."""
        return self.parameters.max_depth + 1

    def _values_by(self, evaluate: Evaluate, tree: AnyTree) -> LatticeValues:
        return LatticeValues(tree.bounds, tree.root_resolution, self._depth, evaluate)

    def sample(self, tree: AnyTree, nodes: np.ndarray, count: int, stream: int) -> ErrorSums:
        """Sample every node at `count` points of its own; `stream` makes them fresh."""
        sums = ErrorSums.zeros(len(nodes))
        for part in self._batches(len(nodes), count):
            unit, exact = self._samples(tree, nodes[part], count, stream)
            sums.add(part, self._sums(tree, nodes[part], unit, exact))
        return sums

    def sample_children(
        self, tree: AnyTree, parents: np.ndarray, count: int, stream: int
    ) -> tuple[ErrorSums, ErrorSums]:
        """Sample the children of refined nodes, and the nodes themselves at the same points.

        Parameters
        ----------
        parents : numpy.ndarray, shape (n,), int64
            Over space and time, all of them split in space, or all in time.

        Returns
        -------
        of_children : ErrorSums
            In the order of ``tree.children(parents)``.
        of_parents : ErrorSums
        """
        children = tree.children(parents)
        k, axes = max(len(children) // max(len(parents), 1), 1), tree.split_axes(parents)
        of_children, of_parents = ErrorSums.zeros(len(children)), ErrorSums.zeros(len(parents))
        offset = corner_offsets(k.bit_length() - 1)[None, :, None, :]
        for part in self._batches(len(parents), k * count):
            here = (part[:, None] * k + np.arange(k)).reshape(-1)
            unit, exact = self._samples(tree, children[here], count, stream)
            of_children.add(here, self._sums(tree, children[here], unit, exact))
            in_parent = unit.reshape(len(part), k, count, -1).copy()
            in_parent[..., axes] = (offset + in_parent[..., axes]) / 2.0
            in_parent = in_parent.reshape(len(part), k * count, -1)
            exact = exact.reshape(len(part), k * count, -1)
            of_parents.add(part, self._sums(tree, parents[part], in_parent, exact))
        return of_children, of_parents

    def corner_values(self, tree: AnyTree, nodes: np.ndarray) -> np.ndarray:
        """Return the field at the corners of nodes, x fastest, time slowest.

        Returns
        -------
        numpy.ndarray, shape (n_nodes, 2^n_axes, n_outputs), float32
        """
        corner = tree.index[nodes][:, None, :] + corner_offsets(len(tree.bounds))
        shift = self._depth - tree.levels(nodes)
        return self._lattice.at(np.left_shift(corner, shift[:, None, :]), self._depth)

    def relative(self, error: np.ndarray) -> np.ndarray:
        """Return errors in units of the field, (..., n_outputs), as relative errors."""
        return error / self.scale

    def points(
        self, tree: AnyTree, nodes: np.ndarray, count: int, stream: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points in nodes, (n, count, n_axes), and the field there, float64."""
        unit = lattice_in_cells(
            torch.from_numpy(tree.shape_key(nodes)),
            torch.from_numpy(tree.index[nodes]),
            count,
            stream,
            self.parameters.seed,
        ).numpy()
        low = tree.lower_corner(nodes)[:, None, :]
        # Rounded as the network sees them: reconstruction and network meet at the same points.
        points = low + unit * tree.node_size(nodes)[:, None, :]
        points = points.astype(np.float32).astype(np.float64)
        return points, self._values(tree, nodes, points)

    def _samples(
        self, tree: AnyTree, nodes: np.ndarray, count: int, stream: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points in local coordinates, (n, count, n_axes), and the field there."""
        points, exact = self.points(tree, nodes, count, stream)
        unit = (points - tree.lower_corner(nodes)[:, None]) / tree.node_size(nodes)[:, None]
        return np.clip(unit, 0.0, 1.0), exact

    def _values(self, tree: AnyTree, nodes: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return the field at points in nodes, (n, count, n_axes), float64."""
        level = np.repeat(tree.sampling_level(nodes), points.shape[1])
        values = self.field.numpy(points.reshape(-1, points.shape[-1]), level)
        return values.reshape(*points.shape[:2], -1).astype(np.float64)

    def _sums(
        self, tree: AnyTree, nodes: np.ndarray, unit: np.ndarray, exact: np.ndarray
    ) -> ErrorSums:
        return ErrorSums.of(self.relative(self._reconstructed(tree, nodes, unit) - exact))

    def _reconstructed(self, tree: AnyTree, nodes: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """Return the reconstruction at local coordinates, (n, count, n_outputs)."""
        if not self.constant:
            return interpolate_corners(self.corner_values(tree, nodes), unit)
        center = 2 * tree.index[nodes] + 1
        values = self._lattice.at(center, tree.level[nodes] + 1).astype(np.float64)
        return np.broadcast_to(values[:, None, :], (*unit.shape[:2], values.shape[1]))

    def _batches(self, n_cells: int, count: int) -> list[np.ndarray]:
        """Return runs of cells whose samples fit the memory budget."""
        bytes_per_cell = 8 * count * (4 * self.field.exact.chain.n_inputs + 8 * len(self.scale))
        size = max(1, int(self.parameters.memory_mb * 2**20 / 2 / bytes_per_cell))
        size = min(size, max(1, _MAX_POINTS // count))
        return [np.arange(i, min(i + size, n_cells)) for i in range(0, n_cells, size)]
