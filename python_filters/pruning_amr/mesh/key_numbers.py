"""Numbers of keys in the order in which they are first seen: a hash table in numpy.

Sorting tells keys that are there twice too, but takes two to three times as long: refining cells
asks for points that their neighbours ask for as well, a few million of them again and again.
"""

from __future__ import annotations

import numpy as np

_FEWEST_PLACES = 1 << 15
"""Places of the smallest table: few keys then hardly ever meet."""

_PART = 1 << 16
"""Keys that are numbered at a time, so that what it takes stays in the cache of a processor."""

_MIX_1, _MIX_2 = np.int64(-7046029254386353131), np.int64(-4658895280553007687)
"""Odd numbers whose bits are spread out (those of `pruning_amr.cells.sampling`)."""


class KeyNumbers:
    """Numbers keys from 0 on, each once.

    Every key has a first place in the table, and a step from there to the next ones where that is
    taken by another (double hashing: Knuth, The Art of Computer Programming 3, section 6.4). All
    keys of a part take their steps together, and those that are equal stay together.
    """

    def __init__(self) -> None:
        self._table = np.full(_FEWEST_PLACES, -1, np.int32)
        self._keys = np.empty(0, np.int64)
        self._used = 0

    def __len__(self) -> int:
        """Return how many keys have numbers."""
        return self._used

    @property
    def keys(self) -> np.ndarray:
        """Keys by their numbers, (n,), int64."""
        return self._keys[: self._used]

    def of(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of keys; those that are new get the next ones in their order.

        Parameters
        ----------
        keys : numpy.ndarray, shape (n,), int64

        Returns
        -------
        numbers : numpy.ndarray, shape (n,), int32
        new : numpy.ndarray, int64
            Positions among `keys` of those that had no number, each key's first one, in the order
            of their numbers.
        """
        numbers, new = np.empty(len(keys), np.int32), [np.empty(0, np.int64)]
        for start in range(0, len(keys), _PART):
            part = slice(start, start + _PART)
            numbers[part], first = self._of_part(keys[part])
            new.append(first + start)
        return numbers, np.concatenate(new)

    def take_back(self, n: int) -> None:
        """Forget the last `n` numbers."""
        self._used -= n
        self._put_all()

    def _of_part(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self._make_room(len(keys))
        before, n = self._used, len(keys)
        # Until it is known which are new all claim to be, with numbers that their keys lie at.
        self._keys[before : before + n] = keys
        claims = np.arange(before, before + n, dtype=np.int32)
        numbers, taken = np.empty(n, np.int32), []
        asking = np.arange(n)
        place, step = self._places(keys)
        while len(asking):
            holder, mine = self._table[place], claims[asking]
            free = np.flatnonzero(holder < 0)
            # Where several claim a place the first of them, which is the last to write, gets it.
            self._table[place[free][::-1]] = mine[free][::-1]
            holder[free] = self._table[place[free]]
            taken.append(place[free[holder[free] == mine[free]]])
            numbers[asking] = holder
            other = np.flatnonzero(self._keys[holder] != keys[asking])
            asking, step = asking[other], step[other]
            place = (place[other] + step) & (len(self._table) - 1)
        new = np.flatnonzero(numbers == claims)
        final = np.empty(n, np.int32)
        final[new] = np.arange(before, before + len(new))
        taken = np.concatenate(taken)
        self._table[taken] = final[self._table[taken] - before]
        claimed = np.flatnonzero(numbers >= before)
        numbers[claimed] = final[numbers[claimed] - before]
        self._keys[before : before + len(new)] = keys[new]
        self._used += len(new)
        return numbers, new

    def _places(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the first place of keys, and the steps to their next ones, which are odd."""
        mixed = keys * _MIX_1
        mixed ^= mixed >> 32
        mixed *= _MIX_2
        last = len(self._table) - 1
        return (mixed >> 32) & last, ((mixed >> 8) & last) | 1

    def _make_room(self, more: int) -> None:
        """See to it that half of the table stays free, and that there is room for so many keys."""
        needed = self._used + more
        if needed > len(self._keys):
            # A half more than is needed, so that growing copies each key a few times at most.
            room = np.empty(needed + needed // 2, np.int64)
            room[: self._used] = self.keys
            self._keys = room
        if 2 * needed > len(self._table):
            self._table = np.empty(1 << (2 * needed - 1).bit_length(), np.int32)
            self._put_all()

    def _put_all(self) -> None:
        """Put all keys into an empty table."""
        self._table.fill(-1)
        for start in range(0, self._used, _PART):
            self._put(start, min(start + _PART, self._used))

    def _put(self, start: int, end: int) -> None:
        """Put keys that have numbers, and are not there, into the table."""
        numbers = np.arange(start, end, dtype=np.int32)
        place, step = self._places(self._keys[start:end])
        while len(numbers):
            free = np.flatnonzero(self._table[place] < 0)
            self._table[place[free]] = numbers[free]
            other = np.flatnonzero(self._table[place] != numbers)
            numbers, step = numbers[other], step[other]
            place = (place[other] + step) & (len(self._table) - 1)
