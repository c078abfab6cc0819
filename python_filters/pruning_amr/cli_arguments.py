"""What the command line takes: its commands and their flags."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from . import __version__
from .inr import DEFAULT_CHECKPOINT_MB, OVERRIDES
from .ladders import LADDERS
from .output_types import (
    FILE_EXTENSIONS,
    POINT_EXTENSIONS,
    SLICE_EXTENSIONS,
    SURFACE_EXTENSIONS,
    TABLE_EXTENSION,
)
from .pruning import DEFAULT_SAMPLES
from .refinement import RefinementParameters
from .views import ContourParameters, EvaluationParameters, SliceParameters

ALL_TIMES = "all"
"""What is typed for a mesh of every time step."""

Command = Callable[[argparse.Namespace], None]


def make_parser(commands: dict[str, Command]) -> argparse.ArgumentParser:
    """Return the parser; `commands` are what its commands run, by their names."""
    parser = argparse.ArgumentParser(
        prog="pruning-amr",
        description="Implicit neural representations on adaptive meshes.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")

    info = parsers.add_parser("info", help="say what a checkpoint holds")
    info.set_defaults(run=commands["info"])
    _add_checkpoint(info)
    info.add_argument("--values", action="store_true", help="also find the range of the values")
    info.add_argument(
        "--preview", type=Path, metavar="PNG", help="draw slices through the middle of the domain"
    )
    info.add_argument(
        "--candidates",
        type=Path,
        metavar="PNG",
        help="where facts are missing, draw the fields the file could hold, the smoothest first",
    )
    info.add_argument(
        "--write-json",
        action="store_true",
        help="write the JSON file beside the checkpoint, with what is missing to fill in",
    )

    mesh = parsers.add_parser(
        "mesh", help="write the adaptive mesh of a checkpoint, or its field on a regular grid"
    )
    mesh.set_defaults(run=commands["mesh"])
    _add_checkpoint(mesh)
    _add_output(mesh, "file to write: .htg, .vthb, .vtu or .vti; .vtp, .vtu or .vti for x alone")
    mesh.add_argument(
        "--output-type",
        "--format",
        choices=tuple(FILE_EXTENSIONS),
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

    slice_ = parsers.add_parser(
        "slice", help="write the field on planes through its domain, as fine as it needs there"
    )
    slice_.set_defaults(run=commands["slice"])
    _add_checkpoint(slice_)
    _add_output(
        slice_, f"file to write: {' or '.join(SLICE_EXTENSIONS)} (points alone)", report=False
    )
    xyz = {"type": float, "nargs": 3, "metavar": ("X", "Y", "Z")}
    slice_.add_argument(
        "--origin", **xyz, help="a point of the plane; by default the centre of the domain"
    )
    slice_.add_argument(
        "--normal",
        **xyz,
        default=(1.0, 0.0, 0.0),
        help="its direction, of any length; a field of two dimensions is cut where the plane meets "
        "z = 0 (default 1 0 0)",
    )
    slice_.add_argument(
        "--offsets",
        type=float,
        nargs="+",
        default=(0.0,),
        metavar="D",
        help="distances from this plane, along the normal, of those to write (default 0)",
    )
    slice_.add_argument(
        "--time", type=float, metavar="T", help="time of the field; by default the first time step"
    )
    _add_fields(slice_, SliceParameters)

    contour = parsers.add_parser(
        "contour", help="write the surfaces on which the field of a checkpoint takes values"
    )
    contour.set_defaults(run=commands["contour"])
    _add_checkpoint(contour)
    _add_output(
        contour, f"file to write: {', '.join(SURFACE_EXTENSIONS)}; the last two hold triangles only"
    )
    contour.add_argument(
        "--values", type=float, nargs="+", required=True, metavar="V", help="values to contour"
    )
    contour.add_argument(
        "--time", type=float, metavar="T", help="time of the field; by default the first time step"
    )
    _add_fields(contour.add_argument_group("contour"), ContourParameters)

    evaluate = parsers.add_parser(
        "evaluate", help="write the field, and its gradient, at the points of a file"
    )
    evaluate.set_defaults(run=commands["evaluate"])
    _add_checkpoint(evaluate)
    evaluate.add_argument(
        "points",
        type=Path,
        help=f"{', '.join(POINT_EXTENSIONS)}; the columns of a table are called like the inputs "
        "of the network, else x, y, z",
    )
    _add_output(
        evaluate, f"file to write: {TABLE_EXTENSION}, or of the kind of the points", report=False
    )
    evaluate.add_argument(
        "--time", type=float, metavar="T", help="time of the field; by default the first time step"
    )
    _add_fields(evaluate, EvaluationParameters)

    prune_ = parsers.add_parser("prune", help="write a pruned network")
    prune_.set_defaults(run=commands["prune"])
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

    plugin = parsers.add_parser(
        "paraview-plugin", help="print the plugin file that ParaView loads, and which one fits"
    )
    plugin.set_defaults(run=commands["paraview-plugin"])

    compare_ = parsers.add_parser(
        "compare", help="draw error against cells, vertices and time of all criteria"
    )
    compare_.set_defaults(run=commands["compare"])
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
        "--criteria",
        nargs="+",
        choices=tuple(LADDERS),
        default=tuple(LADDERS),
        help="by default all",
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
    parser.add_argument(
        "checkpoint", type=Path, help="a file of PyTorch, NumPy (.npz) or safetensors"
    )
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
    group.add_argument(
        "--checkpoint-mb",
        type=float,
        default=DEFAULT_CHECKPOINT_MB,
        metavar="N",
        help="largest size in MiB of everything the file holds (default %(default)g)",
    )
    for key, override in OVERRIDES.items():
        kind = type(override.default)
        options = {"type": kind, "default": None, "metavar": "TEXT" if kind is str else "N"}
        options["help"] = f"such as {override.example}" if override.example else None
        if kind is bool:
            help_ = (
                "make time an axis like the others, to look at (x, y, t); a field of (x, t) is "
                "shown so unless --metadata '{\"time_as_space\": false}' says otherwise"
            )
            options = {"action": "store_true", "help": help_}
        group.add_argument(_flag(key), dest=f"metadata_{key}", **options)


def _time_or_all(text: str) -> float | str:
    return text if text == ALL_TIMES else float(text)


def _add_output(parser: argparse.ArgumentParser, help_: str, report: bool = True) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=help_)
    if report:
        parser.add_argument(
            "--report", type=Path, metavar="JSON", help="write a report to this file"
        )


def _add_parameters(parser: argparse.ArgumentParser) -> None:
    """Add one flag per field of `RefinementParameters`, under its own name."""
    _add_fields(parser.add_argument_group("refinement"), RefinementParameters)


def _add_fields(group: Any, parameters: type) -> None:
    """Add one flag per field of a class of parameters to a parser, or a group of its flags.

    One called ``output`` is not that of the file: its flag is ``--output-name``.
    """
    for field in fields(parameters):
        extra: dict[str, Any] = {"type": type(field.default), "default": field.default}
        if "choices" in field.metadata:
            extra["choices"] = tuple(field.metadata["choices"])
        elif isinstance(field.default, bool):
            extra = {"action": argparse.BooleanOptionalAction, "default": field.default}
        elif field.name == "root_resolution":
            extra = {"type": int, "nargs": "+", "default": None, "metavar": "N"}
        elif field.name == "region":
            extra = {"type": float, "nargs": "+", "default": (), "metavar": "BOUND"}
        else:
            extra["metavar"] = type(field.default).__name__.upper()
        default = "" if field.default in (None, "", ()) else f" (default {field.default})"
        help_ = field.metadata["help"].replace("%", "%%") + default
        name = "output_name" if field.name == "output" else field.name
        group.add_argument(_flag(name), dest=name, help=help_, **extra)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
