"""The boxes of many cells as tensors, and points in them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .sampling import lattice_in_cells, uniform_in_cells


@dataclass(frozen=True)
class Boxes:
    """The boxes of a batch of cells.

    Attributes
    ----------
    level : torch.Tensor, shape (n_cells,), int64
        Over space and time a number for both levels (see `SpaceTimeTree.shape_key`).
    index : torch.Tensor, shape (n_cells, dimension), int64
        Position of each cell in the grid of its level.
    lower : torch.Tensor, shape (n_cells, dimension), float64
        Corner with the smallest coordinates.
    size : torch.Tensor, shape (n_cells, dimension), float64
        Edge lengths.
    """

    level: torch.Tensor
    index: torch.Tensor
    lower: torch.Tensor
    size: torch.Tensor

    def __len__(self) -> int:
        return len(self.index)

    def take(self, cells: torch.Tensor | slice) -> Boxes:
        """Return some of the cells."""
        return Boxes(self.level[cells], self.index[cells], self.lower[cells], self.size[cells])

    def at(self, unit: torch.Tensor) -> torch.Tensor:
        """Map local coordinates in [0, 1], (n_cells or 1, n_points, dimension), to the domain."""
        return self.lower[:, None, :] + unit * self.size[:, None, :]

    def uniform(self, count: int, stream: int, seed: int) -> torch.Tensor:
        """Return random local coordinates, (n_cells, count, dimension) (see `uniform_in_cells`)."""
        return uniform_in_cells(self.level, self.index, count, stream, seed)

    def lattice(self, count: int, stream: int, seed: int) -> torch.Tensor:
        """Return even local coordinates, (n_cells, count, dimension) (see `lattice_in_cells`)."""
        return lattice_in_cells(self.level, self.index, count, stream, seed)

    def random_points(self, count: int, stream: int, seed: int) -> torch.Tensor:
        """Return random points of each cell as a network sees them, float32."""
        return self.at(self.uniform(count, stream, seed)).float()
