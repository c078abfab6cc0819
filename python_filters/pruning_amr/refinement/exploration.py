"""Exploring a lattice of cells only where a surface can be.

The start lattice is as fine as the smallest feature that must be found and is sampled everywhere:
that is the price of the guarantee. From there on only cells are looked into in which the surface
is seen, or in which a feature as small as that could hide between their samples. The surface is
followed: where it leaves a cell through a face, the cell behind that face is looked into as well,
so that it is never torn at the edge of what was explored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..cells import corner_offsets
from ..mesh.lattice import LatticeValues, vertex_strides
from .foreseen_sides import ForeseenSides
from .start_samples import (
    REACH_OF_BULGE,
    REACH_OF_CENTRE,
    StartSamples,
    bulges,
    corners_of_grid,
    differ_at_corners,
    over_corners,
    sample_start,
)

N_HALVINGS = 2
"""How often the finest cells may be halved afterwards, where they are unclear."""

_REACH_OF_CHILD = 0.125
"""How far a value may lie beyond the corners of a child for that to be looked into, in second
differences within its parent: an eighth of them is how far a parabola is from its chord."""


@dataclass(frozen=True)
class Cells:
    """Cells of one level, with the numbers of their corners.

    Attributes
    ----------
    level : int
    index : numpy.ndarray, shape (n_cells, dimension), int64
    corners : numpy.ndarray, shape (n_cells, 2^dimension), int32
        Numbers in `LatticeValues`, x fastest.
    """

    level: int
    index: np.ndarray
    corners: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    def take(self, cells: np.ndarray) -> Cells:
        """Return some of the cells."""
        return Cells(self.level, self.index[cells], self.corners[cells])


class Exploration:
    """The cells around the level sets of a scalar field.

    Parameters
    ----------
    bounds : numpy.ndarray, shape (dimension, 2)
    start : tuple of int
        Cells of the start lattice along each axis.
    depth : int
        How often they can be halved, at least 1.
    values : sequence of float
        The values whose level sets are looked for.
    evaluate : callable
        Points (n, dimension) -> values (n,).
    time : float
        At which the field is explored.
    before : StartSamples, optional
        Of the same field and start lattice at any time, to start from.
    """

    def __init__(
        self,
        bounds: np.ndarray,
        start: tuple[int, ...],
        depth: int,
        values: Sequence[float],
        evaluate: Callable[[np.ndarray], np.ndarray],
        time: float = 0.0,
        before: StartSamples | None = None,
    ) -> None:
        self.bounds, self.start, self.depth = bounds, start, depth
        self._levels_of = np.asarray(values, np.float32)
        self.finest = depth + N_HALVINGS
        self._evaluate = evaluate
        self.lattice = LatticeValues(bounds, start, self.finest, self._values_at)
        self.n_explored: list[int] = []
        self._seeds = np.empty((0, len(start)), np.int64)
        self._settled: list[tuple[int, np.ndarray]] = []
        self._begun: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._time, self._before = time, before
        self.samples: StartSamples | None = None
        self._foreseen: ForeseenSides | None = None
        self._start_bulges: list[np.ndarray] = []

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.start)

    def spacing(self, level: int) -> np.ndarray:
        """Return the edge lengths of the cells of a level, (dimension,)."""
        return np.diff(self.bounds)[:, 0] / np.asarray(self.start) / 2.0**level

    def positions(self, lattice: np.ndarray, level: int) -> np.ndarray:
        """Return lattice positions of a level, (n, dimension), whole or not, as points."""
        low, high = self.bounds.T
        points = low + lattice * self.spacing(level)
        return np.where(lattice == np.left_shift(self.start, level), high, points)

    @property
    def values(self) -> list[float]:
        """The values whose level sets are looked for."""
        return self._levels_of.tolist()

    def value(self, number: int) -> float:
        """Return one of the values, as the field, which is float32, can take it."""
        return float(self._levels_of[number])

    def look_into(self, cells: np.ndarray) -> None:
        """Have more cells of the start lattice looked into, (n, dimension), from now on."""
        self._seeds = np.concatenate([self._seeds, cells])

    def settle(self, index: np.ndarray, level: int) -> None:
        """Have cells of the level last yielded not looked into, (n, dimension), until the end.

        Nor is a surface followed into them; and of that level only cells are looked into that a
        surface meets, none in which one could hide.
        """
        self._settled.append((level, np.sort(self.keys(index, level))))

    def generations(self, max_cells: int) -> Iterator[Cells]:
        """Yield the cells that a surface meets, level by level.

        Those of each level alone make closed surfaces, unless some were settled.

        Parameters
        ----------
        max_cells : int
            No more cells than this are looked into, those of the start lattice included; the
            last level before is then the finest.
        """
        corners, crossing, wanted = self._begin()
        index = grid_index(self.start)
        yield Cells(0, index[crossing], corners[crossing])
        cells = Cells(0, index, corners).take(wanted)
        self.n_explored, self._settled = [], []
        for _ in range(self.depth):
            if len(index) + sum(self.n_explored) + len(cells) > max_cells:
                return
            children, worth = self._explored(cells)
            crossing, n_settled = self._crossing(children.corners), len(self._settled)
            yield children.take(crossing)
            if len(self._settled) > n_settled:
                worth = crossing & ~self._is_settled(children.index, children.level)
            cells = children.take(worth)

    def given_up(self) -> Cells:
        """Return the cells of the start lattice that were not looked into."""
        corners, _, _ = self._begin()
        index = grid_index(self.start)
        left = ~np.isin(self.keys(index, 0), self._explored_keys)
        return Cells(0, index[left], corners[left])

    def sides(self, numbers: np.ndarray) -> np.ndarray:
        """Return which points are on the side of larger values, (..., n_values)."""
        return self.side_of(self.lattice.values(numbers)[..., 0])

    def side_of(self, found: np.ndarray) -> np.ndarray:
        """Return on which side of each value others are, (..., n_values)."""
        return found[..., None] >= self._levels_of

    def _values_at(self, points: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Return the field at lattice points, (n, 1); where sides are foreseen, interpolated."""
        if self.samples is None:
            # All of the start lattice, x fastest, is what is asked for first.
            shape, wanted = tuple(n + 1 for n in reversed(self.start)), self._levels_of.tolist()
            self.samples = sample_start(
                points, shape, self._evaluate, wanted, self._time, self._before
            )
            return self.samples.found.reshape(-1, 1)
        found = np.empty(len(points), np.float32)
        foreseen = np.zeros(len(points), bool)
        if self._foreseen is not None:
            on_next = np.flatnonzero(level == 1)
            lattice = np.rint((points[on_next] - self.bounds[:, 0]) / self.spacing(1))
            known, sure = self._foreseen.at(lattice.astype(np.int64))
            foreseen[on_next[sure]] = True
            found[on_next[sure]] = known[sure]
        found[~foreseen] = self._evaluate(points[~foreseen])
        return found[:, None]

    def _begin(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the corners of all start cells, which a surface meets, and those to look into."""
        if self._begun is None:
            shape = tuple(n + 1 for n in reversed(self.start))
            numbers = self.lattice.numbers(grid_index(tuple(n + 1 for n in self.start)), 0)
            numbers = numbers.reshape(shape)
            corners = corners_of_grid(numbers)
            found = self.lattice.values(numbers)[..., 0].astype(np.float64)
            self._start_bulges = [*bulges(found, self._levels_of.tolist())]
            sides = np.moveaxis(self.side_of(found), -1, 0)
            crossing = np.any([differ_at_corners(side) for side in sides], axis=0)
            worth = crossing | self._may_hide(corners, found, crossing)
            self._foreseen = ForeseenSides(found, self._levels_of.tolist(), self._start_bulges)
            self._begun = corners, crossing, worth
        corners, crossing, worth = self._begun
        worth = worth.copy()
        worth[self._seeds @ np.cumprod([1, *self.start[:-1]])] = True
        return corners, crossing, worth

    def _may_hide(self, corners: np.ndarray, found: np.ndarray, crossing: np.ndarray) -> np.ndarray:
        """Return the start cells in which a surface could hide that corners do not show."""
        bulge = np.stack([over_corners(np.maximum, b) for b in self._start_bulges])
        distances = [np.abs(found - value) for value in self._levels_of.tolist()]
        gaps = np.stack([over_corners(np.minimum, distance) for distance in distances])
        unsure = ~crossing & (gaps <= REACH_OF_BULGE * bulge).any(axis=0)
        unsure &= ~self.samples.left
        unsure, gap = np.flatnonzero(unsure), gaps.min(axis=0)
        index = grid_index(self.start)[unsure]
        centre = self.lattice.at(2 * index + 1, 1)[..., 0].astype(np.float64)
        self.samples.add_centres(unsure, centre)
        at_corners = self.lattice.values(corners[unsure])[..., 0].astype(np.float64)
        rise = np.abs(centre - at_corners.mean(axis=1))
        near = np.minimum(gap[unsure], self._gaps(centre[:, None]).min(axis=0))
        other_side = (self.side_of(centre) != self.sides(corners[unsure, 0])).any(axis=1)
        hidden = np.zeros(len(corners), bool)
        hidden[unsure] = other_side | (near <= REACH_OF_CENTRE * rise)
        return hidden

    def _explored(self, cells: Cells) -> tuple[Cells, np.ndarray]:
        """Sample cells, and those that the surface leaves them for, at all points of their lattice.

        Returns their children, and which of those to look into next.
        """
        level, d = cells.level, self.dimension
        extent, new = np.left_shift(self.start, level), cells.index
        offsets = grid_index((3,) * d)
        known = np.empty(0, np.int64)
        index, numbers = [], []
        while len(new):
            found = self.lattice.numbers(2 * new[:, None, :] + offsets, level + 1)
            known = np.union1d(known, self.keys(new, level))
            index.append(new)
            numbers.append(found)
            behind = _through_faces(new, self.sides(found), extent)
            keys, first = np.unique(self.keys(behind, level), return_index=True)
            new = behind[first[~np.isin(keys, known)]]
            new = new[~self._is_settled(new, level)]
        self.n_explored.append(sum(len(i) for i in index))
        if level == 0:
            self._explored_keys = known
        if not index:
            return Cells(level + 1, cells.index, cells.corners), np.zeros(0, bool)
        return self._children(level, np.concatenate(index), np.concatenate(numbers))

    def _is_settled(self, index: np.ndarray, level: int) -> np.ndarray:
        """Tell which cells of a level are settled, or part of one that is."""
        settled = np.zeros(len(index), bool)
        for coarser, keys in self._settled:
            settled |= np.isin(self.keys(index >> (level - coarser), coarser), keys)
        return settled

    def _children(
        self, level: int, index: np.ndarray, numbers: np.ndarray
    ) -> tuple[Cells, np.ndarray]:
        d = self.dimension
        half = corner_offsets(d)
        place = (half[:, None, :] + half[None, :, :]) @ (3 ** np.arange(d))
        children = (2 * index[:, None, :] + half).reshape(-1, d)
        corners = numbers[:, place].reshape(-1, 1 << d)
        made = Cells(level + 1, children, corners)
        found = self.lattice.values(numbers)[..., 0].astype(np.float64)
        curvature = _second_differences_of_cells(found, d)
        gap = self._gaps(self.lattice.values(corners)[..., 0].astype(np.float64)).min(axis=0)
        reach = np.repeat(_REACH_OF_CHILD * curvature, 1 << d)
        return made, self._crossing(corners) | (gap <= reach)

    def _crossing(self, corners: np.ndarray) -> np.ndarray:
        """Return which cells have corners on both sides of a value."""
        sides = self.sides(corners)
        return (sides.any(axis=1) & ~sides.all(axis=1)).any(axis=-1)

    def _gaps(self, found: np.ndarray) -> np.ndarray:
        """Return how far each value is from the nearest of those found, (n_values, n_cells)."""
        distances = [np.abs(found - value).min(axis=1) for value in self._levels_of.tolist()]
        return np.stack(distances)

    def keys(self, index: np.ndarray, level: int) -> np.ndarray:
        """Return what numbers cells or points of a level, by their index (..., dimension)."""
        return index @ vertex_strides(self.start, level)


def grid_index(extent: tuple[int, ...]) -> np.ndarray:
    """Return the index of all cells of a grid, x fastest, (n_cells, dimension)."""
    return np.indices(extent[::-1]).reshape(len(extent), -1)[::-1].T.astype(np.int64)


def _second_differences_of_cells(found: np.ndarray, dimension: int) -> np.ndarray:
    """Return the largest second difference within each cell, from its 3^dimension samples."""
    grid = found.reshape(-1, *(3,) * dimension)
    largest = np.zeros(len(grid))
    for axis in range(1, dimension + 1):
        bend = np.abs(np.diff(grid, n=2, axis=axis)).reshape(len(grid), -1)
        largest = np.maximum(largest, bend.max(axis=1))
    return largest


def _through_faces(index: np.ndarray, sides: np.ndarray, extent: np.ndarray) -> np.ndarray:
    """Return the cells behind the faces that a surface passes through.

    Parameters
    ----------
    index : numpy.ndarray, shape (n_cells, dimension)
    sides : numpy.ndarray, shape (n_cells, 3^dimension, n_values), bool
    extent : numpy.ndarray, shape (dimension,)
        Cells of the level along each axis.
    """
    d = index.shape[1]
    lattice = grid_index((3,) * d)
    behind = []
    for axis in range(d):
        for place, step in ((0, -1), (2, 1)):
            face = sides[:, lattice[:, axis] == place]
            passed = (face.any(axis=1) & ~face.all(axis=1)).any(axis=-1)
            next_ = index[passed].copy()
            next_[:, axis] += step
            behind.append(next_[(next_[:, axis] >= 0) & (next_[:, axis] < extent[axis])])
    return np.concatenate(behind)
