"""Grids of cells over a domain, and numbers in which a cell's descendants follow each other."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .domain import Domain


@dataclass(frozen=True)
class CellCodes:
    """Numbers the cells of one level so that those in the same larger cell are consecutive.

    The code of a cell, shifted right by ``dimension * (level - larger level)`` bits, is that of
    the larger cell around it, on each of `levels`.

    Attributes
    ----------
    domain : Domain
    levels : tuple of int
        Levels of the larger cells, and last that of the cells, ascending.
    """

    domain: Domain
    levels: tuple[int, ...]

    @property
    def level(self) -> int:
        """Level of the cells."""
        return self.levels[-1]

    @property
    def extent(self) -> tuple[int, ...]:
        """Cells along each axis."""
        return tuple(n << self.level for n in self.domain.root_resolution)

    def index_at(self, unit: torch.Tensor) -> torch.Tensor:
        """Return which cells points of the unit cube lie in, (n_points, dimension)."""
        extent = torch.tensor(self.extent, device=unit.device)
        index = (unit * extent).floor().long()
        return torch.minimum(index.clamp(min=0), extent - 1)

    def of(self, index: torch.Tensor) -> torch.Tensor:
        """Return the codes of cells by their index, (n_cells, dimension) -> (n_cells,)."""
        first = self.levels[0]
        code = ravel(
            index >> (self.level - first),
            torch.tensor([n << first for n in self.domain.root_resolution]),
        )
        for coarse, fine in zip(self.levels, self.levels[1:], strict=False):
            within = (index >> (self.level - fine)) & ((1 << (fine - coarse)) - 1)
            side = torch.full((index.shape[1],), 1 << (fine - coarse))
            code = (code << (index.shape[1] * (fine - coarse))) + ravel(within, side)
        return code

    def below(self, codes: torch.Tensor, larger: CellCodes) -> CodedCells:
        """Return the cells within larger cells, by the codes of those."""
        d, fine = len(self.domain.root_resolution), self.level - larger.level
        within = torch.cartesian_prod(*[torch.arange(1 << fine, device=codes.device)] * d)
        index = (_unravel(codes, larger.extent) << fine)[:, None, :] + within.reshape(1, -1, d)
        index = index.reshape(-1, d)
        code, order = self.of(index).sort()
        return CodedCells(code, index[order])


@dataclass(frozen=True)
class CodedCells:
    """Cells of one level, in the order of their codes (see `CellCodes`).

    Attributes
    ----------
    code : torch.Tensor, shape (n_cells,), int64
    index : torch.Tensor, shape (n_cells, dimension), int64
    """

    code: torch.Tensor
    index: torch.Tensor

    def take(self, cells: torch.Tensor) -> CodedCells:
        """Return some of the cells."""
        return CodedCells(self.code[cells], self.index[cells])


def ravel(index: torch.Tensor, extent: torch.Tensor) -> torch.Tensor:
    """Return the numbers of a grid's cells by their index, the first axis fastest."""
    stride = torch.cat([extent.new_ones(1), extent[:-1].cumprod(0)]).to(index.device)
    return (index * stride).sum(dim=1)


def _unravel(code: torch.Tensor, extent: tuple[int, ...]) -> torch.Tensor:
    columns = []
    for n in extent:
        columns.append(code % n)
        code = code // n
    return torch.stack(columns, dim=1)
