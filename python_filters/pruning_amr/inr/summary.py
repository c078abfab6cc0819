"""What a checkpoint is taken for, in text: layer by layer, with the key each came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import some
from .array_layers import ArrayLayer
from .facts import facts_about

if TYPE_CHECKING:
    from .network import StoredNetwork

_MOST_LAYERS = 40


def summary(stored: StoredNetwork) -> str:
    """Return the chain of layers, and below it what was left out and assumed."""
    lines = [f"file        {stored.path.name}, {stored.kind}, layout {stored.layout}"]
    rows = [_row(i, layer, stored) for i, layer in enumerate(stored.layers)]
    if len(rows) > _MOST_LAYERS:
        half = _MOST_LAYERS // 2
        rows = [*rows[:half], ("…", f"{len(rows) - 2 * half} layers", "", ""), *rows[-half:]]
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    for k, row in enumerate(rows):
        name = "layers" if k == 0 else ""
        cells = "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=False))
        lines.append(f"{name:<12}{cells}  {row[3]}".rstrip())
    if stored.left_out:
        lines.append(f"left out    {some(list(stored.left_out), 12)}")
    lines += [f"assumed     {text}" for text in stored.assumed]
    return "\n".join(lines)


def _row(i: int, layer: ArrayLayer, stored: StoredNetwork) -> tuple[str, str, str, str]:
    """Return the number of a layer, its shape, its activation and where it comes from."""
    also = []
    if layer.input_weight is not None:
        also.append("the inputs")
    also += [f"layer {source}" for source in layer.skips]
    comes = layer.origin + (f", takes {' and '.join(also)} too" if also else "")
    shape = f"{layer.weight.shape[1]} -> {layer.width}"
    activation = layer.activation
    shown = "" if activation.name == "identity" else activation.name
    if activation.name in ("leaky_relu", "elu"):
        shown += f"({activation.parameter:g})"
    return str(i), shape, shown, comes


def describe_stored(stored: StoredNetwork) -> str:
    """Return what ``info`` prints about a network that was opened: without PyTorch."""
    facts = facts_about(stored.metadata, stored.n_inputs, stored.n_outputs)
    times = 0 if facts.times.size else None
    lines = network_lines(stored.layers, stored.layout) + field_lines(facts, times)
    return "\n".join([*lines, summary(stored)])


def network_lines(layers: Sequence[Any], layout: str) -> list[str]:
    """Return lines about layers, be they `ArrayLayer` or `pruning_amr.inr.chain.Layer`."""
    widths = [layers[0].weight.shape[1], *(layer.width for layer in layers)]
    names = dict.fromkeys(layer.activation.name for layer in layers[:-1])
    lines = [
        f"network     {' -> '.join(map(str, widths))}",
        f"activation  {', '.join(names) or 'none'}",
    ]
    lines += [f"skips       {text}" for text in _skips(layers)]
    n_parameters = sum(layer.n_parameters for layer in layers)
    return [*lines, f"parameters  {n_parameters}", f"layout      {layout}"]


def _skips(layers: Sequence[Any]) -> list[str]:
    """Return sentences on the layers that take more than what the one before gives."""
    inputs = [str(i) for i, layer in enumerate(layers) if layer.input_weight is not None]
    between = [
        f"{getattr(skip, 'source', skip)} to {i}"
        for i, layer in enumerate(layers)
        for skip in layer.skips
    ]
    texts = [f"the coordinates also enter layer {', '.join(inputs)}"] if inputs else []
    return texts + ([f"from layer {', '.join(between)}"] if between else [])


def field_lines(field: Any, time_axis: int | None) -> list[str]:
    """Return lines about a field, `Facts` or an INR: inputs, bounds, times and outputs."""
    lines = [f"inputs      {', '.join(field.inputs)}"]
    if field.bounds is None:
        lines.append("bounds      not known: give the metadata key bounds to mesh it")
    else:
        pairs = (f"[{low:g}, {high:g}]" for low, high in field.bounds)
        lines.append(f"bounds      {' x '.join(pairs)}")
    if time_axis is not None:
        times = field.times
        lines.append(f"time steps  {times.size}, from {times[0]:g} to {times[-1]:g}")
    outputs = (f"{o.name} ({len(o.components)})" for o in field.outputs)
    return [*lines, f"outputs     {', '.join(outputs)}"]
