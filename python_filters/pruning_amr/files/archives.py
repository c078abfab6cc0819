"""Zip archives of untrusted files: counted and measured before anything is unpacked."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

from .limits import DIRECTORY_BYTES, Budget

_DEFLATE = 1032
"""Bytes that one deflated byte can become at most."""


class Archive:
    """A zip archive whose members are read under the limits of a `Budget`.

    Parameters
    ----------
    source : Path or bytes
        The file, or what it holds.
    budget : Budget

    Raises
    ------
    zipfile.BadZipFile, ValueError
        If it is damaged, or packed in a way of unbounded size.
    CheckpointError
        If it has too many members.
    """

    def __init__(self, source: Path | bytes, budget: Budget) -> None:
        in_memory = isinstance(source, bytes)
        self._size = len(source) if in_memory else source.stat().st_size
        self._budget = budget
        self._file: BinaryIO = io.BytesIO(source) if in_memory else source.open("rb")
        try:
            guarded = _Guarded(self._file)
            self._zip = zipfile.ZipFile(guarded)  # type: ignore[arg-type]
            guarded.limit = budget.n_bytes
            budget.count("members", len(self._zip.infolist()))
            self.names = self._zip.namelist()
            if len(set(self.names)) != len(self.names):
                raise ValueError("two of its members have one name")
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        self._file.close()

    def size(self, name: str) -> int:
        """Return the declared size of a member; no more than that is ever unpacked."""
        return self._zip.getinfo(name).file_size

    def read(self, name: str, n_bytes: int | None = None) -> bytes:
        """Return a member, or its first `n_bytes`; ValueError if it has fewer."""
        declared = self.size(name)
        size = declared if n_bytes is None else n_bytes
        if size > declared:
            raise ValueError(f"{name} has {declared} bytes of {size}")
        with self.open(name) as member:
            self._budget.take("stored parts", size)
            data = member.read(size)
        if len(data) != size:
            raise ValueError(f"{name} has {len(data)} bytes of {size}")
        return data

    def open(self, name: str) -> BinaryIO:
        """Return a member as a file; the caller counts what it reads."""
        info = self._zip.getinfo(name)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # Others unpack a few bytes to any number of bytes in one step.
            raise ValueError("it is packed by another method than deflate")
        growth = 1 if info.compress_type == zipfile.ZIP_STORED else _DEFLATE
        if info.compress_size > self._size or info.file_size > growth * info.compress_size:
            raise ValueError(f"{name} claims more bytes than it can hold")
        return self._zip.open(info)  # type: ignore[return-value]


class _Guarded:
    """A file that hands out no more than `limit` bytes at once.

    `zipfile` reads the directory in one piece of the size that the file claims, and makes an
    object of each entry, before anyone can look at their number.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.limit = DIRECTORY_BYTES

    def read(self, n_bytes: int = -1) -> bytes:
        """Read as the file does; ValueError beyond the limit."""
        if n_bytes > self.limit:
            raise ValueError("its directory is too large")
        return self._file.read(n_bytes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
