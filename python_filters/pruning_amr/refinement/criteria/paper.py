"""Criterion paper: pruning in each cell, the rule of Pruning AMR (arXiv 2512.02967)."""

from __future__ import annotations

import torch

from ...cells import Boxes, Domain, Stream
from ...inr import INR
from ...pruning import (
    Found,
    Inheritance,
    InheritedNetworks,
    bytes_per_cell,
    prune_in_cells,
    prune_in_cells_to_error,
)
from ..parameters import RefinementParameters
from ..registry import criterion
from .base import CellByCell, MeshError, Samples

_CACHED_CELLS = 8
"""Cells whose activations stay in the cache of a core."""


@criterion("paper", error_samples=128)
class Paper(CellByCell):
    """Per-cell pruning.

    The network is pruned by interpolative decomposition on ``id_samples`` random points of the
    cell. The cell is refined if the error of the pruned network at ``error_samples`` fresh
    points exceeds ``pruning_tolerance`` or it keeps more than ``max_kept_fraction`` of the hidden
    neurons.

    With ``networks`` "local" cells inherit networks from their parents. Decisions then differ from
    those of the published rule about as often as those differ with another seed: the error of a
    pruned network depends on which of many nearly equal neurons it keeps.
    """

    def __init__(
        self,
        inr: INR,
        time: float | None,
        parameters: RefinementParameters,
        mesh_error: MeshError,
    ) -> None:
        self.parameters, self._samples = parameters, Samples(inr, time, parameters)
        self.device, chain = self._samples.device, self._samples.evaluate.chain
        self.bytes_per_cell = bytes_per_cell(chain, parameters.id_samples)
        self._n_neurons = max(sum(chain.hidden_widths), 1)
        self._inherited: InheritedNetworks | None = None
        if parameters.networks == "local" and parameters.id_tolerance:
            self._inherited = self._inheriting(inr)

    def _inheriting(self, inr: INR) -> InheritedNetworks:
        p, bounds = self.parameters, inr.spatial_bounds
        rule = Inheritance(
            self._points,
            self._samples.error,
            p.id_tolerance,
            p.pruning_tolerance,
            lambda found: self._indicator_of(found) > 1.0,
            # Cells on the last levels have no children that are pruned.
            range(max(p.min_depth - 1, 0), max(p.max_depth - 1, 0)),
        )
        domain = Domain.of(bounds, p.root_grid(bounds), self.device)
        return InheritedNetworks(self._samples.evaluate.chain, domain, rule, p.memory_mb / 2)

    def __call__(self, cells: Boxes) -> torch.Tensor:
        """Return the larger of error / pruning_tolerance and kept fraction / max_kept_fraction."""
        if self._inherited is None:
            size = _CACHED_CELLS if self.device.type == "cpu" else max(len(cells), 1)
            parts = torch.arange(len(cells), device=self.device).split(size)
            return torch.cat([self._pruned_alone(cells.take(part)) for part in parts])
        result = torch.empty(len(cells), dtype=torch.float64, device=self.device)
        for level in cells.level.unique().tolist():
            here = cells.level == level
            result[here] = self._indicator_of(self._inherited(level, cells.index[here]))
        return result

    def _pruned_alone(self, cells: Boxes) -> torch.Tensor:
        p, chain = self.parameters, self._samples.evaluate.chain
        samples, points = self._points(cells)
        exact = self._samples.values(points)
        if p.id_tolerance:
            pruned = prune_in_cells(chain, samples, p.id_tolerance)
            error = self._samples.error(pruned(points), exact)
        else:
            pruned, error, _ = prune_in_cells_to_error(
                chain, samples, points, self._samples.error, p.pruning_tolerance, exact
            )
        return self._indicator(error, pruned.kept_fraction)

    def _points(self, cells: Boxes) -> tuple[torch.Tensor, torch.Tensor]:
        """Return points to prune on and points for the error, the same for both kinds.

        Decisions differ by them more than by anything else.
        """
        p, of = self.parameters, self._samples.random_points
        return of(cells, p.id_samples, Stream.DECOMPOSITION), of(cells, p.n_error_samples)

    def _indicator_of(self, found: Found) -> torch.Tensor:
        return self._indicator(found.error, found.rank.sum(dim=1).double() / self._n_neurons)

    def _indicator(self, error: torch.Tensor, kept_fraction: torch.Tensor) -> torch.Tensor:
        p = self.parameters
        return torch.maximum(error / p.pruning_tolerance, kept_fraction / p.max_kept_fraction)
