"""Recognising how a checkpoint stores its network, and bringing it to a `Chain`.

A layout reads the file's content into a `RawNetwork` (weights, biases, perhaps activations and
a Fourier-feature matrix, as stored); `assemble` folds the metadata in.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import CheckpointError, MetadataError
from .activations import ACTIVATION_NAMES, IDENTITY, Activation, make_activation
from .chain import Chain, Layer
from .checkpoint import Checkpoint
from .metadata import Metadata, metadata_path

_WRAPPERS = [
    "state_dict",
    "model_state_dict",
    "nn_model",
    "network",
    "pipeline",
    "model",
    "net_state_dict",
    "params",
]
_PREFIXES = ("module.", "model.", "_orig_mod.", "network.")
_FOURIER_NAMES = ("gauss", "B")


@dataclass
class RawNetwork:
    """A network as its file stores it.

    Attributes
    ----------
    layout : str
        Name of the layout that recognised the file.
    weights : list of numpy.ndarray, each of shape (n_out, n_in)
    biases : list of numpy.ndarray, each of shape (n_out,)
    activations : list of Activation or None
        One per layer, if the file holds them.
    fourier : numpy.ndarray or None, shape (n_inputs, n_frequencies)
    input_weights : dict of int to numpy.ndarray
        Skip connections that the file stores apart, by layer.
    """

    layout: str
    weights: list[np.ndarray]
    biases: list[np.ndarray]
    activations: list[Activation] | None = None
    fourier: np.ndarray | None = None
    input_weights: dict[int, np.ndarray] | None = None


def build_chain(checkpoint: Checkpoint, metadata: Metadata) -> tuple[Chain, str]:
    """Return the network of a checkpoint as a chain, and the name of the layout found.

    Raises
    ------
    CheckpointError
        If no layout fits, shapes do not connect, or weights are not finite.
    MetadataError
        If an activation or a frequency is needed that neither file nor metadata hold.
    """
    raw = _read_layout(checkpoint, metadata.layout)
    _check_finite(raw, checkpoint)
    chain = _assemble(raw, checkpoint, metadata)
    if not all(torch.isfinite(t).all() for a in chain.layers for t in (a.weight, a.bias)):
        raise CheckpointError(
            f"{checkpoint.path}: weights are too large for float32; expected values below 3e38: "
            "check the scales in the metadata, or the file."
        )
    return chain, raw.layout


def _read_layout(checkpoint: Checkpoint, wanted: str) -> RawNetwork:
    if wanted not in ("auto", *LAYOUTS):
        raise MetadataError(
            f'layout "{wanted}" is unknown; expected "auto" or one of {", ".join(LAYOUTS)}.'
        )
    for name, read in LAYOUTS.items():
        if wanted in ("auto", name):
            try:
                raw = read(checkpoint.content)
            except CheckpointError as error:
                raise CheckpointError(f"{checkpoint.path}: {error}") from error
            if raw is not None:
                return raw
    keys = list(flatten(checkpoint.content))
    raise CheckpointError(
        f"{checkpoint.path} has a layout this program does not know: its keys are "
        f"{_some(keys)}; expected dense layers stored as one of {', '.join(LAYOUTS)}: "
        "save the state_dict() of a plain multilayer perceptron."
    )


def flatten(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested dicts and lists of arrays as one dict with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, list):
            value = {str(i): v for i, v in enumerate(value)}
        if isinstance(value, Mapping):
            flat.update(flatten(value, name + "."))
        else:
            flat[name] = value
    return flat


# --- layouts ------------------------------------------------------------------------------


def _read_dense_numbered(content: Mapping[str, Any]) -> RawNetwork | None:
    """Read ``0000.dense.A`` (in, out), ``0000.dense.b``, ``0001.relu._``, …, ``squeeze_last``."""
    steps: dict[int, tuple[str, dict[str, np.ndarray]]] = {}
    for key, array in content.items():
        match = re.fullmatch(r"(\d+)\.(\w+)\.(A|b|_)", key)
        if match is None:
            return None
        number, kind, part = int(match[1]), match[2], match[3]
        steps.setdefault(number, (kind, {}))[1][part] = array
    raw = RawNetwork("dense_numbered", [], [], [])
    for number in sorted(steps):
        kind, parts = steps[number]
        if kind == "dense":
            if getattr(parts.get("A"), "ndim", 0) != 2:
                raise CheckpointError(
                    f"layer {number:04d}.dense has no matrix A; expected one of shape (in, out): "
                    "is the file complete?"
                )
            raw.weights.append(parts["A"].T)
            raw.biases.append(parts.get("b", np.zeros(parts["A"].shape[1], np.float32)))
            raw.activations.append(IDENTITY)
        elif kind != "squeeze_last" and raw.activations:
            raw.activations[-1] = make_activation(kind)
    return raw if raw.weights else None


def _read_lists(content: Mapping[str, Any]) -> RawNetwork | None:
    """Read ``weights_list``, ``bias_list`` and ``act_list`` (pickled ``torch.nn`` modules)."""
    weights, biases = content.get("weights_list"), content.get("bias_list")
    if not (isinstance(weights, list) and isinstance(biases, list) and weights):
        return None
    modules = content.get("act_list")
    activations = None
    if modules is not None:
        activations = [_module_activation(module) for module in modules]
        if len(activations) == len(weights) - 1:
            activations.append(IDENTITY)
        if len(activations) != len(weights):
            raise CheckpointError(
                f"act_list holds {len(modules)} activations for {len(weights)} layers; expected "
                "one for each layer or for each hidden layer: is the file complete?"
            )
    if len(biases) != len(weights):
        raise CheckpointError(
            f"bias_list holds {len(biases)} biases and weights_list {len(weights)} matrices; "
            "expected as many: is the file complete?"
        )
    fourier = content.get("gauss")
    return RawNetwork(
        "lists",
        [np.asarray(w) for w in weights],
        [np.asarray(b) for b in biases],
        activations,
        fourier if isinstance(fourier, np.ndarray) and fourier.size else None,
    )


def _read_state_dict(content: Mapping[str, Any]) -> RawNetwork | None:
    """Read a ``state_dict`` of dense layers, wrapped and prefixed in the usual ways."""
    arrays = _state_arrays(content)
    fourier = None
    for key in list(arrays):
        if key.rpartition(".")[2] in _FOURIER_NAMES and arrays[key].ndim == 2:
            fourier = arrays.pop(key)
    arrays = _merge_weight_norm(arrays)
    stems = [k[: -len("weight")] for k in arrays if k.endswith("weight") and arrays[k].ndim == 2]
    stems = [s for s in stems if not s.endswith("input_")]
    used = {s + part for s in stems for part in ("weight", "bias", "input_weight")}
    if len(stems) < 2 or set(arrays) - used:
        return None
    stems = _layer_order(stems, arrays)
    weights = [arrays[s + "weight"] for s in stems]
    return RawNetwork(
        "state_dict",
        weights,
        [
            arrays.get(s + "bias", np.zeros(w.shape[0], w.dtype))
            for s, w in zip(stems, weights, strict=True)
        ],
        None,
        fourier,
        {
            i: arrays[s + "input_weight"]
            for i, s in enumerate(stems)
            if s + "input_weight" in arrays
        },
    )


LAYOUTS: dict[str, Callable[[Mapping[str, Any]], RawNetwork | None]] = {
    "dense_numbered": _read_dense_numbered,
    "lists": _read_lists,
    "state_dict": _read_state_dict,
}


# --- parts of the state-dict layout -------------------------------------------------------


def _state_arrays(content: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Unwrap, flatten, strip common prefixes, and keep the non-empty real arrays."""
    while wrapper := next((w for w in _WRAPPERS if isinstance(content.get(w), Mapping)), None):
        content = content[wrapper]
    flat = {k: v for k, v in flatten(content).items() if isinstance(v, np.ndarray) and v.size}
    flat = {k: v for k, v in flat.items() if v.dtype.kind == "f" and v.ndim}
    while flat and (
        prefix := next((p for p in _PREFIXES if all(k.startswith(p) for k in flat)), "")
    ):
        flat = {k[len(prefix) :]: v for k, v in flat.items()}
    if any(k.startswith("Layers.") for k in flat):
        # The Pruning AMR networks register every weight twice.
        flat = {k: v for k, v in flat.items() if not re.match(r"(weights|bias)_list\.", k)}
    return flat


def _merge_weight_norm(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Replace magnitude and direction of weight-normalised layers by their product."""
    merged: dict[str, np.ndarray] = {}
    for key, array in arrays.items():
        old = re.fullmatch(r"(.*)weight_(g|v)", key)
        new = re.fullmatch(r"(.*)parametrizations\.weight\.original([01])", key)
        if old is None and new is None:
            merged[key] = array
        elif (old and old[2] == "v") or (new and new[2] == "1"):
            stem = (old or new)[1]
            partner = stem + ("weight_g" if old else "parametrizations.weight.original0")
            if partner in arrays:
                norm = np.linalg.norm(array, axis=1, keepdims=True)
                merged[stem + "weight"] = array * (arrays[partner].reshape(-1, 1) / norm)
    return merged


def _layer_order(stems: list[str], arrays: dict[str, np.ndarray]) -> list[str]:
    """Order layers as stored if their shapes connect so, else by name.

    Files made from a state_dict keep the order of definition; others sort keys by letter,
    where "10" comes before "2" and "input" after "hidden".
    """

    def rank(stem: str) -> tuple[int, list[tuple[int, str]]]:
        place = 0
        if re.search(r"first|input|\bin\b|_in\b", stem):
            place = -1
        elif re.search(r"last|final|output|head|\bout\b|_out\b", stem):
            place = 1
        parts = re.findall(r"\d+|\D+", stem)
        return place, [(int(p), "") if p.isdigit() else (-1, p) for p in parts]

    by_name = sorted(stems, key=rank)
    # Keys in alphabetical order are no order of definition: equal widths would connect anyhow.
    orders = (by_name, stems) if list(arrays) == sorted(arrays) else (stems, by_name)
    for order in orders:
        if _shapes_connect([arrays[s + "weight"].shape for s in order]):
            return order
    return stems


def _shapes_connect(shapes: list[tuple[int, ...]]) -> bool:
    n_in = shapes[0][1]
    return all(b[1] in (a[0], a[0] + n_in) for a, b in itertools.pairwise(shapes))


def _module_activation(module: Any) -> Activation:
    """Return the activation a pickled ``torch.nn`` module stands for (it is never called)."""
    name = type(module).__name__
    for kind, option, plain in (("Softplus", "beta", 1), ("GELU", "approximate", "none")):
        found = getattr(module, option, plain)
        if name == kind and found != plain:
            raise CheckpointError(
                f"act_list holds {name} with {option} = {found}; only {option} = {plain} is "
                "supported: retrain, or write the network in another form."
            )
    parameter = getattr(module, "negative_slope", getattr(module, "alpha", None))
    return make_activation(name, parameter)


# --- raw network + metadata -> chain ------------------------------------------------------


def _assemble(raw: RawNetwork, checkpoint: Checkpoint, metadata: Metadata) -> Chain:
    """Fold Fourier features, frequencies and affine maps into one chain."""
    weights = [w.astype(np.float64) for w in raw.weights]
    biases = [b.astype(np.float64).reshape(-1) for b in raw.biases]
    skips = {k: w.astype(np.float64) for k, w in (raw.input_weights or {}).items()}
    activations = raw.activations or _stated_activations(raw, checkpoint, metadata)
    if raw.activations is None:
        _apply_frequencies(weights, biases, skips, activations, checkpoint, metadata)
    if raw.fourier is not None:
        fourier = raw.fourier
        if weights[0].shape[1] == 2 * fourier.shape[0] != 2 * fourier.shape[1]:
            fourier = fourier.T  # some codes store (n_frequencies, n_inputs)
        weight, bias = _fourier_layer(fourier, checkpoint, metadata)
        weights.insert(0, weight)
        biases.insert(0, bias)
        activations.insert(0, make_activation("sin"))
        skips = {k + 1: w for k, w in skips.items()}
    _split_concatenations(weights, biases, skips, checkpoint)
    _fold_input_map(weights, biases, skips, metadata)
    _fold_output_map(weights, biases, skips, activations, metadata)
    layers = []
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        skip = torch.from_numpy(skips[i]).float() if i in skips else None
        layers.append(
            Layer(
                torch.from_numpy(np.ascontiguousarray(weight)).float(),
                torch.from_numpy(bias).float(),
                activations[i],
                skip,
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
) -> None:
    """Check that shapes connect; cut the coordinates off layers that take [h, x]."""
    n_inputs = weights[0].shape[1]
    for i, weight in enumerate(weights):
        expected = weights[i - 1].shape[0] if i else n_inputs
        if i and weight.shape[1] == expected + n_inputs:
            skips[i] = weight[:, expected:].copy()
            weights[i] = weight[:, :expected].copy()
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


def _check_finite(raw: RawNetwork, checkpoint: Checkpoint) -> None:
    named = {f"weights of layer {i}": w for i, w in enumerate(raw.weights)}
    named |= {f"biases of layer {i}": b for i, b in enumerate(raw.biases)}
    named |= {f"skip weights of layer {i}": w for i, w in (raw.input_weights or {}).items()}
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


def _some(names: list[str], count: int = 6) -> str:
    shown = ", ".join(names[:count])
    return shown + (f", … ({len(names)} in all)" if len(names) > count else "")
