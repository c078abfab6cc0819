"""The error of a cell's reconstruction, from samples inside the cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..cells import corner_offsets, interpolate_corners, lattice_in_cells
from ..inr import INR
from ..mesh import Tree, error_scale
from ..mesh.lattice import LatticeValues
from ..pruning import Policy
from .parameters import RefinementParameters
from .sampled_field import SampledField


@dataclass
class ErrorSums:
    """Sums over the sample points of cells, from which norms of their errors follow.

    Attributes
    ----------
    count : numpy.ndarray, shape (n_cells,), int64
        Sample points.
    square, fourth : numpy.ndarray, shape (n_cells,), float64
        Sums of the second and fourth powers of the relative error, each averaged over channels.
    largest : numpy.ndarray, shape (n_cells,), float64
        The largest relative error of any channel.
    """

    count: np.ndarray
    square: np.ndarray
    fourth: np.ndarray
    largest: np.ndarray

    @classmethod
    def zeros(cls, n_cells: int) -> ErrorSums:
        """Return the sums of no samples."""
        return cls(np.zeros(n_cells, np.int64), *(np.zeros(n_cells) for _ in range(3)))

    @classmethod
    def of(cls, error: np.ndarray) -> ErrorSums:
        """Return the sums of relative errors, shape (n_cells, n_points, n_outputs).

        Points are added one after another, so that a cell's sums do not depend on its batch.
        """
        n_cells, n_points, n_outputs = error.shape
        sums = cls.zeros(n_cells)
        sums.count += n_points
        for i in range(n_points):
            square = np.zeros(n_cells)
            for k in range(n_outputs):
                square += error[:, i, k] ** 2
            square /= n_outputs
            sums.square += square
            sums.fourth += square**2
        sums.largest = np.abs(error).max(axis=(1, 2), initial=0.0)
        return sums

    @property
    def mean_square(self) -> np.ndarray:
        """Mean squared relative error of each cell, shape (n_cells,)."""
        # An error that is no number counts as the largest there is.
        mean = self.square / np.maximum(self.count, 1)
        return np.nan_to_num(mean, nan=_HUGE, posinf=_HUGE)

    def grown(self, n_cells: int) -> ErrorSums:
        """Return the sums with unsampled cells appended, `n_cells` in all."""
        more = ErrorSums.zeros(n_cells - len(self.count))
        return ErrorSums(
            *(np.concatenate(pair) for pair in zip(_arrays(self), _arrays(more), strict=True))
        )

    def add(self, cells: np.ndarray, other: ErrorSums) -> None:
        """Add the sums of the cells of that number; each may be there once."""
        self.count[cells] += other.count
        self.square[cells] += other.square
        self.fourth[cells] += other.fourth
        self.largest[cells] = np.fmax(self.largest[cells], _finite(other.largest))

    def taken(self, cells: np.ndarray) -> ErrorSums:
        """Return the sums of some cells."""
        return ErrorSums(*(a[cells] for a in _arrays(self)))


_HUGE = 1e300


def _finite(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values, nan=_HUGE, posinf=_HUGE)


def _arrays(sums: ErrorSums) -> tuple[np.ndarray, ...]:
    return sums.count, sums.square, sums.fourth, sums.largest


class CellErrors:
    """Samples the error of the reconstruction in cells of a tree.

    The reconstruction is the multilinear interpolant of the cell's corner values, or its value
    at the centre. Every value of the network is asked for once, and serves the cells on all
    levels that share the point.

    Parameters
    ----------
    inr : INR
    time : float or None
    parameters : RefinementParameters
    tree : Tree
        The root grid.
    policy : Policy, optional
        When networks pruned in cells are worth their cost.
    """

    def __init__(
        self,
        inr: INR,
        time: float | None,
        parameters: RefinementParameters,
        tree: Tree,
        policy: Policy = Policy(),  # noqa: B008  immutable
    ) -> None:
        self.parameters = parameters
        self.constant = parameters.reconstruction == "cell_constant"
        self.scale = error_scale(inr, parameters.error_formula)
        self.field = SampledField(inr.chain_at(time), parameters, self.scale, tree, policy)
        # One level finer than the finest cells: their centres are on the lattice too.
        self._lattice = LatticeValues(
            tree.bounds, tree.root_resolution, parameters.max_depth + 1, self.field.numpy
        )

    def sample(self, tree: Tree, nodes: np.ndarray, count: int, stream: int) -> ErrorSums:
        """Sample every node at `count` points of its own; `stream` makes them fresh."""
        sums = ErrorSums.zeros(len(nodes))
        for part in self._batches(len(nodes), count):
            unit, exact = self._samples(tree, nodes[part], count, stream)
            sums.add(part, self._sums(tree, nodes[part], unit, exact))
        return sums

    def sample_children(
        self, tree: Tree, parents: np.ndarray, count: int, stream: int
    ) -> tuple[ErrorSums, ErrorSums]:
        """Sample the children of refined nodes, and the nodes themselves at the same points.

        Returns
        -------
        of_children : ErrorSums
            In the order of ``tree.children(parents)``.
        of_parents : ErrorSums
        """
        k = tree.n_children
        children = tree.children(parents)
        of_children, of_parents = ErrorSums.zeros(len(children)), ErrorSums.zeros(len(parents))
        offset = corner_offsets(tree.dimension)[None, :, None, :]
        for part in self._batches(len(parents), k * count):
            here = (part[:, None] * k + np.arange(k)).reshape(-1)
            unit, exact = self._samples(tree, children[here], count, stream)
            of_children.add(here, self._sums(tree, children[here], unit, exact))
            in_parent = (offset + unit.reshape(len(part), k, count, -1)) / 2.0
            in_parent = in_parent.reshape(len(part), k * count, -1)
            exact = exact.reshape(len(part), k * count, -1)
            of_parents.add(part, self._sums(tree, parents[part], in_parent, exact))
        return of_children, of_parents

    def relative(self, error: np.ndarray) -> np.ndarray:
        """Return errors in units of the field, (..., n_outputs), as relative errors."""
        return error / self.scale

    def _batches(self, n_cells: int, count: int) -> list[np.ndarray]:
        """Return runs of cells whose samples fit the memory budget."""
        bytes_per_cell = 8 * count * (4 * self.field.exact.chain.n_inputs + 8 * len(self.scale))
        size = max(1, int(self.parameters.memory_mb * 2**20 / 2 / bytes_per_cell))
        size = min(size, max(1, _MAX_POINTS // count))
        return [np.arange(i, min(i + size, n_cells)) for i in range(0, n_cells, size)]

    def _samples(
        self, tree: Tree, nodes: np.ndarray, count: int, stream: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points in local coordinates, (n, count, dimension), and the field there."""
        points, exact = self.points(tree, nodes, count, stream)
        low, size = tree.lower_corner(nodes), tree.cell_size(tree.level[nodes])
        return np.clip((points - low[:, None, :]) / size[:, None, :], 0.0, 1.0), exact

    def points(
        self, tree: Tree, nodes: np.ndarray, count: int, stream: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points in nodes, (n, count, dimension), and the field there, float64."""
        unit = lattice_in_cells(
            torch.from_numpy(tree.level[nodes]),
            torch.from_numpy(tree.index[nodes]),
            count,
            stream,
            self.parameters.seed,
        ).numpy()
        low = tree.lower_corner(nodes)[:, None, :]
        size = tree.cell_size(tree.level[nodes])[:, None, :]
        # Rounded as the network sees them: reconstruction and network meet at the same points.
        points = (low + unit * size).astype(np.float32).astype(np.float64)
        level = np.repeat(tree.sampling_level(nodes), count)
        exact = self.field.numpy(points.reshape(-1, tree.dimension), level)
        return points, exact.reshape(len(nodes), count, -1).astype(np.float64)

    def _sums(
        self, tree: Tree, nodes: np.ndarray, unit: np.ndarray, exact: np.ndarray
    ) -> ErrorSums:
        return ErrorSums.of(self.relative(self._reconstructed(tree, nodes, unit) - exact))

    def _reconstructed(self, tree: Tree, nodes: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """Return the reconstruction at local coordinates, (n, count, n_outputs)."""
        level, index = tree.level[nodes], tree.index[nodes]
        if self.constant:
            values = self._lattice.at(2 * index + 1, level + 1).astype(np.float64)
            return np.broadcast_to(values[:, None, :], (*unit.shape[:2], values.shape[1]))
        upper = corner_offsets(tree.dimension)
        corners = self._lattice.at(index[:, None, :] + upper, level[:, None])
        return interpolate_corners(corners, unit)


_MAX_POINTS = 1 << 20
