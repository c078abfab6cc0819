"""From a network as its file stores it to a `Chain`: the facts of the metadata folded in."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..errors import CheckpointError, MetadataError
from .activations import ACTIVATION_NAMES, IDENTITY, Activation, make_activation
from .chain import Chain, Layer, Skip, check_skips
from .checkpoint import Checkpoint
from .layouts import RawNetwork, read_layout
from .metadata import Metadata, metadata_path


def build_chain(checkpoint: Checkpoint, metadata: Metadata) -> tuple[Chain, str]:
    """Return the network of a checkpoint as a chain, and the name of the layout found.

    Raises
    ------
    CheckpointError
        If no layout fits, shapes do not connect, or weights are not finite.
    MetadataError
        If an activation or a frequency is needed that neither file nor metadata hold.
    """
    raw = read_layout(checkpoint, metadata.layout)
    _check_finite(raw, checkpoint)
    chain = _assemble(raw, checkpoint, metadata)
    try:
        check_skips(chain.layers)
    except ValueError as error:
        raise CheckpointError(f"{checkpoint.path}: {error}: is the file complete?") from error
    tensors = (t for a in chain.layers for t in (a.weight, a.bias, *(s.weight for s in a.skips)))
    if not all(torch.isfinite(t).all() for t in tensors):
        raise CheckpointError(
            f"{checkpoint.path}: weights are too large for float32; expected values below 3e38: "
            "check the scales in the metadata, or the file."
        )
    return chain, raw.layout


def _assemble(raw: RawNetwork, checkpoint: Checkpoint, metadata: Metadata) -> Chain:
    """Fold Fourier features, frequencies and affine maps into one chain."""
    weights = [w.astype(np.float64) for w in raw.weights]
    biases = [b.astype(np.float64).reshape(-1) for b in raw.biases]
    skips = {k: w.astype(np.float64) for k, w in (raw.input_weights or {}).items()}
    between = {i: {s: w.astype(np.float64) for s, w in k.items()} for i, k in raw.skips.items()}
    activations = raw.activations or _stated_activations(raw, checkpoint, metadata)
    _check_frequencies(raw, activations, checkpoint, metadata)
    if raw.activations is None:
        _apply_frequencies(weights, biases, skips, between, activations, checkpoint, metadata)
    if raw.fourier is not None:
        fourier = raw.fourier
        if weights[0].shape[1] == 2 * fourier.shape[0] != 2 * fourier.shape[1]:
            fourier = fourier.T  # some codes store (n_frequencies, n_inputs)
        weight, bias = _fourier_layer(fourier, checkpoint, metadata)
        weights.insert(0, weight)
        biases.insert(0, bias)
        activations.insert(0, make_activation("sin"))
        skips = {k + 1: w for k, w in skips.items()}
        between = {i + 1: {s + 1: w for s, w in k.items()} for i, k in between.items()}
    _split_concatenations(weights, biases, skips, checkpoint, metadata)
    _fold_input_map(weights, biases, skips, metadata)
    _fold_output_map(weights, biases, skips, between, activations, metadata)
    layers = []
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        skip = torch.from_numpy(skips[i]).float() if i in skips else None
        layers.append(
            Layer(
                torch.from_numpy(np.ascontiguousarray(weight)).float(),
                torch.from_numpy(bias).float(),
                activations[i],
                skip,
                tuple(
                    Skip(source, torch.from_numpy(w).float())
                    for source, w in between.get(i, {}).items()
                ),
            )
        )
    return Chain(tuple(layers))


def _stated_activations(
    raw: RawNetwork, checkpoint: Checkpoint, metadata: Metadata
) -> list[Activation]:
    n_hidden = len(raw.weights) - 1
    stated = metadata.activation
    if stated is None and n_hidden:
        raise _missing(checkpoint, "activation", f"one of {', '.join(ACTIVATION_NAMES)}", '"silu"')
    if not isinstance(stated, str | list | tuple | None):
        raise MetadataError(f'"activation" is {stated!r}; expected a name or a list of names.')
    names = [stated] * n_hidden if isinstance(stated, str) else list(stated or [])
    if len(names) not in (n_hidden, n_hidden + 1):
        raise MetadataError(
            f'"activation" lists {len(names)} names; expected one name or one for each of the '
            f"{n_hidden} hidden layers."
        )
    return [make_activation(str(n)) for n in names] + [IDENTITY] * (n_hidden + 1 - len(names))


def _apply_frequencies(
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    skips: dict[int, np.ndarray],
    between: dict[int, dict[int, np.ndarray]],
    activations: list[Activation],
    checkpoint: Checkpoint,
    metadata: Metadata,
) -> None:
    """Fold omega_0 of sine layers into their weights: sin(omega_0 (W x + b))."""
    sines = [i for i, a in enumerate(activations) if a.name == "sin"]
    if not sines:
        return
    if metadata.omega_0 is None:
        raise _missing(checkpoint, "omega_0", "the frequency of the sine layers", "30")
    for i in sines:
        first = metadata.first_omega_0 if i == 0 else None
        omega = metadata.omega_0 if first is None else first
        weights[i] *= omega
        biases[i] *= omega
        if i in skips:
            skips[i] *= omega
        for matrix in between.get(i, {}).values():
            matrix *= omega


def _check_frequencies(
    raw: RawNetwork, activations: list[Activation], checkpoint: Checkpoint, metadata: Metadata
) -> None:
    """Check that frequencies in the file are those that the sine layers get."""
    sines = any(a.name == "sin" for a in activations)
    used = [w for w in (metadata.omega_0, metadata.first_omega_0) if sines and w is not None]
    if sines and not used:
        return  # They are asked for.
    for key, frequency in raw.frequencies.items():
        if not np.isclose(frequency, used, rtol=1e-6).any():
            stated = " and ".join(f"{w:g}" for w in used) or "none, as no layer is a sine"
            raise MetadataError(
                f"{checkpoint.path} holds the frequency {key} = {frequency:g}, but the metadata "
                f"give {stated}; expected the same: correct the metadata keys "
                '"activation", "omega_0" and "first_omega_0", or save the file without it if the '
                "field does not depend on it."
            )


def _fourier_layer(
    matrix: np.ndarray, checkpoint: Checkpoint, metadata: Metadata
) -> tuple[np.ndarray, np.ndarray]:
    """Return weight and bias of the layer sin(W x + b) that makes the Fourier features.

    cos(z) = sin(z + pi/2) turns both halves into one sine layer.
    """
    if metadata.fourier_scale is None:
        raise _missing(
            checkpoint, "fourier_scale", "the factor before the Fourier matrix", "6.283185307"
        )
    if metadata.fourier_order is None:
        raise _missing(checkpoint, "fourier_order", '"sin_cos" or "cos_sin"', '"sin_cos"')
    half = metadata.fourier_scale * matrix.astype(np.float64).T
    shift = np.repeat([0.0, np.pi / 2], half.shape[0])
    if metadata.fourier_order == "cos_sin":
        shift = shift[::-1].copy()
    return np.vstack([half, half]), shift


def _split_concatenations(
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    skips: dict[int, np.ndarray],
    checkpoint: Checkpoint,
    metadata: Metadata,
) -> None:
    """Check that shapes connect; cut the coordinates off layers that take them too."""
    n_inputs = weights[0].shape[1]
    for i, weight in enumerate(weights):
        expected = weights[i - 1].shape[0] if i else n_inputs
        if i and weight.shape[1] == expected + n_inputs:
            if metadata.skip_order is None:
                raise _missing(
                    checkpoint,
                    "skip_order",
                    f'"hidden_first" ([h, x]) or "input_first" ([x, h]) for layer {i}',
                    '"hidden_first"',
                )
            hidden_first = metadata.skip_order == "hidden_first"
            cut = expected if hidden_first else n_inputs
            left, right = weight[:, :cut].copy(), weight[:, cut:].copy()
            weights[i], skips[i] = (left, right) if hidden_first else (right, left)
        elif weight.shape[1] != expected:
            raise CheckpointError(
                f"{checkpoint.path}: layer {i} takes {weight.shape[1]} values but the layer "
                f"before it gives {expected}; expected layers that connect: the layout may be "
                "one this program does not know."
            )
        if biases[i].shape[0] != weight.shape[0]:
            raise CheckpointError(
                f"{checkpoint.path}: layer {i} has {weight.shape[0]} neurons but "
                f"{biases[i].shape[0]} biases; expected as many: is the file complete?"
            )


def _fold_input_map(
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    skips: dict[int, np.ndarray],
    metadata: Metadata,
) -> None:
    """Fold x -> (x - mean) / std into everything that acts on the coordinates."""
    if metadata.input_mean is None and metadata.input_std is None:
        return
    n_inputs = weights[0].shape[1]
    mean = _per_input(metadata.input_mean, 0.0, n_inputs, "input_mean")
    std = _per_input(metadata.input_std, 1.0, n_inputs, "input_std")
    if np.any(std == 0):
        raise MetadataError('"input_std" holds a 0; expected non-zero scales.')
    for i, matrix in [(0, weights[0]), *skips.items()]:
        scaled = matrix / std
        biases[i] = biases[i] - scaled @ mean
        if i == 0:
            weights[0] = scaled
        else:
            skips[i] = scaled


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


def _fold_output_map(
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    skips: dict[int, np.ndarray],
    between: dict[int, dict[int, np.ndarray]],
    activations: list[Activation],
    metadata: Metadata,
) -> None:
    """Fold y -> scale * y + offset into the last layer, or append one if it is not linear."""
    scale, offset = metadata.output_scale, metadata.output_offset
    if scale == 1.0 and offset == 0.0:
        return
    if activations[-1].name != "identity":
        n_outputs = weights[-1].shape[0]
        weights.append(np.eye(n_outputs) * scale)
        biases.append(np.full(n_outputs, offset))
        activations.append(IDENTITY)
        return
    weights[-1] = weights[-1] * scale
    biases[-1] = biases[-1] * scale + offset
    last = len(weights) - 1
    if last in skips:
        skips[last] = skips[last] * scale
    for matrix in between.get(last, {}).values():
        matrix *= scale


def _check_finite(raw: RawNetwork, checkpoint: Checkpoint) -> None:
    named = {f"weights of layer {i}": w for i, w in enumerate(raw.weights)}
    named |= {f"biases of layer {i}": b for i, b in enumerate(raw.biases)}
    named |= {f"skip weights of layer {i}": w for i, w in (raw.input_weights or {}).items()}
    named |= {
        f"the skip weights from layer {source} to layer {i}": w
        for i, own in raw.skips.items()
        for source, w in own.items()
    }
    if raw.fourier is not None:
        named["the Fourier matrix"] = raw.fourier
    for name, array in named.items():
        bad = int(np.count_nonzero(~np.isfinite(array)))
        if bad:
            raise CheckpointError(
                f"{checkpoint.path}: {bad} of {array.size} values in {name} are NaN or infinite; "
                "expected finite weights: the training diverged or the file is damaged."
            )


def _missing(checkpoint: Checkpoint, key: str, what: str, example: str) -> MetadataError:
    return MetadataError(
        f"{checkpoint.path} does not hold the {key} of its network; expected {what}: give it as "
        f'{{"{key}": {example}}} in {metadata_path(checkpoint.path).name} beside the file or '
        "among the metadata of the reader."
    )
