"""Cells as large as their corners tell how a level set runs through them, and no larger.

The parents of the finest cells explored are taken whole where their samples show no more of the
level set than their corners do, and the gradient turns little. Others are halved, and their
children again, up to two times, where corners lie on alternating sides of a face or the gradient
turns within them. Where the finer samples on the face to a cell that is not halved show more of the
level set than the corners of that face do, it is halved as well: so on every face between larger
and smaller cells, both see one line of the level set at most, between the same two edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from ..cells import corner_offsets
from ..refinement import Stopped
from ..refinement.exploration import N_HALVINGS, Cells, Exploration, grid_index

_TURNED = 0.5
"""Cosine of the angle to the mean gradient from which on a cell is unclear."""

_BENT = 0.8
"""The same between children of a cell; those of one as wide as a tube or a ball are halved."""

_FAINT = 0.3
"""Gradients at corners that are shorter than this share of the mean one have no direction."""


@dataclass(frozen=True)
class Halving:
    """Cells of different levels that a level set meets.

    Attributes
    ----------
    cells : list of Cells
        Those that are not halved, by level, the coarsest first.
    samples : list of numpy.ndarray
        Keys of the points in which cells were sampled, by level.
    n_looked_into : int
        Cells that were sampled for it.
    stopped_by : str
        "max_cells" or "time_limit" if cells are left as they were for that; else empty.
    """

    cells: list[Cells]
    samples: list[np.ndarray]
    n_looked_into: int = 0
    stopped_by: str = ""


def halve_unclear(cells: Cells, exploration: Exploration, number: int, room: int) -> Halving:
    """Take cells as small as it needs for it to be clear how the level set runs through them.

    Parameters
    ----------
    cells : Cells
        All of a level that the level set meets.
    exploration : Exploration
    number : int
        Of the value.
    room : int
        How many cells may be looked into at most. If that, or the time, is not enough, all cells
        are left as they are: those of one level alone make closed surfaces.
    """
    search = _Halving(cells, exploration, number, room)
    try:
        return search.run()
    except Stopped as stop:
        if str(stop) not in ("max_cells", "time_limit"):
            raise
        return Halving([cells], [], search.n_looked_into, str(stop))


class _Halving:
    def __init__(self, cells: Cells, exploration: Exploration, number: int, room: int) -> None:
        self._exploration, self._number, self._room = exploration, number, room
        self._dimension = cells.index.shape[1]
        # Whether the cells to begin with have been sampled.
        self._known = int(cells.level > 0 and self._dimension > 1)
        self._first = self._parents(cells) if self._known else cells
        self._halvings = min(N_HALVINGS, exploration.finest - cells.level) + self._known
        if self._dimension == 1:
            self._halvings = 0
        # Index and samples of the cells halved, by halving.
        empty = np.empty((0, self._dimension), np.int64)
        samples = np.empty((0, 3**self._dimension), np.int32)
        self._halved = [empty] * self._halvings
        self._samples = [samples] * self._halvings
        self._wanted: list[list[np.ndarray]] = [[] for _ in range(self._halvings)]

    def run(self) -> Halving:
        if self._halvings:
            unclear = self._unclear(self._first)
            if self._known:
                samples = self._sampled(0, self._first.index)
                unclear |= ~_tell_all(self._sides(samples)) | self._bent(samples)
            self._want(0, self._first.index[unclear])
            self._halve_wanted()
        sampled = [self._first.index if self._known else None, *self._halved[1:]]
        sampled = [h if s is None else s for s, h in zip(sampled, self._halved, strict=False)]
        keys = [
            np.unique(self._keys(2 * h[:, None, :] + grid_index((3,) * self._dimension), i + 1))
            for i, h in enumerate(sampled)
        ]
        return Halving(self._left(), keys, self.n_looked_into)

    @property
    def n_looked_into(self) -> int:
        """Cells of which samples were asked for."""
        return sum(len(halved) for halved in self._halved[self._known :])

    def _parents(self, cells: Cells) -> Cells:
        """Return the cells that others are children of; they have been explored."""
        d, level = self._dimension, cells.level - 1
        _, first = np.unique(self._exploration.keys(cells.index >> 1, level), return_index=True)
        index = cells.index[first] >> 1
        corners = self._exploration.lattice.numbers(index[:, None, :] + corner_offsets(d), level)
        return Cells(level, index, corners)

    def _sampled(self, i: int, index: np.ndarray) -> np.ndarray:
        """Return the numbers of all points of cells on the next lattice."""
        return self._exploration.lattice.numbers(
            2 * index[:, None, :] + grid_index((3,) * self._dimension), self._level(i) + 1
        )

    def _want(self, i: int, index: np.ndarray) -> None:
        """Have cells halved, and before them those that they are part of."""
        for coarser in range(i, -1, -1):
            self._wanted[coarser].append(index >> (i - coarser))

    def _halve_wanted(self) -> None:
        """Halve the cells wanted, and all others that must be halved then; the coarsest first."""
        while (i := next((i for i, w in enumerate(self._wanted) if w), None)) is not None:
            wanted, self._wanted[i] = np.concatenate(self._wanted[i]), []
            keys, first = np.unique(self._keys(wanted, i), return_index=True)
            new = ~np.isin(keys, self._keys(self._halved[i], i), assume_unique=True)
            if not new.any():
                continue
            index = wanted[first[new]]
            if i >= self._known and self.n_looked_into + len(index) > self._room:
                raise Stopped("max_cells")
            samples = self._sampled(i, index)
            self._halved[i] = np.concatenate([self._halved[i], index])
            self._samples[i] = np.concatenate([self._samples[i], samples])
            if i + 1 < self._halvings:
                children = self._children(i, index, samples)
                self._want(i + 1, children.index[self._unclear(children)])
            self._want_behind(i, index, samples)

    def _want_behind(self, i: int, index: np.ndarray, samples: np.ndarray) -> None:
        """Have cells halved behind faces on which more is seen than the corners of the face tell.

        Behind all faces that the level set passes, cells have to be no larger than these. Of the
        largest those are halved that nobody knows to be met.
        """
        sides = self._sides(samples)
        extent = np.left_shift(self._exploration.start, self._level(i))
        lattice = grid_index((3,) * self._dimension)
        plain, passed = _face_table(self._dimension - 1)
        for axis in range(self._dimension):
            for place, step in ((0, -1), (2, 1)):
                face = sides[:, lattice[:, axis] == place]
                code = face @ (1 << np.arange(face.shape[1]))
                next_ = index.copy()
                next_[:, axis] += step
                inside = (next_[:, axis] >= 0) & (next_[:, axis] < extent[axis])
                self._want(i, next_[inside & ~plain[code]])
                behind = next_[inside & passed[code]]
                if i:
                    self._want(i - 1, behind >> 1)
                else:
                    # Where finer samples are the first to see the level set, it has to be followed.
                    new = ~np.isin(self._keys(behind, 0), self._keys(self._first.index, 0))
                    self._want(i, behind[new])

    def _left(self) -> list[Cells]:
        """Return the cells that the level set meets and that were not halved, by level."""
        parts, level = [], self._first
        for i in range(self._halvings + 1):
            if i < self._halvings:
                gone = np.isin(self._keys(level.index, i), self._keys(self._halved[i], i))
                parts.append(level.take(~gone))
                level = self._children(i, self._halved[i], self._samples[i])
            else:
                parts.append(level)
        return parts

    def _children(self, i: int, index: np.ndarray, samples: np.ndarray) -> Cells:
        """Return the children that the level set meets."""
        d = self._dimension
        half = corner_offsets(d)
        place = (half[:, None, :] + half[None, :, :]) @ (3 ** np.arange(d))
        children = (2 * index[:, None, :] + half).reshape(-1, d)
        made = Cells(self._level(i) + 1, children, samples[:, place].reshape(-1, 1 << d))
        sides = self._sides(made.corners)
        return made.take(sides.any(axis=1) & ~sides.all(axis=1))

    def _unclear(self, cells: Cells) -> np.ndarray:
        """Return the cells of which corners do not tell how the level set runs."""
        d, n = self._dimension, len(cells)
        found = self._exploration.lattice.values(cells.corners)[..., 0].astype(np.float64)
        grid = found.reshape(n, *(2,) * d)
        sides = self._sides(cells.corners).reshape(n, *(2,) * d)
        spacing = self._exploration.spacing(cells.level)
        slopes = [
            np.repeat(np.diff(grid, axis=d - k), 2, axis=d - k).reshape(n, 1 << d) / spacing[k]
            for k in range(d)
        ]
        gradients = np.stack(slopes, axis=-1)
        mean = gradients.mean(axis=1)
        length, of_mean = np.linalg.norm(gradients, axis=2), np.linalg.norm(mean, axis=1)
        along = np.einsum("nkd,nd->nk", gradients, mean)
        turned = along < _TURNED * length * of_mean[:, None]
        turned &= length > _FAINT * of_mean[:, None]
        return turned.any(axis=1) | _alternating(sides)

    def _bent(self, samples: np.ndarray) -> np.ndarray:
        """Return the cells between whose children, where they are met, the gradient turns.

        The corners of a cell alone do not show how the field bends along its axes.
        """
        d = self._dimension
        half = corner_offsets(d)
        place = (half[:, None, :] + half[None, :, :]) @ (3 ** np.arange(d))
        corners = samples[:, place]
        found = self._exploration.lattice.values(corners)[..., 0].astype(np.float64)
        # At the middle of a child: the mean along the edges of each axis.
        weights = (2.0 * half - 1.0) / self._exploration.spacing(self._level(0) + 1)
        gradients = found @ weights
        sides = self._sides(corners)
        met = sides.any(axis=2) & ~sides.all(axis=2)
        mean = np.where(met[..., None], gradients, 0.0).sum(axis=1)
        along = np.einsum("nkd,nd->nk", gradients, mean)
        lengths = np.linalg.norm(gradients, axis=2) * np.linalg.norm(mean, axis=1)[:, None]
        return (met & (along < _BENT * lengths)).any(axis=1)

    def _sides(self, numbers: np.ndarray) -> np.ndarray:
        return self._exploration.sides(numbers)[..., self._number]

    def _level(self, i: int) -> int:
        return self._first.level + i

    def _keys(self, index: np.ndarray, i: int) -> np.ndarray:
        return self._exploration.keys(index, self._level(i)).reshape(-1)


def _tell_all(sides: np.ndarray) -> np.ndarray:
    """Return the cells (n, 3^d) of which corners tell all that their samples show.

    The corners of either side are then joined by edges of the cell, every face shows what its
    corners do, and the centre is on the side of the centre of a face.
    """
    d = 2 if sides.shape[1] == 9 else 3
    plain, passed = _face_table(2)
    bits = 1 << np.arange(9)
    if d == 2:
        code = sides @ bits
        return plain[code] & passed[code]
    lattice = grid_index((3,) * d)
    corners = (lattice != 1).all(axis=1)
    found = _corner_table()[sides[:, corners] @ (1 << np.arange(8))]
    of_faces = (lattice == 1).sum(axis=1) == 2
    found &= (sides[:, of_faces] == sides[:, [13]]).any(axis=1)
    for axis in range(d):
        for place in (0, 2):
            found &= plain[sides[:, lattice[:, axis] == place] @ bits]
    return found


@cache
def _corner_table() -> np.ndarray:
    """Return, by the bits of the corners of a cube, whether those of either side hang together."""
    found = np.zeros(256, bool)
    for code in range(256):
        sides = [code >> i & 1 for i in range(8)]
        groups = []
        for side in (0, 1):
            left = {i for i in range(8) if sides[i] == side}
            reached = {min(left)} if left else set()
            while grown := {i ^ b for i in reached for b in (1, 2, 4)} & left - reached:
                reached |= grown
            groups.append(bool(left) and reached == left)
        found[code] = all(groups)
    return found


def _alternating(sides: np.ndarray) -> np.ndarray:
    """Return the cells (n, 2, ...) with a face whose corners lie on alternating sides."""
    if sides.ndim == 3:
        same = (sides[:, 0, 0] == sides[:, 1, 1]) & (sides[:, 0, 1] == sides[:, 1, 0])
        return same & (sides[:, 0, 0] != sides[:, 0, 1])
    found = np.zeros(len(sides), bool)
    for axis in range(1, sides.ndim):
        for face in (0, 1):
            found |= _alternating(np.take(sides, face, axis=axis))
    return found


@cache
def _face_table(dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Return of all sides of the samples of a face whether they show what its corners tell.

    And whether the level set passes the face. The bits of an entry are the samples, x fastest.
    """
    n = 3**dimension
    plain, passed = np.zeros(1 << n, bool), np.zeros(1 << n, bool)
    for code in range(1 << n):
        grid = np.array([code >> i & 1 for i in range(n)]).reshape((3,) * dimension)
        plain[code], passed[code] = _is_plain(grid), grid.min() != grid.max()
    return plain, passed


def _is_plain(grid: np.ndarray) -> bool:
    if grid.ndim == 1:
        return not (grid[0] == grid[2] != grid[1])
    ring = grid[[0, 0, 0, 1, 2, 2, 2, 1], [0, 1, 2, 2, 2, 1, 0, 0]]
    changes = int((ring != np.roll(ring, 1)).sum())
    corners = ring[::2]
    if changes > 2 or changes != int((corners != np.roll(corners, 1)).sum()):
        return False
    if changes == 0:
        return bool(grid[1, 1] == ring[0])
    quarters = [grid[i : i + 2, j : j + 2] for i, j in product((0, 1), repeat=2)]
    return not any(q[0, 0] == q[1, 1] != q[0, 1] == q[1, 0] for q in quarters)
