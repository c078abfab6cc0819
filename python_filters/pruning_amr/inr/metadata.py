"""What a checkpoint file does not hold: axis names, bounds, activations, scalings.

Metadata come from a JSON file beside the checkpoint (``scan.pt`` -> ``scan.json``) and from
overrides given by the caller, which win. Nothing is guessed: a missing fact is asked for by
the name of its key.
"""

from __future__ import annotations

import difflib
import json
import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import MetadataError, some

TIME_NAMES = ("t", "time")
"""Input names taken for the time axis."""

_DEFAULT_INPUTS = {1: ["x"], 2: ["x", "y"], 3: ["x", "y", "z"], 4: ["x", "y", "z", "t"]}
_MOST_TEXT = 8 * 2**20
"""Bytes of a metadata file."""
_FREE_KEYS = ("description", "fit", "source", "license", "expected")


def _number_field(default: float | None) -> Any:
    """Return a field whose value has to be a number."""
    return field(default=default, metadata={"number": True})


@dataclass
class Metadata:
    """Facts about a network, by the keys of the metadata file.

    Attributes
    ----------
    inputs : list of str or None
        Names of the network's inputs in their order; one named "t" or "time" is time.
        Inputs named only in `fixed` follow after these.
    bounds : list of [min, max] or None
        One pair per input that is not fixed, in the units the network was trained in.
    fixed : dict of str to float
        Inputs held at a value.
    time_steps : int or list of float or None
        Number of equidistant time steps, or the times themselves.
    time_range : [first, last] or None
        The part of the time bounds to show; time steps lie in it.
    time_scale, time_offset : float
        Times are shown as scale * time of the network + offset; `time_steps`, `time_range` and
        the value of time in `fixed` are times as shown.
    time_as_space : bool or None
        Whether time is an axis like the others, to look at (x, y, t). By default it is for a
        field of one spatial input and time: False makes that a curve for each time step.
    activation : str, dict or list of them, or None
        For all hidden layers, or one per hidden layer; with a parameter as
        {"name": "softplus", "beta": 100}.
    activation_slope : str, list of str or None
        Keys of trained slopes a in the file, activation(a (W x + b)): one for all hidden layers or
        one for each; "none" if the field does not depend on the numbers in the file.
    omega_0, first_omega_0 : float or None
        Frequency of sine layers: sin(omega_0 (W x + b)); of the first layer if different.
    fourier_scale : float or None
        Factor in front of the Fourier-feature matrix, 2 pi in most codes.
    fourier_order : str or None
        "sin_cos" or "cos_sin": which half of the features comes first.
    skip_order : str or None
        What a layer that also takes the coordinates x has first: "hidden_first" for [h, x]
        (DeepSDF), "input_first" for [x, h] (NeRF).
    skip_scale : float or None
        Factor before such a layer's [h, x], 1/sqrt(2) in IGR, IDR and NeuS.
    network : str or None
        Which of several networks in the file: what the keys of its layers begin with.
    head : str or None
        Which of several output layers after a common trunk.
    chain : list of str or None
        The layers that follow one another, by their keys or what these begin with.
    residual : list of str, "none" or None
        Groups of layers that are added to what enters them, x + block(x).
    residual_activation : str
        The activation of the last layer of such a group: "none", "before" the sum, or "after" it.
    encoding : dict or None
        Positional encoding of the inputs (see `pruning_amr.inr.encodings`).
    latent : dict or None
        A latent code before the coordinates: {"file": "latent.pth", "index": 0} or
        {"vector": [...]}.
    input_range : str or None
        Vectors in the file that scale the inputs: "lb_ub" for 2 (x - lb) / (ub - lb) - 1,
        "X_mean_X_std" for (x - mean) / std, by the names they have; or "none".
    parts : list of dict or None
        Networks whose outputs make up the field, one after the other: metadata of each, such as
        {"network": "net_u"} or {"file": "p.pt"}.
    input_mean, input_std : list of float or None
        The network sees (x - mean) / std; one value per network input.
    output_scale, output_offset : float
        The field is scale * network + offset.
    outputs : list of {"name": str, "components": list of int} or None
        Arrays to make of the output channels.
    layout : str
        "auto", or the name of the layout to read the file as.
    """

    inputs: list[str] | None = None
    bounds: list[list[float]] | None = None
    fixed: dict[str, float] = field(default_factory=dict)
    time_steps: int | list[float] | None = None
    time_range: list[float] | None = None
    time_scale: float = _number_field(1.0)
    time_offset: float = _number_field(0.0)
    time_as_space: bool | None = None
    activation: str | dict[str, Any] | list[Any] | None = None
    activation_slope: str | list[str] | None = None
    omega_0: float | None = _number_field(None)
    first_omega_0: float | None = _number_field(None)
    fourier_scale: float | None = _number_field(None)
    fourier_order: str | None = None
    skip_order: str | None = None
    skip_scale: float | None = _number_field(None)
    network: str | None = None
    head: str | None = None
    chain: list[str] | None = None
    residual: list[str] | str | None = None
    residual_activation: str = "none"
    encoding: dict[str, Any] | None = None
    latent: dict[str, Any] | None = None
    input_range: str | None = None
    parts: list[dict[str, Any]] | None = None
    input_mean: list[float] | None = None
    input_std: list[float] | None = None
    output_scale: float = _number_field(1.0)
    output_offset: float = _number_field(0.0)
    outputs: list[dict[str, Any]] | None = None
    layout: str = "auto"


_NUMBERS = tuple(f.name for f in fields(Metadata) if f.metadata.get("number"))
METADATA_KEYS = tuple(f.name for f in fields(Metadata))


def metadata_path(checkpoint: Path) -> Path:
    """Return where the metadata of `checkpoint` are looked for."""
    return checkpoint.with_suffix(".json")


def read_metadata(checkpoint: Path, overrides: dict[str, Any]) -> Metadata:
    """Combine the JSON file beside `checkpoint`, if there is one, with `overrides`.

    Raises
    ------
    MetadataError
        If the file is not a JSON object or a key or value is not understood.
    """
    path = metadata_path(checkpoint)
    found: dict[str, Any] = {}
    if path.is_file():
        found = _known_keys(parse_json_object(_read_text(path), str(path)), str(path))
    found.update(_known_keys(overrides, "the metadata given"))
    return make_metadata(found)


def make_metadata(values: dict[str, Any]) -> Metadata:
    """Return `values` as checked `Metadata`."""
    # A null, as in a template that is not filled in yet, says nothing.
    metadata = Metadata(**{key: value for key, value in values.items() if value is not None})
    for name in _NUMBERS:
        _set_number(metadata, name)
    for name in ("output_scale", "omega_0", "first_omega_0", "fourier_scale", "skip_scale"):
        if getattr(metadata, name) == 0:
            raise MetadataError(f"{name} is 0, which makes every value the same; remove it.")
    _check_choice(metadata, "fourier_order", ("sin_cos", "cos_sin"))
    _check_choice(metadata, "skip_order", ("hidden_first", "input_first"))
    _check_choice(metadata, "residual_activation", ("none", "before", "after"))
    _check_structure(metadata)
    if metadata.bounds is not None:
        metadata.bounds = [
            _check_bound(b, f"bounds[{i}]") for i, b in enumerate(_list(metadata, "bounds"))
        ]
    if metadata.inputs is not None:
        metadata.inputs = _check_names(_list(metadata, "inputs"))
    if not isinstance(metadata.fixed, dict):
        raise MetadataError('"fixed" must map input names to values, like {"mu": 0.3}.')
    metadata.fixed = {str(k): _number(v, f"fixed {k}") for k, v in metadata.fixed.items()}
    _check_time_steps(metadata)
    if metadata.time_range is not None:
        metadata.time_range = _check_bound(metadata.time_range, "time_range")
    if metadata.time_scale <= 0:
        raise MetadataError(f"time_scale is {metadata.time_scale:g}; expected a number above 0.")
    if not isinstance(metadata.time_as_space, bool | None):
        raise MetadataError(f"time_as_space is {metadata.time_as_space!r}; expected true or false.")
    return metadata


def parse_json_object(text: str, origin: str) -> dict[str, Any]:
    """Parse `text` as a JSON object; `origin` names it in errors."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MetadataError(f"{origin} is not valid JSON: {error}; correct it.") from error
    if not isinstance(value, dict):
        raise MetadataError(
            f"{origin} holds a JSON {type(value).__name__}; expected an object of metadata keys "
            f'like {{"activation": "silu"}}.'
        )
    return value


def input_names(metadata: Metadata, n_inputs: int) -> list[str]:
    """Return one name per network input: `inputs`, then those named only in `fixed`.

    Raises
    ------
    MetadataError
        If the names do not number `n_inputs`.
    """
    if metadata.inputs is None:
        free = n_inputs - len(metadata.fixed)
        if free not in _DEFAULT_INPUTS:
            raise MetadataError(
                f"the network takes {n_inputs} inputs, {len(metadata.fixed)} of them fixed; "
                f"1 to 4 can be shown: name all of them in the metadata key "
                f'"inputs" and hold the others at a value with "fixed", like '
                f'{{"inputs": ["x", "y", "z", "mu"], "fixed": {{"mu": 0.3}}}}.'
            )
        names = list(_DEFAULT_INPUTS[free])
    else:
        names = list(metadata.inputs)
    names += [name for name in metadata.fixed if name not in names]
    if len(names) != n_inputs:
        raise MetadataError(
            f"the network takes {n_inputs} inputs but {len(names)} are named "
            f'({some(names, 8)}): name every input in the metadata key "inputs".'
        )
    return names


def check_free_inputs(names: list[str], time_as_space: bool | None = None) -> bool:
    """Check that the inputs which are not fixed are 1 to 3 in space, plus time at most.

    Returns
    -------
    bool
        Whether time, if there is one, counts as space: as `time_as_space` says, and if it says
        nothing, beside a single spatial input.
    """
    n_time = sum(name in TIME_NAMES for name in names)
    if n_time > 1:
        raise MetadataError(f"more than one of the inputs {', '.join(names)} is time; rename one.")
    if time_as_space is None:
        time_as_space = n_time == 1 and len(names) == 2
    n_space = len(names) - (0 if time_as_space else n_time)
    if 1 <= n_space <= 3:
        return time_as_space
    found = f"{n_space} spatial inputs are left ({', '.join(names) or 'none'}); "
    if n_space > 3:
        remedy = 'hold the others at a value with the metadata key "fixed".'
    elif n_time:
        remedy = 'set the metadata key "time_as_space" to true to see it over time.'
    else:
        remedy = 'take one out of the metadata key "fixed".'
    raise MetadataError(f"{found}1 to 3 (and time) can be shown: {remedy}")


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_TEXT:
            raise MetadataError(
                f"the metadata file {path} has {path.stat().st_size} bytes; expected a JSON object "
                f"of at most {_MOST_TEXT}: check what the file is."
            )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MetadataError(f"the metadata file {path} cannot be read: {error}.") from error


def _known_keys(values: dict[str, Any], origin: str) -> dict[str, Any]:
    """Keep known keys; a near miss is an error, anything else is another tool's business."""
    known = {}
    for key, value in values.items():
        if key in METADATA_KEYS:
            known[key] = value
        elif key not in _FREE_KEYS:
            near = difflib.get_close_matches(key, METADATA_KEYS, 1, 0.75)
            if near:
                raise MetadataError(
                    f'{origin}: key "{key}" is unknown; did you mean "{near[0]}"? Known keys: '
                    f"{', '.join(METADATA_KEYS)}."
                )
    return known


def _list(metadata: Metadata, name: str) -> list[Any]:
    value = getattr(metadata, name)
    if not isinstance(value, list | tuple):
        raise MetadataError(f'"{name}" is {value!r}; expected a list.')
    return list(value)


def _number(value: Any, name: str) -> float:
    if not isinstance(value, bool) and isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise MetadataError(f"{name} is {repr(value)[:40]}; expected a finite number.")


def _set_number(metadata: Metadata, name: str) -> None:
    value = getattr(metadata, name)
    if value is not None:
        setattr(metadata, name, _number(value, name))


def _check_choice(metadata: Metadata, name: str, choices: tuple[str, ...]) -> None:
    value = getattr(metadata, name)
    if value is not None and value not in choices:
        expected = " or ".join(f'"{choice}"' for choice in choices)
        raise MetadataError(f"{name} is {repr(value)[:80]}; expected {expected}.")


def _check_structure(metadata: Metadata) -> None:
    """Check the types of the keys that say how layers are put together."""
    for name in ("network", "head", "input_range"):
        value = getattr(metadata, name)
        if value is not None and (not isinstance(value, str) or not value):
            raise MetadataError(f'"{name}" is {repr(value)[:80]}; expected a name.')
    for name in ("chain", "residual", "activation_slope"):
        value = getattr(metadata, name)
        if value is None or (isinstance(value, str) and name != "chain"):
            continue
        named = isinstance(value, list | tuple) and all(isinstance(v, str) and v for v in value)
        if not named or not value:
            raise MetadataError(f'"{name}" is {repr(value)[:80]}; expected a list of names.')
    for name in ("encoding", "latent"):
        value = getattr(metadata, name)
        if value is not None and not isinstance(value, dict):
            raise MetadataError(f'"{name}" is {repr(value)[:80]}; expected an object.')
    parts = metadata.parts
    if parts is not None and (
        not isinstance(parts, list) or not parts or not all(isinstance(p, dict) for p in parts)
    ):
        raise MetadataError(
            f'"parts" is {repr(parts)[:80]}; expected a list like [{{"network": "net_u"}}, '
            '{"network": "net_p"}].'
        )


def _check_bound(bound: Any, name: str) -> list[float]:
    if not isinstance(bound, list | tuple) or len(bound) != 2:
        raise MetadataError(f"{name} is {bound!r}; expected a pair [min, max].")
    low, high = (_number(b, name) for b in bound)
    if low >= high:
        raise MetadataError(f"{name} is [{low:g}, {high:g}]; expected min < max: correct it.")
    return [low, high]


def _check_names(names: list[Any]) -> list[str]:
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) != len(names):
        raise MetadataError(f'"inputs" is {names!r}; expected different names.')
    return names


def _check_time_steps(metadata: Metadata) -> None:
    steps = metadata.time_steps
    if isinstance(steps, list | tuple):
        metadata.time_steps = sorted(_number(s, "time_steps") for s in steps)
        if metadata.time_steps:
            return
    elif steps is None or (isinstance(steps, int) and not isinstance(steps, bool) and steps > 0):
        return
    raise MetadataError(
        f'"time_steps" is {steps!r}; expected a positive number of steps or a list of times.'
    )
