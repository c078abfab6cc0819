"""The command ``pruning-amr contour``: the surfaces of a checkpoint, as a file."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from .cli_arguments import given
from .cli_checkpoint import ProgressBar, Warnings, check_folder, load_checkpoint
from .environment import require, require_vtk
from .errors import ParameterError
from .output_types import SURFACE_EXTENSIONS
from .views import ContourParameters


def contour(options: argparse.Namespace) -> int:
    """Write the contour that was asked for, and perhaps a report; return the exit code."""
    require()
    require_vtk()
    path = options.output if options.output.suffix else options.output.with_suffix(".vtp")
    if path.suffix not in SURFACE_EXTENSIONS:
        raise ParameterError(
            f'"{path.name}" has the unknown extension "{path.suffix}"; expected one of '
            f"{', '.join(SURFACE_EXTENSIONS)}."
        )
    for target in (path, options.report):
        check_folder(target)
    from .api_views import contour as find
    from .datasets import write_surface
    from .report import write_report

    inr, warn = load_checkpoint(options), Warnings()
    if inr.dimension < 3 and path.suffix != ".vtp":
        raise ParameterError(
            f"{path.name} can only hold triangles, but the contour of a field of "
            f"{inr.dimension} dimensions is lines or points; write a .vtp file."
        )
    with ProgressBar() as bar:
        found = find(
            inr,
            options.values,
            time=options.time,
            progress=bar,
            warn=warn,
            **given(options, ContourParameters),
        )
    write_surface(found.to_vtk(), path)
    report, seconds = found.report, sum(found.report.seconds.values())
    kind = {1: "points", 2: "lines", 3: "triangles"}[inr.dimension]
    print(f"{path}: {len(found.simplices)} {kind}, {seconds:.1f} s")
    print(report.describe())
    if options.report:
        facts = {"values": found.values, "vertices": len(found.points)}
        write_report({**facts, "cells": len(found.simplices), **asdict(report)}, options.report)
        print(f"{options.report}: report")
    return warn.exit_code(options)
