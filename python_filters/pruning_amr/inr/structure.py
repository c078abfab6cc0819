"""Connections between layers that metadata state: concatenated inputs and residual blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import CheckpointError, MetadataError, some
from .activations import IDENTITY
from .array_layers import ArrayLayer, inserted
from .metadata import Metadata
from .questions import Questions


def split_concatenations(
    layers: Sequence[ArrayLayer], path: Path, metadata: Metadata, questions: Questions
) -> list[ArrayLayer]:
    """Check that shapes connect; cut the inputs off layers that take them too."""
    n_first, done = layers[0].weight.shape[1], []
    for i, layer in enumerate(layers):
        expected = layers[i - 1].width if i else n_first
        taken = layer.weight.shape[1]
        if i and taken == expected + n_first:
            layer = _split(layer, expected, n_first, metadata, questions)
        elif taken != expected:
            raise CheckpointError(
                f"{path}: layer {layer.origin} takes {taken} values but the layer before it gives "
                f"{expected}; expected layers that connect: the layout may be one this program "
                "does not know."
            )
        if layer.bias.shape[0] != layer.width:
            raise CheckpointError(
                f"{path}: layer {layer.origin} has {layer.width} neurons but "
                f"{layer.bias.shape[0]} biases; expected as many: is the file complete?"
            )
        done.append(layer)
    return done


def _split(
    layer: ArrayLayer, n_hidden: int, n_first: int, metadata: Metadata, questions: Questions
) -> ArrayLayer:
    """Cut the weights of a layer that takes what is hidden and the inputs, in one of two orders."""
    if metadata.skip_order is None:
        questions.ask(
            "skip_order",
            f'"hidden_first" ([h, x]) or "input_first" ([x, h]) for layer {layer.origin}',
            "hidden_first",
            ("hidden_first", "input_first"),
        )
    scale = metadata.skip_scale
    if scale is None and layer.activation.name == "softplus":
        questions.ask(
            "skip_scale",
            "the factor before [h, x]: 0.70710678 in IGR, IDR and NeuS, 1 in others",
            0.70710678,
            (0.70710678, 1.0),
        )
    hidden_first = metadata.skip_order != "input_first"
    cut = n_hidden if hidden_first else n_first
    weight = layer.weight * (1.0 if scale is None else scale)
    left, right = weight[:, :cut].copy(), weight[:, cut:].copy()
    hidden, inputs = (left, right) if hidden_first else (right, left)
    return replace(layer, weight=hidden, concatenated=inputs)


def add_residuals(
    layers: Sequence[ArrayLayer], metadata: Metadata, all_activations: bool
) -> list[ArrayLayer]:
    """Add what enters a group of layers to what it gives, as the metadata state.

    `all_activations`: whether those of all layers are stated, also of the last of a group.
    """
    if metadata.residual is None or metadata.residual == "none":
        return list(layers)
    names = [metadata.residual] if isinstance(metadata.residual, str) else metadata.residual
    done = list(layers)
    for name in names:
        group = [i for i, a in enumerate(done) if f"{a.origin}.".startswith(name.rstrip(".") + ".")]
        _check_group(name, group, done)
        done = _with_residual(done, group[0], group[-1], metadata, all_activations)
    return done


def _check_group(name: str, group: list[int], layers: Sequence[ArrayLayer]) -> None:
    known = some([layer.origin for layer in layers], 12)
    if not group:
        raise MetadataError(
            f'"residual" names "{name}", which is no layer or group of layers; expected some of '
            f"{known}, or what these begin with: correct it."
        )
    taken, given = layers[group[0]].weight.shape[1], layers[group[-1]].width
    if group != list(range(group[0], group[-1] + 1)) or taken != given:
        raise MetadataError(
            f'"residual" names "{name}", which takes {taken} values and gives {given}; expected a '
            "group of layers that follow one another and give as many values as they take."
        )


def _with_residual(
    layers: list[ArrayLayer], first: int, last: int, metadata: Metadata, all_activations: bool
) -> list[ArrayLayer]:
    """Return layers with what enters layer `first` added to what layer `last` gives."""
    done, unit = list(layers), np.eye(layers[last].width)
    place = metadata.residual_activation
    if place == "before":
        n, origin = len(unit), f"sum after {layers[last].origin}"
        done = inserted(done, last + 1, ArrayLayer(unit, np.zeros(n), IDENTITY, origin=origin))
        last += 1
    elif place == "none" and not all_activations:
        done[last] = replace(done[last], activation=IDENTITY, factor=1.0)
    if last == first:
        done[last] = replace(done[last], weight=done[last].weight + unit)
    elif first == 0:
        # What enters the first layer may be features of the coordinates.
        done[last] = done[last].with_concatenated(unit)
    else:
        done[last] = done[last].with_skip(first - 1, unit)
    return done
