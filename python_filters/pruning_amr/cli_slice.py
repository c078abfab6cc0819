"""The command ``pruning-amr slice``: a field on planes through its domain."""

from __future__ import annotations

import argparse
import math
import time as clock

from .cli_arguments import given
from .cli_checkpoint import ProgressBar, Warnings, check_folder, load_checkpoint
from .environment import require, require_vtk
from .errors import ParameterError
from .output_types import SLICE_EXTENSIONS
from .refinement.presets import make_with_preset
from .views import SliceParameters
from .views.presets import SLICE_PRESETS


def slice_checkpoint(options: argparse.Namespace) -> int:
    """Write a field on planes to a file, or its points to a table; return the exit code."""
    require()
    require_vtk()
    path = options.output if options.output.suffix else options.output.with_suffix(".vtp")
    if path.suffix not in SLICE_EXTENSIONS:
        raise ParameterError(
            f'"{path.name}" has the extension "{path.suffix}"; expected '
            f"{' or '.join(SLICE_EXTENSIONS)}: rename it."
        )
    check_folder(path)
    values = given(options, SliceParameters)
    parameters = make_with_preset(SliceParameters, SLICE_PRESETS, **values)
    from .api_views import slice_of
    from .datasets import write_points

    inr, warn = load_checkpoint(options), Warnings()
    plane = (options.origin, options.normal, options.offsets)
    started = clock.perf_counter()
    with ProgressBar() as bar:
        found = slice_of(inr, *plane, parameters, options.time, bar, warn)
    seconds = clock.perf_counter() - started
    write_points(found.to_vtk(), path)
    at_time = "" if inr.time_axis is None else f" at t = {found.time:g}"
    error = ""
    if not math.isnan(found.achieved_error):
        error = (
            f", {parameters.error_norm} error {found.achieved_error:.3g} (asked "
            f"{found.asked_error:.3g})"
        )
    print(
        f"{path}: {found.n_cells} cells and {len(found.points)} points on "
        f"{len(found.first_points) - 1} of {len(options.offsets)} planes{at_time}{error}, "
        f"{seconds:.1f} s"
    )
    return warn.exit_code(options)
