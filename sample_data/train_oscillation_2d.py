"""Train the sample checkpoint of a 2-D field with a local oscillation: a plain sine network."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

# isort: split
from phantoms import OSCILLATION_2D_BOUNDS, oscillation_2d
from training import Sample, dense_layers, run

HIDDEN_WIDTH = 96
HIDDEN_LAYERS = 4
# Standard deviation of the first weights, in radians per unit of length. The
# sine is applied without a frequency factor; the weights hold all of it.
FIRST_WEIGHT_STD = 15.0


class Sine(nn.Module):
    """Sine activation."""

    def forward(self, values: Tensor) -> Tensor:
        """Return the sine of each value."""
        return torch.sin(values)


def build_network() -> nn.Sequential:
    """Build the network with random weights, its first phases spread over a period."""
    network = dense_layers([2, *[HIDDEN_WIDTH] * HIDDEN_LAYERS, 1], Sine)
    nn.init.normal_(network[0].weight, std=FIRST_WEIGHT_STD)
    nn.init.uniform_(network[0].bias, -math.pi, math.pi)
    return network


SAMPLE = Sample(
    build_network=build_network,
    field=oscillation_2d,
    metadata={
        "inputs": ["x", "y"],
        "bounds": OSCILLATION_2D_BOUNDS,
        "activation": "sin",
        "omega_0": 1.0,
        "first_omega_0": 1.0,
        "outputs": [{"name": "oscillation", "components": [0]}],
        "description": "Almost flat field with one patch of rings (phantoms.oscillation_2d)",
    },
    steps=9000,
)


if __name__ == "__main__":
    run(SAMPLE, __file__, __doc__)
