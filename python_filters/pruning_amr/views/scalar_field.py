"""One component of a field, and its gradient, at many points."""

from __future__ import annotations

import numpy as np
import torch

from ..inr import DEFAULT_MEMORY_MB, Chain, Evaluator


class ScalarField:
    """A network of one output, which counts how often it is asked.

    Parameters
    ----------
    chain : Chain
        Of one output.
    device : str
    memory_mb : float
    """

    def __init__(
        self, chain: Chain, device: str = "auto", memory_mb: float = DEFAULT_MEMORY_MB
    ) -> None:
        self._evaluator = Evaluator(chain, device, memory_mb)
        self.n_values = 0
        self.n_gradients = 0

    def values(self, points: np.ndarray) -> np.ndarray:
        """Return the field at points, (n, dimension) -> (n,), float32."""
        self.n_values += len(points)
        return self._evaluator.numpy(points)[:, 0]

    def values_and_gradients(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the field and its gradient at points, (n,) and (n, dimension), float64."""
        self.n_gradients += len(points)
        found = self._evaluator.with_gradients(torch.from_numpy(np.ascontiguousarray(points)))
        values, gradients = (part[:, 0].double().cpu().numpy() for part in found)
        return values, gradients
