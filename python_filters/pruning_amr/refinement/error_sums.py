"""Sums of errors at sample points, from which norms follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

HUGE = 1e290
"""What an error that is no number counts as: the largest there is, and sums of many are numbers."""

NO_NUMBER = 1e100
"""Errors above this are those of values that are no number."""


@dataclass
class ErrorSums:
    """Sums over the sample points of cells, from which norms of their errors follow.

    Attributes
    ----------
    count : numpy.ndarray, shape (n_cells,), int32
        Sample points.
    square : numpy.ndarray, shape (n_cells,), float64
        Sum of the squared relative errors, averaged over channels.
    largest : numpy.ndarray, shape (n_cells,), float64, or None
        The largest relative error of any channel; None where only means are of interest.
    """

    count: np.ndarray
    square: np.ndarray
    largest: np.ndarray | None

    @classmethod
    def zeros(cls, n_cells: int, largest: bool = True) -> ErrorSums:
        """Return the sums of no samples, with the largest error or without."""
        none = np.zeros(n_cells) if largest else None
        return cls(np.zeros(n_cells, np.int32), np.zeros(n_cells), none)

    @classmethod
    def of(cls, error: np.ndarray) -> ErrorSums:
        """Return the sums of relative errors, shape (n_cells, n_points, n_outputs).

        Points are added one after another, so that a cell's sums do not depend on its batch.
        """
        n_cells, n_points, n_outputs = error.shape
        squares = np.square(error.T, dtype=np.float64)
        of_points = _one_by_one(squares)
        of_points /= n_outputs
        largest = np.abs(error).max(axis=(1, 2), initial=0.0)
        count = np.full(n_cells, n_points, np.int32)
        return cls(count, _one_by_one(of_points), largest)

    @property
    def mean_square(self) -> np.ndarray:
        """Mean squared relative error of each cell, shape (n_cells,)."""
        return self.mean_square_of(slice(None))

    def mean_square_of(self, cells: slice | np.ndarray) -> np.ndarray:
        """Return the mean squared relative error of some cells, in their shape."""
        return bounded(self.square[cells]) / np.maximum(self.count[cells], 1)

    def bounded(self) -> ErrorSums:
        """Return the sums with errors that are no number as large ones."""
        square = self.square
        if not np.isfinite(square).all():
            # Each point counts as that: a mean must not get smaller with the number of points.
            most = HUGE * np.maximum(self.count, 1)
            square = np.where(np.isfinite(square), np.minimum(square, most), most)
        largest = None if self.largest is None else bounded(self.largest)
        return ErrorSums(self.count, square, largest)

    def grown(self, n_cells: int) -> ErrorSums:
        """Return the sums with unsampled cells appended, `n_cells` in all."""
        more = n_cells - len(self.count)
        if not more:
            return self
        return ErrorSums(
            *(
                None if array is None else np.concatenate([array, np.zeros(more, array.dtype)])
                for array in _arrays(self)
            )
        )

    def add(self, cells: np.ndarray, other: ErrorSums) -> None:
        """Add the sums of the cells of that number; each may be there once."""
        self.count[cells] += other.count
        self.square[cells] += other.square
        if self.largest is not None:
            self.largest[cells] = np.fmax(self.largest[cells], bounded(other.largest))

    def add_points(self, cells: np.ndarray, other: ErrorSums) -> None:
        """Add the sums of single points in cells; several may lie in one."""
        for mine, theirs in zip(_arrays(self)[:2], _arrays(other)[:2], strict=True):
            np.add.at(mine, cells, theirs)
        if self.largest is not None:
            np.fmax.at(self.largest, cells, bounded(other.largest))

    def taken(self, cells: np.ndarray) -> ErrorSums:
        """Return the sums of some cells."""
        return ErrorSums(*(None if a is None else a[cells] for a in _arrays(self)))


def bounded(values: np.ndarray) -> np.ndarray:
    """Return errors with those that are no number as large ones."""
    if np.isfinite(values).all():
        return values
    return np.nan_to_num(values, nan=HUGE, posinf=HUGE)


def _one_by_one(values: np.ndarray) -> np.ndarray:
    """Return sums over the first axis: NumPy adds in pairs where the other axes have length 1."""
    total = np.zeros(values.shape[1:])
    for more in values:
        total += more
    return total


def _arrays(sums: ErrorSums) -> tuple[np.ndarray | None, ...]:
    return sums.count, sums.square, sums.largest
