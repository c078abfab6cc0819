"""Train the sample checkpoint of a dynamic CT scan: Fourier features and a SiLU network."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

# isort: split
from phantoms import DYNAMIC_CT_4D_BOUNDS, dynamic_ct_4d
from training import Sample, dense_layers, run

FEATURES = 128
HIDDEN_WIDTH = 256
HIDDEN_LAYERS = 5
# Standard deviation of the frequencies, in periods per unit of length: sharp
# edges in space, slow changes in time.
FREQUENCY_STD = (0.6, 0.6, 0.6, 0.4)
OUTPUT_SCALE = 0.1


class FullyConnected(nn.Module):
    """Dense layers with SiLU between them, under the key ``nn``."""

    def __init__(self) -> None:
        super().__init__()
        self.nn = dense_layers([2 * FEATURES, *[HIDDEN_WIDTH] * HIDDEN_LAYERS, 1], nn.SiLU)

    def forward(self, features: Tensor) -> Tensor:
        """Map Fourier features to the unscaled output."""
        return self.nn(features)


class DynamicCTNetwork(nn.Module):
    """Fourier features of (x, y, z, t), dense layers, scaled output.

    Notes
    -----
    The frequencies ``gauss`` start from a normal distribution and are trained
    like the other weights.
    """

    def __init__(self) -> None:
        super().__init__()
        std = torch.tensor(FREQUENCY_STD)[:, None]
        self.gauss = nn.Parameter(std * torch.randn(len(FREQUENCY_STD), FEATURES))
        self.fcnn = FullyConnected()

    def forward(self, points: Tensor) -> Tensor:
        """Map points (n, 4) to attenuation (n, 1)."""
        phase = 2.0 * torch.pi * points @ self.gauss
        features = torch.cat([torch.sin(phase), torch.cos(phase)], dim=-1)
        return OUTPUT_SCALE * self.fcnn(features)


SAMPLE = Sample(
    build_network=DynamicCTNetwork,
    field=dynamic_ct_4d,
    metadata={
        "inputs": ["x", "y", "z", "t"],
        "bounds": DYNAMIC_CT_4D_BOUNDS,
        "time_steps": 64,
        "activation": "silu",
        "fourier_scale": 2.0 * math.pi,
        "fourier_order": "sin_cos",
        "output_scale": OUTPUT_SCALE,
        "output_offset": 0.0,
        "outputs": [{"name": "attenuation", "components": [0]}],
        "description": "Synthetic dynamic CT scan: container wall, corrugated shell, cracking "
        "block, travelling ball and growing inclusion (phantoms.dynamic_ct_4d)",
    },
    steps=4500,
    # The layout of a network that was wrapped for training on several devices.
    key_prefix="module.",
    times=(0.0, 0.25, 0.5, 0.75, 1.0),
)


if __name__ == "__main__":
    run(SAMPLE, __file__, __doc__)
