"""An interpreter of pickles that imports nothing and calls nothing of what they name.

What the `instructions` mean is done here: values are pushed, names stay names, and calls become
values by the table of `builders`, or inert records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from ..errors import CheckpointError
from . import tensors
from .builders import BUILDERS, Builder, make_array
from .instructions import instructions
from .limits import INTEGER_BITS, Budget, shown
from .names import is_forbidden, spelled
from .plain import key_text
from .records import Name, NumpyArray, NumpyType, Record, Source

_ARGUMENTS = 16
"""Arguments that a builder is given at most; none of them takes more."""

_NAME_LENGTH = 256
"""Length of the name of a module or class."""

_MEMO_PLACE = 2**32
"""Places in the memo end here; Python's dicts can be made slow by chosen larger numbers."""


def read_pickle(
    file: BinaryIO,
    budget: Budget,
    source: Source | None = None,
    builders: Mapping[str, Builder] | None = None,
    make: Callable[[str, tuple], Record] = Record,
) -> Any:
    """Return what one pickle builds, of names, records, plain values and unread tensors.

    Parameters
    ----------
    file : file
        Stands behind the pickle afterwards.
    budget : Budget
        Also learns which forbidden names the pickle asks for.
    source : Source, optional
        Where its tensors' numbers lie; without one it can hold none by itself.
    builders : mapping, optional
        Further builders than those of `builders.BUILDERS`.
    make : callable
        Makes the record of an object from its class and arguments.

    Raises
    ------
    ValueError, IndexError, KeyError, TypeError
        If the pickle is damaged.
    CheckpointError
        If it is beyond a limit, or asks for extensions or foreign persistent objects.
    """
    machine = _Machine(budget, source, {**BUILDERS, **(builders or {})}, make)
    for name, argument in instructions(file):
        budget.count("instructions in its pickles")
        _STEPS[name](machine, argument)
    return machine.result()


class _Machine:
    """The stack and memo of a pickle, and what each instruction does to them."""

    def __init__(
        self,
        budget: Budget,
        source: Source | None,
        builders: Mapping[str, Builder],
        make: Callable[[str, tuple], Record],
    ) -> None:
        self._budget, self._source, self._builders = budget, source, builders
        self._make = make
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._names: dict[tuple[str, str], Name] = {}

    def result(self) -> Any:
        """Return the value that the pickle leaves."""
        return self._stack.pop()

    # --- the stack and the memo ---------------------------------------------------------------

    def _nothing(self, _: Any) -> None:
        """Go on: the instruction says something about the bytes of the pickle only."""

    def _push(self, argument: Any) -> None:
        self._stack.append(argument)

    def _push_integer(self, argument: int) -> None:
        if argument.bit_length() > INTEGER_BITS:
            raise ValueError("a whole number of more than 1000 digits")
        self._stack.append(argument)

    def _mark(self, _: Any) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _marked(self) -> list[Any]:
        """Return what was pushed since the last mark, and drop both."""
        entries, self._stack = self._stack, self._below.pop()
        return entries

    def _pop(self, _: Any) -> None:
        # Popping an empty stack pops the mark below, as the C implementation does.
        if self._stack:
            self._stack.pop()
        else:
            self._marked()

    def _pop_mark(self, _: Any) -> None:
        self._marked()

    def _duplicate(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def _memoize(self, _: Any) -> None:
        self._put(len(self._memo))

    def _put(self, place: int) -> None:
        if place not in self._memo:
            self._budget.count("entries in the memos of its pickles")
        if not 0 <= place < _MEMO_PLACE:
            raise ValueError("a place in the memo that is no small number")
        self._memo[place] = self._stack[-1]

    def _get(self, place: int) -> None:
        self._stack.append(self._memo[place])

    # --- containers --------------------------------------------------------------------------

    def _list(self, _: Any) -> None:
        entries = self._marked()
        self._stack.append(entries)

    def _tuple_of(self, count: int) -> None:
        if len(self._stack) < count:
            raise IndexError("a tuple lacks its entries")
        self._stack[-count:] = [tuple(self._stack[-count:])]

    def _tuple(self, _: Any) -> None:
        entries = self._marked()
        self._stack.append(tuple(entries))

    def _dict(self, _: Any) -> None:
        entries = self._marked()
        self._stack.append({})
        self._set(entries)

    def _append(self, _: Any) -> None:
        self._extend([self._stack.pop()])

    def _appends(self, _: Any) -> None:
        self._extend(self._marked())

    def _extend(self, entries: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, Record):
            if target.items is None:
                target.items = []
            target = target.items
        if not isinstance(target, list):
            raise TypeError("entries for something that is no list")
        target.extend(entries)

    def _set_item(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set([key, value])

    def _set_items(self, _: Any) -> None:
        self._set(self._marked())

    def _set(self, entries: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, Record):
            if target.items is None:
                target.items = {}
            target = target.items
        if not isinstance(target, dict) or len(entries) % 2:
            raise TypeError("entries for something that is no dict")
        for key, value in zip(entries[::2], entries[1::2], strict=True):
            target[key_text(key, len(target))] = value

    # --- names, objects, calls ------------------------------------------------------------------

    def _name(self, module: Any, name: Any) -> Name:
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError("a name that is no text")
        if len(module) > _NAME_LENGTH or len(name) > _NAME_LENGTH:
            raise ValueError("a name that is too long")
        known = self._names.get((module, name))
        if known is None:
            self._budget.count("names of classes and functions")
            known = self._names[module, name] = Name(spelled(module, name))
            if is_forbidden(known.kind):
                self._budget.forbidden.add(known.kind)
        return known

    def _global(self, argument: tuple[str, str]) -> None:
        self._stack.append(self._name(*argument))

    def _stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(self._name(module, name))

    def _instance(self, argument: tuple[str, str]) -> None:
        arguments = tuple(self._marked())
        self._stack.append(self._call(self._name(*argument), arguments))

    def _object(self, _: Any) -> None:
        kind, *arguments = self._marked()
        self._stack.append(self._call(kind, tuple(arguments)))

    def _reduce(self, _: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        by_copyreg = isinstance(function, Name) and function.kind == "copyreg.__newobj__"
        if by_copyreg and isinstance(arguments, tuple) and 0 < len(arguments) <= _ARGUMENTS:
            # How protocols 0 and 1 write NEWOBJ.
            function, *arguments = arguments
            arguments = tuple(arguments)
        self._stack.append(self._call(function, arguments))

    def _new_with_keywords(self, _: Any) -> None:
        keywords, arguments, kind = self._stack.pop(), self._stack.pop(), self._stack.pop()
        if not isinstance(arguments, tuple) or len(arguments) > _ARGUMENTS:
            raise TypeError("an object of keywords without a short tuple of arguments")
        if keywords:
            arguments = (*arguments, keywords)
        self._stack.append(self._call(kind, arguments))

    def _call(self, function: Any, arguments: Any) -> Any:
        """Return what a call makes: a builder's value, or an inert record."""
        if not isinstance(arguments, tuple):
            raise TypeError("a call without a tuple of arguments")
        if not isinstance(function, Name):
            # What another inert call would have made, called in turn.
            kind = function.kind if isinstance(function, Record) else type(function).__name__
            return self._make(f"{kind.removesuffix('()')}()", arguments)
        builder = self._builders.get(function.kind) if len(arguments) <= _ARGUMENTS else None
        made = builder(self._budget, *arguments) if builder else None
        return self._make(function.kind, arguments) if made is None else made

    def _build(self, _: Any) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, NumpyArray):
            # A version comes first, but for files of the first ones.
            target.value = make_array(self._budget, *_short_tuple(state)[-4:])
        elif isinstance(target, NumpyType):
            _, order, *parts = _short_tuple(state)
            orders = isinstance(order, str) and order in ("<", ">", "=", "|")
            target.plain &= orders and all(part is None for part in parts[:3])
            target.order = order if orders else "="
        elif isinstance(target, Record):
            self._add_state(target, state)

    def _add_state(self, record: Record, state: Any) -> None:
        """Give a record its attributes; with ``__slots__`` they come as two dicts."""
        if _is_slots(state):
            own, slots = state
            self._budget.take("copies of parts", 100 * (len(own or ()) + len(slots)))
            state = {**(own or {}), **slots}
        if isinstance(state, dict) and isinstance(record.state, dict):
            self._budget.take("copies of parts", 100 * (len(record.state) + len(state)))
            state = {**record.state, **state}
        record.state = state

    def _persistent_text(self, argument: str) -> None:
        self._stack.append(self._persistent(argument))

    def _persistent_value(self, _: Any) -> None:
        self._stack.append(self._persistent(self._stack.pop()))

    def _persistent(self, identity: Any) -> Any:
        """Return a torch storage, or the class that old files keep with its source text."""
        if self._source is not None and isinstance(identity, tuple):
            storage = tensors.storage(identity, self._source)
            if storage is not None:
                return storage
            if len(identity) == 4 and identity[0] == "module" and isinstance(identity[1], Name):
                return identity[1]
            if len(identity) in (5, 6) and identity[0] == "storage":
                return self._make("torch.storage", tuple(identity[1:]))
        raise self._refusal(f"an object outside the file ({_described(identity)})")

    def _extension(self, argument: int) -> None:
        raise self._refusal(f"extension {argument} of Python's registry copyreg")

    def _buffer(self, _: Any) -> None:
        raise self._refusal("a buffer outside the file")

    def _refusal(self, what: str) -> CheckpointError:
        self._budget.refuse_if_forbidden()
        return CheckpointError(
            f"{self._budget.path} needs {what}; expected all of the checkpoint in one file: save "
            "the network's state_dict()."
        )


_M = _Machine

_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), _M._nothing),
    **dict.fromkeys(("INT", "LONG", "LONG1", "LONG4"), _M._push_integer),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"), _M._push),
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING", "BYTEARRAY8"), _M._push),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "UNICODE"), _M._push),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), _M._push),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _M._put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _M._get),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _M._extension),
    **dict.fromkeys(("NEXT_BUFFER", "READONLY_BUFFER"), _M._buffer),
    "NONE": lambda machine, _: machine._push(None),
    "NEWTRUE": lambda machine, _: machine._push(True),
    "NEWFALSE": lambda machine, _: machine._push(False),
    "EMPTY_TUPLE": lambda machine, _: machine._push(()),
    "EMPTY_LIST": lambda machine, _: machine._push([]),
    "EMPTY_SET": lambda machine, _: machine._push([]),
    "EMPTY_DICT": lambda machine, _: machine._push({}),
    "TUPLE1": lambda machine, _: machine._tuple_of(1),
    "TUPLE2": lambda machine, _: machine._tuple_of(2),
    "TUPLE3": lambda machine, _: machine._tuple_of(3),
    "MARK": _M._mark,
    "POP": _M._pop,
    "POP_MARK": _M._pop_mark,
    "DUP": _M._duplicate,
    "MEMOIZE": _M._memoize,
    "LIST": _M._list,
    "TUPLE": _M._tuple,
    "DICT": _M._dict,
    "FROZENSET": _M._list,
    "APPEND": _M._append,
    "APPENDS": _M._appends,
    "ADDITEMS": _M._appends,
    "SETITEM": _M._set_item,
    "SETITEMS": _M._set_items,
    "GLOBAL": _M._global,
    "STACK_GLOBAL": _M._stack_global,
    "INST": _M._instance,
    "OBJ": _M._object,
    "REDUCE": _M._reduce,
    "NEWOBJ": _M._reduce,
    "NEWOBJ_EX": _M._new_with_keywords,
    "BUILD": _M._build,
    "PERSID": _M._persistent_text,
    "BINPERSID": _M._persistent_value,
}
"""What each instruction of protocols 0 to 5 does; sets become lists."""


def _short_tuple(state: Any) -> tuple:
    if not isinstance(state, tuple) or len(state) > _ARGUMENTS:
        raise TypeError("a state of numpy's that is no short tuple")
    return state


def _is_slots(state: Any) -> bool:
    if not isinstance(state, tuple) or len(state) != 2:
        return False
    own, slots = state
    return isinstance(slots, dict) and (own is None or isinstance(own, dict))


def _described(identity: Any) -> str:
    """Return what a persistent id is, for a sentence."""
    if isinstance(identity, tuple) and identity and isinstance(identity[0], str):
        identity = identity[0]
    return shown(identity, 40) if isinstance(identity, str) else f"a {type(identity).__name__}"
