"""An interpreter of pickles that imports nothing and calls nothing of what they name.

`pickletools` splits the bytes into instructions; what they mean is done here: values are pushed,
names stay names, and calls become values by the table of `builders`, or inert records.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from . import tensors
from .builders import BUILDERS, Builder, make_array
from .limits import INTEGER_BITS, Budget
from .names import is_forbidden, spelled
from .plain import key_text
from .records import Name, NumpyArray, NumpyType, Record, Source

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_SET": list, "EMPTY_DICT": dict}
_LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BYTEARRAY8"),
}
_PUTS, _GETS = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NOTHING = {"PROTO", "FRAME", "STOP"}


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
    for opcode, argument, _ in pickletools.genops(file):
        budget.count("instructions in its pickles")
        machine.step(opcode.name, argument)
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

    def step(self, name: str, argument: Any) -> None:
        """Do one instruction."""
        if name in _LITERALS:
            self._stack.append(_checked(argument))
        elif name in _PUTS:
            self._remember(argument)
        elif name in _GETS:
            self._stack.append(self._memo[argument])
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self._stack.append(_EMPTY[name]())
        elif name in _TUPLES:
            self._stack[-_TUPLES[name] :] = [tuple(self._top(_TUPLES[name]))]
        elif name not in _NOTHING:
            _STEPS[name](self, argument)

    def result(self) -> Any:
        """Return the value that the pickle leaves."""
        return self._stack.pop()

    def _top(self, count: int) -> list[Any]:
        if len(self._stack) < count:
            raise IndexError("an instruction lacks its values")
        return self._stack[-count:]

    def _remember(self, place: int | None) -> None:
        place = len(self._memo) if place is None else place
        if place not in self._memo:
            self._budget.count("entries in the memos of its pickles")
        self._memo[place] = self._stack[-1]

    # --- the stack ---------------------------------------------------------------------------

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
        self._remember(None)

    # --- containers --------------------------------------------------------------------------

    def _list(self, _: Any) -> None:
        entries = self._marked()
        self._stack.append(entries)

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
        kind = spelled(module, name)
        if is_forbidden(kind):
            self._budget.forbidden.add(kind)
        return Name(kind)

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._stack.append(self._name(module, name))

    def _stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(self._name(module, name))

    def _instance(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        arguments = tuple(self._marked())
        self._stack.append(self._call(self._name(module, name), arguments))

    def _object(self, _: Any) -> None:
        kind, *arguments = self._marked()
        self._stack.append(self._call(kind, tuple(arguments)))

    def _reduce(self, _: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        self._stack.append(self._call(function, arguments))

    def _new_with_keywords(self, _: Any) -> None:
        keywords, arguments, kind = self._stack.pop(), self._stack.pop(), self._stack.pop()
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
            return self._make(f"{kind}()", arguments)
        if function.kind in ("copyreg.__newobj__", "copyreg.__newobj_ex__") and arguments:
            return self._call(arguments[0], tuple(arguments[1:]))
        builder = self._builders.get(function.kind)
        made = builder(self._budget, *arguments) if builder else None
        return self._make(function.kind, arguments) if made is None else made

    def _build(self, _: Any) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, NumpyArray):
            _, shape, kind, fortran, data = state[-5:] if len(state) > 4 else (1, *state)
            target.value = make_array(self._budget, shape, kind, fortran, data)
        elif isinstance(target, NumpyType):
            _, order, *rest = state
            target.plain &= order in ("<", ">", "=", "|") and rest[:3] == [None] * 3
            target.order = order
        elif isinstance(target, Record):
            self._add_state(target, state)

    def _add_state(self, record: Record, state: Any) -> None:
        """Give a record its attributes; with ``__slots__`` they come as two dicts."""
        if _is_slots(state):
            own, slots = state
            self._budget.take("copied bytes", 100 * (len(own or ()) + len(slots)))
            state = {**(own or {}), **slots}
        if isinstance(state, dict) and isinstance(record.state, dict):
            self._budget.take("copied bytes", 100 * (len(record.state) + len(state)))
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
        raise ValueError(f"an object kept outside the file, {_short(identity)}")

    def _refused(self, what: str) -> None:
        raise ValueError(what)


def _extension(machine: _Machine, argument: Any) -> None:
    machine._refused(f"a copyreg extension, number {argument}")


def _buffer(machine: _Machine, _: Any) -> None:
    machine._refused("a buffer kept outside the file")


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine._mark,
    "POP": _Machine._pop,
    "POP_MARK": _Machine._pop_mark,
    "DUP": _Machine._duplicate,
    "MEMOIZE": _Machine._memoize,
    "LIST": _Machine._list,
    "TUPLE": _Machine._tuple,
    "DICT": _Machine._dict,
    "FROZENSET": _Machine._list,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "ADDITEMS": _Machine._appends,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "GLOBAL": _Machine._global,
    "STACK_GLOBAL": _Machine._stack_global,
    "INST": _Machine._instance,
    "OBJ": _Machine._object,
    "REDUCE": _Machine._reduce,
    "NEWOBJ": _Machine._reduce,
    "NEWOBJ_EX": _Machine._new_with_keywords,
    "BUILD": _Machine._build,
    "PERSID": _Machine._persistent_text,
    "BINPERSID": _Machine._persistent_value,
    "EXT1": _extension,
    "EXT2": _extension,
    "EXT4": _extension,
    "NEXT_BUFFER": _buffer,
    "READONLY_BUFFER": _buffer,
}


def _checked(value: Any) -> Any:
    if type(value) is int and value.bit_length() > INTEGER_BITS:
        raise ValueError("a whole number of more than 1000 digits")
    return value


def _is_slots(state: Any) -> bool:
    if not isinstance(state, tuple) or len(state) != 2:
        return False
    own, slots = state
    return isinstance(slots, dict) and (own is None or isinstance(own, dict))


def _short(value: Any) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], str):
        value = value[0]
    return repr(value[:60]) if isinstance(value, str) else f"a {type(value).__name__}"
