"""Criterion uniform."""

from __future__ import annotations

import torch

from ...cells import Boxes
from ..registry import criterion
from .base import Samples


@criterion("uniform")
def uniform(samples: Samples, cells: Boxes) -> torch.Tensor:
    """Refine every cell, coarse ones first."""
    return 1.0 + 1.0 / (1.0 + cells.level.double())
