"""Pictures of a field before anything is meshed: slices, and what it could be if facts miss.

What a file does not tell, an activation or a frequency, shows at once in a picture: of the fields
that it could hold, the wrong ones look like noise or like nothing. None is chosen here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .errors import MetadataError, ParameterError, PruningAMRError
from .files.formats import read_checkpoint
from .files.limits import DEFAULT_CHECKPOINT_MB
from .files.records import Checkpoint
from .inr import INR, UnansweredError
from .inr.activations import ACTIVATION_NAMES
from .inr.encodings import ORDERS
from .inr.field import inr_of
from .inr.metadata import make_metadata, read_metadata
from .inr.network import network_of
from .inr.questions import Question
from .matplotlib_figures import check_drawable, figure_of

_POINTS = 96
"""Points along each edge of a slice."""

_MOST_ROWS = 6
_MOST_TRIED, _MOST_SHOWN = 144, 64

_FREQUENCIES = (1, 5, 10, 20, 30, 60)


# --- one field ----------------------------------------------------------------------------


def preview(inr: INR, path: Path) -> list[str]:
    """Draw slices through the middle of the domain, with the range of the values.

    Returns
    -------
    list of str
        What was left out, as there are many outputs and times.

    Raises
    ------
    DependencyError
        If matplotlib is missing.
    MetadataError
        If the bounds of the field are not known.
    """
    check_drawable()
    inr.checked_bounds()
    times = [None] if inr.time_axis is None else inr.times[[0, len(inr.times) // 2, -1]].tolist()
    times = list(dict.fromkeys(times))
    channels = list(range(min(inr.chain.n_outputs, 4)))
    rows = [(t, c) for t in times for c in channels]
    rows, others = rows[:_MOST_ROWS], rows[_MOST_ROWS:]
    # All outputs at a time come from one evaluation.
    slices = {time: _slices(inr, time) for time in dict.fromkeys(t for t, _ in rows)}
    with figure_of(path, len(rows), len(slices[rows[0][0]])) as panels:
        for k, (time, channel) in enumerate(rows):
            for j, cut in enumerate(slices[time]):
                title = f"{_output_name(inr, channel)} on {cut.name}"
                title += "" if time is None else f", t = {time:g}"
                _draw(panels[k][j], cut, channel, title)
    left_out = [_output_name(inr, c) for c in range(len(channels), inr.chain.n_outputs)]
    return left_out + [
        _output_name(inr, c) + ("" if t is None else f" at t = {t:g}") for t, c in others
    ]


def _output_name(inr: INR, channel: int) -> str:
    for output in inr.outputs:
        if channel in output.components:
            several = len(output.components) > 1
            return f"{output.name}[{output.components.index(channel)}]" if several else output.name
    return str(channel)


class _Slice:
    """Values on a rectangle of the domain, or along a line."""

    def __init__(self, inr: INR, time: float | None, axes: Sequence[int]) -> None:
        bounds, names = inr.spatial_bounds, [inr.inputs[i] for i in inr.spatial_axes]
        self.edges = [np.linspace(*bounds[a], _POINTS) for a in axes]
        points = np.tile(bounds.mean(axis=1), (_POINTS ** len(axes), 1))
        for axis, values in zip(axes, np.meshgrid(*self.edges, indexing="ij"), strict=True):
            points[:, axis] = values.reshape(-1)
        self.labels = [names[a] for a in axes]
        others = [a for a in range(len(names)) if a not in axes]
        self.name = ", ".join(f"{names[a]} = {points[0, a]:g}" for a in others) or "its domain"
        if inr.time_axis is not None:
            points = np.insert(points, inr.time_axis, inr.clamp_time(time), axis=1)
        values = inr.evaluate(points)
        self.values = values.reshape(*[_POINTS] * len(axes), -1)


def _slices(inr: INR, time: float | None) -> list[_Slice]:
    """Return slices through the middle, one for each direction."""
    if inr.dimension < 3:
        return [_Slice(inr, time, range(inr.dimension))]
    return [_Slice(inr, time, axes) for axes in ((0, 1), (0, 2), (1, 2))]


def _draw(panel: Any, cut: _Slice, channel: int, title: str, small: bool = False) -> None:
    """Draw one output of a slice; a small panel says less."""
    size = 7 if small else 9
    values = cut.values[..., channel]
    finite = values[np.isfinite(values)]
    shown = f"[{finite.min():.4g}, {finite.max():.4g}]" if finite.size else "no finite value"
    if values.ndim == 1:
        panel.plot(cut.edges[0], values)
    else:
        extent = [e[i] for e in cut.edges for i in (0, -1)]
        image = panel.imshow(values.T, origin="lower", extent=extent, cmap="viridis")
        if not small:
            panel.figure.colorbar(image, ax=panel, shrink=0.8)
            panel.set_ylabel(cut.labels[1], fontsize=size)
    if small:
        panel.set_xticks([])
        panel.set_yticks([])
    else:
        panel.set_xlabel(cut.labels[0], fontsize=size)
    panel.tick_params(labelsize=size - 2)
    panel.set_title(f"{title}\n{shown}", fontsize=size)


# --- what it could be ---------------------------------------------------------------------


def candidates(
    checkpoint: Path,
    metadata: dict[str, Any],
    path: Path,
    checkpoint_mb: float = DEFAULT_CHECKPOINT_MB,
) -> tuple[list[dict[str, Any]], int]:
    """Draw the fields that a file could hold, the smoothest first.

    Parameters
    ----------
    checkpoint : Path
    metadata : dict
        What is known.
    path : Path
        Picture to write.
    checkpoint_mb : float

    Returns
    -------
    drawn : list of dict
        The metadata of each picture that would have to be added.
    n_others : int
        How many more were not drawn, as they are rougher, or not tried.

    Raises
    ------
    ParameterError
        If nothing is missing.
    """
    check_drawable()
    content = read_checkpoint(checkpoint, checkpoint_mb)
    known = read_metadata(checkpoint, metadata)
    found, n_untried = _possible(content, vars(known), checkpoint_mb)
    if [answers for answers, _ in found] == [{}]:
        raise ParameterError(
            f"{checkpoint} and its metadata tell all that is needed; expected something to choose: "
            "draw it with --preview."
        )
    drawn = [(answers, *_middle(inr)) for answers, inr in found]
    drawn.sort(key=lambda entry: entry[2])
    n_others = n_untried + len(drawn[_MOST_SHOWN:])
    drawn = drawn[:_MOST_SHOWN]
    n_columns = min(8, len(drawn))
    with figure_of(path, -(-len(drawn) // n_columns), n_columns, (2.4, 2.8)) as panels:
        for k, (answers, cut, _) in enumerate(drawn):
            text = json.dumps(answers).replace('", "', '",\n "').replace(', "', ',\n"')
            _draw(panels[k // n_columns][k % n_columns], cut, 0, text, small=True)
    return [answers for answers, *_ in drawn], n_others


def _possible(
    content: Checkpoint, known: dict[str, Any], checkpoint_mb: float
) -> tuple[list[tuple[dict[str, Any], INR]], int]:
    """Return the answers that complete what is known with their fields, and how many wait."""
    waiting: list[dict[str, Any]] = [{}]
    found: list[tuple[dict[str, Any], INR]] = []
    tried = 0
    while waiting and tried < _MOST_TRIED:
        answers, tried = waiting.pop(0), tried + 1
        try:
            stored = network_of(content, make_metadata({**known, **answers}), checkpoint_mb)
            found.append((answers, _with_bounds(inr_of(stored))))
        except UnansweredError as error:
            asked = next(q for q in error.questions if q.key != "bounds")
            waiting += [{**answers, **answer} for answer in _answers(asked)]
        except PruningAMRError:
            if not answers:
                raise
    if not found:
        raise MetadataError(
            f"{content.path}: no field could be drawn; give the metadata keys that are asked for."
        )
    return found, len(waiting)


def _with_bounds(inr: INR) -> INR:
    """Return the field on [-1, 1] if its bounds are not known."""
    if inr.bounds is not None:
        return inr
    return replace(inr, bounds=np.tile([-1.0, 1.0], (len(inr.inputs), 1)))


def _answers(question: Question) -> list[dict[str, Any]]:
    """Return what could be the answer to a question."""
    key = question.key
    if key == "activation":
        names = [n for n in ACTIVATION_NAMES if n not in ("identity", "cos", "sin")]
        return [{key: name} for name in names] + [
            {key: "sin", "omega_0": omega} for omega in _FREQUENCIES
        ]
    if key == "omega_0":
        return [{key: omega} for omega in _FREQUENCIES]
    if key == "fourier_scale":
        return [{key: 1.0}, {key: 6.283185307}]
    if key == "encoding":
        return [
            {key: {**question.example, "order": order, "factor": factor}}
            for order in ORDERS
            for factor in (1.0, "pi")
        ]
    return [{key: candidate} for candidate in question.candidates or (question.example,)]


def _middle(inr: INR) -> tuple[_Slice, float]:
    """Return a slice through the middle, and how rough it is: large for noise and for nothing."""
    time = None if inr.time_axis is None else float(inr.times[len(inr.times) // 2])
    cut = _Slice(inr, time, range(min(inr.dimension, 2)))
    values = cut.values[..., 0].astype(np.float64)
    extent = np.ptp(values)
    if not np.isfinite(values).all() or extent <= 1e-6 * max(1e-30, np.abs(values).max()):
        return cut, np.inf
    second = [np.abs(np.diff(values, 2, axis=a)).mean() for a in range(values.ndim)]
    return cut, float(np.mean(second) / extent)


__all__ = ["candidates", "preview"]
