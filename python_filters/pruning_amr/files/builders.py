"""What the calls in a pickle make here: plain values and arrays, by functions of our own.

A builder takes the reader's `Budget` and the call's arguments. It returns None where the
arguments are of a kind that cannot be read (a quantised tensor, an array of objects); the call
then becomes an inert `Record`, as every call does that has no builder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import tensors
from .dtypes import ALIASES, NUMBER_TYPES, numpy_type, plain_array
from .limits import Budget
from .plain import key_text
from .records import Name, NumpyArray, NumpyType, Record, Storage, Tensor

Builder = Callable[..., Any]


def _list(budget: Budget, entries: Any = (), *_: Any) -> list[Any] | None:
    if not isinstance(entries, list | tuple | dict):
        return None
    budget.take("copies of parts", 8 * len(entries))
    return list(entries)


def _tuple(budget: Budget, entries: Any = ()) -> tuple[Any, ...] | None:
    made = _list(budget, entries)
    return None if made is None else tuple(made)


def _dict(budget: Budget, entries: Any = (), *_: Any) -> dict[str, Any] | None:
    if isinstance(entries, dict):
        budget.take("copies of parts", 100 * len(entries))
        return dict(entries)
    if not isinstance(entries, list | tuple):
        return None
    budget.take("copies of parts", 100 * len(entries))
    if not all(isinstance(e, list | tuple) and len(e) == 2 for e in entries):
        return None
    return {key_text(key, place): value for place, (key, value) in enumerate(entries)}


def _defaultdict(budget: Budget, _factory: Any = None, entries: Any = ()) -> dict[str, Any] | None:
    return _dict(budget, entries)


def _complex(_budget: Budget, real: Any = 0.0, imaginary: Any = 0.0) -> complex | None:
    if isinstance(real, int | float) and isinstance(imaginary, int | float):
        return complex(real, imaginary)
    return None


def _bytes(budget: Budget, data: Any = b"", encoding: Any = "latin1") -> bytes | None:
    if isinstance(data, str) and encoding in ("latin1", "latin-1", "ascii", "utf-8", "utf8"):
        budget.take("copies of parts", len(data))
        return data.encode(encoding)
    return data if isinstance(data, bytes) else None


def _reconstructor(
    _budget: Budget, kind: Any, _base: Any = None, state: Any = None, *_: Any
) -> Any:
    if not isinstance(kind, Name):
        return None
    return Record(kind.kind, items=state if isinstance(state, list | dict) else None)


def _getattr(budget: Budget, owner: Any, attribute: Any, *_: Any) -> Any:
    """Return the name of a function of torch: how pickle writes ``torch.sin``."""
    if isinstance(owner, Name) and isinstance(attribute, str) and len(attribute) < 100:
        if owner.kind == "torch._C._VariableFunctionsClass":
            return Name(f"torch.{attribute}")
        if owner.kind in ("torch._C.TensorBase", "torch._C._TensorBase", "torch.Tensor"):
            return Name(f"torch.Tensor.{attribute}")
    budget.forbidden.add("builtins.getattr")
    return None


def _rebuild_tensor(
    budget: Budget,
    storage: Any,
    offset: Any,
    shape: Any,
    strides: Any,
    _gradient: Any = False,
    _hooks: Any = None,
    metadata: Any = None,
) -> Tensor | None:
    if not isinstance(storage, Storage):
        return None
    return tensors.declare(budget, storage, offset, shape, strides, None, metadata)


def _rebuild_tensor_v3(
    budget: Budget,
    storage: Any,
    offset: Any,
    shape: Any,
    strides: Any,
    _gradient: Any,
    _hooks: Any,
    kind: Any,
    metadata: Any = None,
) -> Tensor | None:
    numbers = torch_type(kind)
    if not isinstance(storage, Storage) or numbers is None:
        return None
    return tensors.declare(budget, storage, offset, shape, strides, numbers, metadata)


def _rebuild_parameter(_budget: Budget, data: Any = None, *_: Any) -> Any:
    return data if isinstance(data, Tensor | NumpyArray) else None


def _rebuild_from_type(budget: Budget, function: Any, _kind: Any, arguments: Any, *_: Any) -> Any:
    builder = BUILDERS.get(function.kind) if isinstance(function, Name) else None
    if builder is None or builder is _rebuild_from_type or not isinstance(arguments, tuple):
        return None
    return builder(budget, *arguments)


def _rebuild_from_array(_budget: Budget, data: Any, *_: Any) -> Any:
    """Return the array of a tensor of an accelerator, or of TensorFlow, that is stored as one."""
    return data if isinstance(data, NumpyArray | Tensor) else None


def _rebuild_jax(budget: Budget, _function: Any, _arguments: Any, state: Any, *_: Any) -> Any:
    if not isinstance(state, tuple) or len(state) != 5:
        return None
    return NumpyArray(make_array(budget, *state[1:]))


def torch_type(kind: Any) -> str | None:
    """Return the name in `NUMBER_TYPES` of a pickled ``torch.dtype``, None if it has none."""
    if not isinstance(kind, Name) or not kind.kind.startswith("torch."):
        return None
    name = kind.kind.removeprefix("torch.")
    name = ALIASES.get(name, name)
    return name if name in NUMBER_TYPES else None


def _same(_budget: Budget, value: Any, *_: Any) -> Any:
    return value


# --- numpy -------------------------------------------------------------------------------------


def _numpy_type(_budget: Budget, code: Any, *_: Any) -> NumpyType | None:
    if isinstance(code, NumpyType):
        return code
    if isinstance(code, Name):
        # numpy.dtype(numpy.float32), or of a type of Python's own.
        code = code.kind.rpartition(".")[2]
    if not isinstance(code, bytes | str) or len(code) > 16:
        return None
    code = code.decode("latin1") if isinstance(code, bytes) else code
    order, code = (code[0], code[1:]) if code[:1] in "<>=|" else ("=", code)
    return NumpyType(code, order, plain=numpy_type(code) is not None)


def _dtype_of(kind: Any) -> np.dtype | None:
    if not isinstance(kind, NumpyType) or not kind.plain:
        return None
    dtype = numpy_type(kind.code)
    return dtype.newbyteorder(kind.order) if dtype is not None else None


def _numpy_empty(_budget: Budget, *_: Any) -> NumpyArray:
    return NumpyArray()


def _numpy_scalar(budget: Budget, kind: Any, data: Any = None) -> Any:
    if isinstance(kind, NumpyType) and kind.code in ("U0", "S0"):
        return ""
    dtype = _dtype_of(kind)
    if dtype is None or not isinstance(data, bytes | str) or len(data) != dtype.itemsize:
        return None
    budget.take("copies of parts", 2 * dtype.itemsize)
    data = data.encode("latin1") if isinstance(data, str) else data
    value = plain_array(np.frombuffer(data, dtype)[0]).item()
    return value.decode("latin1") if isinstance(value, bytes) else value


def _numpy_from_buffer(
    budget: Budget, data: Any, kind: Any, shape: Any, order: Any = "C", *_: Any
) -> NumpyArray:
    return NumpyArray(make_array(budget, shape, kind, order == "F", data))


def make_array(budget: Budget, shape: Any, kind: Any, fortran: Any, data: Any) -> Any:
    """Return a pickled numpy array; an inert `Record` if it is none of plain numbers.

    Raises
    ------
    ValueError
        If its shape does not fit its numbers.
    CheckpointError
        If it is too large.
    """
    dtype = _dtype_of(kind)
    if isinstance(data, str):
        budget.take("copies of parts", len(data))
        data = data.encode("latin1")
    if dtype is None or not isinstance(data, bytes | bytearray):
        code = kind.code if isinstance(kind, NumpyType) else "unknown type"
        return Record("numpy.ndarray", (f"array of {code}",))
    shape = (shape,) if isinstance(shape, int) else shape
    shape = tensors.naturals(shape, "shape")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError("an array whose shape does not fit its numbers")
    budget.count("tensors")
    budget.take("arrays", max(len(data), 4 * math.prod(shape)))
    return plain_array(np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C"))


_NUMPY = {
    "multiarray._reconstruct": _numpy_empty,
    "multiarray.scalar": _numpy_scalar,
    "numeric._frombuffer": _numpy_from_buffer,
}

BUILDERS: dict[str, Builder] = {
    "collections.OrderedDict": _dict,
    "collections.Counter": _dict,
    "collections.defaultdict": _defaultdict,
    "collections.deque": _list,
    "builtins.dict": _dict,
    "builtins.list": _list,
    "builtins.set": _list,
    "builtins.frozenset": _list,
    "builtins.tuple": _tuple,
    "builtins.complex": _complex,
    "builtins.bytes": _bytes,
    "builtins.bytearray": _bytes,
    "builtins.getattr": _getattr,
    "_codecs.encode": _bytes,
    "copyreg._reconstructor": _reconstructor,
    "torch.Size": _tuple,
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
    "torch._utils._rebuild_device_tensor_from_numpy": _rebuild_from_array,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _rebuild_from_array,
    "torch._utils._rebuild_xla_tensor": _rebuild_from_array,
    "torch._tensor._rebuild_from_type": _rebuild_from_type,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
    "jax._src.array._reconstruct_array": _rebuild_jax,
    "tensorflow.python.framework.ops.convert_to_tensor": _rebuild_from_array,
    "torch.nn.parameter.Parameter": _rebuild_parameter,
    "torch.autograd.variable.Variable": _rebuild_parameter,
    "torch.jit._pickle.build_intlist": _same,
    "torch.jit._pickle.build_doublelist": _same,
    "torch.jit._pickle.build_boollist": _same,
    "torch.jit._pickle.build_tensorlist": _same,
    "torch.jit._pickle.restore_type_tag": _same,
    "numpy.dtype": _numpy_type,
    **{f"numpy.{core}.{name}": b for core in ("core", "_core") for name, b in _NUMPY.items()},
}
"""By the name of the callable."""
