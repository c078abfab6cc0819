"""The implicit neural representation: a network together with what it represents."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import (
    AssumptionWarning,
    CheckpointError,
    MetadataError,
    ParameterError,
    PruningAMRWarning,
    TimeRangeWarning,
)
from ..files.limits import DEFAULT_CHECKPOINT_MB
from .activations import PARAMETERS, Activation, make_activation
from .chain import Chain, chain_of, check_skips
from .evaluation import Evaluator
from .facts import Output, facts_about
from .metadata import TIME_NAMES, Metadata, make_metadata, read_metadata
from .network import StoredNetwork, open_network
from .options import DEFAULT_MEMORY_MB
from .summary import field_lines, network_lines, summary

_RANGE_SAMPLES = 32_768


@dataclass(frozen=True, repr=False)
class INR:
    """An implicit neural representation of a field on a box, perhaps with time.

    Attributes
    ----------
    chain : Chain
        The network of the inputs that are not fixed.
    inputs : tuple of str
        Their names, in the network's order.
    bounds : numpy.ndarray or None, shape (n_inputs, 2)
        Domain of each input, in the units the network was trained in.
    outputs : tuple of Output
    times : numpy.ndarray, shape (n_time_steps,)
        Time steps; empty for a static field.
    name : str
        Name of the checkpoint file.
    layout : str
        Layout the file was recognised as.
    summary : str
        The chain of layers, where each came from, what was left out and what was assumed.
    """

    chain: Chain
    inputs: tuple[str, ...]
    bounds: np.ndarray | None
    outputs: tuple[Output, ...]
    times: np.ndarray
    name: str = ""
    layout: str = ""
    summary: str = ""

    def __repr__(self) -> str:
        """Return what it is, as `describe` says it, not its weights."""
        return f"<INR {self.name}\n{self.describe()}>"

    @property
    def time_axis(self) -> int | None:
        """Input column that is time, or None for a static field."""
        return next((i for i, n in enumerate(self.inputs) if n in TIME_NAMES), None)

    @property
    def spatial_axes(self) -> list[int]:
        """Input columns that are space."""
        return [i for i in range(len(self.inputs)) if i != self.time_axis]

    @property
    def dimension(self) -> int:
        """Number of spatial dimensions, 1 to 3."""
        return len(self.spatial_axes)

    @property
    def spatial_bounds(self) -> np.ndarray:
        """Bounds in space, shape (dimension, 2)."""
        return self.checked_bounds()[self.spatial_axes]

    def checked_bounds(self) -> np.ndarray:
        """Return the bounds.

        Raises
        ------
        MetadataError
            If they are not known.
        """
        if self.bounds is None:
            example = [[-1, 1]] * len(self.inputs)
            raise MetadataError(
                f"{self.name} does not hold the bounds of its domain; expected one [min, max] for "
                f'each of {", ".join(self.inputs)}: give the metadata key "bounds", like '
                f'{{"bounds": {example}}}, in the JSON file beside it or to the reader.'
            )
        return self.bounds

    def clamp_time(self, time: float | None) -> float:
        """Return `time` within the time bounds; None is the first time step."""
        if self.time_axis is None:
            return 0.0
        low, high = self.checked_bounds()[self.time_axis]
        if time is None:
            return float(self.times[0])
        if not isinstance(time, numbers.Real) or not math.isfinite(time):
            raise ParameterError(f"time is {time!r}; expected a number from {low:g} to {high:g}.")
        return float(min(max(time, low), high))

    def out_of_range(self, time: float | None) -> TimeRangeWarning | None:
        """Return the warning that a time is clamped, None if it is not."""
        shown = self.clamp_time(time)
        if self.time_axis is None or time is None or shown == time:
            return None
        low, high = self.checked_bounds()[self.time_axis]
        return TimeRangeWarning(
            f"time {time:g} lies outside the range of the field, {low:g} to {high:g}; "
            f"t = {shown:g} is shown."
        )

    def checked_time(self, time: float | None) -> float:
        """Return `time`; None is the first time step, and 0 stands for that of a static field.

        Raises
        ------
        ParameterError
            If the field is not known at this time.
        """
        shown = self.clamp_time(time)
        if self.time_axis is None or time is None:
            return shown
        low, high = self.checked_bounds()[self.time_axis]
        # Sums of time steps may miss the last one by a rounding.
        if abs(shown - time) > 1e-9 * (high - low):
            raise ParameterError(
                f"time {time:g} lies outside the range of the field; expected a number from "
                f"{low:g} to {high:g}."
            )
        return shown

    def time_before(self, time: float) -> float | None:
        """Return the last time step before a time, None if there is none."""
        earlier = self.times[self.times < time]
        return float(earlier[-1]) if len(earlier) else None

    def chain_over_time(self) -> Chain:
        """Return the network of space and time, its time the last coordinate."""
        return self.chain.reordered([*self.spatial_axes, self.time_axis])

    def chain_at(self, time: float | None) -> Chain:
        """Return the network of the spatial inputs, with time held at `time`."""
        axis = self.time_axis
        return (
            self.chain if axis is None else self.chain.fix_inputs([axis], [self.clamp_time(time)])
        )

    def evaluate(
        self, points: np.ndarray, device: str = "auto", memory_mb: float = DEFAULT_MEMORY_MB
    ) -> np.ndarray:
        """Evaluate the field.

        Parameters
        ----------
        points : numpy.ndarray, shape (n_points, n_inputs)
            Coordinates in the order of `inputs`.
        device : str
            "auto", "cpu" or "cuda".
        memory_mb : float
            Memory for intermediate values, in MiB.

        Returns
        -------
        numpy.ndarray, shape (n_points, n_outputs), float32
        """
        return Evaluator(self.chain, device, memory_mb).numpy(points)

    @cached_property
    def value_range(self) -> np.ndarray:
        """Smallest and largest value of each output channel, shape (n_outputs, 2).

        Taken over 32,768 fixed pseudo-random points of the whole domain (and all times).
        """
        bounds = self.checked_bounds()
        unit = np.random.default_rng(0).random((_RANGE_SAMPLES, len(self.inputs)))
        # On the CPU always: the error is measured in units of this range, on any device.
        values = self.evaluate(bounds[:, 0] + unit * np.diff(bounds)[:, 0], "cpu")
        return np.stack([values.min(axis=0), values.max(axis=0)], axis=1).astype(np.float64)

    def describe(self) -> str:
        """Return a few lines about the network and the field."""
        lines = network_lines(self.chain.layers, self.layout) + field_lines(self, self.time_axis)
        return "\n".join(lines)

    def with_chain(self, chain: Chain) -> INR:
        """Return the same field represented by another network of the same inputs."""
        return replace(self, chain=chain)

    def to_metadata(self) -> dict[str, Any]:
        """Return the metadata that describe this object (all folding already done)."""
        activations = [layer.activation for layer in self.chain.layers]
        return {
            "inputs": list(self.inputs),
            "activation": [_stated(a) for a in activations],
            "omega_0": 1.0,
            "outputs": [{"name": o.name, "components": list(o.components)} for o in self.outputs],
            **({} if self.bounds is None else {"bounds": self.bounds.tolist()}),
            **({"time_steps": self.times.tolist()} if self.times.size else {}),
            # Not said, time would be taken for space when this is read again.
            **({"time_as_space": False} if self.dimension == 1 and self.times.size else {}),
        }


def _stated(activation: Activation) -> str | dict[str, Any]:
    """Return an activation as metadata state it, with its parameter unless it is the usual one."""
    if activation == make_activation(activation.name) or activation.name not in PARAMETERS:
        return activation.name
    return {"name": activation.name, PARAMETERS[activation.name]: activation.parameter}


def load(
    path: str | Path,
    *,
    checkpoint_mb: float = DEFAULT_CHECKPOINT_MB,
    warn: Callable[[PruningAMRWarning], None] | None = None,
    **metadata: Any,
) -> INR:
    """Open a checkpoint file as an implicit neural representation.

    Nothing in the file is ever executed.

    Parameters
    ----------
    path : str or Path
        A checkpoint, told by what it holds, whatever its name: of PyTorch (a state dict, a whole
        module or TorchScript), NumPy (.npz) or safetensors. Metadata are read from the JSON file
        of the same name beside it, if there is one.
    checkpoint_mb : float
        Largest size of everything the file holds, in MiB.
    warn : callable, optional
        Called with an `AssumptionWarning` for each thing that neither file nor metadata tell for
        sure; by default it is issued as a warning.
    **metadata
        Metadata keys that win over that file, see `pruning_amr.inr.metadata.Metadata`.

    Returns
    -------
    INR

    Raises
    ------
    CheckpointError
        If the file cannot be read or its layout is unknown.
    UnsafeCheckpointError
        If the file asks for code to be run.
    MetadataError
        If needed facts are missing, all of them named at once, or wrong.

    Examples
    --------
    >>> inr = load("sample_data/dynamic_ct_4d.pt")
    >>> inr.inputs
    ('x', 'y', 'z', 't')
    """
    stored = open_network(path, read_metadata(Path(path), metadata), checkpoint_mb)
    for text in stored.assumed:
        (warn or _warn)(AssumptionWarning(f"{stored.path.name}: {text}."))
    return inr_of(stored)


def inr_of(stored: StoredNetwork) -> INR:
    """Return the implicit neural representation of a network that was opened."""
    chain = chain_of(stored.layers)
    try:
        check_skips(chain.layers)
    except ValueError as error:
        raise CheckpointError(f"{stored.path}: {error}: is the file complete?") from error
    inr = make_inr(chain, stored.metadata, stored.path.name, stored.layout)
    return replace(inr, summary=summary(stored))


def _warn(warning: PruningAMRWarning) -> None:
    warnings.warn(warning, stacklevel=3)


def make_inr(chain: Chain, metadata: Metadata, name: str, layout: str) -> INR:
    """Put a network and the metadata that describe it together; fixed inputs are folded in."""
    facts = facts_about(metadata, chain.n_inputs, chain.n_outputs)
    if facts.shown_time is not None:
        chain = chain.rescaled_input(*facts.shown_time)
    chain = chain.fix_inputs(list(facts.fixed), list(facts.fixed.values()))
    if len(facts.channels) != chain.n_outputs:
        chain = chain.with_outputs(facts.channels)
    return INR(chain, facts.inputs, facts.bounds, facts.outputs, facts.times, name, layout)


def inr_from_dict(chain: Chain, metadata: dict[str, Any], name: str, layout: str) -> INR:
    """Put a network and a dict of metadata together (see `make_inr`)."""
    return make_inr(chain, make_metadata(metadata), name, layout)
