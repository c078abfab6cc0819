"""Scalings of the coordinates before the network sees them, folded into what acts on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import MetadataError, some
from .array_layers import ArrayLayer
from .layouts.arrays import is_mean_and_std
from .layouts.raw import RawNetwork
from .metadata import Metadata
from .questions import Questions

Fold = Callable[[Sequence[ArrayLayer]], list[ArrayLayer]]


def fold_input_maps(
    raw: RawNetwork, n_inputs: int, metadata: Metadata, questions: Questions
) -> Fold:
    """Return what folds the scalings that metadata state, or the file holds, into layers.

    Asks which, if the file holds vectors that may scale the inputs.
    """
    mean, std = np.zeros(n_inputs), np.ones(n_inputs)
    # Without the encoding that is asked for, the number of coordinates is not known.
    unknown = questions.has("encoding")
    stated = metadata.input_mean is not None or metadata.input_std is not None
    if stated and not unknown:
        mean = _per_input(metadata.input_mean, 0.0, n_inputs, "input_mean")
        std = _per_input(metadata.input_std, 1.0, n_inputs, "input_std")
        if np.any(std == 0):
            raise MetadataError('"input_std" holds a 0; expected non-zero scales.')
    ranges = {k: v for k, v in raw.ranges.items() if unknown or v[0].size in (1, n_inputs)}
    others = [k for k in raw.ranges if k not in ranges]
    if others:
        raw.left_out += others
        raw.assumed.append(
            f"{some(others)} in the file {'has' if len(others) == 1 else 'have'} not one value for "
            f"each of the {n_inputs} inputs and {'is' if len(others) == 1 else 'are'} left out"
        )
    wanted = metadata.input_range
    if wanted is None and ranges and not stated:
        questions.ask(
            "input_range",
            f"{' or '.join(ranges)} if they scale the inputs ({_formula(next(iter(ranges)))}), or "
            "none",
            next(iter(ranges)),
            [*ranges, "none"],
            f"the file holds {some(list(ranges))}",
        )
    elif wanted not in (None, "none"):
        if wanted not in ranges:
            raise MetadataError(
                f'"input_range" is "{wanted}"; expected one of '
                f"{', '.join([*ranges, 'none'])}: correct it."
            )
        if unknown:
            return list
        if stated:
            raise MetadataError(
                '"input_range" and "input_mean" or "input_std" are both given; expected one of '
                "them."
            )
        mean, std = _map_of(wanted, *ranges[wanted], n_inputs)
    if wanted == "none" or stated:
        raw.left_out += list(ranges)
    if not np.any(mean) and np.all(std == 1.0):
        return list
    return lambda layers: _folded(layers, mean, std)


def _formula(range_name: str) -> str:
    if is_mean_and_std(range_name):
        return "(x - mean) / std"
    return "2 (x - lower) / (upper - lower) - 1"


def _map_of(
    name: str, low: np.ndarray, high: np.ndarray, n_inputs: int
) -> tuple[np.ndarray, np.ndarray]:
    low, high = (np.broadcast_to(v, (n_inputs,)).astype(np.float64) for v in (low, high))
    mean, std = (low, high) if is_mean_and_std(name) else ((low + high) / 2, (high - low) / 2)
    if np.any(std == 0):
        raise MetadataError(
            f'"input_range" is "{name}", whose vectors in the file scale an input by 0; expected '
            "ranges with an extent."
        )
    return mean, std


def _folded(layers: Sequence[ArrayLayer], mean: np.ndarray, std: np.ndarray) -> list[ArrayLayer]:
    """Fold x -> (x - mean) / std into everything that acts on the coordinates."""
    done = []
    for i, layer in enumerate(layers):
        if i == 0:
            scaled = layer.weight / std
            layer = replace(layer, weight=scaled, bias=layer.bias - scaled @ mean)
        if layer.input_weight is not None:
            scaled = layer.input_weight / std
            layer = replace(layer, input_weight=scaled, bias=layer.bias - scaled @ mean)
        done.append(layer)
    return done


def _per_input(values: Any, default: float, n_inputs: int, name: str) -> np.ndarray:
    if values is None:
        return np.full(n_inputs, default)
    try:
        array = np.asarray(values, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise MetadataError(f'"{name}" is {values!r}; expected a list of numbers.') from error
    if array.size == 1:
        array = np.repeat(array, n_inputs)
    if array.size != n_inputs or not np.all(np.isfinite(array)):
        raise MetadataError(
            f'"{name}" is {values!r}; expected {n_inputs} finite numbers, one per input.'
        )
    return array
