"""The instructions of a pickle and their arguments, by the readers of `pickletools`."""

from __future__ import annotations

import codecs
import pickletools
from collections.abc import Iterator
from typing import Any, BinaryIO


def instructions(file: BinaryIO) -> Iterator[tuple[str, Any]]:
    """Yield the name and argument of each instruction of one pickle.

    As `pickletools.genops` does, which however stops at names, and at texts of Python 2, that are
    not ASCII.
    """
    name = ""
    while name != "STOP":
        code = file.read(1)
        opcode = pickletools.code2op.get(code.decode("latin1"))
        if opcode is None:
            raise ValueError(f"no instruction of a pickle: {code!r}" if code else "it is cut short")
        name = opcode.name
        if name in ("GLOBAL", "INST"):
            yield name, (_line(file), _line(file))
        elif name == "PERSID":
            yield name, _line(file)
        elif name == "STRING":
            yield name, _quoted(file.readline())
        else:
            yield name, opcode.arg.reader(file) if opcode.arg else None


def _line(file: BinaryIO) -> str:
    line = file.readline()
    if not line.endswith(b"\n"):
        raise ValueError("it is cut short")
    return line[:-1].decode("utf-8")


def _quoted(line: bytes) -> str:
    text = line.rstrip(b"\n")
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
        raise ValueError("a text without quotes")
    return codecs.escape_decode(text[1:-1])[0].decode("latin1")
