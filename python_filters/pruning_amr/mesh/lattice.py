"""Values of a field at lattice points, evaluated once and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Evaluate = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Points (n, dimension) and the coarsest depth whose lattice each is on, (n,) -> values
(n, n_outputs)."""

Recall = Callable[[np.ndarray, Callable[[np.ndarray], np.ndarray]], np.ndarray]
"""Numbers of points, (n,), and the function positions among them -> values -> values of all."""


def vertex_strides(root_resolution: Sequence[int], depth: int) -> np.ndarray:
    """Return what numbers the vertices of the uniform lattice of a depth, x fastest."""
    vertices = np.left_shift(np.asarray(root_resolution, np.int64), depth) + 1
    return np.cumprod([1, *vertices[:-1]])


class LatticeValues:
    """The field at points of the uniform lattice of some depth, evaluated when first asked for.

    Points are numbered in the order in which they are evaluated. They are looked up by the coarsest
    lattice they are on: what refining cells of one level asks for is new on the next one, so that
    only the points of a level are searched.

    Parameters
    ----------
    bounds : numpy.ndarray, shape (dimension, 2)
    root_resolution : tuple of int
        Cells of the root grid along each axis.
    depth : int
        The lattice divides every root cell ``2^depth`` times along each axis.
    evaluate : callable
        See `Evaluate`.
    recall : callable, optional
        Gives values that are known from before, and asks for the others (see `Recall`).
    """

    def __init__(
        self,
        bounds: np.ndarray,
        root_resolution: tuple[int, ...],
        depth: int,
        evaluate: Evaluate,
        recall: Recall | None = None,
    ) -> None:
        self._bounds = bounds
        self.depth = depth
        self._evaluate, self._recall = evaluate, recall
        self._extent = np.left_shift(np.asarray(root_resolution, np.int64), depth)
        self._stride = vertex_strides(root_resolution, depth)
        self._spacing = np.diff(bounds)[:, 0] / np.asarray(root_resolution) / 2.0**depth
        empty = np.empty(0, np.int64)
        self._keys = [empty] * (depth + 1)
        self._numbers = [empty.astype(np.int32)] * (depth + 1)
        self._values: np.ndarray | None = None
        self._used = 0

    def at(self, lattice: np.ndarray, depth: int | np.ndarray) -> np.ndarray:
        """Return the field at lattice points, shape (..., n_outputs), float32.

        Arguments are those of `numbers`.
        """
        numbers = self.numbers(lattice, depth)
        return self.values(numbers)

    def values(self, numbers: np.ndarray) -> np.ndarray:
        """Return the field at points by their numbers, shape (..., n_outputs), float32."""
        return self._values[numbers]

    def numbers(self, lattice: np.ndarray, depth: int | np.ndarray) -> np.ndarray:
        """Return the numbers of lattice points, evaluating those that are new.

        Parameters
        ----------
        lattice : numpy.ndarray, shape (..., dimension)
            Positions on the lattice of `depth`, integers.
        depth : int or numpy.ndarray
            At most the depth of this object; an array broadcasts against ``lattice[..., 0]``.

        Returns
        -------
        numpy.ndarray, shape (...), int32
        """
        shift = np.asarray(self.depth - np.asarray(depth))[..., None]
        keys = np.left_shift(np.asarray(lattice, np.int64), shift) @ self._stride
        flat = keys.reshape(-1)
        if (flat[1:] > flat[:-1]).all():
            # A whole lattice, or a row of points: there is nothing to sort.
            return self._numbered(flat).reshape(keys.shape)
        unique, inverse = np.unique(flat, return_inverse=True)
        return self._numbered(unique)[inverse.reshape(-1)].reshape(keys.shape)

    @property
    def n_points(self) -> int:
        """How many points were evaluated: the numbers of points are below this."""
        return self._used

    def positions(self, numbers: np.ndarray) -> np.ndarray:
        """Return where points are on the lattice, by their numbers, (n, dimension), int64."""
        keys = np.empty(self._used, np.int64)
        for of_level, some in zip(self._keys, self._numbers, strict=True):
            keys[some] = of_level
        return (keys[numbers][:, None] // self._stride) % (self._extent + 1)

    def _numbered(self, keys: np.ndarray) -> np.ndarray:
        """Return the numbers of points by their keys, which ascend."""
        lattice = (keys[:, None] // self._stride) % (self._extent + 1)
        # The lowest bit of a position says on which lattices it is; 0 is on all.
        bits = np.bitwise_or.reduce(lattice, axis=1) | (1 << self.depth)
        level = self.depth - np.log2((bits & -bits).astype(np.float64)).astype(np.int64)
        numbers = np.empty(len(keys), np.int32)
        places, missing = [], np.zeros(len(keys), bool)
        for k in np.unique(level):
            here = np.flatnonzero(level == k)
            place = np.searchsorted(self._keys[k], keys[here])
            known = np.zeros(len(here), bool)
            if len(self._keys[k]):
                inside = np.minimum(place, len(self._keys[k]) - 1)
                known = self._keys[k][inside] == keys[here]
                numbers[here[known]] = self._numbers[k][place[known]]
            missing[here[~known]] = True
            places.append((k, here[~known], place[~known]))
        if missing.any():
            numbers[missing] = self._added(keys[missing], lattice[missing], level[missing])
            for k, new, place in places:
                self._keys[k] = np.insert(self._keys[k], place, keys[new])
                self._numbers[k] = np.insert(self._numbers[k], place, numbers[new])
        return numbers

    def _added(self, keys: np.ndarray, lattice: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Evaluate new points; return their numbers."""
        points = self._bounds[:, 0] + lattice * self._spacing
        # The last lattice plane is the bound itself, whatever rounding says.
        points = np.where(lattice == self._extent, self._bounds[:, 1], points)
        if self._recall is None:
            values = self._evaluate(points, level)
        else:
            values = self._recall(keys, lambda new: self._evaluate(points[new], level[new]))
        before, self._used = self._used, self._used + len(values)
        if self._values is None or self._used > len(self._values):
            # Twice what is needed, so that growing copies each value a few times at most.
            room = np.empty((2 * self._used, values.shape[1]), values.dtype)
            if self._values is not None:
                room[:before] = self._values[:before]
            self._values = room
        self._values[before : self._used] = values
        return np.arange(before, self._used, dtype=np.int32)
