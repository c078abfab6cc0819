"""Recognising how a checkpoint stores its network.

A layout reads the file's content into a `RawNetwork`: weights, biases, perhaps activations and
a Fourier-feature matrix, as stored. `pruning_amr.inr.assembly` folds the metadata in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...errors import CheckpointError, MetadataError, UnsafeCheckpointError, some
from ...files.records import Checkpoint, Record
from ..metadata import Metadata
from ..questions import Questions
from .dense_numbered import read_dense_numbered
from .lists import read_lists, read_pairs_of_lists
from .modules import read_module
from .raw import RawNetwork, flatten
from .state_dict import read_state_dict

Layout = Callable[[Mapping[str, Any], Metadata, Questions], RawNetwork | None]

LAYOUTS: dict[str, Layout] = {
    "dense_numbered": read_dense_numbered,
    "lists": read_lists,
    "kernel_lists": read_pairs_of_lists,
    "module": read_module,
    "state_dict": read_state_dict,
}


def read_layout(checkpoint: Checkpoint, metadata: Metadata, questions: Questions) -> RawNetwork:
    """Return the network of a checkpoint as stored, by the layout wanted or the first to fit.

    Raises
    ------
    CheckpointError
        If no layout fits.
    MetadataError
        If the layout wanted is none, or facts are missing without which it cannot be read.
    """
    wanted = metadata.layout
    if wanted not in ("auto", *LAYOUTS):
        raise MetadataError(
            f'layout "{wanted}" is unknown; expected "auto" or one of {", ".join(LAYOUTS)}.'
        )
    content = as_dict(checkpoint.content)
    for name, read in LAYOUTS.items():
        if wanted in ("auto", name):
            try:
                raw = read(content, metadata, questions)
            except UnsafeCheckpointError:
                raise
            except CheckpointError as error:
                raise CheckpointError(f"{checkpoint.path}: {error}") from error
            if raw is not None:
                _refuse_choices(name, metadata)
                return raw
    keys = list(flatten(content))
    held = f"its keys are {some(keys)}" if keys != [""] else f"it holds {_kind(content[''])}"
    raise CheckpointError(
        f"{checkpoint.path} has a layout this program does not know: {held}; expected dense layers "
        f"stored as one of {', '.join(LAYOUTS)}: save the state_dict() of a plain multilayer "
        "perceptron."
    )


_CHOOSING = ("module", "state_dict")
"""Layouts of which metadata can choose layers."""


def _refuse_choices(layout: str, metadata: Metadata) -> None:
    """Refuse keys that choose layers where there are none to choose from."""
    stated = [key for key in ("network", "head", "chain") if getattr(metadata, key)]
    if stated and layout not in _CHOOSING:
        raise MetadataError(
            f'"{stated[0]}" is given, but a file of the layout {layout} holds one network with all '
            "its layers in order; expected nothing to choose: remove the key."
        )


def as_dict(content: Any) -> dict[str, Any]:
    """Return the content of a file as a dict: a list by its numbers, one object under ""."""
    if isinstance(content, Mapping):
        return dict(content)
    if isinstance(content, list | tuple):
        return {str(i): v for i, v in enumerate(content)}
    if isinstance(content, Record) and isinstance(content.items, dict) and content.items:
        return dict(content.items)
    return {"": content}


def _kind(value: Any) -> str:
    return value.kind if isinstance(value, Record) else f"a {type(value).__name__}"


__all__ = ["LAYOUTS", "Layout", "RawNetwork", "as_dict", "flatten", "read_layout"]
