"""Networks evaluated in plain numpy float64, written apart from the package."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from pruning_amr.inr import INR, Chain, Layer, Output, Skip
from pruning_amr.inr.activations import Activation
from scipy.special import erf


@dataclass(frozen=True)
class Dense:
    """activation(weight @ h + input_weight @ x + skips + bias), as numpy arrays.

    `skips` are the weights of outputs of earlier layers, by their index.
    """

    weight: np.ndarray
    bias: np.ndarray
    activation: str = "identity"
    input_weight: np.ndarray | None = None
    skips: dict[int, np.ndarray] = field(default_factory=dict)


Network = list[Dense]

FORMULAS = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "selu": lambda z: (
        1.0507009873554804934193349852946
        * np.where(z > 0, z, 1.6732632423543772848170429916717 * np.expm1(np.minimum(z, 0)))
    ),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "gelu": lambda z: z * 0.5 * (1 + erf(z / np.sqrt(2))),
    "softplus": lambda z: np.logaddexp(z, 0),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "sin": np.sin,
    "cos": np.cos,
    "gaussian": lambda z: np.exp(-(z**2)),
}


def hidden_values(network: Network, x: np.ndarray) -> list[np.ndarray]:
    """Values after every layer, float64, each of shape (n_points, n_neurons)."""
    x = np.asarray(x, dtype=np.float64)
    h, values = x, []
    for layer in network:
        z = h @ layer.weight.astype(np.float64).T + layer.bias.astype(np.float64)
        if layer.input_weight is not None:
            z = z + x @ layer.input_weight.astype(np.float64).T
        for source, weight in layer.skips.items():
            z = z + values[source] @ weight.astype(np.float64).T
        h = FORMULAS[layer.activation](z)
        values.append(h)
    return values


def evaluate(network: Network, x: np.ndarray) -> np.ndarray:
    """The network at points, float64, shape (n_points, n_outputs)."""
    return hidden_values(network, x)[-1]


def random_network(
    rng: np.random.Generator,
    widths: tuple[int, ...],
    activation: str = "silu",
    gain: float = 1.5,
    skip_at: int | None = None,
    skips: tuple[tuple[int, int], ...] = (),
) -> Network:
    """A random network with the given widths, inputs first and outputs last.

    `skips` are pairs of a layer and the earlier one whose output it takes too.
    """
    network = []
    for i, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
        last = i == len(widths) - 2
        network.append(
            Dense(
                (gain * rng.normal(size=(n_out, n_in)) / np.sqrt(n_in)).astype(np.float32),
                (0.3 * rng.normal(size=n_out)).astype(np.float32),
                "identity" if last else activation,
                rng.normal(size=(n_out, widths[0])).astype(np.float32) if i == skip_at else None,
            )
        )
    for layer, source in skips:
        shape = len(network[layer].bias), len(network[source].bias)
        weight = gain * rng.normal(size=shape) / np.sqrt(shape[1])
        network[layer].skips[source] = weight.astype(np.float32)
    return network


def residual_network(
    rng: np.random.Generator, dimension: int, width: int, activation: str = "tanh", gain: float = 2
) -> Network:
    """A layer, two residual blocks x + W2 activation(W1 x + b1) + b2, and an output layer."""
    network = random_network(rng, (dimension, *[width] * 5, 1), activation, gain)
    for end in (2, 4):
        skips = {end - 2: np.eye(width, dtype=np.float32)}
        network[end] = replace(network[end], activation="identity", skips=skips)
    return network


def duplicated(network: Network, times: int = 2) -> Network:
    """The same function with every hidden neuron several times, each with its share of weight."""
    wide = []
    for i, la in enumerate(network):
        copies = times if i < len(network) - 1 else 1
        wide.append(
            Dense(
                np.vstack(
                    [la.weight if i == 0 else np.hstack([la.weight] * times) / times] * copies
                ),
                np.hstack([la.bias] * copies),
                la.activation,
                None if la.input_weight is None else np.vstack([la.input_weight] * copies),
                {
                    source: np.vstack([np.hstack([weight] * times) / times] * copies)
                    for source, weight in la.skips.items()
                },
            )
        )
    return wide


def steep_network(
    dimension: int, frequency: float = 25.0, center: list[float] | None = None
) -> Network:
    """A field that is flat but for two sharp fronts that cross near `center`."""
    weight = np.full((2, dimension), frequency / dimension)
    weight[1, 0] = -frequency / dimension
    middle = np.full(dimension, 0.5) if center is None else np.asarray(center)
    offset = np.array([0.15, 0.1]) * frequency - weight @ middle
    return [
        Dense(weight.astype(np.float32), offset.astype(np.float32), "tanh"),
        Dense(np.array([[0.8, -1.3]], np.float32), np.ones(1, np.float32)),
    ]


def linear_network(slopes: list[float], offset: float = 0.5) -> Network:
    """f = slopes · x + offset, through one hidden layer without bend."""
    d = len(slopes)
    return [
        Dense(np.eye(d, dtype=np.float32), np.zeros(d, np.float32)),
        Dense(np.asarray([slopes], np.float32), np.asarray([offset], np.float32)),
    ]


def to_chain(network: Network) -> Chain:
    """The package's form of a network, float32."""

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.array(array, dtype=np.float32))

    return Chain(
        tuple(
            Layer(
                tensor(layer.weight),
                tensor(layer.bias),
                Activation(
                    layer.activation, {"leaky_relu": 0.01, "elu": 1.0}.get(layer.activation, 0)
                ),
                None if layer.input_weight is None else tensor(layer.input_weight),
                tuple(Skip(source, tensor(weight)) for source, weight in layer.skips.items()),
            )
            for layer in network
        )
    )


def to_inr(network: Network, bounds: list[list[float]] | None = None, **changes) -> INR:
    """A network as an INR over [0, 1] along every axis, or `bounds`."""
    n = network[0].weight.shape[1]
    inr = INR(
        to_chain(network),
        ("x", "y", "z", "t")[:n],
        np.array(bounds if bounds is not None else [[0.0, 1.0]] * n),
        tuple(
            Output(name, (i,))
            for i, name in enumerate(["value", "b", "c", "d"][: len(network[-1].bias)])
        ),
        np.linspace(0, 1, 5) if n == 4 else np.empty(0),
        "made up",
    )
    return replace(inr, **changes)


def assert_close_to_range(found: np.ndarray, expected: np.ndarray, relative: float = 1e-5) -> None:
    """Assert equality to a fraction of the range of the expected values."""
    assert found.shape == expected.shape
    extent = float(expected.max() - expected.min())
    assert extent > 0, "a constant field cannot show whether a network was read correctly"
    assert float(np.abs(found - expected).max()) <= relative * extent
