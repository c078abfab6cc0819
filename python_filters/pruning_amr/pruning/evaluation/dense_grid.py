"""The values of a dense grid by the networks of cells, interpolated where the field is smooth."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...cells import Boxes, CellCodes, Stream
from ...cells.grid_blocks import GridBlocks
from ..local.local_networks import LocalNetworks
from ..local.plan import Policy
from ..local.reference import Reference
from ..local.shapes import ALIGNMENT
from ..local.statistics import sum_of_squares
from .block_interpolation import CHECKED, BlockInterpolation

_TRIED = 24
"""Blocks tried on every level."""

_LIMIT = 0.7
"""Error of interpolation in a block, relative to what is allowed over the domain."""

NETWORK_SHARE = 0.9
"""Share of the allowed error left to the networks. Most blocks are far below their limit, and
squares add up."""

_BATCH_VALUES = 1 << 22


@dataclass(frozen=True)
class Interpolated:
    """On which levels the blocks of a grid are interpolated.

    Attributes
    ----------
    levels : range
        From coarse to fine; empty if none are.
    allowed : float
        Root mean square of the relative error of a block.
    n_evaluated : float
        About how many points are evaluated in all.
    """

    levels: range
    allowed: float
    n_evaluated: float


def levels_to_interpolate(
    reference: Reference, allowed: float, n_points: float, policy: Policy
) -> Interpolated:
    """Find the levels on which interpolation saves most, by random blocks of each.

    Parameters
    ----------
    reference : Reference
    allowed : float
        Root mean square of the relative error allowed over the domain.
    n_points : float
        Points of the grid.
    policy : Policy
    """
    domain, allowed = reference.domain, _LIMIT * allowed
    d, device = domain.dimension, reference.device
    scheme = BlockInterpolation(d, device)
    n_blocks: list[float] = [float(math.prod(domain.root_resolution))]
    while scheme.pays(n_points / n_blocks[-1]):
        n_blocks.append(n_blocks[-1] * 2**d)
    n_blocks.pop()
    root = torch.tensor(domain.root_resolution, device=device)
    left = []
    for level in range(len(n_blocks)):
        generator = torch.Generator().manual_seed(reference.seed + level)
        unit = torch.rand((_TRIED, d), generator=generator).to(device)
        tried = domain.boxes(level, (unit * (root << level)).long())
        _, error = _interpolants(scheme, tried, reference, reference)
        left.append(1.0 - float((error <= allowed).double().mean()))
    best = Interpolated(range(0), allowed, n_points)
    for first in range(len(left)):
        total, open_ = 0.0, 1.0
        for blocks, share in zip(n_blocks[first:], left[first:], strict=True):
            total += open_ * blocks * scheme.n_points
            # Blocks that fail lie in larger ones that failed.
            open_ = min(open_, share)
        total += open_ * n_points
        if total < min(best.n_evaluated, policy.interpolated_share * n_points):
            best = Interpolated(range(first, len(left)), allowed, total)
    return best


def _interpolants(
    scheme: BlockInterpolation,
    boxes: Boxes,
    evaluate: Callable[[torch.Tensor], torch.Tensor],
    reference: Reference,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return values at the nodes of blocks, and the error of their interpolants at other points."""
    nodes = boxes.at(scheme.unit[None]).float()
    check = boxes.random_points(CHECKED, Stream.INTERPOLATION, reference.seed)
    values = evaluate(torch.cat([nodes, check], dim=1))
    at_nodes, exact = values[:, :-CHECKED], values[:, -CHECKED:]
    unit = (check.double() - boxes.lower[:, None]) / boxes.size[:, None]
    return at_nodes, reference.mean_square(scheme.at(at_nodes, unit), exact).sqrt()


class DenseGrid:
    """A rectilinear grid that is filled cell by cell.

    Parameters
    ----------
    axes : sequence of numpy.ndarray
        Ascending coordinates along each axis.
    codes : CellCodes
        Of the cells.
    reference : Reference
    interpolated : Interpolated
    """

    def __init__(
        self,
        axes: Sequence[np.ndarray],
        codes: CellCodes,
        reference: Reference,
        interpolated: Interpolated,
    ) -> None:
        self._reference, domain = reference, reference.domain
        self._scheme = BlockInterpolation(len(axes), reference.device)
        self._allowed = interpolated.allowed
        self._cells = codes.level
        self._interpolated = [n for n in interpolated.levels if n >= codes.level]
        self._blocks: dict[int, GridBlocks] = {}
        self._matrices: dict[int, list[torch.Tensor]] = {}
        for level in range(codes.level, max([codes.level, *self._interpolated]) + 1):
            blocks = self._blocks[level] = GridBlocks(axes, level, domain, ALIGNMENT)
            if level in self._interpolated:
                self._matrices[level] = [
                    self._scheme.matrix(blocks.unit(k)) for k in range(len(axes))
                ]

    def has_points(self, index: torch.Tensor) -> torch.Tensor:
        """Return which cells have points of the grid."""
        return self._blocks[self._cells].has_points(index)

    def fill(self, values: torch.Tensor, index: torch.Tensor, networks: LocalNetworks) -> float:
        """Evaluate at the points in cells; return the errors that interpolation adds.

        The sum over cells of their mean squares, relative.

        Parameters
        ----------
        values : torch.Tensor, shape (n_points, n_outputs), float32
            Those of the grid, the first axis fastest.
        index : torch.Tensor, shape (n_cells, dimension), int64
            Cells that have points.
        networks : LocalNetworks
            One for each cell.
        """
        own, square = torch.arange(len(index), device=index.device), 0.0
        for level in sorted(self._blocks):
            if level > self._cells:
                index, own = self._split(level, index, own)
            if level in self._interpolated:
                error = self._interpolate(values, level, index, networks.take(own))
                good = error <= self._allowed
                volume = 2.0 ** (index.shape[1] * (self._cells - level))
                square += volume * sum_of_squares(error[good].square(), self._allowed)
                index, own = index[~good], own[~good]
            if not len(index):
                return square
        self._evaluate(values, level, index, networks.take(own))
        return square

    def _split(
        self, level: int, index: torch.Tensor, own: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the blocks of a level within larger ones, and the cells they belong to."""
        d = index.shape[1]
        corner = torch.cartesian_prod(*[torch.arange(2, device=index.device)] * d).reshape(-1, d)
        index = (2 * index[:, None, :] + corner).reshape(-1, d)
        own = own.repeat_interleave(len(corner))
        there = self._blocks[level].has_points(index)
        return index[there], own[there]

    def _evaluate(
        self, values: torch.Tensor, level: int, index: torch.Tensor, networks: LocalNetworks
    ) -> None:
        """Evaluate at all points of blocks."""
        blocks = self._blocks[level]
        for part in torch.arange(len(index), device=index.device).split(blocks.at_once):
            points, place = blocks.points(index[part])
            values[place] = networks.take(part)(points, self._reference.evaluator)

    def _interpolate(
        self, values: torch.Tensor, level: int, index: torch.Tensor, networks: LocalNetworks
    ) -> torch.Tensor:
        """Interpolate blocks where that is accurate; return the errors of all."""
        blocks, matrices = self._blocks[level], self._matrices[level]
        error = torch.empty(len(index), dtype=torch.float64, device=index.device)
        at_once = max(1, _BATCH_VALUES // (8 * self._scheme.n_points))
        for part in torch.arange(len(index), device=index.device).split(at_once):
            own = networks.take(part)
            at_nodes, error[part] = _interpolants(
                self._scheme,
                self._reference.domain.boxes(level, index[part]),
                lambda points, own=own: own(points, self._reference.evaluator),
                self._reference,
            )
            fine = torch.nonzero(error[part] <= self._allowed)[:, 0]
            for some in fine.split(blocks.at_once) if len(fine) else ():
                here = index[part[some]]
                found = self._scheme.on_grid(
                    at_nodes[some], [m[here[:, k]] for k, m in enumerate(matrices)]
                )
                values[blocks.place(here)] = found
        return error
