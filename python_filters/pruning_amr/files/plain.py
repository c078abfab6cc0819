"""From what a pickle built to plain content: dicts, lists, numbers, arrays and records."""

from __future__ import annotations

from typing import Any

from ..errors import CheckpointError
from . import tensors
from .limits import DEPTH, Budget
from .records import Name, NumpyArray, NumpyType, Record, Storage, Tensor

_SCALARS = (str, int, float, type(None))
_KEY_LENGTH = 200


def key_text(key: Any, position: int = 0) -> str:
    """Return the text for a key of a dict: content has no others, and text cannot collide.

    `position` tells keys apart that have no text of their own.
    """
    if isinstance(key, str):
        return key
    if isinstance(key, bytes) and len(key) <= _KEY_LENGTH:
        return key.decode("latin1")
    if _is_short(key) or (isinstance(key, tuple) and len(key) <= 8 and all(map(_is_short, key))):
        return str(key)
    if isinstance(key, Name):
        return key.kind
    if isinstance(key, Record):
        return f"<{key.kind} {position}>"
    return f"<{type(key).__name__} {position}>"


def _is_short(key: Any) -> bool:
    # A file can use one long text in any number of keys.
    return isinstance(key, _SCALARS) and not (isinstance(key, str) and len(key) > _KEY_LENGTH)


def to_plain(value: Any, budget: Budget) -> Any:
    """Return `value` as content of a `Checkpoint`; tensors are read now.

    What the file shares is shared in the result. An object that holds itself, as a module that
    knows its parent, holds a bare record of its class in that place.

    Raises
    ------
    CheckpointError
        If values are nested too deeply, a list or dict holds itself, or shared parts written out
        would be beyond a limit.
    """
    return _Walk(budget).plain(value, 0)[0]


class _Walk:
    """One conversion: what is done, what is in the making, and how large each value is."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._done: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()
        self._alive: list[Any] = []

    def plain(self, value: Any, depth: int) -> tuple[Any, int]:
        """Return plain content and the number of values in it, shared ones counted each time."""
        if isinstance(value, _SCALARS):
            return value, 1
        known = self._done.get(id(value))
        if known is not None:
            return known
        if id(value) in self._open:
            return self._cycle(value), 1
        if depth > DEPTH:
            raise CheckpointError(
                f"{self._budget.path} nests values more than {DEPTH} levels deep; expected arrays "
                "in dicts and lists: save the network's state_dict()."
            )
        self._budget.count("lists, dicts and objects")
        self._open.add(id(value))
        made = self._make(value, depth + 1)
        self._open.discard(id(value))
        self._budget.check("values when its shared parts are written out", made[1])
        self._done[id(value)] = made
        # An id is a value's own only while the value lives.
        self._alive.append(value)
        return made

    def _make(self, value: Any, depth: int) -> tuple[Any, int]:
        if isinstance(value, dict):
            return self._dict(value, depth)
        if isinstance(value, list | tuple):
            return self._list(value, depth)
        if isinstance(value, Record):
            return self._record(value, depth)
        return self._leaf(value), 1

    def _dict(self, value: dict[str, Any], depth: int) -> tuple[dict[str, Any], int]:
        made, size = {}, 1
        for key, entry in value.items():
            made[key], count = self.plain(entry, depth)
            size += count
        return made, size

    def _list(self, value: list[Any] | tuple[Any, ...], depth: int) -> tuple[list[Any], int]:
        made, size = [], 1
        for entry in value:
            plain, count = self.plain(entry, depth)
            made.append(plain)
            size += count
        return made, size

    def _record(self, record: Record, depth: int) -> tuple[Record, int]:
        # Records are of this conversion alone, so they are completed in place.
        arguments, n = self.plain(record.arguments, depth)
        state, m = self.plain(record.state, depth)
        items, k = self.plain(record.items, depth)
        record.arguments, record.state, record.items = tuple(arguments), state, items
        return record, 1 + n + m + k

    def _cycle(self, value: Any) -> Record:
        if isinstance(value, Record):
            return Record(value.kind)
        raise CheckpointError(
            f"{self._budget.path} has a list or dict that holds itself; expected arrays in dicts "
            "and lists: save the network's state_dict()."
        )

    def _leaf(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return tensors.read(value)
        if isinstance(value, NumpyArray):
            return value.value if value.value is not None else Record("numpy.ndarray")
        if isinstance(value, Name):
            return Record(value.kind)
        if isinstance(value, Storage):
            return Record(f"torch.{value.kind} storage", (value.count,))
        if isinstance(value, NumpyType):
            return Record("numpy.dtype", (value.code,))
        if isinstance(value, complex):
            return Record("builtins.complex", (value.real, value.imag))
        if isinstance(value, bytes | bytearray):
            text = value.decode("latin1")
            return text if text.isprintable() else Record("builtins.bytes", (len(value),))
        raise TypeError(f"a value of type {type(value).__name__}")
