"""Comparison of criteria on a checkpoint: error against cells, vertices and time."""

from __future__ import annotations

import csv
import math
import time as clock
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ParameterError
from .inr import INR
from .ladders import FIXED, LADDERS
from .matplotlib_figures import check_drawable
from .mesh import Mesh, measure_accuracy
from .refinement import RefinementParameters, build_mesh, build_space_time_mesh


@dataclass(frozen=True)
class Row:
    """One mesh, or the meshes of several times together.

    Attributes
    ----------
    criterion, parameter : str
    value : float
        Of the parameter.
    cells, vertices, conforming_vertices : float
        Means over the times, also of one mesh for all of them.
    rmse : float
        Root mean square error of the reconstruction at fresh points, relative to the range.
    relative_l2 : float
    max_error : float
        Relative to the range.
    seconds : float
        Refinement and vertex values, all times together.
    stopped_by : str
    """

    criterion: str
    parameter: str
    value: float
    cells: float
    vertices: float
    conforming_vertices: float
    rmse: float
    relative_l2: float
    max_error: float
    seconds: float
    stopped_by: str


def compare(
    inr: INR,
    criteria: Sequence[str] = tuple(LADDERS),
    times: Sequence[float | None] = (None,),
    samples: int = 100_000,
    progress: Callable[[float, str], None] | None = None,
    **parameters: Any,
) -> list[Row]:
    """Refine by every criterion and threshold of `LADDERS`, and measure.

    A ladder ends at the first mesh that a limit (``max_cells``, ``time_limit``) cut short; that
    mesh is left out, as it is not what the threshold asks for.

    Parameters
    ----------
    inr : INR
    criteria : sequence of str
    times : sequence of float or None
        Times to mesh; None is the first time step.
    samples : int
        Fresh random points for each error.
    progress : callable, optional
        Called before each mesh with the fraction of all that is done, and a sentence.
    **parameters
        Fields of `RefinementParameters` that all meshes share.

    Returns
    -------
    list of Row
    """
    unknown = sorted(set(criteria) - set(LADDERS))
    if unknown:
        raise ParameterError(
            f"criteria holds {', '.join(unknown)}; expected some of {', '.join(LADDERS)}."
        )
    for time in times:
        inr.checked_time(time)
    rows = []
    max_depth = parameters.get("max_depth", RefinementParameters.max_depth)
    for done, criterion in enumerate(criteria):
        ladder = list(_settings(criterion, max_depth))
        for step, settings in enumerate(ladder):
            if progress:
                fraction = (done + step / len(ladder)) / len(criteria)
                name, _ = LADDERS[criterion]
                progress(fraction, f"{inr.name}: {criterion}, {name} {settings[name]:g}")
            row = _measure(inr, criterion, settings, times, samples, parameters)
            if row is None:
                break
            rows.append(row)
    return rows


def _settings(criterion: str, max_depth: int) -> Iterator[dict[str, Any]]:
    name, values = LADDERS[criterion]
    for value in values or range(1, max_depth + 1):
        yield {name: value, **FIXED.get(criterion, {})}


def _measure(
    inr: INR,
    criterion: str,
    settings: dict[str, Any],
    times: Sequence[float | None],
    samples: int,
    parameters: dict[str, Any],
) -> Row | None:
    """Return the row of a setting; None if a limit cut a mesh short."""
    chosen = RefinementParameters(**{**parameters, "criterion": criterion, **settings})
    cells, vertices, conforming, errors, norms, worst, stops = ([] for _ in range(7))
    extent = float(np.diff(inr.value_range)[:, 0].max()) or 1.0
    started = clock.perf_counter()
    mesh_at = _mesher(inr, chosen)
    seconds = clock.perf_counter() - started
    for time in times:
        started = clock.perf_counter()
        mesh = mesh_at(time)
        _ = mesh.vertex_values
        seconds += clock.perf_counter() - started
        stops.append(mesh.history.stopped_by)
        if stops[-1] in ("max_cells", "time_limit"):
            return None
        accuracy = measure_accuracy(mesh, samples, chosen.reconstruction)
        cells.append(mesh.n_cells)
        vertices.append(len(mesh.vertices.points))
        conforming.append(mesh.vertices.n_conforming)
        errors.append(accuracy.rmse)
        norms.append(accuracy.rmse / accuracy.relative_l2 if accuracy.relative_l2 else 1.0)
        worst.append(accuracy.max_error)
    rmse = math.sqrt(np.mean(np.square(errors)))
    name, _ = LADDERS[criterion]
    return Row(
        criterion,
        name,
        float(settings[name]),
        *(float(np.mean(counts)) for counts in (cells, vertices, conforming)),
        rmse=rmse / extent,
        relative_l2=rmse / math.sqrt(np.mean(np.square(norms))),
        max_error=max(worst) / extent,
        seconds=seconds,
        stopped_by=max(set(stops), key=stops.count),
    )


def _mesher(inr: INR, parameters: RefinementParameters) -> Callable[[float | None], Mesh]:
    """Return what makes the mesh at a time: of its own, or that of all times."""
    if inr.time_axis is None or parameters.time_mode != "space_time":
        return lambda time: build_mesh(inr, parameters, time)
    return build_space_time_mesh(inr, parameters).at


def write_tables(rows: Sequence[Row], path: Path) -> list[Path]:
    """Write rows as ``path.csv`` and ``path.md``; return the files."""
    names = [f.name for f in fields(Row)]
    # Names may hold dots: nothing is a suffix that could be replaced.
    table, text = (path.with_name(f"{path.name}.{kind}") for kind in ("csv", "md"))
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    lines = [
        "| " + " | ".join(n.replace("_", " ") for n in names) + " |",
        "|---" * len(names) + "|",
    ]
    lines += ["| " + " | ".join(_cell(v) for v in asdict(row).values()) + " |" for row in rows]
    text.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [table, text]


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value >= 100 else f"{value:.4g}"


def draw(rows: Sequence[Row], title: str, path: Path) -> None:
    """Draw error against cells, vertices and seconds; uniform is the dashed line of reference.

    Raises
    ------
    DependencyError
        If matplotlib is missing.
    """
    check_drawable()
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 3, figsize=(15, 5), sharey=True, layout="constrained")
    axes = (("cells", "cells"), ("vertices", "vertices"), ("seconds", "seconds"))
    for panel, (name, label) in zip(panels, axes, strict=True):
        for number, criterion in enumerate(LADDERS):
            curve = [row for row in rows if row.criterion == criterion]
            style = {"color": "black", "linestyle": "--"} if criterion == "uniform" else {}
            panel.loglog(
                [getattr(row, name) for row in curve],
                [row.rmse for row in curve],
                marker="osD^v"[number],
                markersize=4,
                label=criterion,
                **style,
            )
        panel.set_xlabel(label)
        panel.grid(True, which="both", alpha=0.25)
    panels[0].set_ylabel("RMS error / range of the field")
    panels[0].legend()
    figure.suptitle(title)
    figure.savefig(path, dpi=80)
    pyplot.close(figure)
