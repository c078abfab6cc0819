"""The implicit neural representation: a network together with what it represents."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MetadataError, ParameterError
from .array_names import TAKEN_NAMES
from .assembly import build_chain
from .chain import Chain
from .checkpoint import read_checkpoint
from .evaluation import DEFAULT_MEMORY_MB, Evaluator
from .metadata import (
    TIME_NAMES,
    Metadata,
    check_free_inputs,
    input_names,
    make_metadata,
    read_metadata,
)

_RANGE_SAMPLES = 32_768


@dataclass(frozen=True)
class Output:
    """A named array made of output channels of the network.

    Attributes
    ----------
    name : str
    components : tuple of int
        Output channels of the network.
    """

    name: str
    components: tuple[int, ...]


@dataclass(frozen=True)
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
    """

    chain: Chain
    inputs: tuple[str, ...]
    bounds: np.ndarray | None
    outputs: tuple[Output, ...]
    times: np.ndarray
    name: str = ""
    layout: str = ""

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
                f'{{"bounds": {example}}}.'
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
        """Return a few lines about the network: what ``info`` prints."""
        widths = self.chain.hidden_widths
        activations = list(dict.fromkeys(a.activation.name for a in self.chain.layers[:-1]))
        skips = [str(i) for i, a in enumerate(self.chain.layers) if a.input_weight is not None]
        lines = [
            f"network     {self.chain.n_inputs} -> {' -> '.join(map(str, widths))} -> "
            f"{self.chain.n_outputs}",
            f"activation  {', '.join(activations) or 'none'}",
            f"parameters  {self.chain.n_parameters}",
            f"layout      {self.layout}",
            f"inputs      {', '.join(self.inputs)}",
        ]
        if skips:
            lines.insert(2, f"skips       the coordinates also enter layer {', '.join(skips)}")
        if self.bounds is None:
            lines.append("bounds      not known: give the metadata key bounds to mesh it")
        else:
            pairs = (f"[{low:g}, {high:g}]" for low, high in self.bounds)
            lines.append(f"bounds      {' x '.join(pairs)}")
        if self.time_axis is not None:
            lines.append(
                f"time steps  {self.times.size}, from {self.times[0]:g} to {self.times[-1]:g}"
            )
        outputs = (f"{o.name} ({len(o.components)})" for o in self.outputs)
        lines.append(f"outputs     {', '.join(outputs)}")
        return "\n".join(lines)

    def with_chain(self, chain: Chain) -> INR:
        """Return the same field represented by another network of the same inputs."""
        return replace(self, chain=chain)

    def to_metadata(self) -> dict[str, Any]:
        """Return the metadata that describe this object (all folding already done)."""
        activations = [layer.activation for layer in self.chain.layers]
        return {
            "inputs": list(self.inputs),
            "activation": [a.name for a in activations],
            "omega_0": 1.0,
            "outputs": [{"name": o.name, "components": list(o.components)} for o in self.outputs],
            **({} if self.bounds is None else {"bounds": self.bounds.tolist()}),
            **({"time_steps": self.times.tolist()} if self.times.size else {}),
            # Not said, time would be taken for space when this is read again.
            **({"time_as_space": False} if self.dimension == 1 and self.times.size else {}),
        }


def load(path: str | Path, **metadata: Any) -> INR:
    """Open a checkpoint file as an implicit neural representation.

    Nothing in the file is ever executed.

    Parameters
    ----------
    path : str or Path
        A .pt, .pth, .ckpt, .npz or .safetensors file; metadata are read from the JSON file
        of the same name beside it, if there is one.
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
        If a needed fact is missing or wrong.

    Examples
    --------
    >>> inr = load("sample_data/dynamic_ct_4d.pt")
    >>> inr.inputs
    ('x', 'y', 'z', 't')
    """
    checkpoint = read_checkpoint(path)
    facts = read_metadata(checkpoint.path, metadata)
    chain, layout = build_chain(checkpoint, facts)
    return make_inr(chain, facts, checkpoint.path.name, layout)


def make_inr(chain: Chain, metadata: Metadata, name: str, layout: str) -> INR:
    """Put a network and the metadata that describe it together; fixed inputs are folded in."""
    names = input_names(metadata, chain.n_inputs)
    chain = _in_shown_time(chain, metadata, names)
    free = [n for n in names if n not in metadata.fixed]
    time_as_space = check_free_inputs(free, metadata.time_as_space)
    fixed = [i for i, n in enumerate(names) if n in metadata.fixed]
    chain = chain.fix_inputs(fixed, [metadata.fixed[names[i]] for i in fixed])
    bounds = _shown_bounds(_free_bounds(metadata, names, free), metadata, free)
    if time_as_space:
        free = [f"{n}_as_space" if n in TIME_NAMES else n for n in free]
    chain, outputs = _shown_outputs(chain, _outputs(metadata, chain.n_outputs))
    inr = INR(chain, tuple(free), bounds, outputs, np.empty(0), name)
    return replace(inr, times=_times(metadata, inr), layout=layout)


def inr_from_dict(chain: Chain, metadata: dict[str, Any], name: str, layout: str) -> INR:
    """Put a network and a dict of metadata together (see `make_inr`)."""
    return make_inr(chain, make_metadata(metadata), name, layout)


def _free_bounds(metadata: Metadata, names: list[str], free: list[str]) -> np.ndarray | None:
    if metadata.bounds is None:
        return None
    bounds = np.asarray(metadata.bounds, dtype=np.float64)
    if len(bounds) == len(names) != len(free):
        bounds = bounds[[names.index(n) for n in free]]
    if len(bounds) != len(free):
        raise MetadataError(
            f'"bounds" has {len(bounds)} pairs; expected one [min, max] for each of '
            f"{', '.join(free)}."
        )
    return bounds


def _in_shown_time(chain: Chain, metadata: Metadata, names: list[str]) -> Chain:
    """Return the network of time as it is shown."""
    if metadata.time_scale == 1.0 and metadata.time_offset == 0.0:
        return chain
    axes = [i for i, name in enumerate(names) if name in TIME_NAMES]
    if not axes:
        raise MetadataError(
            f"time_scale and time_offset need a time; none of the inputs {', '.join(names)} is "
            'named "t" or "time": name it in the metadata key "inputs", or remove them.'
        )
    return chain.rescaled_input(axes[0], metadata.time_scale, metadata.time_offset)


def _shown_bounds(
    bounds: np.ndarray | None, metadata: Metadata, free: list[str]
) -> np.ndarray | None:
    """Return bounds with those of time as it is shown, and only the part that is."""
    axis = next((i for i, name in enumerate(free) if name in TIME_NAMES), None)
    if bounds is None or axis is None:
        return bounds
    bounds = bounds.copy()
    bounds[axis] = metadata.time_scale * bounds[axis] + metadata.time_offset
    if metadata.time_range is not None:
        low, high = bounds[axis]
        first, last = metadata.time_range
        if first < low or last > high:
            raise MetadataError(
                f"time_range is [{first:g}, {last:g}]; expected a part of [{low:g}, {high:g}], the "
                "bounds of time."
            )
        bounds[axis] = first, last
    return bounds


def _times(metadata: Metadata, inr: INR) -> np.ndarray:
    if inr.time_axis is None:
        return np.empty(0)
    steps = metadata.time_steps
    if isinstance(steps, list):
        return _in_range(np.asarray(steps, dtype=np.float64), metadata)
    if inr.bounds is None:
        return np.zeros(1)
    low, high = inr.bounds[inr.time_axis]
    # Without a stated number of steps a handful is enough to see that the field moves.
    return np.linspace(low, high, steps or 11)


def _in_range(times: np.ndarray, metadata: Metadata) -> np.ndarray:
    if metadata.time_range is None:
        return times
    first, last = metadata.time_range
    inside = times[(times >= first) & (times <= last)]
    if not inside.size:
        raise MetadataError(
            f"none of the time_steps lies in time_range [{first:g}, {last:g}]; correct one of them."
        )
    return inside


def _shown_outputs(chain: Chain, outputs: tuple[Output, ...]) -> tuple[Chain, tuple[Output, ...]]:
    """Leave out channels that no output shows: nothing should be refined for them."""
    used = sorted({c for output in outputs for c in output.components})
    if len(used) == chain.n_outputs:
        return chain, outputs
    renumbered = (
        Output(output.name, tuple(used.index(c) for c in output.components)) for output in outputs
    )
    return chain.with_outputs(used), tuple(renumbered)


def _outputs(metadata: Metadata, n_outputs: int) -> tuple[Output, ...]:
    if metadata.outputs is None:
        if n_outputs == 1:
            return (Output("value", (0,)),)
        return tuple(Output(f"value_{i}", (i,)) for i in range(n_outputs))
    if not isinstance(metadata.outputs, list) or not metadata.outputs:
        raise MetadataError(
            f'"outputs" is {metadata.outputs!r}; expected a list like '
            '[{"name": "velocity", "components": [0, 1, 2]}].'
        )
    outputs: list[Output] = []
    for entry in metadata.outputs:
        try:
            name, components = str(entry["name"]), tuple(int(c) for c in entry["components"])
        except (TypeError, KeyError, ValueError, OverflowError) as error:
            raise MetadataError(
                f'"outputs" holds {entry!r}; expected {{"name": "velocity", "components": [0, 1]}}.'
            ) from error
        if not components or min(components) < 0 or max(components) >= n_outputs:
            raise MetadataError(
                f'output "{name}" uses components {list(components)}; the network has outputs '
                f"0 to {n_outputs - 1}: correct the components."
            )
        if name in [output.name for output in outputs]:
            raise MetadataError(f'two outputs are named "{name}"; give them different names.')
        outputs.append(Output(name, components))
    _check_free_names(outputs)
    return tuple(outputs)


def _check_free_names(outputs: list[Output]) -> None:
    taken = TAKEN_NAMES | {f"change_{output.name}" for output in outputs}
    for output in outputs:
        if output.name in taken:
            raise MetadataError(
                f'an output is named "{output.name}", as an array that meshes have besides the '
                'outputs; give it another name in the metadata key "outputs".'
            )
