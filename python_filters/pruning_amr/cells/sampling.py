"""Random points in cells that depend on the cell and the seed, and on nothing else.

A counter-based generator (the finaliser of SplitMix64: Steele, Lea, Flood, OOPSLA 2014) is
applied to the cell's level and index, the sample and the axis. So the same cell gets the same
points whatever the order or the batch in which cells are processed, on any device.
"""

from __future__ import annotations

import torch

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed integer

_MIX_1 = -4658895280553007687  # 0xBF58476D1CE4E5B9

_MIX_2 = -7723592293110705685  # 0x94D049BB133111EB


def uniform_in_cells(
    level: torch.Tensor, index: torch.Tensor, n_samples: int, stream: int, seed: int
) -> torch.Tensor:
    """Return uniform random points of the unit cube for every cell.

    Parameters
    ----------
    level : torch.Tensor, shape (n_cells,), integers
    index : torch.Tensor, shape (n_cells, dimension), integers
        Position of each cell in the grid of its level.
    n_samples : int
    stream : int
        Different streams give independent points.
    seed : int

    Returns
    -------
    torch.Tensor, shape (n_cells, n_samples, dimension), float64 in [0, 1)
    """
    dimension = index.shape[1]
    level, index = level.long(), index.long()
    key = _mix(level * 256 + stream * 65536 + _mix_number(seed))
    for axis in range(dimension):
        key = _mix(key + _GOLDEN + index[:, axis])
    counter = torch.arange(1, n_samples * dimension + 1, device=index.device)
    bits = _mix(key[:, None] + counter * _GOLDEN)
    unit = _shift_right(bits, 11).double() * 2.0**-53
    return unit.reshape(-1, n_samples, dimension)


def _mix_number(value: int) -> int:
    return int(_mix(torch.tensor([value], dtype=torch.int64))[0])


def _mix(z: torch.Tensor) -> torch.Tensor:
    # In place: new memory for each step takes longer than the arithmetic.
    z = _shift_right(z, 30).bitwise_xor_(z).mul_(_MIX_1)
    z = _shift_right(z, 27).bitwise_xor_(z).mul_(_MIX_2)
    return _shift_right(z, 31).bitwise_xor_(z)


def _shift_right(z: torch.Tensor, bits: int) -> torch.Tensor:
    """Logical shift; torch shifts signed integers arithmetically."""
    return (z >> bits).bitwise_and_((1 << (64 - bits)) - 1)


_KRONECKER_ROOT = {
    1: 1.618033988749895,
    2: 1.324717957244746,
    3: 1.2207440846057596,
    4: 1.1673039782614187,
}
"""Positive roots of x^(d+1) = x + 1."""


def lattice_in_cells(
    level: torch.Tensor, index: torch.Tensor, n_samples: int, stream: int, seed: int
) -> torch.Tensor:
    """Return points that cover every cell evenly, shifted at random from cell to cell.

    The points are a Kronecker sequence (Roberts: The unreasonable effectiveness of quasirandom
    sequences, 2018) with a random shift for each cell (Cranley and Patterson, SIAM J. Numer.
    Anal. 13, 1976): means over them are unbiased, with much less scatter than those over
    independent points. Arguments and result are those of `uniform_in_cells`.
    """
    dimension = index.shape[1]
    shift = uniform_in_cells(level, index, 1, stream, seed)
    root = _KRONECKER_ROOT[dimension]
    step = torch.tensor([root ** -(i + 1) for i in range(dimension)], dtype=torch.float64)
    number = torch.arange(n_samples, dtype=torch.float64, device=index.device)
    return torch.remainder(shift + number[None, :, None] * step.to(index.device), 1.0)
