"""Encodings of the coordinates, as a first layer sin(B x + phase) beside the coordinates.

A positional encoding (Mildenhall et al., NeRF, arXiv 2003.08934, section 5.1) takes each
coordinate p to sin(f p) and cos(f p) for some frequencies f, often with p itself before them;
Fourier features (Tancik et al., arXiv 2006.10739) take all coordinates to sin and cos of B x.
cos(z) is sin(z + pi/2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import MetadataError

ORDERS = ("sin_cos", "cos_sin", "sin_first", "cos_first")
"""What comes after what: for each frequency the sines of all coordinates, then the cosines (or the
other way round); or all sines before all cosines (or the other way round)."""

_KEYS = ("levels", "include_input", "order", "base", "factor", "bands", "major")
_MOST_LEVELS = 64
_LARGEST = 1e6


@dataclass(frozen=True)
class Encoding:
    """Features of the coordinates, in the order the network takes them.

    Attributes
    ----------
    weight : numpy.ndarray, shape (n_sines, n_inputs)
    phase : numpy.ndarray, shape (n_sines,)
        Sines are sin(weight x + phase).
    sines : numpy.ndarray, shape (n_sines,), int
        Their places among the features.
    coordinates : numpy.ndarray, shape (n_inputs,) or (0,), int
        Places of the coordinates themselves.
    origin : str
        Where it comes from, for a summary.
    """

    weight: np.ndarray
    phase: np.ndarray
    sines: np.ndarray
    coordinates: np.ndarray
    origin: str

    @property
    def width(self) -> int:
        """Number of features."""
        return len(self.sines) + len(self.coordinates)

    def split(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the columns of a matrix that act on the sines, and on the coordinates."""
        on_coordinates = matrix[:, self.coordinates] if len(self.coordinates) else None
        return matrix[:, self.sines], on_coordinates


def fourier_features(matrix: np.ndarray, scale: float, order: str) -> Encoding:
    """Return Fourier features, ``matrix`` (n_inputs, n_frequencies)."""
    half = scale * matrix.astype(np.float64).T
    shift = np.repeat([0.0, np.pi / 2], half.shape[0])
    if order == "cos_sin":
        shift = shift[::-1].copy()
    places = np.arange(len(shift))
    return Encoding(np.vstack([half, half]), shift, places, places[:0], "Fourier features")


def check_encoding(stated: Mapping[str, Any]) -> None:
    """Check what the metadata say on a positional encoding.

    Raises
    ------
    MetadataError
        If a key or value is not understood.
    """
    unknown = [key for key in stated if key not in _KEYS]
    if unknown:
        raise MetadataError(
            f'"encoding" has the unknown key "{unknown[0]}"; expected some of {", ".join(_KEYS)}: '
            "correct it."
        )
    levels = stated.get("levels")
    if not isinstance(levels, int) or isinstance(levels, bool) or not 0 < levels <= _MOST_LEVELS:
        raise MetadataError(
            f'"levels" of "encoding" is {levels!r}; expected the number of frequencies, 1 to '
            f"{_MOST_LEVELS}."
        )
    choices = {
        "order": ORDERS,
        "bands": ("log", "linear"),
        "major": ("level", "coordinate"),
        "include_input": (True, False, "last"),
    }
    for key, allowed in choices.items():
        if key in stated and not any(stated[key] is a or stated[key] == a for a in allowed):
            raise MetadataError(
                f'"{key}" of "encoding" is {stated[key]!r}; expected one of '
                f"{', '.join(str(a) for a in allowed)}."
            )
    if "order" not in stated:
        raise MetadataError(f'"encoding" has no "order"; expected one of {", ".join(ORDERS)}.')
    for key in ("base", "factor"):
        value = stated.get(key, 1.0)
        is_number = isinstance(value, int | float) and 0 < value <= _LARGEST
        if not is_number and not (key == "factor" and value == "pi"):
            raise MetadataError(
                f'"{key}" of "encoding" is {repr(value)[:40]}; expected a number above 0, to '
                f"{_LARGEST:g}."
            )


def positional_encoding(stated: Mapping[str, Any], n_inputs: int) -> Encoding:
    """Return the positional encoding that the metadata state.

    Parameters
    ----------
    stated : mapping
        ``levels``: number of frequencies; ``order``: one of `ORDERS`; ``include_input``: whether
        the coordinates come first (True, the default), come "last", or not at all; ``base`` (2)
        and ``factor`` (1, or "pi"): frequencies are factor * base^k, k = 0 … levels - 1;
        ``bands``: "log" as said, or "linear" for as many equidistant ones between the same ends;
        ``major``: features of one "level" stand together (default), or those of one "coordinate".
    n_inputs : int

    Raises
    ------
    MetadataError
        If a key or value is not understood.
    """
    check_encoding(stated)
    levels, base = stated["levels"], float(stated.get("base", 2.0))
    factor = stated.get("factor", 1.0)
    frequencies = base ** np.arange(levels, dtype=np.float64)
    if stated.get("bands", "log") == "linear":
        frequencies = np.linspace(1.0, frequencies[-1], levels)
    frequencies = frequencies * (math.pi if factor == "pi" else float(factor))
    level, function, axis = _places(stated, levels, n_inputs)
    weight = np.zeros((len(level), n_inputs))
    weight[np.arange(len(level)), axis] = frequencies[level]
    included = stated.get("include_input", True)
    n_sines = len(level)
    start = 0 if included in (False, "last") else n_inputs
    first = n_sines if included == "last" else 0
    coordinates = np.arange(first, first + n_inputs) if included else np.arange(0)
    sines = np.arange(start, start + n_sines)
    origin = f"positional encoding, {levels} levels"
    return Encoding(weight, function * (np.pi / 2), sines, coordinates, origin)


def _places(
    stated: Mapping[str, Any], levels: int, n_inputs: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the level, 0 for sine or 1 for cosine, and the axis of each feature in turn."""
    together = ("level", "axis") if stated.get("major", "level") == "level" else ("axis", "level")
    order = stated["order"]
    if order in ("sin_first", "cos_first"):
        axes = ("function", *together)
    elif together[0] == "level":
        axes = ("level", "function", "axis")
    else:
        axes = ("axis", "level", "function")
    sizes = {"level": levels, "function": 2, "axis": n_inputs}
    places = np.indices([sizes[a] for a in axes]).reshape(3, -1)
    by_name = dict(zip(axes, places, strict=True))
    function = by_name["function"]
    if order in ("cos_sin", "cos_first"):
        function = 1 - function
    return by_name["level"], function, by_name["axis"]


def possible_levels(width: int, n_inputs: int) -> list[tuple[int, bool]]:
    """Return the (levels, include_input) of encodings of so many coordinates that have a width."""
    found = []
    for included in (True, False):
        rest = width - n_inputs * included
        if rest > 0 and rest % (2 * n_inputs) == 0 and rest // (2 * n_inputs) <= _MOST_LEVELS:
            found.append((rest // (2 * n_inputs), included))
    return found
