"""From a network as its file stores it to dense layers: the facts of the metadata folded in."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError, MetadataError, some
from .activations import ACTIVATION_WANTED, IDENTITY, PARAMETERS, Activation, make_activation
from .array_layers import ArrayLayer, inserted, output_divided
from .input_maps import fold_input_maps
from .layouts.raw import RawNetwork
from .layouts.unused import refuse_unused
from .metadata import Metadata
from .questions import Questions
from .stated_encoding import stated_encoding
from .structure import add_residuals, split_concatenations

_MOST_INPUTS = 4
"""x, y, z and t."""
_WITH_PARAMETER = (
    '{"name": "softplus", "beta": 100}, {"name": "leaky_relu", "negative_slope": 0.2} or '
    '{"name": "elu", "alpha": 0.5}'
)


def assemble(
    raw: RawNetwork, metadata: Metadata, n_latent: int, questions: Questions
) -> list[ArrayLayer]:
    """Return the layers of a network of its coordinates, everything that is stated folded in.

    Parameters
    ----------
    raw : RawNetwork
    metadata : Metadata
    n_latent : int
        Inputs before the coordinates that are a latent code.
    questions : Questions
        Takes what is missing.

    Raises
    ------
    CheckpointError
        If shapes do not connect, or weights are not finite.
    MetadataError
        If facts contradict the file, or are missing: all of them at once.
    """
    path = questions.path
    _check_finite(raw, path)
    activations = _activations(raw, metadata, questions)
    layers = [
        ArrayLayer(
            raw.weights[i].astype(np.float64),
            raw.biases[i].astype(np.float64).reshape(-1),
            activations[i],
            _float64(raw.input_weights.get(i)),
            {s: w.astype(np.float64) for s, w in raw.skips.get(i, {}).items()},
            origin=raw.names[i],
        )
        for i in range(len(raw.weights))
    ]
    _check_frequencies(raw, activations, path, metadata)
    layers = _with_frequencies(layers, raw, metadata, questions)
    layers = _with_slopes(layers, raw, metadata, questions)
    layers = split_concatenations(layers, path, metadata, questions)
    layers = add_residuals(layers, metadata, isinstance(metadata.activation, list))
    layers = _without_parameters([layer.folded() for layer in layers])
    encoding = stated_encoding(raw, layers[0].weight.shape[1], n_latent, metadata, questions)
    n_inputs = layers[0].weight.shape[1] if encoding is None else encoding.weight.shape[1]
    maps = fold_input_maps(raw, n_inputs, metadata, questions)
    if questions.asked:
        _ask_for_inputs(n_inputs - n_latent, metadata, questions)
    questions.check()
    layers = _on_coordinates(layers, encoding)
    return _with_output_map(maps(layers), metadata)


def _ask_for_inputs(n_inputs: int, metadata: Metadata, questions: Questions) -> None:
    """Ask for the names of inputs too, if there are more than can be shown."""
    if metadata.inputs is None and n_inputs - len(metadata.fixed) > _MOST_INPUTS:
        questions.ask(
            "inputs",
            f"the names of all {n_inputs} inputs, of which others than x, y, z and t are held at a "
            'value by "fixed", or are a latent code by "latent"',
            ["x", "y", "z", *(f"mu_{i}" for i in range(min(n_inputs, 6) - 3))],
        )


def _float64(array: np.ndarray | None) -> np.ndarray | None:
    return None if array is None else array.astype(np.float64)


# --- activations --------------------------------------------------------------------------


def _activations(raw: RawNetwork, metadata: Metadata, questions: Questions) -> list[Activation]:
    """Return the activation of each layer; those that are missing are asked for."""
    known = raw.activations
    complete = known is not None and all(a is not None for a in known)
    stated = metadata.activation
    if complete and (stated is None or raw.layout != "module"):
        return list(known)
    n_hidden = len(raw.weights) - 1
    if stated is None:
        if n_hidden:
            questions.ask("activation", ACTIVATION_WANTED, "silu")
        return [IDENTITY] * (n_hidden + 1)
    if not isinstance(stated, str | dict | list | tuple):
        raise MetadataError(f'"activation" is {stated!r}; expected a name or a list of names.')
    entries = list(stated) if isinstance(stated, list | tuple) else [stated] * n_hidden
    if len(entries) not in (n_hidden, n_hidden + 1):
        raise MetadataError(
            f'"activation" lists {len(entries)} names; expected one name or one for each of the '
            f"{n_hidden} hidden layers."
        )
    named = [_named_activation(entry) for entry in entries]
    if len(named) == n_hidden:
        last = known[-1] if known else None
        named.append(IDENTITY if last is None else last)
    if complete and named != list(known):
        held = ", ".join(dict.fromkeys(a.name for a in known))
        raw.assumed.append(
            f'the file has the activations {held}, but those stated in "activation" are taken'
        )
    return named


def _named_activation(entry: Any) -> Activation:
    """Return the activation of a name, or of a name with a parameter."""
    if isinstance(entry, str):
        return make_activation(entry)
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise MetadataError(
            f'"activation" holds {repr(entry)[:80]}; expected a name, or one with its parameter, '
            f"like {_WITH_PARAMETER}."
        )
    plain = make_activation(name)
    key = PARAMETERS.get(plain.name)
    given = [k for k in entry if k != "name"]
    if given not in ([], [key]):
        raise MetadataError(
            f'"activation" gives {plain.name} the parameter "{given[-1]}"; expected '
            f"{key or 'none'}, as in {_WITH_PARAMETER}."
        )
    return make_activation(name, _parameter(plain.name, entry[key])) if given else plain


def _parameter(name: str, value: Any) -> float:
    """Return the parameter of an activation, checked."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        number = float(value) if is_number else math.nan
    except OverflowError:
        number = math.inf
    # The beta of softplus divides.
    if not math.isfinite(number) or (name == "softplus" and number <= 0):
        above = " above 0" if name == "softplus" else ""
        raise MetadataError(
            f'"{PARAMETERS[name]}" of {name} is {repr(value)[:40]}; expected a number{above}.'
        )
    return number


def _without_parameters(layers: Sequence[ArrayLayer]) -> list[ArrayLayer]:
    """Fold the beta of softplus into weights: log(1 + exp(beta z)) / beta."""
    done = list(layers)
    for i, layer in enumerate(layers):
        beta = layer.activation.parameter if layer.activation.name == "softplus" else 0.0
        if beta in (0.0, 1.0):
            continue
        done[i] = replace(done[i].scaled(beta), activation=Activation("softplus"))
        if i == len(layers) - 1:
            n = layer.width
            done.append(ArrayLayer(np.eye(n), np.zeros(n), IDENTITY, origin="division by beta"))
        done = output_divided(done, i, beta)
    return done


# --- frequencies and slopes ---------------------------------------------------------------


def _with_frequencies(
    layers: list[ArrayLayer], raw: RawNetwork, metadata: Metadata, questions: Questions
) -> list[ArrayLayer]:
    """Fold omega_0 of sine layers into their weights: sin(omega_0 (W x + b))."""
    done = []
    for i, layer in enumerate(layers):
        if layer.activation.name == "sin":
            omega = metadata.omega_0
            if i == 0 and metadata.first_omega_0 is not None:
                omega = metadata.first_omega_0
            own = raw.own_frequencies.get(i)
            if None not in (own, omega) and not math.isclose(own, omega, rel_tol=1e-6):
                raw.assumed.append(
                    f"{layer.origin} has the frequency {own:g} in the file, but the stated "
                    f"{omega:g} is taken"
                )
            omega = own if omega is None else omega
            if omega is None:
                found = [f for f in raw.frequencies.values()] or [30]
                questions.ask("omega_0", "the frequency of the sine layers", found[0])
                omega = 1.0
            # Part of the activation: what a residual block adds may have to go through it too.
            layer = replace(layer, factor=layer.factor * omega)
        done.append(layer)
    return done


def _check_frequencies(
    raw: RawNetwork, activations: Sequence[Activation], path: Path, metadata: Metadata
) -> None:
    """Check that frequencies in the file are those that the sine layers get."""
    sines = any(a.name == "sin" for a in activations)
    used = [w for w in (metadata.omega_0, metadata.first_omega_0) if sines and w is not None]
    stated_otherwise = metadata.activation is not None and not sines
    if not used and not stated_otherwise:
        return  # They are taken from the file, or asked for.
    for key, frequency in raw.frequencies.items():
        if not np.isclose(frequency, used, rtol=1e-6).any():
            stated = " and ".join(f"{w:g}" for w in used) or "none, as no layer is a sine"
            raise MetadataError(
                f"{path} holds the frequency {key} = {frequency:g}, but the metadata "
                f"give {stated}; expected the same: correct the metadata keys "
                '"activation", "omega_0" and "first_omega_0", or save the file without it if the '
                "field does not depend on it."
            )


def _with_slopes(
    layers: list[ArrayLayer], raw: RawNetwork, metadata: Metadata, questions: Questions
) -> list[ArrayLayer]:
    """Fold trained slopes into weights: activation(a (W x + b))."""
    wanted, numbers = metadata.activation_slope, dict(raw.numbers)
    if not numbers and wanted in (None, "none"):
        return layers
    if wanted is None:
        shapes = some([f"{k} of shape {v.shape}" for k, v in numbers.items()])
        questions.ask(
            "activation_slope",
            f"the keys of trained slopes, some of {some(list(numbers))}, or none if the field does "
            "not depend on them",
            next(iter(numbers)),
            [*numbers, "none"],
            f"no layer uses {shapes}",
        )
        return layers
    if wanted == "none":
        raw.left_out += list(numbers)
        return layers
    keys = _slope_keys(wanted, list(numbers), len(layers) - 1)
    _refuse_prelu({k: v for k, v in numbers.items() if k in keys})
    refuse_unused({k: v for k, v in numbers.items() if k not in keys})
    slopes = [float(numbers[k].item()) for k in keys]
    slopes = slopes * (len(layers) - 1) if len(slopes) == 1 else slopes
    scaled = [
        replace(layer, factor=layer.factor * a)
        for layer, a in zip(layers[:-1], slopes, strict=True)
    ]
    return [*scaled, layers[-1]]


def _refuse_prelu(numbers: Mapping[str, np.ndarray]) -> None:
    """Refuse numbers called weight as slopes a of activation(a z): they are those of PReLU."""
    found = [k for k in numbers if k.rpartition(".")[2] == "weight"]
    if found:
        slopes = [round(float(numbers[k].item()), 6) for k in found]
        example = [{"name": "leaky_relu", "negative_slope": s} for s in slopes[:2]]
        raise MetadataError(
            f'"activation_slope" names {some(found)}, which seem to be negative slopes of PReLU; '
            f'expected these in "activation", like {json.dumps({"activation": example})}, and '
            '{"activation_slope": "none"}.'
        )


def _slope_keys(wanted: str | Sequence[str], present: list[str], n_hidden: int) -> list[str]:
    """Return the keys of one slope for all hidden layers, or of one for each."""
    keys = [wanted] if isinstance(wanted, str) else list(wanted)
    if len(keys) == 1 and keys[0] not in present:
        keys = [k for k in present if k.startswith(keys[0])] or keys
    missing = [k for k in keys if k not in present]
    if missing or len(keys) not in (1, n_hidden):
        raise MetadataError(
            f'"activation_slope" names {some(keys)}; expected one of {some(present) or "none"}, or '
            f"one for each of the {n_hidden} hidden layers: correct it."
        )
    return keys


# --- the whole ----------------------------------------------------------------------------


def _on_coordinates(layers: list[ArrayLayer], encoding: Any) -> list[ArrayLayer]:
    """Put the encoding before the layers that take its features; else they take coordinates."""
    if encoding is None:
        return [replace(a.with_input_weight(a.concatenated), concatenated=None) for a in layers]
    layer = ArrayLayer(
        encoding.weight, encoding.phase, make_activation("sin"), origin=encoding.origin
    )
    layers = inserted(layers, 0, layer)
    weight, on_coordinates = encoding.split(layers[1].weight)
    layers[1] = replace(layers[1], weight=weight).with_input_weight(on_coordinates)
    for i, layer in enumerate(layers):
        if layer.concatenated is not None:
            weight, on_coordinates = encoding.split(layer.concatenated)
            layer = layer.with_skip(0, weight).with_input_weight(on_coordinates)
            layers[i] = replace(layer, concatenated=None)
    return layers


def _with_output_map(layers: list[ArrayLayer], metadata: Metadata) -> list[ArrayLayer]:
    """Fold y -> scale * y + offset into the last layer, or append one if it is not linear."""
    scale, offset = metadata.output_scale, metadata.output_offset
    if scale == 1.0 and offset == 0.0:
        return layers
    last = layers[-1]
    if last.activation.name != "identity":
        n = last.width
        added = ArrayLayer(np.eye(n) * scale, np.full(n, offset), IDENTITY, origin="output_scale")
        return [*layers, added]
    last = last.scaled(scale)
    return [*layers[:-1], replace(last, bias=last.bias + offset)]


def _check_finite(raw: RawNetwork, path: Path) -> None:
    named = {f"weights of layer {i}": w for i, w in enumerate(raw.weights)}
    named |= {f"biases of layer {i}": b for i, b in enumerate(raw.biases)}
    named |= {f"skip weights of layer {i}": w for i, w in raw.input_weights.items()}
    named |= {
        f"the skip weights from layer {source} to layer {i}": w
        for i, skips in raw.skips.items()
        for source, w in skips.items()
    }
    if raw.fourier is not None:
        named["the Fourier matrix"] = raw.fourier
    for name, array in named.items():
        bad = int(np.count_nonzero(~np.isfinite(array)))
        if bad:
            raise CheckpointError(
                f"{path}: {bad} of {array.size} values in {name} are NaN or infinite; "
                "expected finite weights: the training diverged or the file is damaged."
            )
