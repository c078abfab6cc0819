"""What the refinement loop asks of a criterion, and what criteria share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch

from ...cells import Boxes, Stream
from ...inr import INR, Evaluator
from ...mesh import SpaceTimeTree, Tree, error_scale
from ..parameters import RefinementParameters
from ..registry import entry_of
from ..verification import mesh_error_of

MeshError = Callable[[Tree | SpaceTimeTree], float]
"""Tree -> error of its mesh at fresh points, in the norm asked for, relative."""

_PUBLISHED_OFFSET = 5.0


class Criterion(Protocol):
    """What the refinement loop asks of a criterion."""

    device: torch.device
    bytes_per_cell: int
    achieved_error: float | None

    def __call__(self, cells: Boxes) -> torch.Tensor:
        """Return the indicator of every cell, shape (n_cells,), float64."""

    def satisfied(self, tree: Tree | SpaceTimeTree) -> bool:
        """Tell whether a mesh is good enough as a whole, whatever single cells ask for."""


class Samples:
    """The field at sample points in cells.

    Parameters
    ----------
    inr : INR
    time : float or None
    parameters : RefinementParameters

    Attributes
    ----------
    parameters : RefinementParameters
    evaluate : Evaluator
        Of the network at the time.
    device : torch.device
    scale : torch.Tensor, shape (n_outputs,), float64
        What errors of each output are divided by.
    """

    def __init__(self, inr: INR, time: float | None, parameters: RefinementParameters) -> None:
        self.parameters = parameters
        self.evaluate = Evaluator(inr.chain_at(time), parameters.device, parameters.memory_mb)
        self.device = self.evaluate.device
        self.scale = torch.from_numpy(error_scale(inr, parameters.error_formula)).to(self.device)

    def random_points(self, cells: Boxes, count: int, stream: int = Stream.ERROR) -> torch.Tensor:
        """Return random points in cells as the network sees them, (n_cells, count, dimension)."""
        return cells.random_points(count, stream, self.parameters.seed)

    def values(self, points: torch.Tensor) -> torch.Tensor:
        """Evaluate at (n_cells, n_points, dimension) -> (n_cells, n_points, n_outputs), float64."""
        return self.evaluate(points.flatten(0, 1)).reshape(*points.shape[:2], -1).double()

    def error(self, approximate: torch.Tensor, exact: torch.Tensor) -> torch.Tensor:
        """Return the mean relative error of each cell, (n_cells,), as ``error_formula`` says.

        Both arguments have shape (n_cells, n_points, n_outputs).
        """
        difference = (approximate - exact).abs()
        if self.parameters.error_formula == "published":
            inverse = (exact + _PUBLISHED_OFFSET).abs().reciprocal()
            return difference.mean(dim=(1, 2)) * inverse.mean(dim=(1, 2))
        return (difference / self.scale).mean(dim=(1, 2))


class CellByCell:
    """A criterion that asks each cell only."""

    achieved_error = None

    def satisfied(self, tree: Tree | SpaceTimeTree) -> bool:
        """Return False: there is always more to ask."""
        return False


class FunctionCriterion(CellByCell):
    """A criterion that is a function (samples, cells) -> indicators."""

    def __init__(self, rule: Callable, samples: Samples) -> None:
        self._rule, self._samples, self.device = rule, samples, samples.device
        chain = samples.evaluate.chain
        n_points = samples.parameters.n_error_samples + (1 << chain.n_inputs)
        values = 2 * chain.n_inputs + (1 << chain.n_inputs) + 4 * chain.n_outputs
        self.bytes_per_cell = 8 * n_points * values

    def __call__(self, cells: Boxes) -> torch.Tensor:
        """Return the indicator of every cell, shape (n_cells,), float64."""
        return self._rule(self._samples, cells)


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
        See `MeshError`; by default that of meshes in space.
    """
    rule = entry_of(parameters.criterion).rule
    if isinstance(rule, type):
        return rule(inr, time, parameters, mesh_error or mesh_error_of(inr, time, parameters))
    return FunctionCriterion(rule, Samples(inr, time, parameters))
