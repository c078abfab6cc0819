"""Recognising how a checkpoint stores its network.

A layout reads the file's content into a `RawNetwork`: weights, biases, perhaps activations and
a Fourier-feature matrix, as stored. `pruning_amr.inr.assembly` folds the metadata in.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import CheckpointError, MetadataError, some
from .activations import IDENTITY, Activation, make_activation
from .checkpoint import Checkpoint
from .side_by_side import networks_side_by_side, several_networks
from .unused import is_frequency, is_record, refuse_complex, refuse_unused, refuse_whole_numbers

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
_WEIGHT_NORM = {
    "weight_v": "weight_g",
    "parametrizations.weight.original1": "parametrizations.weight.original0",
}
"""Endings of the direction and of the magnitude of a weight-normalised layer."""
_SKIP = re.compile(r"(.*)skip_(0|[1-9]\d*)")
"""Keys of skip connections: the layer they enter, and the number of the one they come from."""
_COPIES = re.compile(r"(^|[\W_])(ema|swa|avg|averaged?|best)([\W_]|$)")
"""Names of further states of the same network, beside the one it was left in."""


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
    frequencies : dict of str to float
        Frequencies of sine layers that the file holds, by key.
    skips : dict of int to dict of int to numpy.ndarray
        Skip connections from earlier hidden layers: by layer, then by that they come from.
    """

    layout: str
    weights: list[np.ndarray]
    biases: list[np.ndarray]
    activations: list[Activation] | None = None
    fourier: np.ndarray | None = None
    input_weights: dict[int, np.ndarray] | None = None
    frequencies: dict[str, float] = field(default_factory=dict)
    skips: dict[int, dict[int, np.ndarray]] = field(default_factory=dict)


def read_layout(checkpoint: Checkpoint, wanted: str) -> RawNetwork:
    """Return the network of a checkpoint as stored, by the layout `wanted` or the first to fit.

    Raises
    ------
    CheckpointError
        If no layout fits.
    MetadataError
        If `wanted` is no layout.
    """
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
        f"{some(keys)}; expected dense layers stored as one of {', '.join(LAYOUTS)}: "
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
    refuse_complex(content)
    raw = RawNetwork("dense_numbered", [], [], [])
    for number in sorted(steps):
        kind, parts = steps[number]
        used = ("A", "b") if kind == "dense" else ()
        beside = {f"{number:04d}.{kind}.{p}": v for p, v in parts.items() if p not in used}
        refuse_unused({k: v for k, v in beside.items() if _may_shape_field(k, v)})
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
    used = {k: content.get(k) for k in ("weights_list", "bias_list", "gauss")}
    refuse_complex(flatten(used))
    refuse_unused({k: v for k, v in content.items() if k not in used and _may_shape_field(k, v)})
    fourier = used["gauss"]
    return RawNetwork(
        "lists",
        [np.asarray(w) for w in weights],
        [np.asarray(b) for b in biases],
        activations,
        fourier if isinstance(fourier, np.ndarray) and fourier.size else None,
    )


def _read_state_dict(content: Mapping[str, Any]) -> RawNetwork | None:
    """Read a ``state_dict`` of dense layers, wrapped and prefixed in the usual ways."""
    arrays = _merge_weight_norm(_state_arrays(content))
    fourier = _take_fourier(arrays)
    stems = [k[: -len("weight")] for k in arrays if k.endswith("weight") and arrays[k].ndim == 2]
    stems = [s for s in stems if not s.endswith("input_")]
    used = {s + part for s in stems for part in ("weight", "bias", "input_weight")}
    used |= {k for k, v in arrays.items() if v.ndim == 2 and _skip_of(k)[0] in stems}
    numbers = {k: v for k, v in arrays.items() if k not in used and v.size == 1}
    if len(stems) < 2 or set(arrays) - used - set(numbers):
        return None
    refuse_unused({k: v for k, v in numbers.items() if not is_frequency(k)})
    stems = _layer_order(stems, arrays)
    weights = [arrays[s + "weight"] for s in stems]
    networks = networks_side_by_side(stems, [w.shape for w in weights])
    if networks:
        raise CheckpointError(several_networks(networks))
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
        {k: float(v.item()) for k, v in numbers.items()},
        {
            i: {source: arrays[k] for k in arrays for stem, source in [_skip_of(k)] if stem == s}
            for i, s in enumerate(stems)
        },
    )


LAYOUTS: dict[str, Callable[[Mapping[str, Any]], RawNetwork | None]] = {
    "dense_numbered": _read_dense_numbered,
    "lists": _read_lists,
    "state_dict": _read_state_dict,
}


# --- parts of the state-dict layout -------------------------------------------------------


def _skip_of(key: str) -> tuple[str | None, int]:
    """Return the stem of the layer that a skip connection enters, and where it comes from."""
    match = _SKIP.fullmatch(key)
    return (match[1], int(match[2])) if match else (None, 0)


def _state_arrays(content: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Unwrap, flatten, strip common prefixes, and keep the arrays that may shape the field."""
    flat = flatten(_unwrapped(content))
    flat = {k: v for k, v in flat.items() if isinstance(v, np.ndarray)}
    refuse_complex(flat)
    refuse_whole_numbers(flat)
    flat = {k: v for k, v in flat.items() if _may_shape_field(k, v)}
    while flat and (
        prefix := next((p for p in _PREFIXES if all(k.startswith(p) for k in flat)), "")
    ):
        flat = {k[len(prefix) :]: v for k, v in flat.items()}
    if any(k.startswith("Layers.") for k in flat):
        # The Pruning AMR networks register every weight twice.
        flat = {k: v for k, v in flat.items() if not re.match(r"(weights|bias)_list\.", k)}
    return flat


def _unwrapped(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the state dict that the usual wrappers hold; it must be the only one."""
    while wrapper := next((w for w in _WRAPPERS if isinstance(content.get(w), Mapping)), None):
        n_inputs = _first_width(content[wrapper])
        others = [
            k
            for k, v in content.items()
            if k != wrapper and isinstance(v, Mapping) and not _COPIES.search(k)
        ]
        others = [k for k in others if n_inputs and _first_width(content[k]) == n_inputs]
        if others:
            raise CheckpointError(several_networks([wrapper, *others]))
        content = content[wrapper]
    return content


def _first_width(content: Mapping[str, Any]) -> int:
    """Return how many values the first of several dense layers takes, 0 if there are none."""
    matrices = [
        v
        for k, v in flatten(content).items()
        if k.endswith(("weight", "weight_v", "original1")) and getattr(v, "ndim", 0) == 2
    ]
    return matrices[0].shape[1] if len(matrices) > 1 else 0


def _may_shape_field(key: str, value: Any) -> bool:
    """Tell whether a value is a non-empty real array, and no record of the training."""
    is_real = isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size
    return bool(is_real) and not is_record(key)


def _take_fourier(arrays: dict[str, np.ndarray]) -> np.ndarray | None:
    """Take the matrix of the Fourier features out of the arrays, if there is one."""
    found = [k for k, v in arrays.items() if k.rpartition(".")[2] in _FOURIER_NAMES and v.ndim == 2]
    if any(not np.array_equal(arrays[found[0]], arrays[k]) for k in found):
        raise CheckpointError(
            f"it holds {len(found)} matrices of Fourier features, {some(found)}; expected one: "
            "save the state dict of one network alone."
        )
    matrices = [arrays.pop(k) for k in found]
    return matrices[0] if matrices else None


def _merge_weight_norm(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Replace magnitude and direction of weight-normalised layers by their product.

    What does not make a pair with one magnitude per neuron is left as it is.
    """
    merged: dict[str, np.ndarray] = {}
    magnitudes = set()
    for key, array in arrays.items():
        ending = next((e for e in _WEIGHT_NORM if key.endswith(e)), "")
        stem = key.removesuffix(ending)
        partner = stem + _WEIGHT_NORM.get(ending, "")
        magnitude = arrays.get(partner)
        if ending and array.ndim == 2 and np.shape(magnitude) in (array.shape[:1], (len(array), 1)):
            norm = np.linalg.norm(array, axis=1, keepdims=True)
            merged[stem + "weight"] = array * (magnitude.reshape(-1, 1) / norm)
            magnitudes.add(partner)
        else:
            merged[key] = array
    return {k: v for k, v in merged.items() if k not in magnitudes}


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
