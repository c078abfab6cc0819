"""Refinement criteria: which cells of a generation have to be refined.

A criterion is called with a batch of cells and returns one indicator per cell; a cell is
refined if its indicator exceeds 1. Cells are independent of each other and of their batch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from ..inr import INR, Evaluator, resolve_device
from ..pruning import (
    CellBoxes,
    Found,
    InheritedNetworks,
    bytes_per_cell,
    prune,
    prune_in_cells,
    prune_in_cells_to_error,
)
from ..pruning.sampling import lattice_in_cells, uniform_in_cells
from .cell_errors import CellErrors
from .error_scale import error_scale
from .parameters import RefinementParameters
from .space_time_tree import SpaceTimeTree
from .tree import Tree, corner_offsets
from .verification import Verification

MeshError = Callable[[Tree], float]
"""Tree -> error of its mesh at fresh points, in the norm asked for, relative."""

_PUBLISHED_OFFSET = 5.0
_STREAM_ID, _STREAM_ERROR = 0, 1


@dataclass(frozen=True)
class Cells:
    """A batch of cells as tensors.

    Attributes
    ----------
    level : torch.Tensor, shape (n_cells,), int64
        Over space and time a number for both levels (see `SpaceTimeTree.shape_key`).
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
    def of(cls, tree: Tree | SpaceTimeTree, nodes: np.ndarray, device: torch.device) -> Cells:
        """Return nodes of a tree as a batch on `device`."""
        arrays = (
            tree.shape_key(nodes),
            tree.index[nodes],
            tree.lower_corner(nodes),
            tree.node_size(nodes),
        )
        return cls(*(torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in arrays))

    def take(self, cells: torch.Tensor) -> Cells:
        """Return some of the cells."""
        return Cells(self.level[cells], self.index[cells], self.lower[cells], self.size[cells])

    def at(self, local: torch.Tensor) -> torch.Tensor:
        """Map local coordinates in [0, 1], (n_cells or 1, n_points, dimension), to space."""
        return self.lower[:, None, :] + local * self.size[:, None, :]


class Criterion(Protocol):
    """What the refinement loop asks of a criterion."""

    device: torch.device
    bytes_per_cell: int
    achieved_error: float | None

    def __call__(self, cells: Cells) -> torch.Tensor:
        """Return the indicator of every cell, shape (n_cells,), float64."""

    def satisfied(self, tree: Tree) -> bool:
        """Tell whether a mesh is good enough as a whole, whatever single cells ask for."""


class _CellByCell:
    """A criterion that asks each cell only."""

    achieved_error = None

    def satisfied(self, tree: Tree) -> bool:
        """Return False: there is always more to ask."""
        return False


class Uniform(_CellByCell):
    """Refine every cell."""

    bytes_per_cell = 64

    def __init__(self, inr: INR, time: float | None, parameters: RefinementParameters) -> None:
        self.device = resolve_device(parameters.device)

    def __call__(self, cells: Cells) -> torch.Tensor:
        """Return an indicator that always asks, and for coarse cells first."""
        return 1.0 + 1.0 / (1.0 + cells.level.double())


class _Sampled(_CellByCell):
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
        size = _CACHED_CELLS if self.device.type == "cpu" else max(len(cells.level), 1)
        parts = torch.arange(len(cells.level), device=self.device).split(size)
        return torch.cat([self._indicator(cells.take(part)) for part in parts])

    def _indicator(self, cells: Cells) -> torch.Tensor:
        p, chain = self.parameters, self.evaluate.chain
        samples = self._samples(cells, p.id_samples, _STREAM_ID)
        points = self._samples(cells, p.n_error_samples, _STREAM_ERROR)
        exact = self._values(points)
        if p.id_tolerance:
            pruned = prune_in_cells(chain, samples, p.id_tolerance)
            error = self.relative(pruned(points), exact)
        else:
            pruned, error, _ = prune_in_cells_to_error(
                chain, samples, points, self.relative, p.pruning_tolerance, exact
            )
        return _paper_indicator(error, pruned.kept_fraction, p)


_CACHED_CELLS = 8
"""Cells whose activations stay in the cache of a core."""


class NestedPaper(_Sampled):
    """The rule of `Paper`, with networks that cells inherit from their parents.

    Decisions differ from those of `Paper` about as often as those differ with another seed: the
    error of a pruned network depends on which of many nearly equal neurons it keeps.
    """

    def __init__(
        self,
        inr: INR,
        time: float | None,
        parameters: RefinementParameters,
    ) -> None:
        super().__init__(inr, time, parameters)
        p, chain = parameters, self.evaluate.chain
        self._bounds = torch.from_numpy(inr.spatial_bounds).to(self.device)
        self._root = p.root_grid(inr.spatial_bounds)
        self._n_neurons = max(sum(chain.hidden_widths), 1)
        self.bytes_per_cell = bytes_per_cell(chain, p.id_samples)
        self._networks = InheritedNetworks(
            chain,
            self._root,
            self._boxes,
            self._points,
            self.relative,
            p.id_tolerance,
            p.pruning_tolerance,
            lambda found: self._indicator(found) > 1.0,
            # Cells on the last levels have no children that are pruned.
            range(max(p.min_depth - 1, 0), max(p.max_depth - 1, 0)),
            p.memory_mb / 2,
        )

    def __call__(self, cells: Cells) -> torch.Tensor:
        """Return the larger of error / pruning_tolerance and kept fraction / max_kept_fraction."""
        result = torch.empty(len(cells.level), dtype=torch.float64, device=self.device)
        for level in cells.level.unique().tolist():
            here = cells.level == level
            result[here] = self._indicator(self._networks(level, cells.index[here]))
        return result

    def _indicator(self, found: Found) -> torch.Tensor:
        kept_fraction = found.rank.sum(dim=1).double() / self._n_neurons
        return _paper_indicator(found.error, kept_fraction, self.parameters)

    def _boxes(self, level: int, index: torch.Tensor) -> CellBoxes:
        cells = torch.tensor(self._root, device=self.device) << level
        size = (self._bounds[:, 1] - self._bounds[:, 0]) / cells
        lower = self._bounds[:, 0] + index * size
        return CellBoxes(level, index, lower, size.expand(len(index), -1))

    def _points(self, boxes: CellBoxes) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the points of `Paper`: decisions differ by them more than by anything else."""
        p, level = self.parameters, torch.full((len(boxes),), boxes.level, device=self.device)
        return tuple(
            boxes.points(uniform_in_cells(level, boxes.index, n, stream, p.seed))
            for stream, n in ((_STREAM_ID, p.id_samples), (_STREAM_ERROR, p.n_error_samples))
        )


def _paper_indicator(
    error: torch.Tensor, kept_fraction: torch.Tensor, parameters: RefinementParameters
) -> torch.Tensor:
    return torch.maximum(
        error / parameters.pruning_tolerance, kept_fraction / parameters.max_kept_fraction
    )


class FeatureMap(_CellByCell):
    """Gradient of the pruned network times cell size, at a few points of each cell.

    The whole network is pruned once. A cell is refined if its feature, the change of any output
    across the cell that the gradient stands for, exceeds ``feature_threshold``; refinement ends
    when the mesh meets ``tolerance``. (The variant described in summaries of Pruning AMR.)
    """

    _differentiating = threading.Lock()
    """Forward-mode differentiation keeps its state in one place for all threads."""

    def __init__(
        self,
        inr: INR,
        time: float | None,
        parameters: RefinementParameters,
        mesh_error: MeshError | None = None,
    ) -> None:
        p = self.parameters = parameters
        pruned, self.report = prune(
            inr, p.pruning_tolerance, id_tolerance=p.id_tolerance, seed=p.seed, device=p.device
        )
        self.device = resolve_device(p.device)
        # In float64 rounding depends too little on the batch to ever turn a decision.
        self.chain = pruned.chain_at(time).to(self.device, torch.float64)
        self.scale = torch.from_numpy(error_scale(inr, p.error_formula)).to(self.device)
        widest = max(layer.width for layer in self.chain.layers)
        self.bytes_per_cell = 8 * p.n_error_samples * (6 * widest + 8 * inr.dimension)
        self.achieved_error: float | None = None
        self._mesh_error = mesh_error or _mesh_error_of(inr, time, p)

    def __call__(self, cells: Cells) -> torch.Tensor:
        """Return feature / feature_threshold."""
        p = self.parameters
        unit = lattice_in_cells(cells.level, cells.index, p.n_error_samples, _STREAM_ERROR, p.seed)
        points = cells.at(unit)
        with self._differentiating, torch.inference_mode(False):
            jacobian = self._jacobian(points.flatten(0, 1).clone())
        change = jacobian.reshape(*points.shape[:2], len(self.scale), -1)
        change = change * cells.size[:, None, None, :]
        feature = (change.square().sum(dim=3).sqrt() / self.scale).amax(dim=(1, 2))
        return feature / p.feature_threshold

    def satisfied(self, tree: Tree) -> bool:
        """Measure the mesh at fresh points; tell whether it meets the tolerance."""
        self.achieved_error = self._mesh_error(tree)
        return self.achieved_error <= self.parameters.tolerance

    def _jacobian(self, points: torch.Tensor) -> torch.Tensor:
        """Return derivatives, (n_points, n_inputs) -> (n_points, n_outputs, n_inputs)."""
        columns = []
        for axis in range(points.shape[1]):
            direction = torch.zeros_like(points)
            direction[:, axis] = 1.0
            columns.append(torch.func.jvp(self.chain, (points,), (direction,))[1])
        return torch.stack(columns, dim=2)


def _mesh_error_of(inr: INR, time: float | None, parameters: RefinementParameters) -> MeshError:
    """Return the function tree -> error of its mesh in the norm asked for."""
    prepared: list[Verification] = []

    def measure(tree: Tree) -> float:
        if not prepared:
            errors = CellErrors(inr, time, parameters, tree)
            prepared.append(Verification(inr, time, parameters, errors))
        return prepared[0].error_of(tree)

    return measure


_CRITERIA: dict[str, type] = {
    "feature_map": FeatureMap,
    "interpolation_error": InterpolationError,
    "paper": Paper,
    "uniform": Uniform,
}


def make_criterion(
    inr: INR,
    time: float | None,
    parameters: RefinementParameters,
    mesh_error: MeshError | None = None,
) -> Criterion:
    """Return the criterion named in the parameters, for a field at a time.

    Parameters
    ----------
    inr : INR
    time : float or None
    parameters : RefinementParameters
    mesh_error : callable, optional
        What measures the error of a mesh, by default in space.
    """
    kind = _CRITERIA[parameters.criterion]
    if kind is FeatureMap:
        return FeatureMap(inr, time, parameters, mesh_error)
    if kind is Paper and parameters.networks == "local" and parameters.id_tolerance:
        kind = NestedPaper
    return kind(inr, time, parameters)


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
