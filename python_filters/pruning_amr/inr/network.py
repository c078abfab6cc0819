"""Opening a checkpoint: from its file and the metadata to dense layers, without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError, MetadataError
from ..files.formats import read_checkpoint
from ..files.limits import DEFAULT_CHECKPOINT_MB
from ..files.records import Checkpoint
from .activations import ACTIVATION_WANTED
from .array_layers import ArrayLayer, side_by_side
from .assembly import assemble
from .latent import latent_code, sibling
from .layouts import read_layout
from .metadata import METADATA_KEYS, Metadata, make_metadata
from .questions import Questions, UnansweredError

_FLOAT32_MAX = float(np.finfo(np.float32).max)
_OF_THE_FIELD = ("inputs", "bounds", "fixed", "time_steps", "time_range", "time_scale",
                 "time_offset", "time_as_space")  # fmt: skip
"""Keys that all parts share: there is one field on one domain."""

_OF_A_PART = (
    "file", *(k for k in METADATA_KEYS if k not in ("parts", "outputs", *_OF_THE_FIELD)),
)  # fmt: skip


@dataclass(frozen=True)
class StoredNetwork:
    """The network of a checkpoint, everything that is stated folded into its layers.

    Attributes
    ----------
    path : Path
    kind : str
        What kind of file it is.
    layout : str
    layers : tuple of ArrayLayer
    metadata : Metadata
        With the latent code among the fixed inputs.
    left_out : tuple of str
        Keys of the file that are no part of the field.
    assumed : tuple of str
        What neither file nor metadata tell for sure, in sentences without a dot.
    """

    path: Path
    kind: str
    layout: str
    layers: tuple[ArrayLayer, ...]
    metadata: Metadata
    left_out: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()

    @property
    def n_inputs(self) -> int:
        """Number of inputs, fixed ones included."""
        return self.layers[0].weight.shape[1]

    @property
    def n_outputs(self) -> int:
        """Number of output channels."""
        return self.layers[-1].width


def open_network(
    path: str | Path, metadata: Metadata, checkpoint_mb: float = DEFAULT_CHECKPOINT_MB
) -> StoredNetwork:
    """Open a checkpoint.

    Raises
    ------
    CheckpointError
        If the file cannot be read or its layout is unknown.
    UnsafeCheckpointError
        If the file asks for code to be run.
    MetadataError
        If facts are missing, all of them named at once, or wrong.
    """
    return network_of(read_checkpoint(path, checkpoint_mb), metadata, checkpoint_mb)


def network_of(
    checkpoint: Checkpoint, metadata: Metadata, checkpoint_mb: float = DEFAULT_CHECKPOINT_MB
) -> StoredNetwork:
    """Return the network of a checkpoint that was read (see `open_network`)."""
    if metadata.parts is None:
        return _network(checkpoint, metadata, checkpoint_mb)
    parts = [_part(checkpoint, metadata, part, checkpoint_mb) for part in metadata.parts]
    return _joined(checkpoint, metadata, parts)


def network_names(path: str | Path, checkpoint_mb: float = DEFAULT_CHECKPOINT_MB) -> list[str]:
    """Return the names of the networks that a file holds side by side; none if it holds one.

    Raises
    ------
    CheckpointError
        If the file cannot be read.
    """
    checkpoint = read_checkpoint(path, checkpoint_mb)
    try:
        read_layout(checkpoint, Metadata(), Questions(checkpoint.path))
    except UnansweredError as error:
        return [n for q in error.questions if q.key == "network" for n in q.candidates]
    except (CheckpointError, MetadataError):
        pass
    return []


def _network(checkpoint: Checkpoint, metadata: Metadata, checkpoint_mb: float) -> StoredNetwork:
    questions = Questions(checkpoint.path)
    code = latent_code(checkpoint.path, metadata.latent, checkpoint_mb)
    try:
        raw = read_layout(checkpoint, metadata, questions)
        layers = assemble(raw, metadata, len(code), questions)
    except UnansweredError:
        # Say now what will have to be said anyway.
        if metadata.activation is None and not _tells_activations(checkpoint):
            questions.ask("activation", ACTIVATION_WANTED, "silu")
        if metadata.bounds is None:
            questions.ask("bounds", "[min, max] of each input", [[-1, 1], [-1, 1], [-1, 1]])
        questions.refuse()
    if metadata.network:
        layers = [replace(a, origin=f"{metadata.network}.{a.origin}") for a in layers]
    _check_float32(layers, checkpoint.path)
    return StoredNetwork(
        checkpoint.path,
        checkpoint.kind,
        raw.layout,
        tuple(layers),
        _with_latent(metadata, code, layers[0].weight.shape[1]),
        tuple(dict.fromkeys(raw.left_out)),
        tuple(raw.assumed),
    )


def _tells_activations(checkpoint: Checkpoint) -> bool:
    """Tell whether files of a kind hold modules, which know their activations."""
    content = checkpoint.content
    return not isinstance(content, Mapping) or "act_list" in content


def _with_latent(metadata: Metadata, code: np.ndarray, n_inputs: int) -> Metadata:
    """Return metadata in which the latent code is inputs held at its values."""
    if not len(code):
        return metadata
    names = [f"latent_{i}" for i in range(len(code))]
    free = metadata.inputs
    if free is None:
        free = ["x", "y", "z", "t"][: n_inputs - len(code) - len(metadata.fixed)]
    last = (metadata.latent or {}).get("position") == "last"
    fixed = {**metadata.fixed, **dict(zip(names, code.tolist(), strict=True))}
    inputs = [*free, *names] if last else [*names, *free]
    return replace(metadata, inputs=inputs, fixed=fixed)


def _part(
    checkpoint: Checkpoint, metadata: Metadata, part: Mapping[str, Any], checkpoint_mb: float
) -> StoredNetwork:
    """Open one of the networks whose outputs make up the field."""
    unknown = [key for key in part if key not in _OF_A_PART]
    if unknown:
        raise MetadataError(
            f'"parts" has the key {repr(unknown[0])[:40]}, which no part can have of its own; '
            f"expected some of {', '.join(_OF_A_PART)}."
        )
    shared = {k: getattr(metadata, k) for k in METADATA_KEYS if k not in ("parts", "outputs")}
    own = make_metadata({**shared, **{k: v for k, v in part.items() if k != "file"}})
    if "file" not in part:
        return _network(checkpoint, own, checkpoint_mb)
    path = sibling(checkpoint.path, part["file"], '"file" of "parts"')
    return _network(read_checkpoint(path, checkpoint_mb), own, checkpoint_mb)


def _joined(
    checkpoint: Checkpoint, metadata: Metadata, parts: Sequence[StoredNetwork]
) -> StoredNetwork:
    """Return one network that gives the outputs of all parts."""
    first = parts[0]
    for number, part in enumerate(parts[1:], 1):
        same = [a.activation for a in part.layers] == [a.activation for a in first.layers]
        same = same and part.metadata.fixed == first.metadata.fixed
        same = same and part.metadata.inputs == first.metadata.inputs
        if part.n_inputs != first.n_inputs or not same:
            raise MetadataError(
                f'the networks 0 and {number} of "parts" differ: {first.n_inputs} and '
                f"{part.n_inputs} inputs, {len(first.layers)} and {len(part.layers)} layers; "
                "expected the same inputs and latent codes, number of layers and activations: show "
                "them one by one."
            )
    assumed = [text for part in parts for text in part.assumed]
    layers = side_by_side([part.layers for part in parts])
    left_out = [key for part in parts for key in part.left_out]
    used = {part.metadata.network for part in parts}
    return StoredNetwork(
        checkpoint.path,
        checkpoint.kind,
        first.layout,
        tuple(layers),
        replace(first.metadata, outputs=metadata.outputs),
        tuple(k for k in dict.fromkeys(left_out) if k not in used),
        tuple(dict.fromkeys(assumed)),
    )


def _check_float32(layers: Sequence[ArrayLayer], path: Path) -> None:
    matrices = (m for a in layers for m in (a.weight, a.bias, a.input_weight, *a.skips.values()))
    if any(m is not None and not np.all(np.abs(m) <= _FLOAT32_MAX) for m in matrices):
        raise CheckpointError(
            f"{path}: weights are too large for float32; expected values below 3e38: "
            "check the scales in the metadata, or the file."
        )
