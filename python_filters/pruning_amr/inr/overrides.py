"""Metadata overrides as people type them: in a property panel or on a command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..errors import MetadataError
from .metadata import parse_json_object


@dataclass(frozen=True)
class Override:
    """A metadata key with a property and a flag of its own.

    Attributes
    ----------
    default : str, float, int or bool
        What leaves the key to the file and its metadata; what is typed is of the same type.
    example : str
    """

    default: Any
    example: str = ""


OVERRIDES = {
    "network_name": Override("", "net_u, one of several networks in the file"),
    "activation": Override("", "silu"),
    "omega_0": Override(0.0, "30, of sine layers: sin(omega_0 (W x + b))"),
    "first_omega_0": Override(0.0, "30, of the first layer if it differs"),
    "fourier_scale": Override(0.0, "6.283185307, the factor before the Fourier matrix"),
    "fourier_order": Override("", "sin_cos"),
    "head": Override("", "alpha_linear, one of several output layers"),
    "skip_order": Override("", "hidden_first"),
    "skip_scale": Override(0.0, "0.70710678"),
    "residual": Override("", "'block1 block2', or none"),
    "input_range": Override("", "lb_ub, or none"),
    "activation_slope": Override("", "a, a trained slope in the file, or none"),
    "encoding": Override("", '\'{"levels": 6, "include_input": true, "order": "sin_cos"}\''),
    "latent": Override("", '\'{"file": "latent.pth", "index": 0}\''),
    "inputs": Override("", "'x y z t'"),
    "bounds": Override("", "'-1 1 -1 1 -1 1 0 1'"),
    "fixed": Override("", "'mu=0.3'"),
    "time_steps": Override(0, "64, equidistant"),
    "time_step_values": Override("", "'0 0.1 0.5'"),
    "time_range": Override("", "'0 0.5', the part of the times to show"),
    "time_scale": Override(0.0, "0.01 if 100 frames take a second"),
    "time_offset": Override(0.0, "2, added to the scaled times of the network"),
    "time_as_space": Override(False),
    "metadata": Override("", "'{\"output_scale\": 0.1}'"),
}
"""Metadata keys, ``network_name`` for ``network``, ``time_step_values`` for time steps given one by
one, and ``metadata``, which takes all keys as JSON."""

_TYPED = {"network": "network_name"}


def property_label(key: str) -> str:
    """Return what the reader calls a metadata key: "Omega 0"; "Metadata" if it has no property."""
    typed = _TYPED.get(key, key)
    if typed not in OVERRIDES:
        return "Metadata"
    return " ".join(word.capitalize() for word in typed.split("_"))


_AUTO = ("", "auto")


def parse_overrides(**typed: Any) -> dict[str, Any]:
    """Turn what was typed into metadata overrides.

    Parameters
    ----------
    network_name, activation, head, fourier_order, skip_order, input_range : str
        "" or "auto" leaves the key to the file and its metadata, as do the other empty values.
    omega_0, first_omega_0, fourier_scale, skip_scale, time_steps, time_scale, time_offset : number
        0 leaves the key alone.
    residual, activation_slope : str
        Names, or "none".
    encoding, latent : str
        JSON objects.
    time_step_values : str
        Times, like "0 0.1 0.5"; they win over `time_steps`.
    time_range : str
        First and last time, like "0 0.5".
    time_as_space : bool
        False leaves the key alone; a JSON false in `metadata` says it.
    inputs : str
        Names, like "x y z t".
    bounds : str
        Numbers min max for each input, like "-1 1 -1 1 -1 1 0 1".
    fixed : str
        Pairs, like "mu=0.3 nu=1".
    metadata : str
        A JSON object of any metadata keys; the other arguments win over it.

    Raises
    ------
    MetadataError
        If something typed cannot be understood.
    """
    text = typed.pop("metadata", None)
    overrides = parse_json_object(text, "metadata") if text and text.strip() else {}
    parsers = {
        "inputs": _words,
        "bounds": _pairs,
        "fixed": _assignments,
        "residual": _names_or_none,
        "activation_slope": _names_or_none,
        "encoding": lambda text: parse_json_object(text, "encoding"),
        "latent": lambda text: parse_json_object(text, "latent"),
        "time_range": lambda text: _numbers(text, "time_range", "two numbers, like 0 0.5"),
        # A check box hands over 1.
        "time_as_space": lambda _: True,
    }
    values = typed.pop("time_step_values", None)
    if "network_name" in typed:
        typed["network"] = typed.pop("network_name")
    for key, value in typed.items():
        if value is None or value == 0 or str(value).strip() in _AUTO:
            continue
        overrides[key] = parsers[key](str(value)) if key in parsers else value
    if values and values.strip():
        overrides["time_steps"] = _numbers(values, "time_step_values", "times, like 0 0.1 0.5")
    return overrides


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,;]+", text.strip()) if word]


def _names_or_none(text: str) -> list[str] | str:
    return "none" if text.strip() == "none" else _words(text)


def _numbers(text: str, name: str, expected: str) -> list[float]:
    words = re.findall(r"[^\s,;\[\]()]+", text)
    try:
        return [float(word) for word in words]
    except ValueError as error:
        raise MetadataError(f'{name} is "{text}"; expected {expected}.') from error


def _pairs(text: str) -> list[list[float]]:
    numbers = _numbers(text, "bounds", "numbers: min max per input")
    if len(numbers) % 2 or not numbers:
        raise MetadataError(
            f"bounds holds {len(numbers)} numbers; expected two per input: min max min max …."
        )
    return [numbers[i : i + 2] for i in range(0, len(numbers), 2)]


def _assignments(text: str) -> dict[str, float]:
    fixed = {}
    for word in _words(re.sub(r"\s*[=:]\s*", "=", text)):
        name, _, number = word.partition("=")
        try:
            fixed[name] = float(number)
        except ValueError as error:
            raise MetadataError(
                f'fixed holds "{word}"; expected pairs like mu=0.3, separated by spaces.'
            ) from error
    return fixed
