"""What a search knows of the field in each node of its tree, by points that nodes share.

The multilinear interpolant of a node is given by the field at its corners, the constant one by that
at its centre. Refining a node asks for the points that its children have and it has not; what
these tell is the surplus of the children (`pruning_amr.refinement.surplus`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..cells import corner_offsets, interpolate_corners
from ..inr.threads import parallel_map
from ..mesh import SpaceTimeTree, Tree
from ..mesh.lattice import LatticeValues
from .surplus import SplitStencil, split_stencil

AnyTree = Tree | SpaceTimeTree

_PART = 2048
"""Nodes whose surplus is worked out at a time: values at all points fit a processor's cache."""


@dataclass(frozen=True)
class Refined:
    """What refining nodes told.

    Attributes
    ----------
    points : numpy.ndarray, shape (n_children, n), int32
        Numbers of the points of each child.
    new : numpy.ndarray, shape (n_parents, n_new), int32
        Those that the parent has not.
    saved : numpy.ndarray, shape (n_parents,)
        Mean square of the surplus over each node, relative.
    of_children : numpy.ndarray, shape (n_parents, children of each)
        The same over each child.
    without_numbers : numpy.ndarray, shape (n_children,), bool
        Children at none of whose corners the field is a number.
    """

    points: np.ndarray
    new: np.ndarray
    saved: np.ndarray
    of_children: np.ndarray
    without_numbers: np.ndarray


class Corners:
    """Multilinear interpolants, by the field at the corners of nodes.

    Parameters
    ----------
    lattice : LatticeValues
    depth : int
        Depth of the lattice.
    scale : numpy.ndarray, shape (n_outputs,)
        What errors of each output are divided by.
    """

    def __init__(self, lattice: LatticeValues, depth: int, scale: np.ndarray) -> None:
        self._lattice, self._depth, self._scale = lattice, depth, scale

    def points(self, tree: AnyTree, nodes: np.ndarray) -> np.ndarray:
        """Return the numbers of the points of nodes, shape (n, 2^n_axes), int32."""
        levels, offsets = tree.levels(nodes), corner_offsets(len(tree.bounds))
        return self._numbers(tree.index[nodes], levels, offsets)

    def sources(self, tree: AnyTree, split: slice) -> np.ndarray:
        """Return where the points of children are found (see `PointNumbers`)."""
        return self._stencil(tree, split).sources

    def refined(self, tree: AnyTree, parents: np.ndarray, points: np.ndarray) -> Refined:
        """Return what refining nodes tells.

        Parameters
        ----------
        tree : Tree or SpaceTimeTree
            In which the nodes are refined, all along the same axes.
        parents : numpy.ndarray, shape (n,), int64
        points : numpy.ndarray, shape (n, 2^n_axes)
            Those of the nodes.
        """
        stencil = self._stencil(tree, tree.split_axes(parents))
        numbers = np.empty((len(parents), len(stencil.positions)), np.int32)
        numbers[:, stencil.old] = points
        doubled = np.asarray(stencil.doubled)
        corner, levels = tree.index[parents] * (doubled + 1), tree.levels(parents) + doubled
        new = self._numbers(corner, levels, stencil.positions[stencil.new])
        numbers[:, stencil.new] = new
        saved, of_children = self._surplus_squares(stencil, numbers)
        of_each = numbers[:, stencil.children].reshape(-1, points.shape[1])
        without_numbers = np.zeros(len(of_each), bool)
        if not np.isfinite(saved).all():
            is_number = np.isfinite(self._lattice.values(numbers)).all(axis=2)
            without_numbers = ~is_number[:, stencil.children].any(axis=2).reshape(-1)
        return Refined(of_each, new, saved, of_children, without_numbers)

    def at(self, points: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """Return the reconstruction at local coordinates, (n, count, n_outputs), float64."""
        return interpolate_corners(self._lattice.values(points), unit)

    def values(self, points: np.ndarray) -> np.ndarray:
        """Return the field at points of nodes, shape (n, 2^n_axes, n_outputs), float32."""
        return self._lattice.values(points)

    def _surplus_squares(
        self, stencil: SplitStencil, numbers: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean squares of surpluses over nodes and their children, by numbers of points."""

        def of(start: int) -> tuple[np.ndarray, np.ndarray]:
            points = np.ascontiguousarray(numbers[start : start + _PART].T)
            values = self._lattice.values(points).astype(np.float64) / self._scale
            return stencil.mean_square(stencil.surplus(values))

        if len(numbers) <= _PART:
            return of(0)
        starts = range(0, len(numbers), _PART)
        whole, of_children = zip(*parallel_map(of, starts, torch.device("cpu")), strict=True)
        return np.concatenate(whole), np.concatenate(of_children)

    def _stencil(self, tree: AnyTree, split: slice) -> SplitStencil:
        doubled = np.zeros(len(tree.bounds), bool)
        doubled[split] = True
        return split_stencil(tuple(doubled.tolist()))

    def _numbers(self, corner: np.ndarray, levels: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return the numbers of points around corners, both positions on grids of some levels."""
        edge = np.left_shift(1, self._depth - levels.astype(np.int64))
        return self._lattice.numbers_around(corner * edge, edge, offsets)


class Centres:
    """Constants, by the field at the centres of nodes; parameters are those of `Corners`."""

    def __init__(self, lattice: LatticeValues, depth: int, scale: np.ndarray) -> None:
        self._lattice, self._depth, self._scale = lattice, depth, scale

    def points(self, tree: Tree, nodes: np.ndarray) -> np.ndarray:
        """Return the numbers of the centres of nodes, shape (n, 1), int32."""
        center = 2 * tree.index[nodes] + 1
        return self._lattice.numbers(center, tree.level[nodes] + 1)[:, None]

    def sources(self, tree: Tree, split: slice) -> np.ndarray:
        """Return where the points of children are found (see `PointNumbers`): all are new."""
        return np.arange(tree.n_children)[:, None]

    def refined(self, tree: Tree, parents: np.ndarray, points: np.ndarray) -> Refined:
        """Return what refining nodes tells (see `Corners`)."""
        of_each = self.points(tree, tree.children(parents))
        values = self._lattice.values(of_each[:, 0]).astype(np.float64) / self._scale
        values = values.reshape(len(parents), tree.n_children, -1)
        own = self._lattice.values(points[:, 0]).astype(np.float64) / self._scale
        of_children = np.zeros(values.shape[:2])
        for channel in range(values.shape[2]):
            of_children += (values[:, :, channel] - own[:, None, channel]) ** 2
        of_children /= values.shape[2]
        saved = np.zeros(len(parents))
        for k in range(of_children.shape[1]):
            saved += of_children[:, k]
        # One point says too little of a cell to give it up.
        without_numbers = np.zeros(len(of_each), bool)
        new = of_each.reshape(len(parents), -1)
        return Refined(of_each, new, saved / of_children.shape[1], of_children, without_numbers)

    def at(self, points: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """Return the reconstruction at local coordinates, (n, count, n_outputs), float64."""
        values = self._lattice.values(points[:, 0]).astype(np.float64)
        return np.broadcast_to(values[:, None, :], (*unit.shape[:2], values.shape[1]))
