"""What a network and its metadata say about a field: inputs, domain, times and outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import MetadataError
from .array_names import TAKEN_NAMES
from .metadata import TIME_NAMES, Metadata, check_free_inputs, input_names


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
class Facts:
    """What is said about a field.

    Attributes
    ----------
    inputs : tuple of str
        Names of the inputs that are not fixed, in the network's order.
    fixed : dict of int to float
        Inputs of the network that are held at a value, by their place; times as shown.
    bounds : numpy.ndarray or None, shape (n_inputs, 2)
        Of `inputs`; of time as it is shown.
    times : numpy.ndarray, shape (n_time_steps,)
        Time steps; empty for a static field.
    outputs : tuple of Output
        Their components are those of the channels that are shown.
    channels : tuple of int
        Output channels of the network that any output shows.
    shown_time : (int, float, float) or None
        Place of time among the network's inputs, and the scale and offset it is shown with.
    """

    inputs: tuple[str, ...]
    fixed: dict[int, float]
    bounds: np.ndarray | None
    times: np.ndarray
    outputs: tuple[Output, ...]
    channels: tuple[int, ...]
    shown_time: tuple[int, float, float] | None


def facts_about(metadata: Metadata, n_inputs: int, n_outputs: int) -> Facts:
    """Return what metadata say about the field of a network.

    Raises
    ------
    MetadataError
        If they contradict each other or the network.
    """
    names = input_names(metadata, n_inputs)
    shown_time = _shown_time(metadata, names)
    fixed = {i: metadata.fixed[n] for i, n in enumerate(names) if n in metadata.fixed}
    free = [n for n in names if n not in metadata.fixed]
    time_as_space = check_free_inputs(free, metadata.time_as_space)
    bounds = _shown_bounds(_free_bounds(metadata, names, free), metadata, free)
    if time_as_space:
        free = [f"{n}_as_space" if n in TIME_NAMES else n for n in free]
    channels, outputs = _shown_outputs(n_outputs, _outputs(metadata, n_outputs))
    times = _times(metadata, free, bounds)
    return Facts(tuple(free), fixed, bounds, times, outputs, channels, shown_time)


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


def _shown_time(metadata: Metadata, names: list[str]) -> tuple[int, float, float] | None:
    """Return how time is shown, None if as the network has it."""
    if metadata.time_scale == 1.0 and metadata.time_offset == 0.0:
        return None
    axes = [i for i, name in enumerate(names) if name in TIME_NAMES]
    if not axes:
        raise MetadataError(
            f"time_scale and time_offset need a time; none of the inputs {', '.join(names)} is "
            'named "t" or "time": name it in the metadata key "inputs", or remove them.'
        )
    return axes[0], metadata.time_scale, metadata.time_offset


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


def _times(metadata: Metadata, free: list[str], bounds: np.ndarray | None) -> np.ndarray:
    axis = next((i for i, name in enumerate(free) if name in TIME_NAMES), None)
    if axis is None:
        return np.empty(0)
    steps = metadata.time_steps
    if isinstance(steps, list):
        return _in_range(np.asarray(steps, dtype=np.float64), metadata)
    if bounds is None:
        return np.zeros(1)
    low, high = bounds[axis]
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


def _shown_outputs(
    n_outputs: int, outputs: tuple[Output, ...]
) -> tuple[tuple[int, ...], tuple[Output, ...]]:
    """Leave out channels that no output shows: nothing should be refined for them."""
    used = sorted({c for output in outputs for c in output.components})
    if len(used) == n_outputs:
        return tuple(range(n_outputs)), outputs
    renumbered = (
        Output(output.name, tuple(used.index(c) for c in output.components)) for output in outputs
    )
    return tuple(used), tuple(renumbered)


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
