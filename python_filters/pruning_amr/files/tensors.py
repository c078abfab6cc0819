"""Torch tensors as files describe them: bounds checked when declared, numbers read at the end."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .dtypes import NUMBER_TYPES, QUANTISED, STORAGES
from .limits import DIMENSIONS, Budget
from .records import Name, Storage, Tensor


def declare(
    budget: Budget,
    storage: Storage,
    offset: Any,
    shape: Any,
    strides: Any,
    kind: str | None = None,
    metadata: Any = None,
) -> Tensor:
    """Return a tensor after checking that it lies within its storage and within the limits.

    Raises
    ------
    ValueError
        If it does not lie within its storage.
    CheckpointError
        If it is too large.
    """
    budget.count("tensors")
    shape, strides = naturals(shape, "shape"), naturals(strides, "strides")
    (offset,) = naturals((offset,), "offset")
    if len(shape) != len(strides):
        raise ValueError(f"a tensor with {len(shape)} dimensions and {len(strides)} strides")
    kind = kind or storage.kind
    numbers = NUMBER_TYPES[kind]
    n_bytes = np.dtype(NUMBER_TYPES[storage.kind].stored).itemsize * storage.count
    size = np.dtype(numbers.stored).itemsize
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if 0 not in shape and (last + 1) * size > n_bytes:
        raise ValueError("a tensor reaches beyond its storage")
    # Also what strides of zero make of one number.
    budget.take("arrays", math.prod(shape) * np.dtype(numbers.result).itemsize)
    marks = metadata if isinstance(metadata, dict) else {}
    conjugate, negative = bool(marks.get("conj")), bool(marks.get("neg"))
    return Tensor(storage, kind, offset, shape, strides, conjugate, negative)


def read(tensor: Tensor) -> np.ndarray:
    """Return the numbers of a tensor, contiguous."""
    numbers, storage = NUMBER_TYPES[tensor.kind], tensor.storage
    if 0 in tensor.shape:
        return np.empty(tensor.shape, numbers.result)
    stored = np.dtype(storage.source.byte_order + numbers.stored)
    scale = np.dtype(NUMBER_TYPES[storage.kind].stored).itemsize
    data = storage.source.read(storage.key, (storage.start + storage.count) * scale)
    data = memoryview(data)[storage.start * scale :]
    bits = np.frombuffer(data[: len(data) // stored.itemsize * stored.itemsize], stored)
    strides = [s * stored.itemsize for s in tensor.strides]
    view = np.lib.stride_tricks.as_strided(bits[tensor.offset :], tensor.shape, strides)
    array = numbers.array(view)
    if tensor.conjugate:
        np.conjugate(array, out=array)
    if tensor.negative:
        np.negative(array, out=array)
    return array


def storage(identity: Any, source: Any) -> Storage | None:
    """Return the storage that a persistent id names, None if the id is of another kind.

    Raises
    ------
    ValueError
        If the id is damaged.
    """
    if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] != "storage":
        return None
    _, named, key, _, count, *view = identity
    module, _, name = named.kind.rpartition(".") if isinstance(named, Name) else ("", "", "")
    if not module.startswith("torch") or not (name in STORAGES or name in QUANTISED):
        return None
    if not isinstance(key, str | int):
        raise ValueError("a storage without a name")
    if name in QUANTISED:
        source.note(str(key), QUANTISED[name])
        return None
    kind = STORAGES[name]
    source.note(str(key), np.dtype(NUMBER_TYPES[kind].stored).itemsize)
    start, (count,) = 0, naturals((count,), "size")
    if view and view[0] is not None:
        _, start, part = view[0]
        start, part = naturals((start, part), "view")
        if start + part > count:
            raise ValueError("a view reaches beyond its storage")
        count = part
    return Storage(kind, str(key), start, count, source)


def naturals(values: Any, what: str) -> tuple[int, ...]:
    """Return `values` as a tuple; raise ValueError unless all are whole numbers from 0."""
    if not isinstance(values, tuple | list) or len(values) > DIMENSIONS:
        raise ValueError(f"a tensor whose {what} is no list of at most {DIMENSIONS} numbers")
    for value in values:
        if type(value) is not int or value < 0:
            raise ValueError(f"a tensor whose {what} is no list of whole numbers from 0")
    return tuple(values)
