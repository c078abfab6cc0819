"""Files of bare arrays: .npz, .npy and .safetensors."""

from __future__ import annotations

import json
import math
import re
from typing import BinaryIO

import numpy as np

from ..errors import DependencyError, UnsafeCheckpointError
from .archives import Archive
from .dtypes import NUMBER_TYPES, numpy_type, plain_array
from .limits import DIMENSIONS, HEADER_BYTES, Budget
from .records import Record

_SAFETENSORS = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2": "float8_e5m2",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
}
"""The types of .safetensors files by their names in `NUMBER_TYPES`."""

_NPY_HEADER = 10_000
_NPY = (
    re.compile(r"'descr': *(?:'([^']{1,16})'|\[)"),
    re.compile(r"'fortran_order': *(True|False)"),
    re.compile(r"'shape': *\(((?:\d{1,19}L?(?:, ?|(?=\)))){0,40})\)"),
)
"""What the header of an array says, in any order."""


def read_npz(archive: Archive, budget: Budget) -> dict[str, np.ndarray | Record]:
    """Return the arrays of an .npz archive.

    Raises
    ------
    ValueError
        If a member is damaged.
    UnsafeCheckpointError
        If a member holds pickled objects.
    """
    content: dict[str, np.ndarray | Record] = {}
    for name in archive.names:
        if not name.endswith(".npy"):
            continue
        with archive.open(name) as member:
            content[name.removesuffix(".npy")] = _read_npy(member, archive.size(name), budget)
    return content


def _read_npy(file: BinaryIO, size: int, budget: Budget) -> np.ndarray | Record:
    """Return one array; what its header claims is checked before memory is taken."""
    budget.take("stored parts", size)
    budget.count("tensors")
    header = _npy_header(file)
    if "'|O" in header or "'O" in header:
        raise UnsafeCheckpointError(
            f"{budget.path} was refused: it holds pickled Python objects; expected plain number "
            "arrays: save it again with numpy.savez."
        )
    kind, fortran, shape = _described(header)
    dtype = numpy_type(kind.lstrip("<>=|"))
    if dtype is None:
        return Record("numpy.ndarray", (f"array of {kind}",))
    dtype = dtype.newbyteorder(kind[0]) if kind[0] in "<>" else dtype
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes > size:
        raise ValueError("an array claims more numbers than its member holds")
    budget.take("arrays", max(n_bytes, 4 * math.prod(shape)))
    data = file.read(n_bytes)
    if len(data) != n_bytes:
        raise ValueError("an array is cut short")
    return plain_array(np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C"))


def _npy_header(file: BinaryIO) -> str:
    """Return the text in front of an array.

    numpy evaluates it as a Python literal, which warns, and needs a deep stack, as a file likes.
    """
    version = np.lib.format.read_magic(file)
    size = int.from_bytes(file.read(2 if version == (1, 0) else 4), "little")
    if not 0 < size <= _NPY_HEADER:
        raise ValueError("the header of an array is too long")
    return file.read(size).decode("latin1")


def _described(header: str) -> tuple[str, bool, tuple[int, ...]]:
    """Return type, order and shape from the header of an array; a type of parts is ``"parts"``."""
    kind, order, shape = (pattern.search(header) for pattern in _NPY)
    if kind is None or order is None or shape is None:
        raise ValueError("the header of an array is damaged")
    sizes = tuple(int(n) for n in re.findall(r"\d+", shape[1]))
    if len(sizes) > DIMENSIONS:
        raise ValueError(f"an array of {len(sizes)} dimensions")
    return kind[1] or "parts", order[1] == "True", sizes


def read_safetensors(file: BinaryIO, budget: Budget) -> dict[str, np.ndarray | Record]:
    """Return the tensors of a .safetensors file.

    Raises
    ------
    ValueError
        If the file is damaged.
    DependencyError
        If the package safetensors is not installed.
    """
    try:
        from safetensors import SafetensorError, deserialize
    except ImportError as error:
        raise DependencyError(
            f"{budget.path} needs the package safetensors, which is not installed: "
            "pip install safetensors."
        ) from error
    length = int.from_bytes(file.read(8), "little")
    if length > HEADER_BYTES:
        raise ValueError("its header is too long")
    file.seek(0)
    data = file.read()
    budget.take("stored parts", len(data))
    try:
        parts = deserialize(data)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    budget.count("tensors", len(parts))
    arrays = {name: _tensor(part, budget) for name, part in parts}
    # The package returns them in no order; the header was found to be what it must be.
    header = json.loads(data[8 : 8 + length])
    return {name: arrays[name] for name in header if name in arrays}


def _tensor(part: dict, budget: Budget) -> np.ndarray | Record:
    kind = _SAFETENSORS.get(part["dtype"])
    shape = tuple(part["shape"])
    if kind is None:
        return Record("safetensors", (f"tensor of {part['dtype']}",))
    numbers = NUMBER_TYPES[kind]
    count = math.prod(shape)
    budget.take("arrays", count * np.dtype(numbers.result).itemsize)
    bits = np.frombuffer(part["data"], np.dtype("<" + numbers.stored))
    if len(shape) > DIMENSIONS or len(bits) != count:
        raise ValueError("a tensor's shape does not fit its numbers")
    return numbers.array(bits.reshape(shape))
