"""Train the sample checkpoint of an exact unsteady flow: velocity and pressure, SiLU network."""

from __future__ import annotations

from torch import nn

# isort: split
from phantoms import BELTRAMI_4D_BOUNDS, beltrami_4d
from training import Sample, dense_layers, run

HIDDEN_WIDTH = 96
HIDDEN_LAYERS = 3


def build_network() -> nn.Sequential:
    """Build the network with random weights."""
    return dense_layers([4, *[HIDDEN_WIDTH] * HIDDEN_LAYERS, 4], nn.SiLU)


SAMPLE = Sample(
    build_network=build_network,
    field=beltrami_4d,
    metadata={
        "inputs": ["x", "y", "z", "t"],
        "bounds": BELTRAMI_4D_BOUNDS,
        "time_steps": 21,
        "activation": "silu",
        "outputs": [
            {"name": "velocity", "components": [0, 1, 2]},
            {"name": "pressure", "components": [3]},
        ],
        "description": "Unsteady Beltrami flow of Ethier and Steinman (phantoms.beltrami_4d)",
    },
    steps=20000,
    times=(0.0, 0.5, 1.0),
)


if __name__ == "__main__":
    run(SAMPLE, __file__, __doc__)
