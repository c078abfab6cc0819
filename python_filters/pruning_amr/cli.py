"""The command line: ``pruning-amr info | mesh | prune | compare``."""

from __future__ import annotations

import argparse
import os
import sys
import time as clock
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from . import __version__
from .api import AdaptiveMesh, load, prune
from .compare import compare, draw, write_tables
from .errors import ParameterError, PruningAMRError
from .inr import INR, OVERRIDE_KEYS, parse_overrides
from .pruning import DEFAULT_SAMPLES
from .refinement import CRITERIA, Mesh, RefinementParameters, make_parameters
from .report import (
    image_report,
    mesh_report,
    prune_report,
    series_report,
    step_report,
    write_report,
)

EXIT_USER_ERROR = 2
ALL_TIMES = "all"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code (0, or 2 after a user's error)."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except PruningAMRError as error:
        print(f"pruning-amr: {error}", file=sys.stderr)
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        print("pruning-amr: stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever reads the output, like `head`, has seen enough; nothing may be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _warn(text: str) -> None:
    print(f"pruning-amr: {text}", file=sys.stderr)


# --- commands -----------------------------------------------------------------------------


def _info(options: argparse.Namespace) -> None:
    inr = _load(options)
    print(f"{'checkpoint':<12}{options.checkpoint}")
    print(inr.describe())
    if inr.bounds is not None:
        ranges = (f"[{low:.6g}, {high:.6g}]" for low, high in inr.value_range)
        print(f"{'values':<12}{', '.join(ranges)}")


def _mesh(options: argparse.Namespace) -> None:
    from .datasets import FILE_EXTENSIONS, to_vtk, write_dataset

    output_type = options.output_type or _type_from_name(options.output, FILE_EXTENSIONS)
    extension = FILE_EXTENSIONS[output_type]
    path = options.output if options.output.suffix else options.output.with_suffix(extension)
    if path.suffix != extension:
        raise ParameterError(
            f'"{path.name}" does not end in {extension}, the extension of {output_type}; rename '
            "it or choose another --output-type."
        )
    _check_targets(options, path)
    inr = _load(options)
    parameters = make_parameters(**_parameters(options))
    if options.time == ALL_TIMES:
        report = _time_series(inr, parameters, output_type, path)
    elif output_type == "image_data":
        report = _image(inr, parameters, options.time, path)
    else:
        with _Bar() as bar:
            mesh = AdaptiveMesh(inr, parameters, bar, _warn).at(options.time)
        data = to_vtk(mesh, output_type)
        write_dataset(data, path)
        print(f"{path}: {_summary(mesh)}")
        report = options.report and mesh_report(mesh, data, output_type, options.samples)
    if options.report:
        write_report(report, options.report)
        print(f"{options.report}: report")


def _time_series(
    inr: INR, parameters: RefinementParameters, output_type: str, path: Path
) -> dict[str, Any]:
    """Write one file for each time step, and their index; return the report."""
    from .datasets import write_time_series

    if inr.time_axis is None:
        raise ParameterError(
            f"--time {ALL_TIMES} needs a field with time, but the inputs of {inr.name} are "
            f"{', '.join(inr.inputs)}: leave --time out."
        )
    started = clock.perf_counter()
    steps: list[dict[str, Any]] = []
    with _Bar() as bar:
        mesh = AdaptiveMesh(inr, parameters, bar, _warn)

        def datasets():
            for time in inr.times.tolist():
                yield time, mesh.to_vtk(output_type, time)
                steps.append(step_report(mesh, output_type, time))

        index, *files = write_time_series(datasets(), path)
    whole = mesh.space_time if output_type != "image_data" else None
    report = series_report(mesh, output_type, steps, clock.perf_counter() - started)
    cells = "" if whole is None else f", {whole.n_cells} cells in space and time"
    print(f"{index}: {len(files)} time steps{cells}, {report['seconds']:.1f} s")
    return report


def _image(
    inr: INR, parameters: RefinementParameters, time: float | None, path: Path
) -> dict[str, Any]:
    """Write a dense image; return its report."""
    from .datasets import to_dense_image, write_dataset

    started = clock.perf_counter()
    time = inr.clamp_time(time)
    with _Bar() as bar:
        image, found = to_dense_image(inr, parameters, time, progress=bar)
    report = image_report(inr, parameters, time, image, found, clock.perf_counter() - started)
    write_dataset(image, path)
    size = " x ".join(str(n) for n in image.GetDimensions()[: inr.dimension])
    networks = "the whole network"
    if found.plan.steps:
        networks = f"local networks, rms error {found.error:.3g} (asked {found.tolerance:.3g})"
    print(f"{path}: {size} points by {networks}, {report['seconds']['evaluation']:.1f} s")
    return report


def _summary(mesh: Mesh) -> str:
    """Return one line about a mesh."""
    course = mesh.refinement
    at_time = "" if mesh.inr.time_axis is None else f" at t = {mesh.time:g}"
    error = ""
    if course.achieved_error is not None:
        norm = mesh.parameters.error_norm
        error = f", {norm} error {course.achieved_error:.3g} (asked {course.asked_error:.3g})"
    return (
        f"{mesh.n_cells} cells{at_time}, depth {mesh.tree.depth}{error}, ended by "
        f"{course.stopped_by}, {mesh.seconds['refinement']:.1f} s"
    )


def _prune(options: argparse.Namespace) -> None:
    _check_targets(options, options.output)
    pruned = prune(
        _load(options),
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
    if options.n_times < 1:
        raise ParameterError(f"n_times is {options.n_times}; expected at least 1.")
    if options.samples < 1:
        raise ParameterError(f"samples is {options.samples}; expected at least 1.")
    options.output.mkdir(parents=True, exist_ok=True)
    shared = _parameters(options)
    for checkpoint in options.checkpoints:
        inr = _load(options, checkpoint)
        times: list[float | None] = [options.time]
        if options.n_times > 1 and inr.time_axis is not None:
            low, high = inr.checked_bounds()[inr.time_axis]
            times = [low + (high - low) * i / (options.n_times - 1) for i in range(options.n_times)]
        with _Bar() as bar:
            rows = compare(
                inr, options.criteria, times, options.samples, lambda t, b=bar: b(0.0, t), **shared
            )
        path = options.output / (options.name or checkpoint.stem)
        draw(rows, options.name or checkpoint.name, path.with_suffix(".png"))
        files = [path.with_suffix(".png"), *write_tables(rows, path)]
        print(f"{', '.join(map(str, files))}: {len(rows)} meshes")


def _parameters(options: argparse.Namespace) -> dict[str, Any]:
    return {f.name: getattr(options, f.name) for f in fields(RefinementParameters)}


def _check_targets(options: argparse.Namespace, path: Path) -> None:
    """Say before the work what could not be written, or measured, after it."""
    for target in (path, options.report):
        if target is not None and not target.parent.is_dir():
            raise ParameterError(
                f"{target} cannot be written: the folder {target.parent} does not exist; create "
                "it first."
            )
    if options.samples < 1:
        raise ParameterError(f"samples is {options.samples}; expected at least 1.")


def _load(options: argparse.Namespace, checkpoint: Path | None = None) -> INR:
    typed = {key: getattr(options, f"metadata_{key}") for key in (*OVERRIDE_KEYS, "metadata")}
    return load(checkpoint or options.checkpoint, **parse_overrides(**typed))


def _type_from_name(path: Path, extensions: dict[str, str]) -> str:
    by_extension = {extension: name for name, extension in extensions.items()}
    if not path.suffix:
        return next(iter(extensions))
    if path.suffix not in by_extension:
        raise ParameterError(
            f'"{path.name}" has the unknown extension "{path.suffix}"; expected '
            f"{', '.join(f'{e} ({n})' for e, n in by_extension.items())}."
        )
    return by_extension[path.suffix]


class _Bar:
    """A progress bar on a terminal; silent elsewhere."""

    def __enter__(self) -> _Bar:
        from tqdm import tqdm

        self._bar = tqdm(
            total=1.0,
            disable=not sys.stderr.isatty(),
            leave=False,
            bar_format="{percentage:3.0f} %|{bar}| {desc} [{elapsed}]",
        )
        return self

    def __call__(self, fraction: float, text: str) -> None:
        self._bar.set_description_str(text.removeprefix("Pruning AMR: "), refresh=False)
        self._bar.update(max(fraction - self._bar.n, 0.0))

    def __exit__(self, *_: object) -> None:
        self._bar.close()


# --- arguments ----------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pruning-amr",
        description="Implicit neural representations on adaptive meshes.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    info = commands.add_parser("info", help="say what a checkpoint holds")
    info.set_defaults(run=_info)
    _add_checkpoint(info)

    mesh = commands.add_parser(
        "mesh", help="write the adaptive mesh of a checkpoint, or its field on a regular grid"
    )
    mesh.set_defaults(run=_mesh)
    _add_checkpoint(mesh)
    _add_output(mesh, "file to write: .htg, .vthb, .vtu or .vti")
    mesh.add_argument(
        "--output-type",
        "--format",
        choices=("hyper_tree_grid", "overlapping_amr", "unstructured_grid", "image_data"),
        help="by default from the extension of the output file",
    )
    mesh.add_argument(
        "--time",
        type=_time_or_all,
        metavar="T",
        help="time to mesh, or all: one file for each time step, and an index that ParaView opens "
        "as a time series; by default the first time step",
    )
    _add_parameters(mesh)
    _add_samples(mesh)

    prune_ = commands.add_parser("prune", help="write a pruned network")
    prune_.set_defaults(run=_prune)
    _add_checkpoint(prune_)
    _add_output(prune_, "file to write: .pt, with its metadata in a .json beside it")
    prune_.add_argument(
        "--tolerance",
        type=float,
        default=1e-3,
        help="wanted relative L2 error of the pruned network (default 0.001)",
    )
    prune_.add_argument(
        "--id-tolerance",
        type=float,
        nargs="+",
        default=[0.0],
        metavar="E",
        help="relative tolerance of the interpolative decompositions, one or one for each hidden "
        "layer, instead of a wanted error; 0 finds them automatically (default 0)",
    )
    prune_.add_argument(
        "--samples",
        type=int,
        default=DEFAULT_SAMPLES,
        metavar="N",
        help=f"random points of the domain (default {DEFAULT_SAMPLES})",
    )
    prune_.add_argument("--seed", type=int, default=0, help="seed of the random points")
    prune_.add_argument("--device", default="auto", help="auto, cpu or cuda")

    compare_ = commands.add_parser(
        "compare", help="draw error against cells, vertices and time of all criteria"
    )
    compare_.set_defaults(run=_compare)
    compare_.add_argument("checkpoints", type=Path, nargs="+", metavar="checkpoint")
    _add_metadata(compare_)
    compare_.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="folder for one figure (.png) and its tables (.csv, .md) per checkpoint",
    )
    compare_.add_argument("--name", help="title and file name instead of the checkpoint's")
    compare_.add_argument(
        "--criteria", nargs="+", choices=CRITERIA, default=CRITERIA, help="by default all"
    )
    compare_.add_argument("--time", type=float, help="time to mesh; by default the first step")
    compare_.add_argument(
        "--n-times",
        type=int,
        default=1,
        metavar="N",
        help="mesh this many equidistant times instead, and put them together (default 1)",
    )
    _add_samples(compare_)
    _add_parameters(compare_)
    return parser


def _add_checkpoint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, help=".pt, .pth, .ckpt, .npz or .safetensors")
    _add_metadata(parser)


def _add_samples(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--samples",
        type=int,
        default=100_000,
        metavar="N",
        help="fresh random points at which errors are measured (default 100000)",
    )


def _add_metadata(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "metadata", "Facts the file may not hold; they win over the JSON file beside it."
    )
    numbers = {
        "omega_0": float,
        "first_omega_0": float,
        "fourier_scale": float,
        "time_steps": int,
        "time_scale": float,
        "time_offset": float,
    }
    examples = {
        "activation": "silu",
        "inputs": "'x y z t'",
        "bounds": "'-1 1 -1 1 -1 1 0 1'",
        "fixed": "'mu=0.3'",
        "fourier_order": "sin_cos",
        "time_steps": "64, equidistant",
        "time_step_values": "'0 0.1 0.5'",
        "time_range": "'0 0.5', the part of the times to show",
        "time_scale": "0.01 if 100 frames take a second",
        "metadata": "'{\"output_scale\": 0.1}'",
    }
    for key in (*OVERRIDE_KEYS, "metadata"):
        if key == "time_as_space":
            help_ = "make time an axis like the others, to look at (x, y, t)"
            group.add_argument(_flag(key), dest=f"metadata_{key}", action="store_true", help=help_)
            continue
        group.add_argument(
            _flag(key),
            dest=f"metadata_{key}",
            type=numbers.get(key, str),
            default=None,
            metavar="N" if key in numbers else "TEXT",
            help=f"such as {examples[key]}" if key in examples else None,
        )


def _time_or_all(text: str) -> float | str:
    return text if text == ALL_TIMES else float(text)


def _add_output(parser: argparse.ArgumentParser, help_: str) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=help_)
    parser.add_argument("--report", type=Path, metavar="JSON", help="write a report to this file")


def _add_parameters(parser: argparse.ArgumentParser) -> None:
    """Add one flag per field of `RefinementParameters`, under its own name."""
    group = parser.add_argument_group("refinement")
    for field in fields(RefinementParameters):
        extra: dict[str, Any] = {"type": type(field.default), "default": field.default}
        if "choices" in field.metadata:
            extra["choices"] = field.metadata["choices"]
        elif isinstance(field.default, bool):
            extra = {"action": argparse.BooleanOptionalAction, "default": field.default}
        elif field.name == "root_resolution":
            extra = {"type": int, "nargs": "+", "default": None, "metavar": "N"}
        else:
            extra["metavar"] = type(field.default).__name__.upper()
        default = "" if field.default is None else f" (default {field.default})"
        help_ = field.metadata["help"].replace("%", "%%") + default
        group.add_argument(_flag(field.name), dest=field.name, help=help_, **extra)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
