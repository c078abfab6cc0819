"""What a checkpoint is taken for, in text: layer by layer, with the key each came from."""

from __future__ import annotations

from ..errors import some
from .array_layers import ArrayLayer
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
