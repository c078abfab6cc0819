"""Sides of points between those of the start lattice that its samples leave no doubt about.

Where a surface runs on the lattice that is twice as fine is decided by the side alone on which its
points lie. In the middle of an edge or a face it is told by the samples around, wherever the value
is further away than the field bends there; the field itself is then that of cubic interpolation,
near enough for a vertex to be moved from. What lies in the middle of a cell is always evaluated: a
feature as wide as a cell could hide there.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

_REACH_OF_BEND = 0.25
"""How far from a value the interpolated field has to be, in second differences of the samples
around, for its side to be sure, where the corners around lie on both sides. An eighth is how far a
parabola is from its chord, which cubic interpolation allows for already. (From 0.19 on no side of
the CT sample was wrong.)"""

_REACH_OF_BULGE = 1.5
"""How far a value has to be beyond the corners around, in second differences by which samples bulge
towards it, where all lie on one side. A Gaussian bump of twice the value whose level set is a ball
as wide as a cell comes to 1 in the middle of a face, where it is seen worst."""


class ForeseenSides:
    """What the samples of a grid tell about the points of the grid that is twice as fine.

    Parameters
    ----------
    samples : numpy.ndarray, shape (..., nz, ny, nx)
    values : sequence of float
        Those whose level sets are looked for.
    bulges : list of numpy.ndarray, shape (..., nz, ny, nx)
        See `pruning_amr.refinement.start_samples.bulges`, for each value.
    """

    def __init__(
        self, samples: np.ndarray, values: Sequence[float], bulges: list[np.ndarray]
    ) -> None:
        self._samples, self._values, self._bulges = samples, values, bulges
        self._bend = _largest_second_difference(samples)
        self._finer = _halved(samples)
        self._strides = np.cumprod([1, *samples.shape[:0:-1]])

    def at(self, lattice: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the field as interpolated at points of the finer grid, and whether that will do.

        Parameters
        ----------
        lattice : numpy.ndarray, shape (n_points, dimension)
        """
        d = lattice.shape[1]
        found, sure = self._finer[tuple(lattice.T[::-1])], np.zeros(len(lattice), bool)
        # Edges, faces, ... by the axes along which points lie between samples.
        kind = (lattice & 1) @ (1 << np.arange(d))
        first = (lattice >> 1) @ self._strides
        for axes in range(1, (1 << d) - 1):
            here = np.flatnonzero(kind == axes)
            steps = [(0, stride) for k, stride in enumerate(self._strides) if axes >> k & 1]
            corners = first[here, None] + np.array([sum(c) for c in itertools.product(*steps)])
            sure[here] = self._sure(found[here], corners)
        return found, sure

    def _sure(self, found: np.ndarray, corners: np.ndarray) -> np.ndarray:
        """Return which values are as good as those of the network, by the samples around."""
        around = self._samples.reshape(-1)[corners]
        reach = _REACH_OF_BEND * self._bend.reshape(-1)[corners].max(axis=1)
        low, high = around.min(axis=1), around.max(axis=1)
        sure = np.ones(len(found), bool)
        for value, bulge in zip(self._values, self._bulges, strict=True):
            one_side = (low >= value) | (high < value)
            hidden = _REACH_OF_BULGE * bulge.reshape(-1)[corners].max(axis=1)
            beyond = np.maximum(low - value, value - high)
            sure &= np.where(one_side, beyond > hidden, np.abs(found - value) > reach)
        return sure


def _largest_second_difference(samples: np.ndarray) -> np.ndarray:
    """Return the largest second difference of the axes at each point, beside an end that within."""
    largest = np.zeros(samples.shape)
    for axis in range(samples.ndim):
        pad = [(0, 0)] * samples.ndim
        pad[axis] = (1, 1)
        bend = np.abs(np.diff(samples, n=2, axis=axis))
        largest = np.maximum(largest, np.pad(bend, pad, mode="edge"))
    return largest


def _halved(samples: np.ndarray) -> np.ndarray:
    """Return a grid twice as fine, by cubic interpolation, at its ends by parabolas."""
    for axis in range(samples.ndim):
        f = np.moveaxis(samples, axis, 0)
        ends = 3.0 * f[[0, -1]] - 3.0 * f[[1, -2]] + f[[2, -3]]
        wide = np.concatenate([ends[:1], f, ends[1:]])
        finer = np.empty((2 * len(f) - 1, *f.shape[1:]), f.dtype)
        finer[::2] = f
        finer[1::2] = (9.0 * (f[:-1] + f[1:]) - (wide[:-3] + wide[3:])) / 16.0
        samples = np.moveaxis(finer, 0, axis)
    return samples
