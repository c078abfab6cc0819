"""A network in plain PyTorch, as its users write it, for comparing speed."""

from __future__ import annotations

import time

import torch

_MODULES = {
    "silu": torch.nn.SiLU,
    "relu": torch.nn.ReLU,
    "elu": torch.nn.ELU,
    "tanh": torch.nn.Tanh,
    "identity": torch.nn.Identity,
}
_BATCHES = (1024, 4096, 65_536)


class Sine(torch.nn.Module):
    """The sine of its input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(x)


def plain_network(chain) -> torch.nn.Sequential:
    """Return the network as users of PyTorch write it."""
    modules = []
    for layer in chain.layers:
        dense = torch.nn.Linear(layer.weight.shape[1], layer.width)
        dense.weight.data, dense.bias.data = layer.weight, layer.bias
        name = layer.activation.name
        modules += [dense, Sine() if name == "sin" else _MODULES[name]()]
    return torch.nn.Sequential(*modules)


def seconds_plain(network: torch.nn.Sequential, points: torch.Tensor, n_points: int) -> float:
    """Return the seconds the whole network would take for `n_points`, with its best batch."""
    best = float("inf")
    with torch.inference_mode():
        for size in _BATCHES:
            started = time.perf_counter()
            for part in points.split(size):
                network(part)
            best = min(best, time.perf_counter() - started)
    return best / len(points) * n_points
