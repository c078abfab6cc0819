"""What is known of the errors of networks in cells."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch


@dataclass
class NetworkStatistics:
    """What is known of the errors of networks in cells, relative, against the original.

    Attributes
    ----------
    square : float
        Sum of the squared errors at `count` random points.
    pruned, kept : list of int
        For every step, cells that were pruned, and cells that kept a larger cell's network.
    cell_square : float
        Sum over cells of their squared errors, as measured when they were pruned against the
        networks they come from, and where blocks were interpolated.
    cells : int
        Their number.
    """

    square: float = 0.0
    count: int = 0
    cell_square: float = 0.0
    cells: int = 0
    pruned: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)

    @classmethod
    def of_none(cls, n_steps: int) -> NetworkStatistics:
        """Return those of no cells."""
        return cls(pruned=[0] * n_steps, kept=[0] * n_steps)

    def add(self, other: NetworkStatistics) -> None:
        """Add what is known of other cells."""
        self.square += other.square
        self.count += other.count
        self.cell_square += other.cell_square
        self.cells += other.cells
        self.pruned = [a + b for a, b in zip(self.pruned, other.pruned, strict=True)]
        self.kept = [a + b for a, b in zip(self.kept, other.kept, strict=True)]

    @property
    def rms(self) -> float:
        """Root mean square of the relative error found."""
        return math.sqrt(self.square / self.count) if self.count else 0.0


_SUMMED_BITS = 24
"""Squared errors are rounded to 2^-24 of the square of the allowed one before they are added."""


def sum_of_squares(square: torch.Tensor, allowed: float) -> float:
    """Add squared errors of cells; the sum does not depend on their order or on how they are split.

    The sums steer tolerances, and through those every cell. They are sums of whole multiples of a
    power of two, which float64 adds without rounding for up to some ten million cells.

    Parameters
    ----------
    square : torch.Tensor, shape (n_cells,), float64
        What is no number, or infinite, counts nothing.
    allowed : float
        Error that most do not exceed by far.
    """
    unit = 2.0 ** (math.frexp(allowed**2)[1] - _SUMMED_BITS)
    known = square.nan_to_num(nan=0.0, posinf=0.0)
    return float((known / unit).round().sum()) * unit
