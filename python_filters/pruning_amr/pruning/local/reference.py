"""The original network over its domain: what networks in cells are pruned from and held against."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from ...cells import Domain
from ...inr import Evaluator
from .local_networks import LocalNetworks
from .network_batch import NetworkBatch


@dataclass(frozen=True)
class Reference:
    """A network over a domain, and what its errors are relative to.

    Attributes
    ----------
    evaluator : Evaluator
        Evaluates the network so that no value depends on the others.
    domain : Domain
        On the device of the evaluator.
    scale : torch.Tensor, shape (n_outputs,), float64
        What errors of each output are divided by, such as its range.
    seed : int
        Of all random points.
    """

    evaluator: Evaluator
    domain: Domain
    scale: torch.Tensor
    seed: int = 0

    @classmethod
    def of(
        cls,
        evaluator: Evaluator,
        bounds: np.ndarray,
        scale: np.ndarray,
        root_resolution: tuple[int, ...] | None = None,
        seed: int = 0,
    ) -> Reference:
        """Return the network of an evaluator over the box `bounds`, shape (dimension, 2)."""
        domain = Domain.of(bounds, root_resolution, evaluator.device)
        scale = torch.from_numpy(np.asarray(scale, dtype=np.float64)).to(evaluator.device)
        return cls(evaluator, domain, scale, seed)

    @property
    def device(self) -> torch.device:
        """Where networks and points are."""
        return self.domain.device

    @cached_property
    def network(self) -> NetworkBatch:
        """The network as a batch of one."""
        return NetworkBatch.of(self.evaluator.chain)

    def networks(self, n_cells: int) -> LocalNetworks:
        """Return this network for a number of cells."""
        return LocalNetworks.original(self.network, n_cells, self.device)

    def __call__(self, points: torch.Tensor) -> torch.Tensor:
        """Evaluate at points in cells, (n_cells, n_points, n_inputs), float32."""
        return self.evaluator(points.flatten(0, 1)).reshape(*points.shape[:2], -1)

    def mean_square(self, found: torch.Tensor, exact: torch.Tensor) -> torch.Tensor:
        """Return the mean squared relative error of values in each cell, (n_cells,), float64."""
        return ((found - exact).double() / self.scale).square().mean(dim=(1, 2))
