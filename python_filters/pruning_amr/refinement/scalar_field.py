"""One component of a field, and its gradient, at many points."""

from __future__ import annotations

import numpy as np
import torch

from ..errors import ParameterError
from ..inr import DEFAULT_MEMORY_MB, INR, Chain, Evaluator


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


def channel_of(inr: INR, output: str, component: int) -> int:
    """Return the channel of a component of an output, "" being the first one.

    Raises
    ------
    ParameterError
        If there is none.
    """
    names = {o.name: o for o in inr.outputs}
    if output and output not in names:
        raise ParameterError(
            f'output is "{output}", but {inr.name or "the network"} has {", ".join(names)}; name '
            "one of them, or none for the first."
        )
    found = names[output] if output else inr.outputs[0]
    if component >= len(found.components):
        raise ParameterError(
            f"component is {component}, but {found.name} has {len(found.components)}, counted "
            "from 0."
        )
    return found.components[component]
