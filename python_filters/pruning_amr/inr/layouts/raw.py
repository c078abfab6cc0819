"""A network as its file stores it, before the facts of the metadata are folded in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..activations import Activation


@dataclass
class RawNetwork:
    """A network as its file stores it.

    Attributes
    ----------
    layout : str
        Name of the layout that recognised the file.
    weights : list of numpy.ndarray, each of shape (n_out, n_in)
    biases : list of numpy.ndarray, each of shape (n_out,)
    activations : list of (Activation or None) or None
        One per layer, if the file holds them; None for a layer whose own it does not.
    fourier : numpy.ndarray or None, shape (n_inputs, n_frequencies)
    input_weights : dict of int to numpy.ndarray
        Skip connections from the coordinates that the file stores apart, by layer.
    skips : dict of int to dict of int to numpy.ndarray
        Skip connections from hidden layers that the file stores apart, by layer and source.
    frequencies : dict of str to float
        Frequencies of sine layers that the file holds, by key.
    names : list of str
        What the file calls each layer; numbers if it has no names.
    own_frequencies : dict of int to float
        Frequencies that the file ties to a layer.
    numbers : dict of str to numpy.ndarray
        Lone numbers, on which the field may depend: trained slopes.
    ranges : dict of str to (numpy.ndarray, numpy.ndarray)
        Vectors that may scale the inputs, by what `input_range` calls them.
    left_out : list of str
        What the file holds besides, by key.
    assumed : list of str
        Sentences on what the file does not tell for sure.
    """

    layout: str
    weights: list[np.ndarray]
    biases: list[np.ndarray]
    activations: list[Activation | None] | None = None
    fourier: np.ndarray | None = None
    input_weights: dict[int, np.ndarray] = field(default_factory=dict)
    skips: dict[int, dict[int, np.ndarray]] = field(default_factory=dict)
    frequencies: dict[str, float] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    own_frequencies: dict[int, float] = field(default_factory=dict)
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    ranges: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = self.names or [str(i) for i in range(len(self.weights))]

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(n_out, n_in) of each layer."""
        return [w.shape for w in self.weights]


def flatten(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested dicts and lists of arrays as one dict with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, list | tuple) and not all(isinstance(v, int | float) for v in value):
            value = {str(i): v for i, v in enumerate(value)}
        if isinstance(value, Mapping):
            flat.update(flatten(value, name + "."))
        else:
            flat[name] = value
    return flat
