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
    level : torch.Tensor, shape (n_cells,), int64
    index : torch.Tensor, shape (n_cells, dimension), int64
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
    z = (z ^ _shift_right(z, 30)) * _MIX_1
    z = (z ^ _shift_right(z, 27)) * _MIX_2
    return z ^ _shift_right(z, 31)


def _shift_right(z: torch.Tensor, bits: int) -> torch.Tensor:
    """Logical shift; torch shifts signed integers arithmetically."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)
