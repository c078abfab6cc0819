"""What searches have asked a network for, kept so that the next one need not ask again.

A search with another tolerance, or one that goes on where a limit stopped the last, asks for much
of the same: the field at points of the lattice, and at the random points of cells, which are those
of the cell whatever search samples it. It takes the course that it takes with nothing known, and
so finds the same cells; only the network is not asked for what is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable

import numpy as np

from ..mesh.lattice import vertex_strides
from .start_samples import StartSamples

LatticeNumbering = tuple[tuple[int, ...], int, int, str]
"""Cells of the root grid, depth of the lattice, seed and device of a search."""


class KnownField:
    """Values of a field at one time, or over space and time, by numbers of points and of cells.

    Only those of the whole network are kept: which networks pruned in cells there are, and when
    they are made, follows from the tolerance.

    Attributes
    ----------
    start_samples : dict
        `StartSamples` of searches for surfaces, by channel and device. Searches at other times can
        start from them, too.
    """

    def __init__(self) -> None:
        self._tables: dict[Hashable, tuple[np.ndarray, np.ndarray]] = {}
        self._new: defaultdict[Hashable, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
        self._numbering: Hashable = None
        self._closed = False
        self.start_samples: dict[tuple[int, str], StartSamples] = {}

    def __len__(self) -> int:
        """Return how many values are kept."""
        return sum(values.size for _, values in self._tables.values())

    def begin(self, numbering: Hashable) -> None:
        """Begin a search; forget everything if its points and cells are numbered in another way."""
        self.settle()
        if numbering != self._numbering:
            self._tables.clear()
        self._numbering, self._closed = numbering, False

    def close(self) -> None:
        """Give and keep no values from now on: others than the whole network give them."""
        self._closed = True

    def values(
        self, kind: Hashable, keys: np.ndarray, evaluate: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """Return values, asking only for those that are not known.

        Parameters
        ----------
        kind : hashable
            What is numbered: points of the lattice, or samples of some kind in each cell.
        keys : numpy.ndarray, shape (n,), int64
            Each there once, in this search.
        evaluate : callable
            Positions in `keys`, (m,), -> values there, (m, ...), float32.
        """
        if self._closed:
            return evaluate(np.arange(len(keys)))
        values, missing, new = self._found(kind, keys, evaluate)
        if len(missing):
            self._new[kind].append((keys[missing], new))
        return values

    @property
    def numbering(self) -> Hashable:
        """How points and cells are numbered, as `begin` was told."""
        return self._numbering

    def at_vertices(
        self,
        numbering: LatticeNumbering,
        lattice: np.ndarray,
        depth: int,
        evaluate: Callable[[np.ndarray], np.ndarray],
    ) -> np.ndarray:
        """Return values at vertices of a mesh that a search has found, asking for few.

        Parameters
        ----------
        numbering : tuple
            `numbering` when it was found; with another one since, nothing is known.
        lattice : numpy.ndarray, shape (n, dimension), int64
            Positions of the vertices, each there once, on the lattice of `depth`.
        depth : int
        evaluate : callable
            As for `values`.
        """
        roots, finest, *_ = numbering
        if numbering != self._numbering or depth > finest:
            return evaluate(np.arange(len(lattice)))
        keys = np.left_shift(lattice, finest - depth) @ vertex_strides(roots, finest)
        return self._found("lattice", keys, evaluate)[0]

    def _found(
        self, kind: Hashable, keys: np.ndarray, evaluate: Callable[[np.ndarray], np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return values, positions of those that were asked for, and these if there are any."""
        known, kept = self._tables.get(kind, (keys[:0], None))
        place = np.minimum(np.searchsorted(known, keys), max(len(known) - 1, 0))
        found = known[place] == keys if len(known) else np.zeros(len(keys), bool)
        missing = np.flatnonzero(~found)
        if not len(missing):
            return kept[place], missing, None
        new = evaluate(missing)
        if len(missing) == len(keys):
            return new, missing, new
        values = np.empty((len(keys), *new.shape[1:]), new.dtype)
        values[missing], values[found] = new, kept[place[found]]
        return values, missing, new

    def settle(self) -> None:
        """Sort what has been asked for since the search began among what was known."""
        for kind in list(self._new):
            parts = self._new.pop(kind)
            if kind in self._tables:
                parts.insert(0, self._tables.pop(kind))
            keys = np.concatenate([part[0] for part in parts])
            values = np.concatenate([part[1] for part in parts])
            del parts
            keys, first = np.unique(keys, return_index=True)
            self._tables[kind] = keys, values[first]
