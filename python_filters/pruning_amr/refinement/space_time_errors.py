"""The error of the interpolant over space and time in cells, as a whole and by direction.

The reconstruction is multilinear in space between a cell's corners, and linear in time between
the two ends of its interval. What it misses is the sum of two parts that are measured apart, at
the same points: what interpolating in time alone misses, and, of what is left, what interpolating
in space misses.
"""

from __future__ import annotations

import numpy as np
import torch

from ..cells import corner_offsets, interpolate_corners, lattice_in_cells
from ..inr import INR
from ..mesh import SpaceTimeTree, error_scale
from ..mesh.lattice import Evaluate, LatticeValues
from ..pruning import Policy
from .cell_errors import ErrorSums
from .parameters import RefinementParameters
from .sampled_field import SampledField

_MAX_POINTS = 1 << 20


class SpaceTimeErrors:
    """Samples the error of the reconstruction in nodes of a space-time tree.

    Every value of the network at a corner is asked for once, and serves all nodes that share it.

    Parameters
    ----------
    inr : INR
        A field with time.
    parameters : RefinementParameters
    tree : SpaceTimeTree
        The root grid.
    policy : Policy, optional
        When networks pruned in cells are worth their cost.
    """

    def __init__(
        self,
        inr: INR,
        parameters: RefinementParameters,
        tree: SpaceTimeTree,
        policy: Policy = Policy(),  # noqa: B008  immutable
    ) -> None:
        self.parameters = parameters
        self.scale = error_scale(inr, parameters.error_formula)
        self.field = SampledField(inr.chain_over_time(), parameters, self.scale, tree, policy)
        self._depth = max(parameters.max_depth, parameters.max_time_depth)
        self._lattice = self._values_by(self.field.numpy, tree)

    def _values_by(self, evaluate: Evaluate, tree: SpaceTimeTree) -> LatticeValues:
        return LatticeValues(tree.bounds, tree.root_resolution, self._depth, evaluate)

    def forget_local(self, tree: SpaceTimeTree) -> None:
        """From now on give values at corners by the whole network, whatever gave them before."""
        if self.field.local is not None:
            self._lattice = self._values_by(lambda x, _level: self.field.exact.numpy(x), tree)

    def sample(self, tree: SpaceTimeTree, nodes: np.ndarray, count: int, stream: int) -> ErrorSums:
        """Sample every node at `count` points of its own; `stream` makes them fresh."""
        sums = ErrorSums.zeros(len(nodes))
        for part in self._batches(len(nodes), count):
            unit, exact = self._samples(tree, nodes[part], count, stream)
            sums.add(part, self._sums(tree, nodes[part], unit, exact))
        return sums

    def sample_children(
        self, tree: SpaceTimeTree, parents: np.ndarray, count: int, stream: int
    ) -> tuple[ErrorSums, ErrorSums]:
        """Sample the children of refined nodes, and the nodes themselves at the same points.

        Parameters
        ----------
        parents : numpy.ndarray, shape (n,), int64
            All of them split in space, or all in time.

        Returns
        -------
        of_children : ErrorSums
            In the order of ``tree.children(parents)``.
        of_parents : ErrorSums
        """
        children = tree.children(parents)
        k = len(children) // max(len(parents), 1)
        of_children, of_parents = ErrorSums.zeros(len(children)), ErrorSums.zeros(len(parents))
        for part in self._batches(len(parents), k * count):
            here = (part[:, None] * k + np.arange(k)).reshape(-1)
            unit, exact = self._samples(tree, children[here], count, stream)
            of_children.add(here, self._sums(tree, children[here], unit, exact))
            in_parent = _in_parent(unit.reshape(len(part), k, count, -1))
            exact = exact.reshape(len(part), k * count, -1)
            of_parents.add(part, self._sums(tree, parents[part], in_parent, exact))
        return of_children, of_parents

    def by_direction(
        self, tree: SpaceTimeTree, nodes: np.ndarray, count: int, stream: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean squared relative errors of interpolating in space and in time.

        Returns
        -------
        in_space, in_time : numpy.ndarray, shape (n_nodes,)
        """
        in_space, in_time = np.empty(len(nodes)), np.empty(len(nodes))
        for part in self._batches(len(nodes), 3 * count):
            here = nodes[part]
            unit, exact = self._samples(tree, here, count, stream)
            low, size = tree.lower_corner(here), tree.node_size(here)
            points = low[:, None, :] + unit * size[:, None, :]
            ends = []
            for side in (0.0, 1.0):
                points[:, :, -1] = (low[:, -1] + side * size[:, -1])[:, None]
                ends.append(self._values(tree, here, points))
            late = unit[:, :, -1:]
            between = (1.0 - late) * ends[0] + late * ends[1]
            in_time[part] = ErrorSums.of((exact - between) / self.scale).mean_square
            spatial = self._reconstructed(tree, here, unit) - between
            in_space[part] = ErrorSums.of(spatial / self.scale).mean_square
        return in_space, in_time

    def corner_values(self, tree: SpaceTimeTree, nodes: np.ndarray) -> np.ndarray:
        """Return the field at the corners of nodes, x fastest and time slowest.

        Returns
        -------
        numpy.ndarray, shape (n_nodes, 2^(dimension + 1), n_outputs), float32
        """
        corner = tree.index[nodes][:, None, :] + corner_offsets(tree.dimension + 1)
        shift = self._depth - tree.levels(nodes)
        return self._lattice.at(np.left_shift(corner, shift[:, None, :]), self._depth)

    def _sums(
        self, tree: SpaceTimeTree, nodes: np.ndarray, unit: np.ndarray, exact: np.ndarray
    ) -> ErrorSums:
        return ErrorSums.of((self._reconstructed(tree, nodes, unit) - exact) / self.scale)

    def _reconstructed(
        self, tree: SpaceTimeTree, nodes: np.ndarray, unit: np.ndarray
    ) -> np.ndarray:
        """Return the reconstruction at local coordinates, (n, count, n_outputs)."""
        return interpolate_corners(self.corner_values(tree, nodes), unit)

    def _samples(
        self, tree: SpaceTimeTree, nodes: np.ndarray, count: int, stream: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points in local coordinates, (n, count, dimension + 1), and the field there."""
        unit = lattice_in_cells(
            torch.from_numpy(tree.shape_key(nodes)),
            torch.from_numpy(tree.index[nodes]),
            count,
            stream,
            self.parameters.seed,
        ).numpy()
        low = tree.lower_corner(nodes)[:, None, :]
        size = tree.node_size(nodes)[:, None, :]
        # Rounded as the network sees them: reconstruction and network meet at the same points.
        points = (low + unit * size).astype(np.float32).astype(np.float64)
        return np.clip((points - low) / size, 0.0, 1.0), self._values(tree, nodes, points)

    def _values(self, tree: SpaceTimeTree, nodes: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return the field at points in nodes, (n, count, dimension + 1), float64."""
        level = np.repeat(tree.sampling_level(nodes), points.shape[1])
        values = self.field.numpy(points.reshape(-1, points.shape[-1]), level)
        return values.reshape(*points.shape[:2], -1).astype(np.float64)

    def _batches(self, n_cells: int, count: int) -> list[np.ndarray]:
        """Return runs of cells whose samples fit the memory budget."""
        n_inputs = self.field.exact.chain.n_inputs
        bytes_per_cell = 8 * count * (4 * n_inputs + 8 * len(self.scale))
        size = max(1, int(self.parameters.memory_mb * 2**20 / 2 / bytes_per_cell))
        size = min(size, max(1, _MAX_POINTS // count))
        return [np.arange(i, min(i + size, n_cells)) for i in range(0, n_cells, size)]


def _in_parent(unit: np.ndarray) -> np.ndarray:
    """Return local coordinates in children, (n, k, count, axes), as those in their parents."""
    n, k, count, n_axes = unit.shape
    # Two children are intervals: in space there are four or eight.
    split = slice(-1, None) if k == 2 else slice(0, -1)
    offset = corner_offsets(k.bit_length() - 1)[None, :, None, :]
    result = unit.copy()
    result[..., split] = (offset + unit[..., split]) / 2.0
    return result.reshape(n, k * count, n_axes)
