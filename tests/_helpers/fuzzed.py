"""What the fuzzer of the readers makes of its bytes, and what it asks of a reader."""

from __future__ import annotations

import io
import struct
import time
import zipfile
from pathlib import Path

import numpy as np
from pruning_amr.errors import CheckpointError
from pruning_amr.files.formats import read_checkpoint
from pruning_amr.files.modules import as_module
from pruning_amr.files.records import Record

SECONDS = 5.0
MEMBERS = {
    "zip": ["a/data.pkl", "a/byteorder", "a/data/0", "a/data/1", "a/data/2"],
    "torchscript": [
        *("a/data.pkl", "a/code/__torch__.py", "a/code/__torch__/torch/nn/modules/activation.py"),
        *("a/constants.pkl", "a/data/0", "a/data/1", "a/constants/0"),
    ],
    "npz": ["w.npy", "b.npy"],
}
"""What the archives of a reader hold, in the order of the fuzzer's bytes."""


def packed(reader: str, data: bytes) -> bytes:
    """Return the file that the fuzzer's bytes stand for."""
    if reader == "safetensors":
        # The header's length is that of the text up to the first NUL.
        header, _, numbers = data.partition(b"\0")
        return struct.pack("<Q", len(header)) + header + numbers
    if reader not in MEMBERS:
        return data
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in MEMBERS[reader]:
            size = int.from_bytes(data[:2], "little")
            archive.writestr(name, data[2 : 2 + size])
            data = data[2 + size :]
    return file.getvalue()


def check(value: object, depth: int = 0) -> None:
    """Raise unless `value` is what content may be."""
    assert depth < 200
    if isinstance(value, dict):
        assert all(isinstance(key, str) for key in value)
        for entry in value.values():
            check(entry, depth + 1)
    elif isinstance(value, list | tuple):
        for entry in value:
            check(entry, depth + 1)
    elif isinstance(value, Record):
        assert isinstance(value.kind, str)
        for entry in (value.arguments, value.state, value.items):
            check(entry, depth + 1)
    elif isinstance(value, np.ndarray):
        assert value.dtype.kind in "biufcSU"
        assert value.flags.c_contiguous
    else:
        assert value is None or type(value) in (bool, int, float, str), type(value)


def feed(reader: str, path: Path, data: bytes) -> bool:
    """Read one file; tell whether it was opened."""
    path.write_bytes(packed(reader, data))
    start = time.monotonic()
    try:
        content = read_checkpoint(path, checkpoint_mb=16).content
        check(content)
        as_module(content)
        opened = True
    except CheckpointError as error:
        sentence = str(error)
        assert "\n" not in sentence
        assert sentence.endswith((".", "?"))
        assert len(sentence) < 1000
        opened = False
    assert time.monotonic() - start < SECONDS
    return opened
