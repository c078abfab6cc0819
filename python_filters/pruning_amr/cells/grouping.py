"""Points grouped by the cells they lie in."""

from __future__ import annotations

from dataclasses import dataclass

import torch

RUN_POINTS = 1 << 17
"""Points that a worker evaluates at once."""


@dataclass(frozen=True)
class Tiles:
    """Points, sorted by cell, cut into tiles of one cell each.

    Attributes
    ----------
    code, start, count : torch.Tensor, shape (n_cells,)
        Code of each cell, its first point, and its number of points.
    cell : torch.Tensor, shape (n_tiles,)
    place : torch.Tensor, shape (n_tiles, size)
        Points of each tile; the last of a cell is repeated.
    """

    code: torch.Tensor
    start: torch.Tensor
    count: torch.Tensor
    cell: torch.Tensor
    place: torch.Tensor

    @classmethod
    def of(cls, codes: torch.Tensor, size: int) -> Tiles:
        """Cut points of sorted codes into tiles of a size."""
        code, count = torch.unique_consecutive(codes, return_counts=True)
        start = count.cumsum(0) - count
        number = (count + size - 1) // size
        cell = torch.repeat_interleave(number)
        first_tile = (number.cumsum(0) - number)[cell]
        within = (torch.arange(len(cell), device=codes.device) - first_tile)[:, None] * size
        within = within + torch.arange(size, device=codes.device)
        place = start[cell, None] + torch.minimum(within, count[cell, None] - 1)
        return cls(code, start, count, cell, place)


def runs(coarse: torch.Tensor, at_once: int) -> list[slice]:
    """Cut points, sorted by the larger cells they lie in, between some of these cells."""
    _, count = torch.unique_consecutive(coarse, return_counts=True)
    before = count.cumsum(0) - count
    run = before // RUN_POINTS + torch.arange(len(count), device=coarse.device) // at_once
    starts = before[torch.nonzero(torch.diff(run, prepend=run[:1] - 1))[:, 0]].tolist()
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], len(coarse)], strict=True)]


def firsts(codes: torch.Tensor) -> torch.Tensor:
    """Return the places where a new code begins among sorted ones."""
    return torch.nonzero(torch.diff(codes, prepend=codes[:1] - 1))[:, 0]
