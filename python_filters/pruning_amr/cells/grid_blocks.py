"""The points of a rectilinear grid by the cells they lie in, in blocks of one shape."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from .domain import Domain

_BLOCK_POINTS = {"cpu": 1 << 16, "cuda": 1 << 24}
"""Points of the blocks that are evaluated at once."""


class GridBlocks:
    """The points of a rectilinear grid, by the cells of a level that they lie in.

    Parameters
    ----------
    axes : sequence of numpy.ndarray
        Ascending coordinates along each axis.
    level : int
    domain : Domain
    alignment : int
        Points are repeated so that every cell has a multiple of this.
    """

    def __init__(
        self, axes: Sequence[np.ndarray], level: int, domain: Domain, alignment: int
    ) -> None:
        device, self._domain, self._alignment = domain.device, domain, alignment
        self._axes = [torch.from_numpy(np.asarray(a, np.float64)).to(device) for a in axes]
        self._first: list[torch.Tensor] = []
        self._count: list[torch.Tensor] = []
        extent = [n << level for n in domain.root_resolution]
        for a, low, size, n in zip(self._axes, domain.lower, domain.extent, extent, strict=True):
            cell = ((a - low) / size * n).floor().long().clamp(0, n - 1)
            count = torch.bincount(cell, minlength=n)
            self._first.append(count.cumsum(0) - count)
            self._count.append(count)
        self._most = [int(c.max()) for c in self._count]
        self._stride = np.cumprod([1, *(len(a) for a in axes[:-1])]).tolist()
        self.n_points = math.prod(self._most)
        self.at_once = max(1, _BLOCK_POINTS[device.type] // self.n_points)

    def has_points(self, index: torch.Tensor) -> torch.Tensor:
        """Return which cells have points."""
        return torch.stack([c[i] > 0 for c, i in zip(self._count, index.T, strict=True)]).all(0)

    def unit(self, axis: int) -> torch.Tensor:
        """Return the coordinates along an axis within each cell there, (n_cells, most), in [0, 1].

        In the order of `points`: the last ones are repeated.
        """
        first, count, n = self._first[axis], self._count[axis], len(self._count[axis])
        low, extent = self._domain.lower[axis], self._domain.extent[axis]
        step = torch.arange(self._most[axis], device=first.device)
        at = (first[:, None] + torch.minimum(step, count[:, None] - 1)).clamp(min=0)
        cells = torch.arange(n, device=first.device)[:, None]
        unit = (self._axes[axis][at] - low) / extent * n - cells
        return unit.clamp(0.0, 1.0)

    def place(self, index: torch.Tensor) -> torch.Tensor:
        """Return where the points of cells are in the grid, (n_cells, n_points)."""
        n_cells, d = index.shape
        place = index.new_zeros((n_cells, *[1] * d))
        for k in range(d):
            place = place + self._along(index, k)[1] * self._stride[k]
        return place.reshape(n_cells, -1)

    def _along(self, index: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return numbers of the points of cells along axis k, flat and shaped as a grid."""
        n_cells, d = index.shape
        first, count = self._first[k][index[:, k]], self._count[k][index[:, k]]
        step = torch.arange(self._most[k], device=index.device)
        at = first[:, None] + torch.minimum(step, count[:, None] - 1)
        shape = [n_cells, *[1] * d]
        shape[d - k] = self._most[k]
        return at, at.reshape(shape)

    def points(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return points of cells, (n_cells, n_points, dimension), and their place in the grid.

        All cells get as many as the largest has; the last ones are repeated.
        """
        n_cells, d = index.shape
        place, columns = self.place(index), []
        for k in range(d):
            at, in_grid = self._along(index, k)
            columns.append(self._axes[k][at].float().reshape(in_grid.shape))
        points = torch.stack([c.expand(-1, *reversed(self._most)) for c in columns], dim=-1)
        points = points.reshape(n_cells, -1, d)
        missing = -points.shape[1] % self._alignment
        if missing:
            points = torch.cat([points, points[:, -1:].expand(-1, missing, -1)], dim=1)
            place = torch.cat([place, place[:, -1:].expand(-1, missing)], dim=1)
        return points, place
