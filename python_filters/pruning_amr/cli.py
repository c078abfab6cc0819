"""The command line: ``pruning-amr info | mesh | slice | contour | evaluate | prune | compare``."""

from __future__ import annotations

import argparse
import os
import sys
import time as clock
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli_arguments import ALL_TIMES, given, make_parser
from .cli_checkpoint import ProgressBar, Warnings, check_folder, load_checkpoint
from .cli_contour import contour
from .cli_evaluate import evaluate
from .cli_info import info
from .cli_slice import slice_checkpoint
from .environment import plugin_file, plugin_note, require, require_vtk
from .errors import (
    ParameterError,
    PruningAMRError,
    memory_errors_explained,
)
from .inr.overrides import OVERRIDES
from .inr.questions import UnansweredError
from .output_types import FILE_EXTENSIONS, output_type_of
from .refinement import RefinementParameters, suited_to_output
from .refinement.presets import make_mesh_parameters

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkDataObject

    from .inr import INR
    from .mesh import Mesh

EXIT_USER_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code.

    0; 2 after a user's error; with --strict 3 if a tolerance was missed; 130 if stopped.
    """
    options = make_parser(_COMMANDS).parse_args(arguments)
    try:
        with memory_errors_explained():
            code = options.run(options)
    except PruningAMRError as error:
        print(f"pruning-amr: {error}{_how_to_answer(error)}", file=sys.stderr)
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        print("pruning-amr: stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever reads the output, like `head`, has seen enough; nothing may be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(
            f"pruning-amr: {error.filename or 'a file'} cannot be read or written "
            f"({error.strerror or error}); check the path and its permissions.",
            file=sys.stderr,
        )
        return EXIT_USER_ERROR
    return code or 0


def _how_to_answer(error: PruningAMRError) -> str:
    """Return how the questions of a checkpoint are answered here, nothing if there are none."""
    if not isinstance(error, UnansweredError):
        return ""
    flags = [f"--{q.key.replace('_', '-')}" for q in error.questions if q.key in OVERRIDES]
    given = f"{' '.join(flags)} {'give' if len(flags) > 1 else 'gives'} them, or " if flags else ""
    return f" Here {given}'pruning-amr info FILE --write-json' writes what to fill in."


# --- commands -----------------------------------------------------------------------------
#
# What evaluates networks takes seconds to import. The commands import it: help, and most mistakes,
# need none of it.


def _mesh(options: argparse.Namespace) -> int:
    require()
    require_vtk()
    if not options.output.name:
        raise ParameterError(f"{options.output} is a folder; expected the name of a file to write.")
    _type_from_name(options.output)
    _check_targets(options, options.output)
    from .api import AdaptiveMesh
    from .datasets import to_vtk, write_dataset
    from .report import mesh_report, write_report

    inr, warn = load_checkpoint(options), Warnings()
    output_type, path = _output_file(options, inr.dimension)
    parameters = suited_to_output(make_mesh_parameters(**_parameters(options)), output_type)
    if options.time == ALL_TIMES:
        report = _time_series(inr, parameters, output_type, path, options.samples, warn)
    elif output_type == "image_data":
        report = _image(inr, parameters, options.time, path, warn)
    else:
        with ProgressBar() as bar:
            mesh = AdaptiveMesh(inr, parameters, bar, warn).at(options.time)
        data = to_vtk(mesh, output_type)
        write_dataset(data, path)
        print(f"{path}: {_summary(mesh, data)}")
        report = options.report and mesh_report(mesh, data, output_type, options.samples)
    if options.report:
        write_report(report, options.report)
        print(f"{options.report}: report")
    return warn.exit_code(options)


def _time_series(
    inr: INR,
    parameters: RefinementParameters,
    output_type: str,
    path: Path,
    samples: int,
    warn: Warnings,
) -> dict[str, Any]:
    """Write one file for each time step, and their index; return the report."""
    from .api import AdaptiveMesh
    from .datasets import write_time_series
    from .report import series_report, step_report

    if inr.time_axis is None:
        raise ParameterError(
            f"--time {ALL_TIMES} needs a field with time, but the inputs of {inr.name} are "
            f"{', '.join(inr.inputs)}: leave --time out."
        )
    started = clock.perf_counter()
    steps: list[dict[str, Any]] = []
    with ProgressBar() as bar:
        mesh = AdaptiveMesh(inr, parameters, bar, warn)

        def datasets():
            for time in inr.times.tolist():
                yield time, mesh.to_vtk(output_type, time)
                steps.append(step_report(mesh, output_type, time))

        index, *files = write_time_series(datasets(), path)
    whole = mesh.space_time if output_type != "image_data" else None
    report = series_report(mesh, output_type, steps, clock.perf_counter() - started, samples)
    cells = "" if whole is None else f", {whole.n_cells} cells in space and time"
    print(f"{index}: {len(files)} time steps{cells}, {report['seconds']:.1f} s")
    return report


def _image(
    inr: INR, parameters: RefinementParameters, time: float | None, path: Path, warn: Warnings
) -> dict[str, Any]:
    """Write a dense image; return its report."""
    from .api import AdaptiveMesh
    from .datasets import write_dataset
    from .report import image_report

    started = clock.perf_counter()
    with ProgressBar() as bar:
        image, found = AdaptiveMesh(inr, parameters, bar, warn).image(time)
    time = inr.clamp_time(time)
    report = image_report(inr, parameters, time, image, found, clock.perf_counter() - started)
    write_dataset(image, path)
    size = " x ".join(str(n) for n in image.GetDimensions()[: inr.dimension])
    networks = "local networks" if found.plan.steps else "the whole network"
    if found.interpolated_levels:
        networks += ", interpolated where smooth"
    if not found.is_original:
        networks += f", rms error {found.error:.3g} (asked {found.tolerance:.3g})"
    at_time = "" if inr.time_axis is None else f" at t = {time:g}"
    print(f"{path}: {size} points{at_time} by {networks}, {report['seconds']['evaluation']:.1f} s")
    return report


def _summary(mesh: Mesh, data: vtkDataObject) -> str:
    """Return one line about a mesh and its data set, whose errors come first."""
    from .datasets.shown import shown_errors

    shown = shown_errors(mesh, data)
    of = mesh.parameters.reconstruction
    history = mesh.history
    at_time = "" if mesh.inr.time_axis is None else f" at t = {mesh.time:g}"
    error, norm = "", f"{mesh.parameters.error_norm} error"
    if mesh.parameters.criterion == "isosurface":
        of = "99.9 % of its contour within"
    for where, seen, found, asked in (
        ("", shown.domain, history.achieved_error, history.asked_error),
        (" in the region", shown.region, history.achieved_region_error, history.asked_region_error),
    ):
        if seen is not None:
            error += f", {norm}{where} as shown {seen:.3g}"
        if found is not None:
            error += f", {of} {found:.3g} (asked {asked:.3g})"
    return (
        f"{mesh.n_cells} cells{at_time}, depth {mesh.tree.depth}{error}, ended by "
        f"{history.stopped_by}, {mesh.seconds['refinement']:.1f} s"
    )


def _prune(options: argparse.Namespace) -> None:
    require()
    _check_targets(options, options.output)
    from .api import prune
    from .inr import check_savable
    from .report import prune_report, write_report

    check_savable(options.output)
    pruned = prune(
        load_checkpoint(options),
        options.tolerance,
        id_tolerance=options.id_tolerance,
        samples=options.samples,
        seed=options.seed,
        device=options.device,
    )
    files = pruned.save(options.output)
    report = pruned.report
    gone = 100 * (1 - report.parameters_after / report.parameters_before)
    print(
        f"{' and '.join(map(str, files))}: {report.parameters_before} -> "
        f"{report.parameters_after} parameters ({gone:.1f} % gone), relative L2 error "
        f"{report.relative_l2:.3g}, maximum error {report.max_error:.3g}"
    )
    if report.note:
        print(report.note)
    if options.report:
        write_report(prune_report(pruned), options.report)
        print(f"{options.report}: report")


def _compare(options: argparse.Namespace) -> None:
    require()
    if options.n_times < 1:
        raise ParameterError(f"n_times is {options.n_times}; expected at least 1.")
    if options.samples < 1:
        raise ParameterError(f"samples is {options.samples}; expected at least 1.")
    names = [options.name or checkpoint.stem for checkpoint in options.checkpoints]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ParameterError(
            f'two comparisons would be written to the same files "{twice}"; compare one '
            "checkpoint at a time, each with its own --name."
        )
    from .compare import check_drawable, compare, draw, write_tables

    check_drawable()
    options.output.mkdir(parents=True, exist_ok=True)
    shared = _parameters(options)
    for checkpoint, name in zip(options.checkpoints, names, strict=True):
        inr = load_checkpoint(options, checkpoint)
        times: list[float | None] = [options.time]
        if options.n_times > 1 and inr.time_axis is not None:
            low, high = inr.checked_bounds()[inr.time_axis]
            times = [low + (high - low) * i / (options.n_times - 1) for i in range(options.n_times)]
        with ProgressBar() as bar:
            rows = compare(inr, options.criteria, times, options.samples, bar, **shared)
        files = write_tables(rows, options.output / name)
        picture = options.output / f"{name}.png"
        draw(rows, options.name or checkpoint.name, picture)
        print(f"{', '.join(map(str, (picture, *files)))}: {len(rows)} meshes")


def _paraview_plugin(options: argparse.Namespace) -> None:
    print(plugin_file())
    print(plugin_note(), file=sys.stderr)


def _parameters(options: argparse.Namespace) -> dict[str, Any]:
    return given(options, RefinementParameters)


def _check_targets(options: argparse.Namespace, path: Path) -> None:
    """Say before the work what could not be written, or measured, after it."""
    for target in (path, options.report):
        check_folder(target)
    if options.samples < 1:
        raise ParameterError(f"samples is {options.samples}; expected at least 1.")


def _output_file(options: argparse.Namespace, dimension: int) -> tuple[str, Path]:
    """Return the type of the data set of a field, and the file it is written to."""
    path: Path = options.output
    output_type = output_type_of(dimension, options.output_type or _type_from_name(path))
    extension = FILE_EXTENSIONS[output_type]
    path = path if path.suffix else path.with_suffix(extension)
    if path.suffix != extension:
        raise ParameterError(
            f'"{path.name}" does not end in {extension}, the extension of {output_type}; rename '
            "it or choose another --output-type."
        )
    return output_type, path


def _type_from_name(path: Path) -> str | None:
    """Return the output type that the name of a file says, None without an extension."""
    by_extension = {extension: name for name, extension in FILE_EXTENSIONS.items()}
    if not path.suffix:
        return None
    if path.suffix not in by_extension:
        raise ParameterError(
            f'"{path.name}" has the unknown extension "{path.suffix}"; expected '
            f"{', '.join(f'{e} ({n})' for e, n in by_extension.items())}."
        )
    return by_extension[path.suffix]


_COMMANDS = {
    "info": info,
    "mesh": _mesh,
    "slice": slice_checkpoint,
    "contour": contour,
    "evaluate": evaluate,
    "prune": _prune,
    "compare": _compare,
    "paraview-plugin": _paraview_plugin,
}
