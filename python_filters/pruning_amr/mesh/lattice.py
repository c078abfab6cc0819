"""Values of a field at lattice points, evaluated once and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .key_numbers import KeyNumbers

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

    Points are numbered in the order in which they are evaluated, which is that in which they are
    first asked for.

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
        self._points = KeyNumbers()
        self._values: np.ndarray | None = None

    def at(self, lattice: np.ndarray, depth: int | np.ndarray) -> np.ndarray:
        """Return the field at lattice points, shape (..., n_outputs), float32.

        Arguments are those of `numbers`.
        """
        numbers = self.numbers(lattice, depth)
        return self.values(numbers)

    def values(self, numbers: np.ndarray) -> np.ndarray:
        """Return the field at points by their numbers, shape (..., n_outputs), float32."""
        return self._values.take(numbers, axis=0)

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
        return self._numbered(keys)

    def numbers_around(
        self, lattice: np.ndarray, spacing: np.ndarray, offsets: np.ndarray
    ) -> np.ndarray:
        """Return the numbers of points beside others, evaluating those that are new.

        Parameters
        ----------
        lattice : numpy.ndarray, shape (n, dimension), int64
            Positions on the finest lattice.
        spacing : numpy.ndarray, shape (n, dimension), int64
            How far apart points beside each of them are.
        offsets : numpy.ndarray, shape (n_points, dimension)
            Where they lie, in units of the spacing.

        Returns
        -------
        numpy.ndarray, shape (n, n_points), int32
        """
        steps = spacing * self._stride
        keys = np.repeat((lattice @ self._stride)[:, None], len(offsets), axis=1)
        for axis, along in enumerate(np.asarray(offsets, np.int64).T):
            keys += steps[:, axis, None] * along
        return self._numbered(keys)

    @property
    def n_points(self) -> int:
        """How many points were evaluated: the numbers of points are below this."""
        return len(self._points)

    def positions(self, numbers: np.ndarray) -> np.ndarray:
        """Return where points are on the lattice, by their numbers, (n, dimension), int64."""
        return self._positions(self._points.keys[numbers])

    def _positions(self, keys: np.ndarray) -> np.ndarray:
        found = np.empty((len(keys), len(self._extent)), np.int64)
        # By one number at a time: NumPy divides so three times as fast as by several.
        for axis, n in enumerate((self._extent + 1).tolist()):
            beyond = keys // n
            found[:, axis] = keys - beyond * n
            keys = beyond
        return found

    def _numbered(self, keys: np.ndarray) -> np.ndarray:
        """Return the numbers of points by their keys, of the same shape."""
        numbers, new = self._points.of(keys.reshape(-1))
        if len(new):
            try:
                self._add(keys.reshape(-1)[new])
            except BaseException:
                # Whoever stops the network must not find points without values later.
                self._points.take_back(len(new))
                raise
        return numbers.reshape(keys.shape)

    def _add(self, keys: np.ndarray) -> None:
        """Evaluate new points, which have the last numbers."""
        lattice = self._positions(keys)
        # The lowest bit of a position says on which lattices it is; 0 is on all.
        bits = np.bitwise_or.reduce(lattice, axis=1) | (1 << self.depth)
        level = self.depth - np.log2((bits & -bits).astype(np.float64)).astype(np.int64)
        points = self._bounds[:, 0] + lattice * self._spacing
        # The last lattice plane is the bound itself, whatever rounding says.
        points = np.where(lattice == self._extent, self._bounds[:, 1], points)
        if self._recall is None:
            values = self._evaluate(points, level)
        else:
            values = self._recall(keys, lambda new: self._evaluate(points[new], level[new]))
        used = len(self._points)
        before = used - len(values)
        if self._values is None or used > len(self._values):
            # Twice what is needed, so that growing copies each value a few times at most.
            room = np.empty((2 * used, values.shape[1]), values.dtype)
            if self._values is not None:
                room[:before] = self._values[:before]
            self._values = room
        self._values[before:used] = values
