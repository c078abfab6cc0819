"""The arrays of a state dict, sorted by what they are to a network: layers, features, numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import CheckpointError, some
from .raw import flatten
from .unused import is_frequency, is_record, refuse_complex, refuse_whole_numbers

_PREFIXES = ("module.", "model.", "_orig_mod.", "network.", "params.")
_FOURIER_NAMES = ("gauss", "B", "B_gauss", "_B", "b_matrix", "gaussian_matrix", "fourier_matrix")
_WEIGHT_NORM = {
    "weight_v": "weight_g",
    "parametrizations.weight.original1": "parametrizations.weight.original0",
}
"""Endings of the direction and of the magnitude of a weight-normalised layer."""
_RANGES = (
    ("lb", "ub"),
    ("lower_bound", "upper_bound"),
    ("x_min", "x_max"),
    ("X_min", "X_max"),
    ("X_mean", "X_std"),
    ("x_mean", "x_std"),
    ("input_mean", "input_std"),
)
"""Names of vectors that scale inputs, in the codes that keep them in the file."""


@dataclass
class StateArrays:
    """The arrays of one network.

    Attributes
    ----------
    weights, biases, input_weights : dict of str to numpy.ndarray
        By the name of the layer, with a dot at the end; (n_out, n_in) and (n_out,).
    skips : dict of str to dict of int to numpy.ndarray
        Of layers that also take what a hidden layer gives, by the number of that layer.
    fourier : numpy.ndarray or None
    numbers : dict of str to numpy.ndarray
        Lone numbers.
    ranges : dict of str to (numpy.ndarray, numpy.ndarray)
        See `RawNetwork`.
    others : dict of str to numpy.ndarray
        What no dense layer has.
    alphabetical : bool
        Whether keys stand in alphabetical order.
    """

    weights: dict[str, np.ndarray] = field(default_factory=dict)
    biases: dict[str, np.ndarray] = field(default_factory=dict)
    input_weights: dict[str, np.ndarray] = field(default_factory=dict)
    skips: dict[str, dict[int, np.ndarray]] = field(default_factory=dict)
    fourier: np.ndarray | None = None
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    ranges: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    others: dict[str, np.ndarray] = field(default_factory=dict)
    alphabetical: bool = False

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """(n_out, n_in) of each layer."""
        return {stem: weight.shape for stem, weight in self.weights.items()}


def sort_arrays(content: Mapping[str, Any]) -> StateArrays:
    """Sort what a state dict holds.

    Raises
    ------
    CheckpointError
        If it holds complex layers, layers of whole numbers, or several Fourier matrices.
    """
    arrays = _merge_weight_norm(_named_arrays(content))
    found = StateArrays(alphabetical=list(arrays) == sorted(arrays))
    found.fourier = _take_fourier(arrays)
    found.ranges = take_ranges(arrays)
    _take_kernels(arrays, found)
    for key in [k for k, v in arrays.items() if k.endswith("weight") and v.ndim == 2]:
        stem = key[: -len("weight")]
        if not stem.endswith("input_"):
            found.weights[stem] = arrays.pop(key)
    for stem, weight in found.weights.items():
        found.biases.setdefault(stem, np.zeros(weight.shape[0], weight.dtype))
        if stem + "bias" in arrays:
            found.biases[stem] = arrays.pop(stem + "bias")
        if stem + "input_weight" in arrays:
            found.input_weights[stem] = arrays.pop(stem + "input_weight")
        _take_skips(stem, arrays, found)
    found.numbers = {k: arrays.pop(k) for k in [k for k, v in arrays.items() if v.size == 1]}
    found.others = arrays
    return found


def take_ranges(values: dict[str, Any]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Take vectors that may scale the inputs out of some values, by their usual names."""
    found = {}
    last = {key.rpartition(".")[2]: key for key in values}
    for low, high in _RANGES:
        if low not in last or high not in last:
            continue
        pair = [_vector(values[last[name]]) for name in (low, high)]
        if any(v is None for v in pair) or pair[0].size != pair[1].size:
            continue
        for name in (low, high):
            del values[last[name]]
        found[f"{low}_{high}"] = tuple(pair)
    return found


def range_parts(range_name: str) -> tuple[str, str]:
    """Return the names of the two vectors of a range: "X_mean_X_std" is of X_mean and X_std."""
    return next(pair for pair in _RANGES if "_".join(pair) == range_name)


def is_fourier_matrix(name: str, value: Any) -> bool:
    """Tell whether a value is the matrix of Fourier features, by its name and shape."""
    return name in _FOURIER_NAMES and isinstance(value, np.ndarray) and value.ndim == 2


def is_mean_and_std(range_name: str) -> bool:
    """Tell whether vectors that scale inputs are a mean and a standard deviation."""
    return range_name.endswith("_std")


def _vector(value: Any) -> np.ndarray | None:
    try:
        array = np.asarray(value, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        return None
    return array if array.size and np.isfinite(array).all() else None


def may_shape_field(key: str, value: Any) -> bool:
    """Tell whether a value is a non-empty real array, and no record of the training."""
    is_real = isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size
    return bool(is_real) and not is_record(key)


def _named_arrays(content: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Flatten, strip common prefixes, and keep the arrays that may shape the field."""
    flat = flatten(content)
    flat = {k.replace("/", "."): v for k, v in flat.items() if isinstance(v, np.ndarray)}
    refuse_complex(flat)
    refuse_whole_numbers(flat)
    flat = {k: v for k, v in flat.items() if may_shape_field(k, v)}
    while flat and (
        prefix := next((p for p in _PREFIXES if all(k.startswith(p) for k in flat)), "")
    ):
        flat = {k[len(prefix) :]: v for k, v in flat.items()}
    if any(k.startswith("Layers.") for k in flat):
        # The Pruning AMR networks register every weight twice.
        flat = {k: v for k, v in flat.items() if not re.match(r"(weights|bias)_list\.", k)}
    return flat


def _take_kernels(arrays: dict[str, np.ndarray], found: StateArrays) -> None:
    """Take layers as Flax and Keras name them: ``kernel`` is (n_in, n_out)."""
    for key in [k for k, v in arrays.items() if re.search(r"kernel(:0)?$", k) and v.ndim == 2]:
        stem = re.sub(r"kernel(:0)?$", "", key)
        found.weights[stem] = arrays.pop(key).T
        bias = next((stem + b for b in ("bias", "bias:0") if stem + b in arrays), None)
        if bias is not None:
            found.biases[stem] = arrays.pop(bias)


def _take_skips(stem: str, arrays: dict[str, np.ndarray], found: StateArrays) -> None:
    """Take the skip connections from hidden layers, as this package stores them."""
    pattern = re.compile(re.escape(stem) + r"skip_(0|[1-9]\d*)")
    for key in [k for k, v in arrays.items() if pattern.fullmatch(k) and v.ndim == 2]:
        found.skips.setdefault(stem, {})[int(pattern.fullmatch(key)[1])] = arrays.pop(key)


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


def frequencies_in(numbers: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the lone numbers that are frequencies of sine layers, by their names."""
    return {k: float(v.item()) for k, v in numbers.items() if is_frequency(k)}
