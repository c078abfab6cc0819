"""Storing an INR: as bytes that travel with a data set, and as a PyTorch checkpoint."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import CheckpointError, ParameterError
from ..files.archives import Archive
from ..files.arrays import read_npz
from ..files.limits import Budget
from .activations import ACTIVATION_NAMES, Activation
from .chain import Chain, Layer, Skip, check_layers, check_skips
from .field import INR, inr_from_dict
from .metadata import metadata_path
from .options import EXTENSIONS

_FORMAT, _FORMAT_WITH_SKIPS = "pruning_amr.inr/1", "pruning_amr.inr/2"
"""Readers of the first alone refuse the second, which they would show without its skips."""


def inr_to_bytes(inr: INR) -> bytes:
    """Return an INR as the bytes of an .npz archive (plain arrays, no pickles)."""
    sources = [[skip.source for skip in layer.skips] for layer in inr.chain.layers]
    header = {
        "format": _FORMAT_WITH_SKIPS if any(sources) else _FORMAT,
        "name": inr.name,
        "layout": inr.layout,
        "activations": [[a.activation.name, a.activation.parameter] for a in inr.chain.layers],
        "metadata": inr.to_metadata(),
        **({"skips": sources} if any(sources) else {}),
    }
    arrays = {"header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)}
    for key, tensor in _named_tensors(inr.chain).items():
        arrays[key] = tensor.cpu().numpy()
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def inr_from_bytes(data: bytes) -> INR:
    """Return the INR stored by `inr_to_bytes`.

    Raises
    ------
    CheckpointError
        If the bytes are something else.
    """
    try:
        # Field data come from anywhere, as files do.
        budget = Budget(Path("field data"))
        with Archive(data, budget) as archive:
            arrays = read_npz(archive, budget)
        header = json.loads(arrays["header"].tobytes())
        if header["format"] not in (_FORMAT, _FORMAT_WITH_SKIPS):
            raise KeyError(header["format"])
        layers = _read_layers(arrays, header)
        check_layers(layers)
    except Exception as error:
        # zipfile, numpy and json each report damaged bytes in their own ways.
        raise CheckpointError(
            f"the INR carried in the field data is damaged ({type(error).__name__}: {error}); "
            "expected what INR Reader wrote there: open the checkpoint again."
        ) from error
    return inr_from_dict(Chain(layers), header["metadata"], header["name"], header["layout"])


def _read_layers(archive: Mapping[str, np.ndarray], header: dict[str, Any]) -> tuple[Layer, ...]:
    layers = []
    sources = header.get("skips", [[]] * len(header["activations"]))
    for i, (name, parameter) in enumerate(header["activations"]):
        key = f"{i}.input_weight"
        layers.append(
            Layer(
                torch.from_numpy(archive[f"{i}.weight"]),
                torch.from_numpy(archive[f"{i}.bias"]),
                _checked_activation(name, parameter),
                torch.from_numpy(archive[key]) if key in archive else None,
                tuple(Skip(s, torch.from_numpy(archive[f"{i}.skip_{s}"])) for s in sources[i]),
            )
        )
    return tuple(layers)


def _checked_activation(name: str, parameter: float) -> Activation:
    if name not in ACTIVATION_NAMES:
        raise ValueError(f"the activation {name!r} is unknown")
    return Activation(name, parameter)


def fingerprint(inr: INR) -> str:
    """Return a digest that two INRs share only if they are the same."""
    return hashlib.sha256(inr_to_bytes(inr)).hexdigest()


def save_inr(inr: INR, path: str | Path) -> list[Path]:
    """Save an INR as a PyTorch ``state_dict`` with its metadata in a JSON file beside it.

    The keys are those of a plain ``torch.nn.Sequential`` of ``Linear`` layers with one
    activation module between two of them: ``0.weight``, ``0.bias``, ``2.weight``, …. A skip
    connection from the coordinates is stored as ``N.input_weight``, one from the output of
    hidden layer M (counted from 0) as ``N.skip_M``. Frequencies and scalings are part of the
    weights; Fourier features are a first layer with the activation ``sin``.
    The JSON file names the activation of every layer under ``activation``, with its parameter as
    ``{"name": "elu", "alpha": 0.5}`` if that is not the usual one.

    Parameters
    ----------
    inr : INR
    path : str or Path
        A file name ending in .pt, .pth or .ckpt.

    Returns
    -------
    list of Path
        The two files written.

    Examples
    --------
    Plain PyTorch loads a ReLU network without this package:

    >>> state = torch.load("small.pt", weights_only=True)
    >>> modules = []
    >>> for i in range(0, len(state), 2):
    ...     n_out, n_in = state[f"{i}.weight"].shape
    ...     modules += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    >>> network = torch.nn.Sequential(*modules[:-1])
    >>> network.load_state_dict(state)

    and any other network but one with ``gaussian`` layers, skip connections included, with:

    >>> class Saved(torch.nn.Module):
    ...     def __init__(self, path):
    ...         super().__init__()
    ...         self.state = torch.load(path, weights_only=True)
    ...         self.names = json.loads(Path(path).with_suffix(".json").read_text())["activation"]
    ...
    ...     def forward(self, x):
    ...         h, outputs = x, []
    ...         for i, name in enumerate(self.names):
    ...             h = h @ self.state[f"{2 * i}.weight"].T + self.state[f"{2 * i}.bias"]
    ...             if f"{2 * i}.input_weight" in self.state:
    ...                 h = h + x @ self.state[f"{2 * i}.input_weight"].T
    ...             for source, output in enumerate(outputs):
    ...                 if f"{2 * i}.skip_{source}" in self.state:
    ...                     h = h + output @ self.state[f"{2 * i}.skip_{source}"].T
    ...             if name != "identity":
    ...                 h = getattr(torch if hasattr(torch, name) else torch.nn.functional, name)(h)
    ...             outputs.append(h)
    ...         return h
    """
    path = Path(path)
    check_savable(path)
    state = {}
    for key, tensor in _named_tensors(inr.chain).items():
        index, _, part = key.partition(".")
        state[f"{2 * int(index)}.{part}"] = tensor.cpu().contiguous()
    try:
        _write_atomically(path, lambda target: torch.save(state, target))
        sidecar = metadata_path(path)
        text = json.dumps(inr.to_metadata(), indent=2)
        _write_atomically(sidecar, lambda target: target.write_text(text + "\n"))
    except (OSError, RuntimeError) as error:
        reason = str(error).rstrip(".")
        raise ParameterError(f"{path} cannot be written: {reason}.") from error
    return [path, sidecar]


def check_savable(path: Path) -> None:
    """Check that an INR can be saved under a name.

    Raises
    ------
    ParameterError
        If the extension is another one, or the JSON file beside it does not describe the
        checkpoint that is replaced.
    """
    if path.suffix not in (".pt", ".pth", ".ckpt"):
        raise ParameterError(
            f'cannot save an INR as "{path.name}"; expected a name ending in .pt, .pth or .ckpt.'
        )
    sidecar = metadata_path(path)
    if not sidecar.exists():
        return
    for other in (path.with_suffix(f".{extension}") for extension in EXTENSIONS):
        if other != path and other.exists():
            raise ParameterError(
                f'cannot save an INR as "{path.name}": its metadata would replace {sidecar.name}, '
                f"which belongs to {other.name}; choose another name."
            )
    if not path.exists():
        raise ParameterError(
            f'cannot save an INR as "{path.name}": its metadata would replace {sidecar.name}, '
            "which describes something else; choose another name, or move that file away."
        )


def _named_tensors(chain: Chain) -> dict[str, torch.Tensor]:
    # Of two from one layer only one would be written.
    check_skips(chain.layers)
    named = {}
    for i, layer in enumerate(chain.layers):
        named[f"{i}.weight"] = layer.weight
        named[f"{i}.bias"] = layer.bias
        if layer.input_weight is not None:
            named[f"{i}.input_weight"] = layer.input_weight
        for skip in layer.skips:
            named[f"{i}.skip_{skip.source}"] = skip.weight
    return named


def _write_atomically(path: Path, write) -> None:
    """Write beside `path` first, so that a failure never leaves half a file."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        write(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
