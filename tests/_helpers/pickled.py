"""Pickles put together by hand, in the four kinds of files that hold one."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

MAGIC = 0x1950A86A20F9469CFC6C


def text(value: str) -> bytes:
    """Push a text."""
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def name(module: str, qualified: str) -> bytes:
    """Push a class or function by the instruction of protocol 0."""
    return f"c{module}\n{qualified}\n".encode()


def calls(module: str, qualified: str, argument: str) -> dict[str, bytes]:
    """Return pickles that call ``module.qualified(argument)``, by the instruction that does."""
    what, given = name(module, qualified), text(argument)
    return {
        "REDUCE": what + given + b"\x85R.",
        "REDUCE by STACK_GLOBAL": text(module) + text(qualified) + b"\x93" + given + b"\x85R.",
        "NEWOBJ": what + given + b"\x85\x81.",
        "NEWOBJ_EX": what + given + b"\x85}\x92.",
        "OBJ": b"(" + what + given + b"o.",
        "INST": b"(" + given + f"i{module}\n{qualified}\n.".encode(),
        "copyreg.__newobj__": name("copy_reg", "__newobj__") + what + given + b"\x86R.",
        "copyreg._reconstructor": name("copy_reg", "_reconstructor")
        + what
        + what
        + given
        + b"\x87R.",
    }


def mentions(module: str, qualified: str) -> dict[str, bytes]:
    """Return pickles that import ``module.qualified``, by the instruction that does."""
    return {
        "GLOBAL": name(module, qualified) + b".",
        "STACK_GLOBAL": b"\x80\x04" + text(module) + text(qualified) + b"\x93.",
        "memo": b"\x80\x04" + text(module) + b"\x94" + text(qualified) + b"\x940h\x00h\x01\x93.",
    }


def stores(module: str, qualified: str) -> dict[str, bytes]:
    """Return pickles that fill an object of a class by methods that the class can have."""
    made = name(module, qualified) + b")\x81"
    return {
        "BUILD": made + b"}" + text("a") + b"K\x01sb.",
        "BUILD with slots": made + b"N}" + text("a") + b"K\x01s\x86b.",
        "BUILD with any state": made + text("state") + b"b.",
        "SETITEM": made + text("a") + b"K\x01s.",
        "SETITEMS": made + b"(" + text("a") + b"K\x01u.",
        "APPEND": made + b"K\x01a.",
        "APPENDS": made + b"(K\x01K\x02e.",
        "ADDITEMS": made + b"(K\x01K\x02\x90.",
    }


def as_plain(path: Path, data: bytes) -> None:
    """Write a file as by `pickle.dump`."""
    path.write_bytes(data)


def as_zip(path: Path, data: bytes, base: str = "archive/", **more: bytes) -> None:
    """Write a file as by `torch.save`; `more` are its storages by their keys."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{base}data.pkl", data)
        archive.writestr(f"{base}byteorder", b"little")
        for key, numbers in more.items():
            archive.writestr(f"{base}data/{key}", numbers)
        archive.writestr(f"{base}version", b"3\n")


def as_legacy(path: Path, data: bytes, **more: bytes) -> None:
    """Write a file as by `torch.save` before 1.6; `more` are storages of float32."""
    path.write_bytes(legacy_bytes(data, **more))


def legacy_bytes(data: bytes, **more: bytes) -> bytes:
    """Return the bytes of a file as by `torch.save` before 1.6."""
    file = io.BytesIO()
    for head in (MAGIC, 1001, {"little_endian": True}):
        pickle.dump(head, file, 2)
    file.write(data)
    pickle.dump(list(more), file, 2)
    for numbers in more.values():
        file.write(struct.pack("<q", len(numbers) // 4) + numbers)
    return file.getvalue()


def as_torchscript(path: Path, data: bytes, code: str = "", **more: bytes) -> None:
    """Write a file as by `torch.jit.save`."""
    as_zip(path, data, "net/", **more)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("net/code/__torch__.py", code)
        archive.writestr("net/constants.pkl", pickle.dumps((), 2))


WRITERS: dict[str, Callable[[Path, bytes], None]] = {
    "pickle": as_plain,
    "torch zip": as_zip,
    "torch legacy": as_legacy,
    "torchscript": as_torchscript,
}
"""By the kind that a `Checkpoint` has."""


def storage(key: str, count: int, kind: str = "FloatStorage", module: str = "torch") -> bytes:
    """Push a storage by its persistent id."""
    identity = text("storage") + name(module, kind) + text(key) + text("cpu") + whole(count)
    return b"(" + identity + b"tQ"


def whole(number: int) -> bytes:
    """Push a whole number of any size."""
    return pickle.dumps(number, 2)[2:-1]


def tensor(
    key: str, count: int, shape: tuple, strides: tuple, offset: int = 0, kind: str = "FloatStorage"
) -> bytes:
    """Push a tensor."""
    sizes = b"(" + b"".join(map(whole, shape)) + b"t"
    steps = b"(" + b"".join(map(whole, strides)) + b"t"
    arguments = storage(key, count, kind) + whole(offset) + sizes + steps + b"\x89}"
    return name("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + b"tR"


def same(ours: Any, theirs: Any) -> bool:
    """Tell whether two contents of plain Python values are the same, tuples as lists."""
    if isinstance(theirs, dict):
        keys = [str(k) for k in theirs]
        return list(ours) == keys and all(map(same, ours.values(), theirs.values()))
    if isinstance(theirs, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return type(ours) is type(theirs) and (ours == theirs or ours != ours)
