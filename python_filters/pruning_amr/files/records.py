"""What a file's objects become here: names, arguments and states, without any of their code."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint file.

    Attributes
    ----------
    path : Path
    content : object
        Nested dict (keys are str, in the order of the file), list, str, int, float, bool, None,
        `numpy.ndarray` and `Record`.
    kind : str
        ``"torch zip"``, ``"torch legacy"``, ``"torchscript"``, ``"pickle"``, ``"npz"``,
        ``"npy"`` or ``"safetensors"``.
    """

    path: Path
    content: Any
    kind: str


@dataclass(slots=True, eq=False)
class Record:
    """An object of a file; none of its code ran.

    A class or a function that a file only mentions is a record with nothing but its `kind`.

    Attributes
    ----------
    kind : str
        Its class, as in ``"torch.nn.modules.linear.Linear"`` or ``"__main__.Siren"``.
    arguments : tuple
        What it was made with.
    state : object
        Its attributes, usually a dict.
    items : dict, list or None
        Its entries if it is of a class like dict or list.
    """

    kind: str
    arguments: tuple = ()
    state: Any = None
    items: Any = None


@dataclass(frozen=True)
class ScriptClass:
    """What the text of a TorchScript class says about its objects.

    Attributes
    ----------
    is_module : bool
    arrays : tuple of str or None
        Names of its parameters, then of its buffers; None if the file has no text of it.
    attributes : dict of str to object
        Constants and the arguments of activations.
    functions : tuple of str
        Functions of torch that it calls, as in ``"sin"``, by where they are called first.
    """

    is_module: bool = True
    arrays: tuple[str, ...] | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    functions: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class ScriptRecord(Record):
    """An object of a TorchScript file, with what the text of its class says."""

    script: ScriptClass = field(default_factory=ScriptClass)


@dataclass(slots=True, eq=False, frozen=True)
class Name:
    """A class or function that a pickle names; never imported."""

    kind: str


class Source(Protocol):
    """Where the numbers of a torch file lie."""

    def note(self, key: str, item_size: int) -> None:
        """Learn how many bytes a number of storage `key` has, before they are read."""
        ...

    def read(self, key: str, n_bytes: int) -> bytes:
        """Return the first `n_bytes` of storage `key`; raise ValueError if it has fewer."""
        ...

    @property
    def byte_order(self) -> str:
        """``"<"`` or ``">"``."""
        ...


@dataclass(slots=True, eq=False, frozen=True)
class Storage:
    """A torch storage, or a part of one, not read yet."""

    kind: str
    key: str
    start: int
    count: int
    source: Source


@dataclass(slots=True, eq=False, frozen=True)
class Tensor:
    """A torch tensor whose bounds have been checked; its numbers are not read yet."""

    storage: Storage
    kind: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    conjugate: bool = False
    negative: bool = False


@dataclass(slots=True, eq=False)
class NumpyType:
    """A pickled ``numpy.dtype``: its code and byte order, or that it is no plain number."""

    code: str
    order: str = "="
    plain: bool = True


@dataclass(slots=True, eq=False)
class NumpyArray:
    """A pickled ``numpy.ndarray``: made empty, then given its numbers."""

    value: np.ndarray | Record | None = None
