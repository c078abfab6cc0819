"""A region of interest: boxes in which a mesh has a tolerance of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

IN_REGION, IN_REST = (1.0, 0.0), (0.0, 1.0)
"""Factors of errors, in the region and in the rest, that leave those of one of them."""


@dataclass(frozen=True)
class Region:
    """A union of boxes in space; over space and time at all times.

    Attributes
    ----------
    low, high : numpy.ndarray, shape (n_boxes, dimension)
        Of boxes that do not overlap.
    share : float
        Of the volume of the domain.
    """

    low: np.ndarray
    high: np.ndarray
    share: float

    @classmethod
    def of(cls, boxes: np.ndarray, bounds: np.ndarray) -> Region:
        """Return the union of boxes, as far as they lie in a domain.

        Parameters
        ----------
        boxes : numpy.ndarray, shape (n_boxes, dimension, 2)
        bounds : numpy.ndarray, shape (dimension, 2)
        """
        boxes = np.clip(boxes, bounds[:, 0][None, :, None], bounds[:, 1][None, :, None])
        apart = np.array(_disjoint(boxes)).reshape(-1, *bounds.shape)
        volume = np.prod(apart[:, :, 1] - apart[:, :, 0], axis=1).sum()
        share = float(volume / np.prod(bounds[:, 1] - bounds[:, 0]))
        # The last digit of a sum of boxes that fill the domain leaves no rest.
        share = 1.0 if share > 1.0 - 1e-12 else share
        return cls(apart[:, :, 0], apart[:, :, 1], share)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Tell which points, (n, dimension) or with time, lie in it, (n,), bool."""
        inside = np.zeros(len(points), bool)
        points = points[:, : self.low.shape[1]]
        for low, high in zip(self.low, self.high, strict=True):
            inside |= ((points >= low) & (points <= high)).all(axis=1)
        return inside

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return random points in it, (count, dimension)."""
        volume = np.prod(self.high - self.low, axis=1)
        box = rng.choice(len(volume), count, p=volume / volume.sum())
        return self.low[box] + rng.random((count, self.low.shape[1])) * (self.high - self.low)[box]

    def fraction(self, low: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Return which part of cells, by their corners and sizes, lies in it, (n,)."""
        dimension = self.low.shape[1]
        low, size = low[:, :dimension], size[:, :dimension]
        part = np.zeros(len(low))
        for lower, upper in zip(self.low, self.high, strict=True):
            overlap = np.minimum(low + size, upper) - np.maximum(low, lower)
            part += np.prod(np.maximum(overlap, 0.0) / size, axis=1)
        return np.minimum(part, 1.0)


@dataclass(frozen=True)
class RegionFactor:
    """A factor of errors that is constant in a region, and in the rest of the domain.

    Parameters
    ----------
    region : Region
    factors : tuple of float
        In the region, in the rest.
    of_whole_cells : bool
        Whether the larger one of those in a cell is that of all of it.
    """

    region: Region
    factors: tuple[float, float]
    of_whole_cells: bool = False

    def at(self, points: np.ndarray) -> np.ndarray:
        """Return the factor at points, (n, n_axes), as (n,)."""
        return np.where(self.region.contains(points), *self.factors)

    def mean_square(self, low: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Return its mean square over boxes, by their corners and sizes, as (n,)."""
        part, (inside, outside) = self.region.fraction(low, size), self.factors
        if self.of_whole_cells:
            there = np.where(part > 0.0, inside, 0.0), np.where(part < 1.0, outside, 0.0)
            return np.maximum(*there) ** 2
        return part * inside**2 + (1.0 - part) * outside**2


def _disjoint(boxes: np.ndarray) -> list[np.ndarray]:
    """Return boxes, (dimension, 2) each, with the same union that do not overlap."""
    found: list[np.ndarray] = []
    for box in boxes:
        pieces = [box]
        for other in list(found):
            pieces = [rest for piece in pieces for rest in _without(piece, other)]
        found += pieces
    return found


def _without(box: np.ndarray, other: np.ndarray) -> Sequence[np.ndarray]:
    """Return boxes that fill what another box leaves of a box."""
    if (np.maximum(box[:, 0], other[:, 0]) >= np.minimum(box[:, 1], other[:, 1])).any():
        return [box]
    pieces, left = [], box.copy()
    for axis, (low, high) in enumerate(other):
        for start, end in ((left[axis, 0], low), (high, left[axis, 1])):
            if start < end:
                piece = left.copy()
                piece[axis] = start, end
                pieces.append(piece)
        left[axis] = max(left[axis, 0], low), min(left[axis, 1], high)
    return pieces
