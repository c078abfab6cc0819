"""Dense layers as numpy arrays, float64: what a network is while metadata are folded into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .activations import Activation


@dataclass(frozen=True)
class ArrayLayer:
    """One dense layer (see `pruning_amr.inr.chain.Layer`), and where it comes from.

    Attributes
    ----------
    weight : numpy.ndarray, shape (n_neurons, n_previous)
    bias : numpy.ndarray, shape (n_neurons,)
    activation : Activation
    input_weight : numpy.ndarray or None, shape (n_neurons, n_inputs)
        Acts on the coordinates.
    skips : dict of int to numpy.ndarray
        Acts on what a hidden layer gives, by its number.
    concatenated : numpy.ndarray or None, shape (n_neurons, n_first)
        Acts on what the first layer takes: the coordinates, or features of them.
    origin : str
        What the file calls it.
    factor : float
        Of all that enters the activation, not yet folded into the matrices: a frequency or a
        slope, which is part of the activation.
    """

    weight: np.ndarray
    bias: np.ndarray
    activation: Activation
    input_weight: np.ndarray | None = None
    skips: dict[int, np.ndarray] = field(default_factory=dict)
    concatenated: np.ndarray | None = None
    origin: str = ""
    factor: float = 1.0

    @property
    def width(self) -> int:
        """Number of neurons."""
        return self.weight.shape[0]

    @property
    def n_parameters(self) -> int:
        """Number of weights and biases."""
        others = [w for w in (self.input_weight, *self.skips.values()) if w is not None]
        return self.weight.size + self.bias.size + sum(w.size for w in others)

    def scaled(self, factor: float) -> ArrayLayer:
        """Return the layer with everything before its activation times a factor."""
        return replace(
            self,
            weight=factor * self.weight,
            bias=factor * self.bias,
            input_weight=None if self.input_weight is None else factor * self.input_weight,
            skips={source: factor * w for source, w in self.skips.items()},
            concatenated=None if self.concatenated is None else factor * self.concatenated,
        )

    def folded(self) -> ArrayLayer:
        """Return the layer with its factor folded into the matrices."""
        return self if self.factor == 1.0 else replace(self.scaled(self.factor), factor=1.0)

    def with_concatenated(self, matrix: np.ndarray) -> ArrayLayer:
        """Return the layer with a matrix added to the one that acts on the first layer's input."""
        present = 0.0 if self.concatenated is None else self.concatenated
        return replace(self, concatenated=present + matrix)

    def with_input_weight(self, matrix: np.ndarray | None) -> ArrayLayer:
        """Return the layer with a matrix added to the one that acts on the coordinates."""
        if matrix is None:
            return self
        present = 0.0 if self.input_weight is None else self.input_weight
        return replace(self, input_weight=present + matrix)

    def with_skip(self, source: int, matrix: np.ndarray) -> ArrayLayer:
        """Return the layer with a matrix added to the one that acts on a hidden layer."""
        present = self.skips.get(source, 0.0)
        return replace(self, skips={**self.skips, source: present + matrix})


def inserted(layers: Sequence[ArrayLayer], position: int, layer: ArrayLayer) -> list[ArrayLayer]:
    """Return layers with another one before that at a position; its own sources are as after."""
    moved = [
        replace(old, skips={s + (s >= position): w for s, w in old.skips.items()}) for old in layers
    ]
    return [*moved[:position], layer, *moved[position:]]


def output_divided(layers: Sequence[ArrayLayer], i: int, factor: float) -> list[ArrayLayer]:
    """Return layers in which everything that takes what layer i gives divides it by a factor."""
    divided = list(layers)
    if i + 1 < len(divided):
        divided[i + 1] = replace(divided[i + 1], weight=divided[i + 1].weight / factor)
    for k, layer in enumerate(divided):
        if i in layer.skips:
            skips = {s: w / factor if s == i else w for s, w in layer.skips.items()}
            divided[k] = replace(layer, skips=skips)
    return divided


def side_by_side(networks: Sequence[Sequence[ArrayLayer]]) -> list[ArrayLayer]:
    """Return one network whose outputs are those of several, one after the other.

    They have as many layers, with the same activations, and take the same coordinates.
    """
    return [_stacked(layers, i == 0) for i, layers in enumerate(zip(*networks, strict=True))]


def _stacked(layers: Sequence[ArrayLayer], first: bool) -> ArrayLayer:
    sources = sorted({s for layer in layers for s in layer.skips})
    weight = [layer.weight for layer in layers]
    return ArrayLayer(
        np.vstack(weight) if first else _block_diagonal(weight),
        np.concatenate([layer.bias for layer in layers]),
        layers[0].activation,
        _optional_rows([layer.input_weight for layer in layers], [la.width for la in layers]),
        {s: _block_diagonal([layer.skips[s] for layer in layers]) for s in sources},
        None,
        " | ".join(layer.origin for layer in layers),
    )


def _block_diagonal(blocks: Sequence[np.ndarray]) -> np.ndarray:
    from scipy.linalg import block_diag

    return block_diag(*blocks)


def _optional_rows(
    matrices: Sequence[np.ndarray | None], widths: Sequence[int]
) -> np.ndarray | None:
    """Return matrices below one another, zeros for those that are missing."""
    columns = next((m.shape[1] for m in matrices if m is not None), None)
    if columns is None:
        return None
    filled = [
        np.zeros((n, columns)) if m is None else m for m, n in zip(matrices, widths, strict=True)
    ]
    return np.vstack(filled)
