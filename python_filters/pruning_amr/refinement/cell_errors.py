"""The error of a cell's reconstruction, from samples inside the cell.

A tree in space and one over space and time are sampled alike: time is the last axis of the latter.
"""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import Protocol

import numpy as np

from ..cells import Stream, lattice_in_cells
from ..inr import INR
from ..mesh import SpaceTimeTree, error_scale
from ..mesh.lattice import Evaluate, LatticeValues, Recall, vertex_strides
from ..pruning import DEFAULT_POLICY, Policy
from .error_sums import ErrorSums, bounded
from .known_field import KnownField
from .parameters import RefinementParameters
from .reconstruction import AnyTree, Centres, Corners
from .sampled_field import SampledField

_MAX_POINTS = 1 << 20


class ErrorFactor(Protocol):
    """What the errors at points are multiplied by: more where a mesh has to be more accurate.

    Where it is 0 errors do not count, and the field is not asked for.

    Attributes
    ----------
    of_whole_cells : bool
        Whether errors count in all of a cell if they do anywhere in it: the few samples of a cell
        may all miss a small part, which a maximum must not.
    """

    of_whole_cells: bool

    def at(self, points: np.ndarray) -> np.ndarray:
        """Return the factor at points, (n, n_axes), as (n,)."""

    def mean_square(self, low: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Return its mean square over boxes, by their corners and sizes, or a bound, as (n,).

        0 only where it is 0 at all points of a box.
        """


class CellErrors:
    """Samples the error of the reconstruction in nodes of a tree.

    The reconstruction is the multilinear interpolant of the values at a cell's corners, or its
    value at the centre. Every value of the network is asked for once, and serves the cells on all
    levels that share the point.

    Parameters
    ----------
    inr : INR
    time : float or None
        Not heeded over space and time.
    parameters : RefinementParameters
    tree : Tree or SpaceTimeTree
        The root grid.
    policy : Policy, optional
        When networks pruned in cells are worth their cost.
    factor : ErrorFactor, optional
        By default 1. Means are over all of a cell and of the domain all the same.
    known : KnownField, optional
        What searches before have asked the network for.

    Attributes
    ----------
    field : SampledField
    lattice : LatticeValues
        Where the field is known.
    nodes : Corners or Centres
        What nodes of the tree know of the field.
    """

    def __init__(
        self,
        inr: INR,
        time: float | None,
        parameters: RefinementParameters,
        tree: AnyTree,
        policy: Policy = DEFAULT_POLICY,
        factor: ErrorFactor | None = None,
        known: KnownField | None = None,
    ) -> None:
        self.parameters, self._factor, self.known = parameters, factor, known
        self.scale = error_scale(inr, parameters.error_formula)
        over_time = isinstance(tree, SpaceTimeTree)
        chain = inr.chain_over_time() if over_time else inr.chain_at(time)
        # The points of a lattice are corners of the finest cells, and in space their centres.
        self._depth = parameters.max_depth + 1
        if over_time:
            self._depth = max(parameters.max_depth, parameters.max_time_depth)
        self._cell_depth = max(parameters.max_depth, parameters.max_time_depth * over_time) + 1
        self._cell_stride = vertex_strides(tree.root_resolution, self._cell_depth)
        self.field = SampledField(chain, parameters, self.scale, tree, policy, self.known)
        recall = None
        if known is not None:
            device = self.field.exact.device.type
            known.begin((tree.root_resolution, self._depth, parameters.seed, device))
            recall = partial(known.values, "lattice")
        self._look_up(self.field.numpy, tree, recall)

    @property
    def of_own_points(self) -> bool:
        """Whether the reconstruction in a cell depends on the cell's own points alone."""
        return self.parameters.reconstruction in ("multilinear", "cell_constant")

    def _look_up(self, evaluate: Evaluate, tree: AnyTree, recall: Recall | None = None) -> None:
        """Take the values at points of the lattice from a function."""
        lattice = LatticeValues(tree.bounds, tree.root_resolution, self._depth, evaluate, recall)
        constant = self.parameters.reconstruction == "cell_constant"
        self.lattice = lattice
        self.nodes = (Centres if constant else Corners)(lattice, self._depth, self.scale)

    def with_factor(self, factor: ErrorFactor) -> CellErrors:
        """Return errors with another factor, of the same field: what is known of it is shared."""
        other = copy(self)
        other._factor = factor
        return other

    def forget_local(self, tree: AnyTree) -> bool:
        """From now on give values at corners by the whole network, whatever gave them before.

        Returns whether others may have given them: then points get new numbers.
        """
        if self.field.local is None:
            return False
        self._look_up(lambda x, _level: self.field.exact.numpy(x), tree)
        return True

    def sample(
        self,
        tree: AnyTree,
        nodes: np.ndarray,
        count: int,
        stream: int,
        points: np.ndarray | None = None,
    ) -> ErrorSums:
        """Sample every node at `count` points of its own; `stream` makes them fresh.

        `points` are the numbers of the nodes' points, if they are known.
        """
        sums = ErrorSums.zeros(len(nodes))
        for part in self.batches(len(nodes), count):
            here = nodes[part]
            known = self.nodes.points(tree, here) if points is None else points[part]
            unit, exact = self.samples(tree, here, count, stream)
            sums.add(part, self.sums(known, unit, exact))
        return sums

    def peaks(
        self,
        tree: AnyTree,
        nodes: np.ndarray,
        points: np.ndarray,
        count: int,
        stream: int,
        around: tuple[np.ndarray, float],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the largest error at `count` points in each node, and where it is.

        Parameters
        ----------
        points : numpy.ndarray
            The numbers of the nodes' points.
        around : tuple of numpy.ndarray and float
            See `CellErrors.points`.

        Returns
        -------
        largest : numpy.ndarray, shape (n,)
        place : numpy.ndarray, shape (n, n_axes)
            In local coordinates.
        """
        largest, place = np.empty(len(nodes)), np.empty((len(nodes), len(tree.bounds)))
        for part in self.batches(len(nodes), count):
            near = around[0][part], around[1]
            unit, exact = self.samples(tree, nodes[part], count, stream, near)
            error = self.error(self.nodes.at(points[part], unit), exact)
            error = bounded(np.abs(error).max(axis=2))
            best = error.argmax(axis=1)
            rows = np.arange(len(part))
            largest[part], place[part] = error[rows, best], unit[rows, best]
        return largest, place

    def corner_numbers(self, tree: AnyTree, nodes: np.ndarray) -> np.ndarray:
        """Return the numbers of the corners of nodes in `lattice`, (n_nodes, 2^n_axes), int32.

        x fastest, time slowest.
        """
        return Corners(self.lattice, self._depth, self.scale).points(tree, nodes)

    def relative(self, difference: np.ndarray) -> np.ndarray:
        """Return differences in units of the field, (..., n_outputs), as relative ones."""
        return difference / self.scale

    def error(self, found: np.ndarray, exact: np.ndarray) -> np.ndarray:
        """Return relative errors of reconstructions, (..., n_outputs), times their factor.

        `exact` is the field there as `values` returns it.
        """
        if self._factor is None:
            return self.relative(found - exact)
        n = len(self.scale)
        factor = exact[..., n:]
        error = self.relative(found[..., :n] - exact[..., :n])
        return np.where(factor > 0.0, error, 0.0) * factor

    def counting(self, tree: AnyTree, nodes: np.ndarray) -> np.ndarray:
        """Return in which nodes errors count, (n,), bool."""
        squares = self.mean_square_factor(tree, nodes)
        return np.ones(len(nodes), bool) if squares is None else squares > 0.0

    def mean_square_factor(self, tree: AnyTree, nodes: np.ndarray) -> np.ndarray | None:
        """Return the mean square of the factor over nodes, (n,); None if it is 1."""
        if self._factor is None:
            return None
        return self._factor.mean_square(tree.lower_corner(nodes), tree.node_size(nodes))

    def audited_error(self, tree: AnyTree) -> float:
        """Return the error of the values that samples of a mesh got, relative, times its factor."""
        return self.field.audited_error(tree, None if self._factor is None else self._factor.at)

    def points(
        self,
        tree: AnyTree,
        nodes: np.ndarray,
        count: int,
        stream: int,
        around: tuple[np.ndarray, float] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points in nodes, (n, count, n_axes), and the field there, float64.

        Arguments are those of `places`.
        """
        points = self.places(tree, nodes, count, stream, around)
        return points, self.values(tree, nodes, points, "own" if stream == Stream.SEARCH else None)

    def places(
        self,
        tree: AnyTree,
        nodes: np.ndarray,
        count: int,
        stream: int,
        around: tuple[np.ndarray, float] | None = None,
    ) -> np.ndarray:
        """Return points in nodes, (n, count, n_axes), float64.

        `around` are places in local coordinates, (n, n_axes), and how far from them points are.
        """
        key, index = tree.shape_key(nodes), tree.index.take(nodes, axis=0)
        unit = lattice_in_cells(key, index, count, stream, self.parameters.seed)
        if around is not None:
            place, reach = around
            unit = np.clip(place[:, None, :] + reach * (2.0 * unit - 1.0), 0.0, 1.0)
        low = tree.lower_corner(nodes)[:, None, :]
        # Rounded as the network sees them: reconstruction and network meet at the same points.
        points = low + unit * tree.node_size(nodes)[:, None, :]
        return points.astype(np.float32).astype(np.float64)

    def samples(
        self,
        tree: AnyTree,
        nodes: np.ndarray,
        count: int,
        stream: int,
        around: tuple[np.ndarray, float] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points in local coordinates, (n, count, n_axes), and the field there."""
        points, exact = self.points(tree, nodes, count, stream, around)
        unit = (points - tree.lower_corner(nodes)[:, None]) / tree.node_size(nodes)[:, None]
        return np.clip(unit, 0.0, 1.0), exact

    def values(
        self, tree: AnyTree, nodes: np.ndarray, points: np.ndarray, kept_as: str | None = None
    ) -> np.ndarray:
        """Return the field at points in nodes, (n, count, n_axes), float64.

        With a factor of errors, that is one more column after the outputs; where it is 0, they are.

        Parameters
        ----------
        tree : Tree or SpaceTimeTree
        nodes : numpy.ndarray, shape (n,), int64
        points : numpy.ndarray, shape (n, count, n_axes)
        kept_as : str, optional
            Which points of each node they are, if searches ask for them again and again.
        """
        if self._factor is None:
            return self._field(tree, nodes, points, kept_as).astype(np.float64)
        level = np.repeat(tree.sampling_level(nodes), points.shape[1])
        flat, shape = points.reshape(-1, points.shape[-1]), points.shape[:2]
        values = np.zeros((len(flat), len(self.scale) + 1))
        if self._factor.of_whole_cells:
            factor = np.sqrt(self.mean_square_factor(tree, nodes))
            values[:, -1] = np.repeat(factor, points.shape[1])
        else:
            values[:, -1] = self._factor.at(flat)
        counts = values[:, -1] > 0.0
        if counts.all():
            values[:, :-1] = self._field(tree, nodes, points, kept_as).reshape(len(flat), -1)
        else:
            values[counts, :-1] = self.field.numpy(flat[counts], level[counts])
        return values.reshape(*shape, -1)

    def _field(
        self, tree: AnyTree, nodes: np.ndarray, points: np.ndarray, kept_as: str | None
    ) -> np.ndarray:
        """Return the field at points in nodes as `values` does, without a factor, float32."""
        count, level = points.shape[1], tree.sampling_level(nodes)

        def evaluate(some: np.ndarray) -> np.ndarray:
            flat = points[some].reshape(-1, points.shape[-1])
            found = self.field.numpy(flat, np.repeat(level[some], count))
            return found.reshape(len(some), count, -1)

        if kept_as is None or self.known is None:
            return evaluate(np.arange(len(nodes)))
        # The centre of a cell is on no lattice but that of its children: it tells all apart.
        index = tree.index[nodes].astype(np.int64)
        centre = np.left_shift(2 * index + 1, self._cell_depth - 1 - tree.levels(nodes))
        return self.known.values((kept_as, count), centre @ self._cell_stride, evaluate)

    def sums(self, points: np.ndarray, unit: np.ndarray, exact: np.ndarray) -> ErrorSums:
        """Return the errors of nodes, by the numbers of their points, at local coordinates."""
        return ErrorSums.of(self.error(self.nodes.at(points, unit), exact))

    def batches(self, n_cells: int, count: int) -> list[np.ndarray]:
        """Return runs of cells whose samples fit the memory budget."""
        bytes_per_cell = 8 * count * (4 * self.field.exact.chain.n_inputs + 8 * len(self.scale))
        size = max(1, int(self.parameters.memory_mb * 2**20 / 2 / bytes_per_cell))
        size = min(size, max(1, _MAX_POINTS // count))
        return [np.arange(i, min(i + size, n_cells)) for i in range(0, n_cells, size)]
