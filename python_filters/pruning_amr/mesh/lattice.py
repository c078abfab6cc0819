"""Values of a field at lattice points, evaluated once and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Evaluate = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Points (n, dimension) and the coarsest depth whose lattice each is on, (n,) -> values
(n, n_outputs)."""


def vertex_strides(root_resolution: Sequence[int], depth: int) -> np.ndarray:
    """Return what numbers the vertices of the uniform lattice of a depth, x fastest."""
    vertices = np.left_shift(np.asarray(root_resolution, np.int64), depth) + 1
    return np.cumprod([1, *vertices[:-1]])


class LatticeValues:
    """The field at points of the uniform lattice of some depth, evaluated when first asked for.

    Parameters
    ----------
    bounds : numpy.ndarray, shape (dimension, 2)
    root_resolution : tuple of int
        Cells of the root grid along each axis.
    depth : int
        The lattice divides every root cell ``2^depth`` times along each axis.
    evaluate : callable
        See `Evaluate`.
    """

    def __init__(
        self,
        bounds: np.ndarray,
        root_resolution: tuple[int, ...],
        depth: int,
        evaluate: Evaluate,
    ) -> None:
        self._bounds = bounds
        self._depth = depth
        self._evaluate = evaluate
        self._extent = np.left_shift(np.asarray(root_resolution, np.int64), depth)
        self._stride = vertex_strides(root_resolution, depth)
        self._spacing = np.diff(bounds)[:, 0] / np.asarray(root_resolution) / 2.0**depth
        self._keys = np.empty(0, np.int64)
        self._values: np.ndarray | None = None

    def at(self, lattice: np.ndarray, depth: int | np.ndarray) -> np.ndarray:
        """Return the field at lattice points.

        Parameters
        ----------
        lattice : numpy.ndarray, shape (..., dimension), int64
            Positions on the lattice of `depth`.
        depth : int or numpy.ndarray
            At most the depth of this object; an array broadcasts against ``lattice[..., 0]``.

        Returns
        -------
        numpy.ndarray, shape (..., n_outputs), float32
        """
        shift = np.asarray(self._depth - np.asarray(depth))[..., None]
        keys = np.left_shift(lattice, shift) @ self._stride
        place = self._places(keys.reshape(-1))
        return self._values[place].reshape(*keys.shape, -1)

    def _places(self, keys: np.ndarray) -> np.ndarray:
        unique, inverse = np.unique(keys, return_inverse=True)
        place = np.searchsorted(self._keys, unique)
        inside = np.minimum(place, len(self._keys) - 1)
        known = (self._keys[inside] == unique) if len(self._keys) else np.zeros(len(unique), bool)
        missing = unique[~known]
        if len(missing):
            self._insert(missing, place[~known])
            place = np.searchsorted(self._keys, unique)
        return place[inverse.reshape(-1)]

    def _insert(self, keys: np.ndarray, place: np.ndarray) -> None:
        values = self._evaluate(*self._points(keys))
        if self._values is None:
            self._keys, self._values = keys, values
            return
        self._keys = np.insert(self._keys, place, keys)
        self._values = np.insert(self._values, place, values, axis=0)

    def _points(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lattice = (keys[:, None] // self._stride) % (self._extent + 1)
        points = self._bounds[:, 0] + lattice * self._spacing
        # The last lattice plane is the bound itself, whatever rounding says.
        points = np.where(lattice == self._extent, self._bounds[:, 1], points)
        # The lowest bit of a position says on which lattices it is; 0 is on all.
        bits = np.bitwise_or.reduce(lattice, axis=1) | (1 << self._depth)
        lowest = np.log2((bits & -bits).astype(np.float64)).astype(np.int64)
        return points, self._depth - lowest
