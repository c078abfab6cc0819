"""Refinement criteria: which cells of a generation have to be refined.

A criterion is called with a batch of cells and returns one indicator per cell; a cell is
refined if its indicator exceeds 1. Cells are independent of each other and of their batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from ..inr import INR, Evaluator, resolve_device
from ..pruning import bytes_per_cell, prune_in_cells
from .cell_errors import error_scale
from .parameters import RefinementParameters
from .sampling import uniform_in_cells
from .tree import Tree, corner_offsets

_PUBLISHED_OFFSET = 5.0
_STREAM_ID, _STREAM_ERROR = 0, 1


@dataclass(frozen=True)
class Cells:
    """A batch of cells as tensors.

    Attributes
    ----------
    level : torch.Tensor, shape (n_cells,), int64
    index : torch.Tensor, shape (n_cells, dimension), int64
    lower : torch.Tensor, shape (n_cells, dimension), float64
        Corner with the smallest coordinates.
    size : torch.Tensor, shape (n_cells, dimension), float64
        Edge lengths.
    """

    level: torch.Tensor
    index: torch.Tensor
    lower: torch.Tensor
    size: torch.Tensor

    @classmethod
    def of(cls, tree: Tree, nodes: np.ndarray, device: torch.device) -> Cells:
        """Return nodes of a tree as a batch on `device`."""
        arrays = (
            tree.level[nodes],
            tree.index[nodes],
            tree.lower_corner(nodes),
            tree.cell_size(tree.level[nodes]),
        )
        return cls(*(torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in arrays))

    def at(self, local: torch.Tensor) -> torch.Tensor:
        """Map local coordinates in [0, 1], (n_cells or 1, n_points, dimension), to space."""
        return self.lower[:, None, :] + local * self.size[:, None, :]


class Criterion(Protocol):
    """What the refinement loop asks of a criterion."""

    device: torch.device
    bytes_per_cell: int

    def __call__(self, cells: Cells) -> torch.Tensor:
        """Return the indicator of every cell, shape (n_cells,), float64."""


class Uniform:
    """Refine every cell."""

    bytes_per_cell = 64

    def __init__(self, inr: INR, time: float | None, parameters: RefinementParameters) -> None:
        self.device = resolve_device(parameters.device)

    def __call__(self, cells: Cells) -> torch.Tensor:
        """Return an indicator that always asks, and for coarse cells first."""
        return 1.0 + torch.exp2(-cells.level.double())


class _Sampled:
    """What the criteria that sample the network share."""

    def __init__(self, inr: INR, time: float | None, parameters: RefinementParameters) -> None:
        self.parameters = parameters
        self.evaluate = Evaluator(inr.chain_at(time), parameters.device, parameters.memory_mb)
        self.device = self.evaluate.device
        self.relative = _relative_error(inr, parameters.error_formula, self.device)

    def _samples(self, cells: Cells, count: int, stream: int) -> torch.Tensor:
        """Return random points in cells, rounded as the network sees them."""
        unit = uniform_in_cells(cells.level, cells.index, count, stream, self.parameters.seed)
        return cells.at(unit).float()

    def _values(self, points: torch.Tensor) -> torch.Tensor:
        """Evaluate at (n_cells, n_points, dimension) -> (n_cells, n_points, n_outputs)."""
        return self.evaluate(points.flatten(0, 1)).reshape(*points.shape[:2], -1).double()


class InterpolationError(_Sampled):
    """Mean error of the multilinear interpolant of the corner values at random points.

    BasicAMR of arXiv 2512.02967. A cell is refined if the error exceeds ``tolerance``.
    """

    def __init__(self, inr: INR, time: float | None, parameters: RefinementParameters) -> None:
        super().__init__(inr, time, parameters)
        d, n_outputs = inr.dimension, inr.chain.n_outputs
        n_points = parameters.n_error_samples + (1 << d)
        self.bytes_per_cell = 8 * n_points * (2 * d + (1 << d) + 4 * n_outputs)

    def __call__(self, cells: Cells) -> torch.Tensor:
        """Return error / tolerance."""
        unit = uniform_in_cells(
            cells.level,
            cells.index,
            self.parameters.n_error_samples,
            _STREAM_ERROR,
            self.parameters.seed,
        )
        upper = torch.from_numpy(corner_offsets(cells.index.shape[1])).to(self.device)
        corners = self._values(cells.at(upper.double()[None]))
        exact = self._values(cells.at(unit))
        weights = torch.where(upper.bool(), unit[:, :, None, :], 1.0 - unit[:, :, None, :])
        return self.relative(weights.prod(dim=3) @ corners, exact) / self.parameters.tolerance


class Paper(_Sampled):
    """Per-cell pruning, the rule of Pruning AMR (arXiv 2512.02967).

    The network is pruned by interpolative decomposition on ``id_samples`` random points of the
    cell. The cell is refined if the error of the pruned network at ``error_samples`` fresh
    points exceeds ``pruning_tolerance`` or it keeps more than ``max_kept_fraction`` of the hidden
    neurons.
    """

    def __init__(self, inr: INR, time: float | None, parameters: RefinementParameters) -> None:
        super().__init__(inr, time, parameters)
        self.bytes_per_cell = bytes_per_cell(self.evaluate.chain, parameters.id_samples)

    def __call__(self, cells: Cells) -> torch.Tensor:
        """Return the larger of error / pruning_tolerance and kept fraction / max_kept_fraction."""
        p = self.parameters
        pruned = prune_in_cells(
            self.evaluate.chain, self._samples(cells, p.id_samples, _STREAM_ID), p.id_tolerance
        )
        points = self._samples(cells, p.n_error_samples, _STREAM_ERROR)
        error = self.relative(pruned(points), self._values(points))
        return torch.maximum(
            error / p.pruning_tolerance, pruned.kept_fraction / p.max_kept_fraction
        )


_CRITERIA: dict[str, type] = {
    "interpolation_error": InterpolationError,
    "paper": Paper,
    "uniform": Uniform,
}


def make_criterion(inr: INR, time: float | None, parameters: RefinementParameters) -> Criterion:
    """Return the criterion named in the parameters, for a field at a time."""
    return _CRITERIA[parameters.criterion](inr, time, parameters)


def _relative_error(
    inr: INR, formula: str, device: torch.device
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the function (approximate, exact) -> mean relative error of each cell.

    Both arguments have shape (n_cells, n_points, n_outputs), the result (n_cells,).
    """
    if formula == "published":
        return lambda approximate, exact: (
            (approximate - exact).abs().mean(dim=(1, 2))
            * (exact + _PUBLISHED_OFFSET).abs().reciprocal().mean(dim=(1, 2))
        )
    scale = torch.from_numpy(error_scale(inr, formula)).to(device)
    return lambda approximate, exact: ((approximate - exact).abs() / scale).mean(dim=(1, 2))
