"""The domain of a field and the regular grids of cells over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from .boxes import Boxes
from .root_grid import near_cubic


@dataclass(frozen=True)
class Domain:
    """A box and its root grid, on a device.

    Attributes
    ----------
    lower, extent : torch.Tensor, shape (dimension,), float64
        Corner with the smallest coordinates, and edge lengths.
    root_resolution : tuple of int
        Cells of level 0 along each axis.
    """

    lower: torch.Tensor
    extent: torch.Tensor
    root_resolution: tuple[int, ...]

    @classmethod
    def of(
        cls,
        bounds: np.ndarray,
        root_resolution: Sequence[int] | None = None,
        device: torch.device | str = "cpu",
    ) -> Domain:
        """Return the domain of a box (dimension, 2), by default with `near_cubic` roots."""
        bounds = np.asarray(bounds, dtype=np.float64)
        extent = np.diff(bounds)[:, 0]
        tensors = (torch.from_numpy(a).to(device) for a in (bounds[:, 0].copy(), extent))
        return cls(*tensors, tuple(root_resolution or near_cubic(extent)))

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.root_resolution)

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.lower.device

    def boxes(self, level: int, index: torch.Tensor) -> Boxes:
        """Return cells of a level by their index, (n_cells, dimension)."""
        cells = torch.tensor(self.root_resolution, device=self.device) << level
        size = self.extent / cells
        levels = torch.full((len(index),), level, device=self.device)
        return Boxes(levels, index, self.lower + index * size, size.expand(len(index), -1))

    def contains(self, points: torch.Tensor) -> torch.Tensor:
        """Return which points, (n_points, dimension), lie in the domain or on its boundary."""
        return ((points >= self.lower) & (points <= self.lower + self.extent)).all(dim=1)

    def unit(self, points: torch.Tensor) -> torch.Tensor:
        """Return points as those of the unit cube."""
        return (points - self.lower) / self.extent
