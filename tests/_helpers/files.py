"""Checkpoint files made and read without the package."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .reference import Network


def sequential_state(network: Network, prefix: str = "", step: int = 2) -> dict[str, torch.Tensor]:
    """State dict of a ``torch.nn.Sequential`` with an activation after every hidden layer."""
    state = {}
    for i, layer in enumerate(network):
        state[f"{prefix}{step * i}.weight"] = torch.from_numpy(layer.weight.copy())
        state[f"{prefix}{step * i}.bias"] = torch.from_numpy(layer.bias.copy())
    return state


def save_checkpoint(path: Path, content: Any, metadata: dict[str, Any] | None = None) -> Path:
    """Write a PyTorch file, and the JSON file beside it if metadata are given."""
    torch.save(content, path)
    if metadata is not None:
        path.with_suffix(".json").write_text(json.dumps(metadata))
    return path


class _Stub:
    """Stands for any pickled object; keeps its state and runs nothing."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _rebuild_tensor(storage: np.ndarray, offset: int, shape: tuple, stride: tuple, *_: Any):
    strides = [s * storage.itemsize for s in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, strides).copy()


class _RawUnpickler(pickle.Unpickler):
    """Reads the pickle of a PyTorch zip file into dicts, arrays and stubs."""

    def __init__(self, data: bytes, archive: zipfile.ZipFile, base: str) -> None:
        super().__init__(io.BytesIO(data))
        self._archive, self._base = archive, base

    def find_class(self, module: str, name: str) -> Any:
        if name == "OrderedDict":
            return OrderedDict
        if name == "_rebuild_tensor_v2":
            return _rebuild_tensor
        if name == "_rebuild_parameter":
            return lambda data, *_: data
        return type(name, (_Stub,), {})

    def persistent_load(self, identity: tuple) -> np.ndarray:
        _, kind, key, _, _ = identity
        dtype = {"FloatStorage": "<f4", "DoubleStorage": "<f8"}[kind.__name__]
        return np.frombuffer(self._archive.read(f"{self._base}/data/{key}"), dtype)


def read_torch_file(path: Path) -> dict[str, Any]:
    """Content of a PyTorch zip file, read without PyTorch."""
    with zipfile.ZipFile(path) as archive:
        member = next(n for n in archive.namelist() if n.endswith("data.pkl"))
        base = member.rsplit("/", 1)[0]
        return _RawUnpickler(archive.read(member), archive, base).load()
