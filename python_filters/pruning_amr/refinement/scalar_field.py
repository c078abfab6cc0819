"""One component of a field, and its gradient, at many points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from ..errors import EmptyContourWarning, ParameterError
from ..inr import DEFAULT_MEMORY_MB, INR, Chain, Evaluator

_AT_ONCE = 1 << 15
"""Points between two looks at whether to go on."""


class ScalarField:
    """A network of one output, which counts how often it is asked.

    Parameters
    ----------
    chain : Chain
        Of one output.
    device : str
    memory_mb : float
    look : callable, optional
        Called before some ten thousand points each; it may raise
        `pruning_amr.refinement.Stopped`.
    """

    def __init__(
        self,
        chain: Chain,
        device: str = "auto",
        memory_mb: float = DEFAULT_MEMORY_MB,
        look: Callable[[], None] | None = None,
    ) -> None:
        self._evaluator = Evaluator(chain, device, memory_mb)
        self._look = look or _go_on
        self.n_values = 0
        self.n_gradients = 0

    def values(self, points: np.ndarray) -> np.ndarray:
        """Return the field at points, (n, dimension) -> (n,), float32."""
        found = np.empty(len(points), np.float32)
        for some in self._parts(len(points)):
            found[some] = self._evaluator.numpy(points[some])[:, 0]
            self.n_values += len(points[some])
        return found

    def values_and_gradients(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the field and its gradient at points, (n,) and (n, dimension), float64."""
        values, gradients = np.empty(len(points)), np.empty(points.shape)
        for some in self._parts(len(points)):
            part = torch.from_numpy(np.ascontiguousarray(points[some]))
            found = self._evaluator.with_gradients(part)
            values[some], gradients[some] = (a[:, 0].double().cpu().numpy() for a in found)
            self.n_gradients += len(part)
        return values, gradients

    def _parts(self, count: int) -> Iterator[slice]:
        for start in range(0, count, _AT_ONCE):
            self._look()
            yield slice(start, start + _AT_ONCE)


def _go_on() -> None:
    """Look at nothing."""


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


def nowhere(inr: INR, channel: int, values: Sequence[float]) -> EmptyContourWarning:
    """Return what is said where a channel takes none of some values."""
    low, high = inr.value_range[channel]
    asked = " or ".join(f"{value:g}" for value in values)
    always = " over all times" if inr.time_axis is not None else ""
    return EmptyContourWarning(
        f"the field takes {asked} nowhere, as far as it was seen; its values range from about "
        f"{low:g} to {high:g}{always}: ask for one of these."
    )
