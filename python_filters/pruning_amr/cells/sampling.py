"""Random points in cells that depend on the cell and the seed, and on nothing else.

A counter-based generator (the finaliser of SplitMix64: Steele, Lea, Flood, OOPSLA 2014) is
applied to the cell's level and index, the sample and the axis. So the same cell gets the same
points whatever the order or the batch in which cells are processed, on any device.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed integer

_MIX_1 = -4658895280553007687  # 0xBF58476D1CE4E5B9

_MIX_2 = -7723592293110705685  # 0x94D049BB133111EB

Array = TypeVar("Array", np.ndarray, torch.Tensor)
"""Of NumPy or PyTorch: both do the same. A call of NumPy takes a third as long for a few cells."""


def uniform_in_cells(level: Array, index: Array, n_samples: int, stream: int, seed: int) -> Array:
    """Return uniform random points of the unit cube for every cell.

    Parameters
    ----------
    level : numpy.ndarray or torch.Tensor, shape (n_cells,), integers
    index : numpy.ndarray or torch.Tensor, shape (n_cells, dimension), integers
        Position of each cell in the grid of its level.
    n_samples : int
    stream : int
        Different streams give independent points.
    seed : int

    Returns
    -------
    numpy.ndarray or torch.Tensor, shape (n_cells, n_samples, dimension), float64 in [0, 1)
    """
    dimension = index.shape[1]
    level, index = _converted(level, "int64"), _converted(index, "int64")
    key = _mix(level * 256 + stream * 65536 + _mix_number(seed))
    for axis in range(dimension):
        key = _mix(key + _GOLDEN + index[:, axis])
    counter = _numbers_like(index, n_samples * dimension) + 1
    bits = _mix(key[:, None] + counter * _GOLDEN)
    unit = _converted(_shift_right(bits, 11), "float64")
    unit *= 2.0**-53
    return unit.reshape(-1, n_samples, dimension)


@lru_cache(maxsize=64)
def _mix_number(value: int) -> int:
    return int(_mix(np.array([value], np.int64))[0])


def _mix(z: Array) -> Array:
    # In place: new memory for each step takes longer than the arithmetic.
    for bits, factor in ((30, _MIX_1), (27, _MIX_2)):
        mixed = _shift_right(z, bits)
        mixed ^= z
        mixed *= factor
        z = mixed
    mixed = _shift_right(z, 31)
    mixed ^= z
    return mixed


def _shift_right(z: Array, bits: int) -> Array:
    """Logical shift: by ``>>`` signed integers are shifted arithmetically."""
    if isinstance(z, np.ndarray):
        return (z.view(np.uint64) >> np.uint64(bits)).view(np.int64)
    return (z >> bits).bitwise_and_((1 << (64 - bits)) - 1)


def _converted(array: Array, kind: str) -> Array:
    """Return an array as one of another type: itself if it is of that."""
    if isinstance(array, np.ndarray):
        return array.astype(kind, copy=False)
    return array.to(getattr(torch, kind))


def _numbers_like(array: Array, n: int) -> Array:
    """Return the numbers from 0 up to, without, n: of the kind of an array, and where it is."""
    if isinstance(array, np.ndarray):
        return np.arange(n)
    return torch.arange(n, device=array.device)


_KRONECKER_ROOT = {
    1: 1.618033988749895,
    2: 1.324717957244746,
    3: 1.2207440846057596,
    4: 1.1673039782614187,
}
"""Positive roots of x^(d+1) = x + 1."""


def lattice_in_cells(level: Array, index: Array, n_samples: int, stream: int, seed: int) -> Array:
    """Return points that cover every cell evenly, shifted at random from cell to cell.

    The points are a Kronecker sequence (Roberts: The unreasonable effectiveness of quasirandom
    sequences, 2018) with a random shift for each cell (Cranley and Patterson, SIAM J. Numer.
    Anal. 13, 1976): means over them are unbiased, with much less scatter than those over
    independent points. Arguments and result are those of `uniform_in_cells`.
    """
    points = uniform_in_cells(level, index, 1, stream, seed)
    if n_samples == 1:
        return points
    root, number = _KRONECKER_ROOT[index.shape[1]], _numbers_like(index, n_samples)
    number = _converted(number, "float64")
    steps = [number * root ** -(axis + 1) for axis in range(index.shape[1])]
    stack = np.stack if isinstance(index, np.ndarray) else torch.stack
    points = points + stack(steps, 1)
    return points - _converted(_converted(points, "int64"), "float64")
