"""The command ``pruning-amr evaluate``: a field at the points of a file."""

from __future__ import annotations

import argparse
import time as clock
from dataclasses import fields
from pathlib import Path

from .cli_checkpoint import ProgressBar, check_folder, load_checkpoint, warn
from .environment import require, require_vtk
from .errors import ParameterError
from .output_types import POINT_EXTENSIONS, TABLE_EXTENSION
from .views import EvaluationParameters


def evaluate(options: argparse.Namespace) -> None:
    """Write the points of a file with the field, and perhaps its gradient, as arrays."""
    require()
    require_vtk()
    path = _output_file(options.points, options.output)
    check_folder(path)
    names = [f.name for f in fields(EvaluationParameters)]
    parameters = EvaluationParameters(**{name: getattr(options, name) for name in names})
    from .datasets import count_outside, evaluate_on, has_own_times, read_points, write_points

    points, inr = read_points(options.points), load_checkpoint(options)
    started = clock.perf_counter()
    with ProgressBar() as bar:
        data = evaluate_on(points, inr, parameters, options.time, bar, warn)
    seconds = clock.perf_counter() - started
    write_points(data, path)
    kind = data.ROW if path.suffix == options.points.suffix == TABLE_EXTENSION else data.POINT
    at_time = "" if inr.time_axis is None else f" at t = {inr.clamp_time(options.time):g}"
    at_time = " at their own times" if has_own_times(points, inr) else at_time
    outside = count_outside(data)
    beyond = f", {outside} of them outside the domain" if outside else ""
    print(f"{path}: {data.GetNumberOfElements(kind)} points{at_time}{beyond}, {seconds:.1f} s")


def _output_file(points: Path, output: Path) -> Path:
    """Return the file to write: a table, or of the kind of the points."""
    if points.suffix not in POINT_EXTENSIONS:
        # It is said when the file is read, before anything is evaluated.
        return output
    if not output.name:
        raise ParameterError(f"{output} is a folder; expected the name of a file to write.")
    output = output if output.suffix else output.with_suffix(points.suffix)
    # A table has one row for each point of one data set.
    allowed = {points.suffix, points.suffix if points.suffix == ".vtm" else TABLE_EXTENSION}
    if output.suffix not in allowed:
        raise ParameterError(
            f'"{output.name}" has the extension "{output.suffix}"; expected '
            f'{" or ".join(sorted(allowed))} for the points of "{points.name}": rename it.'
        )
    return output
