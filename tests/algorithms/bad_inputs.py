"""What users get wrong, and what the message about it has to say.

Used here through VTK, in `tests/paraview` through ParaView and in `tests/cli`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _helpers.files import save_checkpoint, sequential_state
from _helpers.reference import Network, random_network

BOUNDS = [[-1.0, 1.0], [0.0, 1.0]]
METADATA = {"activation": "silu", "bounds": BOUNDS}
MARKER = "executed"
"""Name of the file that the malicious checkpoint would make in its own folder."""


def network(n_inputs: int = 2) -> Network:
    """A small network that refines unevenly."""
    return random_network(np.random.default_rng(5), (n_inputs, 16, 16, 1), "silu", gain=4.0)


def write_line(folder: Path, moving: bool = False, **metadata) -> Path:
    """Write a checkpoint of a field of x, or of x and t."""
    known = {"activation": "silu", "inputs": ["x"], "bounds": [[-1, 1]]}
    if moving:
        known |= {"inputs": ["x", "t"], "bounds": [[-1, 1], [0, 2]]}
    state = sequential_state(network(2 if moving else 1))
    return save_checkpoint(folder / "line.pt", state, known | metadata)


def write_good(folder: Path) -> Path:
    """Write a checkpoint of a 2-D field, with its metadata beside it."""
    return save_checkpoint(folder / "good.pt", sequential_state(network()), METADATA)


def _write_missing(folder: Path) -> Path:
    return folder / "missing.pt"


def _writer_of(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return write


class _Command:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def _write_malicious(folder: Path) -> Path:
    state = dict(sequential_state(network()), extra=_Command(f"touch '{folder / MARKER}'"))
    return save_checkpoint(folder / "malicious.pt", state, METADATA)


def _write_truncated(folder: Path) -> Path:
    path = save_checkpoint(folder / "truncated.pt", sequential_state(network()), METADATA)
    path.write_bytes(path.read_bytes()[:-400])
    return path


def _write_without_activation(folder: Path) -> Path:
    return save_checkpoint(folder / "bare.pt", sequential_state(network()))


def _write_nan(folder: Path) -> Path:
    state = sequential_state(network())
    state["2.weight"][3, 4] = float("nan")
    return save_checkpoint(folder / "nan.pt", state, METADATA)


def _write_five_inputs(folder: Path) -> Path:
    state = sequential_state(network(5))
    return save_checkpoint(folder / "five.pt", state, {"activation": "silu"})


def _write_strange_keys(folder: Path) -> Path:
    return save_checkpoint(folder / "strange.pt", {"table": torch.zeros(4, 4, 4)}, METADATA)


@dataclass(frozen=True)
class BadInput:
    """One mistake.

    Attributes
    ----------
    words : tuple of str
        What the one sentence about it has to contain.
    write : callable
        Writes the checkpoint into a folder and returns its path.
    reader, refinement : dict
        Properties of the reader and of the filter, by their Python names.
    """

    words: tuple[str, ...]
    write: Callable[[Path], Path] = write_good
    reader: dict[str, Any] = field(default_factory=dict)
    refinement: dict[str, Any] = field(default_factory=dict)


_NOISE = np.random.default_rng(11).integers(0, 256, 3000, dtype=np.uint8).tobytes()
_NOT_TORCH = "or is damaged"

BAD_INPUTS = {
    "missing file": BadInput(("missing.pt", "does not exist"), _write_missing),
    "empty file": BadInput(("empty.pt", "is empty"), _writer_of("empty.pt", b"")),
    "random bytes": BadInput(("noise.pt", _NOT_TORCH), _writer_of("noise.pt", _NOISE)),
    "text file": BadInput(
        ("text.pt", "is a text file and no checkpoint"),
        _writer_of("text.pt", b"This is not a network.\n" * 20),
    ),
    "truncated file": BadInput(("truncated.pt", _NOT_TORCH), _write_truncated),
    "unknown extension": BadInput(
        ("network.onnx", _NOT_TORCH), _writer_of("network.onnx", b"\0" * 99)
    ),
    "malicious pickle": BadInput(("malicious.pt", "refused", "os.system"), _write_malicious),
    "strange keys": BadInput(("strange.pt", "layout", "table"), _write_strange_keys),
    "activation not known": BadInput(
        ("bare.pt", '"activation" and "bounds" are missing'), _write_without_activation
    ),
    "activation misspelt": BadInput(
        ('activation "slu" is unknown', "silu"), reader={"activation": "slu"}
    ),
    "NaN weights": BadInput(("nan.pt", "1 of 256 values", "layer 1", "NaN"), _write_nan),
    "five inputs": BadInput(("takes 5 inputs", '"fixed"'), _write_five_inputs),
    "bounds reversed": BadInput(
        ("bounds[1] is [1, 0]", "min < max"), reader={"bounds": "-1 1 1 0"}
    ),
    "bounds equal": BadInput(("bounds[0] is [2, 2]", "min < max"), reader={"bounds": "2 2 0 1"}),
    "metadata not JSON": BadInput(
        ("metadata is not valid JSON",), reader={"metadata": "{output_scale: 2}"}
    ),
    "max depth 0": BadInput(("max_depth is 0", "at least 1"), refinement={"max_depth": 0}),
    "negative tolerance": BadInput(
        ("tolerance is -0.5", "above 0"), refinement={"tolerance": -0.5}
    ),
    "tolerance 0": BadInput(("tolerance is 0.0", "above 0"), refinement={"tolerance": 0.0}),
    "max cells 1": BadInput(
        ("max_cells is 1", "raise max_cells or lower root_resolution"),
        refinement={"max_cells": 1},
    ),
}
