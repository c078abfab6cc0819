"""PyTorch's own files: the zip format since 1.6, and the format before it."""

from __future__ import annotations

import io
from functools import partial
from typing import Any, BinaryIO

from ..errors import CheckpointError
from .archives import Archive
from .builders import Builder
from .limits import NESTED_FILES, Budget
from .pickles import read_pickle
from .plain import to_plain

MAGIC = 0x1950A86A20F9469CFC6C
"""What a file of the format before PyTorch 1.6 begins with, as a pickle."""

_PROTOCOL = 1001


class ZipStorages:
    """The numbers in a zip archive: one member for each storage.

    Parameters
    ----------
    archive : Archive
    folder : str
        As in ``"archive/data/"``.
    """

    def __init__(self, archive: Archive, folder: str, byte_order: str) -> None:
        self._archive, self._folder = archive, folder
        self._read: dict[str, bytes] = {}
        self.byte_order = byte_order

    def note(self, key: str, item_size: int) -> None:
        """Ignore the size of a storage's numbers: the archive knows how many bytes it has."""

    def read(self, key: str, n_bytes: int) -> bytes:
        """Return the first bytes of a storage; tensors that share it share the bytes."""
        known = self._read.get(key, b"")
        if len(known) < n_bytes:
            self._read[key] = known = self._archive.read(f"{self._folder}{key}", n_bytes)
        return known


def read_zip(archive: Archive, base: str, budget: Budget) -> Any:
    """Return the content of a zip file by `torch.save` whose members lie under `base`."""
    storages = ZipStorages(archive, f"{base}data/", byte_order(archive, base))
    pickle = io.BytesIO(archive.read(f"{base}data.pkl"))
    value = read_pickle(pickle, budget, storages, plain_builders())
    budget.refuse_if_forbidden()
    return to_plain(value, budget)


def byte_order(archive: Archive, base: str) -> str:
    """Return ``"<"``, or ``">"`` for a file written on a big-endian machine."""
    name = f"{base}byteorder"
    if name not in archive.names:
        return "<"
    order = archive.read(name, min(archive.size(name), 16))
    if order not in (b"little", b"big"):
        raise ValueError("its byte order is neither little nor big")
    return "<" if order == b"little" else ">"


class LegacyStorages:
    """The numbers behind the pickles of a file from before PyTorch 1.6.

    They are little-endian whatever machine wrote them.
    """

    def __init__(self, file: BinaryIO, budget: Budget) -> None:
        self._file, self._budget = file, budget
        self._item_sizes: dict[str, int] = {}
        self._places: dict[str, tuple[int, int]] = {}
        self._read: dict[str, bytes] = {}

    @property
    def byte_order(self) -> str:
        """``"<"``."""
        return "<"

    def note(self, key: str, item_size: int) -> None:
        """Learn how many bytes a number of a storage has."""
        self._item_sizes.setdefault(key, item_size)

    def locate(self, keys: Any) -> None:
        """Find where each storage begins: its count as eight bytes, then its numbers."""
        place = self._file.tell()
        end = self._file.seek(0, io.SEEK_END)
        for key in keys:
            self._file.seek(place)
            head = self._file.read(8)
            if not isinstance(key, str) or len(head) != 8:
                raise ValueError("its storages are cut short")
            count = int.from_bytes(head, "little")
            size = count * self._item_sizes[key]
            if place + 8 + size > end:
                raise ValueError("its storages are cut short")
            self._places[key] = place + 8, size
            place += 8 + size

    def read(self, key: str, n_bytes: int) -> bytes:
        """Return the first bytes of a storage."""
        known = self._read.get(key, b"")
        if len(known) < n_bytes:
            place, size = self._places[key]
            if size < n_bytes:
                raise ValueError(f"storage {key} has {size} bytes of {n_bytes}")
            self._budget.take("stored parts", size)
            self._file.seek(place)
            self._read[key] = known = self._file.read(size)
        return known


def read_legacy(file: BinaryIO, budget: Budget) -> Any:
    """Return the content of a file by `torch.save` from before PyTorch 1.6."""
    return to_plain(_legacy_value(file, budget, 0), budget)


def read_plain_pickle(file: BinaryIO, budget: Budget) -> Any:
    """Return the content of a file by `pickle.dump`."""
    value = read_pickle(file, budget, None, plain_builders())
    budget.refuse_if_forbidden()
    return to_plain(value, budget)


def plain_builders(depth: int = 0) -> dict[str, Builder]:
    """Return the builder of tensors that lie in a pickle as files within the file."""
    return {"torch.storage._load_from_bytes": partial(_nested_file, depth=depth)}


def _nested_file(budget: Budget, data: Any, *, depth: int) -> Any:
    if depth >= NESTED_FILES:
        raise CheckpointError(
            f"{budget.path} holds files within files, more than {NESTED_FILES} deep; expected "
            "tensors: save the network's state_dict()."
        )
    if not isinstance(data, bytes | bytearray):
        return None
    budget.take("parts read again", len(data))
    return _legacy_value(io.BytesIO(data), budget, depth + 1)


def _legacy_value(file: BinaryIO, budget: Budget, depth: int) -> Any:
    """Return what the pickle in a file from before 1.6 builds; its tensors are not read yet."""
    magic, protocol, system = (read_pickle(file, budget) for _ in range(3))
    if magic != MAGIC or protocol != _PROTOCOL or not isinstance(system, dict):
        budget.refuse_if_forbidden()
        raise ValueError("it does not begin as a file by torch.save does")
    source = LegacyStorages(file, budget)
    value = read_pickle(file, budget, source, plain_builders(depth))
    budget.refuse_if_forbidden()
    keys = read_pickle(file, budget)
    if not isinstance(keys, list):
        raise ValueError("its storages have no names")
    source.locate(keys)
    return value
