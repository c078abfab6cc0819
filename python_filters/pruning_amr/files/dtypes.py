"""Number types of files, as numpy arrays of types that numpy computes with."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class NumberType:
    """How numbers of one type lie in a file, and what they become.

    Attributes
    ----------
    stored : str
        numpy code of the stored bits, without byte order.
    result : str
        numpy code of what `convert` returns.
    convert : callable or None
        Turns stored bits into numbers; None if they are numbers already.
    """

    stored: str
    result: str
    convert: Callable[[np.ndarray], np.ndarray] | None = None

    def array(self, bits: np.ndarray) -> np.ndarray:
        """Return the numbers behind `bits`, contiguous and in the machine's byte order."""
        if self.convert is not None:
            return np.ascontiguousarray(self.convert(bits)).reshape(bits.shape)
        return np.array(bits, dtype=self.result, order="C")


def _bfloat16(bits: np.ndarray) -> np.ndarray:
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def _float16(bits: np.ndarray) -> np.ndarray:
    return bits.astype(np.float32)


def _boolean(bits: np.ndarray) -> np.ndarray:
    return bits != 0


def _complex32(bits: np.ndarray) -> np.ndarray:
    # Two float16 lie in one element of four bytes.
    halves = np.ascontiguousarray(bits).view(bits.dtype.str[0] + "f2")
    return halves.astype(np.float32).view(np.complex64)


def _small_floats(mantissa: int, bias: int, kind: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return a table of all 256 values of a float of 8 bits.

    `kind` says where it has no numbers: "ieee" (infinities and NaN), "fn" (only 0x7f and 0xff)
    or "fnuz" (only 0x80).
    """
    code = np.arange(256)
    sign = np.where(code & 128, -1.0, 1.0)
    exponent, fraction = (code & 127) >> mantissa, code & ((1 << mantissa) - 1)
    normal = (1 + fraction / 2.0**mantissa) * 2.0 ** (exponent - bias)
    table = sign * np.where(exponent, normal, fraction * 2.0 ** (1 - bias - mantissa))
    if kind == "ieee":
        top = exponent == (127 >> mantissa)
        table[top] = np.where(fraction, np.nan, sign * np.inf)[top]
    elif kind == "fn":
        table[[127, 255]] = np.nan
    else:
        table[128] = np.nan
    single = table.astype(np.float32)
    return lambda bits: single[bits]


def _power_of_two(bits: np.ndarray) -> np.ndarray:
    powers = np.append(2.0 ** (np.arange(255.0) - 127), np.nan).astype(np.float32)
    return powers[bits]


NUMBER_TYPES = {
    "bool": NumberType("u1", "?", _boolean),
    "uint8": NumberType("u1", "u1"),
    "int8": NumberType("i1", "i1"),
    "uint16": NumberType("u2", "u2"),
    "int16": NumberType("i2", "i2"),
    "uint32": NumberType("u4", "u4"),
    "int32": NumberType("i4", "i4"),
    "uint64": NumberType("u8", "u8"),
    "int64": NumberType("i8", "i8"),
    "float16": NumberType("f2", "f4", _float16),
    "bfloat16": NumberType("u2", "f4", _bfloat16),
    "float32": NumberType("f4", "f4"),
    "float64": NumberType("f8", "f8"),
    "complex32": NumberType("u4", "c8", _complex32),
    "complex64": NumberType("c8", "c8"),
    "complex128": NumberType("c16", "c16"),
    "float8_e4m3fn": NumberType("u1", "f4", _small_floats(3, 7, "fn")),
    "float8_e4m3fnuz": NumberType("u1", "f4", _small_floats(3, 8, "fnuz")),
    "float8_e5m2": NumberType("u1", "f4", _small_floats(2, 15, "ieee")),
    "float8_e5m2fnuz": NumberType("u1", "f4", _small_floats(2, 16, "fnuz")),
    "float8_e8m0fnu": NumberType("u1", "f4", _power_of_two),
}
"""By the name PyTorch has for them."""

ALIASES = {
    "half": "float16",
    "float": "float32",
    "double": "float64",
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "chalf": "complex32",
    "cfloat": "complex64",
    "cdouble": "complex128",
}
"""Other names of PyTorch for them."""

STORAGES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "uint8",
}
"""The type of the numbers in each class of storages."""

QUANTISED = {
    "QInt8Storage": 1,
    "QUInt8Storage": 1,
    "QInt32Storage": 4,
    "QUInt4x2Storage": 1,
    "QUInt2x4Storage": 1,
}
"""Bytes of a number in storages that are not read."""

_NUMPY_CODE = re.compile(r"[?bBhHiIlLqQefdgFD]|[biufcSU]\d{1,8}")
_NUMPY_NAMES = {
    *("float", "int", "bool", "complex", "half", "single", "double", "longlong", "ulonglong"),
    *("float16", "float32", "float64", "complex64", "complex128", "uint8", "uint16", "uint32"),
    *("uint64", "int8", "int16", "int32", "int64", "bool_"),
}


def numpy_type(code: str) -> np.dtype | None:
    """Return the plain number type that `code` names, None for objects, structures and others."""
    if code not in _NUMPY_NAMES and not _NUMPY_CODE.fullmatch(code):
        return None
    try:
        dtype = np.dtype(code)
    except (TypeError, ValueError):
        return None
    return dtype if dtype.itemsize > 0 else None


def plain_array(array: np.ndarray) -> np.ndarray:
    """Return a numpy array in the types that results have: at least float32, at most float64."""
    if array.dtype.kind == "f":
        size = min(max(array.dtype.itemsize, 4), 8)
        return np.array(array, dtype=f"f{size}", order="C")
    if array.dtype.kind == "c":
        return np.array(array, dtype=f"c{min(array.dtype.itemsize, 16)}", order="C")
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
