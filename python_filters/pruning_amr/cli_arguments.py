"""What the command line takes: its commands and their flags."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import Field, fields
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
from .refinement.presets import CUSTOM, PRESETS, Presets
from .views import ContourParameters, EvaluationParameters, SliceParameters
from .views.presets import CONTOUR_PRESETS, SLICE_PRESETS

ALL_TIMES = "all"
"""What is typed for a mesh of every time step."""

_COMPARE_ENDS = (
    "Each criterion is compared from coarse to fine, and ends at the first mesh that --max-cells or"
    " --time-limit (for each mesh) cuts short, which is left out. Without --time-limit the finest"
    " meshes of criterion paper may take many minutes."
)

Command = Callable[[argparse.Namespace], int | None]
"""What a command runs: what was typed -> its exit code, None for 0."""


class _Parser(argparse.ArgumentParser):
    """A parser whose help is short: what few users need is explained by --help-all."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._of_few: list[Any] = []

    def add_group_of_few(self, title: str, description: str | None = None) -> Any:
        """Return a group of arguments that --help leaves out."""
        self._of_few.append(self.add_argument_group(title, description))
        return self._of_few[-1]

    def finish(self) -> None:
        """Add the flag that explains all, as the last one."""
        if self._of_few:
            help_ = "explain all options, of which these are few"
            self.add_argument("--help-all", action=_HelpAll, help=help_)

    def format_help(self) -> str:
        """Return the short help."""
        groups = self._action_groups
        self._action_groups = [group for group in groups if group not in self._of_few]
        try:
            return super().format_help()
        finally:
            self._action_groups = groups

    def format_all_help(self) -> str:
        """Return the help of all arguments."""
        return super().format_help()


class _HelpAll(argparse.Action):
    def __init__(self, option_strings: list[str], dest: str, help: str) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: _Parser, *_: Any) -> None:
        print(parser.format_all_help(), end="")
        parser.exit()


def make_parser(commands: dict[str, Command]) -> argparse.ArgumentParser:
    """Return the parser; `commands` are what its commands run, by their names."""
    parser = _Parser(
        prog="pruning-amr",
        description="Implicit neural representations on adaptive meshes.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (help_, usage, add) in _ARGUMENTS.items():
        of_command = parsers.add_parser(
            name,
            help=help_,
            description=f"{help_[0].upper()}{help_[1:]}.",
            usage=f"%(prog)s {usage}".rstrip(),
        )
        of_command.set_defaults(run=commands[name])
        add(of_command)
        of_command.finish()
    return parser


def _info(parser: _Parser) -> None:
    _add_checkpoint(parser)
    parser.add_argument("--values", action="store_true", help="also find the range of the values")
    parser.add_argument(
        "--preview", type=Path, metavar="PNG", help="draw slices through the middle of the domain"
    )
    parser.add_argument(
        "--candidates",
        type=Path,
        metavar="PNG",
        help="where facts are missing, draw the fields the file could hold, the smoothest first",
    )
    parser.add_argument(
        "--write-json",
        action="store_true",
        help="write the JSON file beside the checkpoint, with what is missing to fill in",
    )
    _add_metadata(parser)


def _mesh(parser: _Parser) -> None:
    _add_checkpoint(parser)
    _add_output(parser, "file to write: .htg, .vthb, .vtu or .vti; .vtp, .vtu or .vti for x alone")
    parser.add_argument(
        "--time",
        type=_time_or_all,
        metavar="T",
        help="time to mesh, or all: one file for each time step, and an index that ParaView opens "
        "as a time series; by default the first time step",
    )
    first = ("criterion", "tolerance", "isovalues", "max_cells", "time_limit")
    _add_preset(parser, PRESETS)
    more = _add_fields(parser, RefinementParameters, first, "refinement", PRESETS)
    _add_strict(parser)
    _add_report(parser)
    _add_samples(more)
    more.add_argument(
        "--output-type",
        "--format",
        choices=tuple(FILE_EXTENSIONS),
        help="by default from the extension of the output file",
    )
    _add_metadata(parser)


def _slice(parser: _Parser) -> None:
    _add_checkpoint(parser)
    _add_output(parser, f"file to write: {' or '.join(SLICE_EXTENSIONS)} (points alone)")
    xyz = {"type": float, "nargs": 3, "metavar": ("X", "Y", "Z")}
    parser.add_argument(
        "--origin", **xyz, help="a point of the plane; by default the centre of the domain"
    )
    parser.add_argument(
        "--normal",
        **xyz,
        help="its direction, of any length; a field of two dimensions is cut where the plane meets "
        "z = 0 (default 0 0 1, of such a field 1 0 0)",
    )
    parser.add_argument(
        "--offsets",
        type=float,
        nargs="+",
        default=(0.0,),
        metavar="D",
        help="distances from this plane, along the normal, of those to write (default 0)",
    )
    _add_time(parser)
    _add_preset(parser, SLICE_PRESETS)
    first = ("tolerance", "max_cells", "time_limit")
    _add_fields(parser, SliceParameters, first, "refinement", SLICE_PRESETS)
    _add_strict(parser)
    _add_metadata(parser)


def _contour(parser: _Parser) -> None:
    _add_checkpoint(parser)
    _add_output(
        parser, f"file to write: {', '.join(SURFACE_EXTENSIONS)}; the last two hold triangles only"
    )
    parser.add_argument(
        "--values", type=float, nargs="+", required=True, metavar="V", help="values to contour"
    )
    _add_time(parser)
    first = ("output", "tolerance", "smallest_feature", "max_cells", "time_limit")
    _add_preset(parser, CONTOUR_PRESETS)
    _add_fields(parser, ContourParameters, first, "exploring", CONTOUR_PRESETS)
    _add_strict(parser)
    _add_report(parser)
    _add_metadata(parser)


def _evaluate(parser: _Parser) -> None:
    _add_checkpoint(parser)
    parser.add_argument(
        "points",
        type=Path,
        help=f"{', '.join(POINT_EXTENSIONS)}; the columns of a table are called like the inputs "
        "of the network, else x, y, z",
    )
    _add_output(parser, f"file to write: {TABLE_EXTENSION}, or of the kind of the points")
    _add_time(parser)
    _add_fields(parser, EvaluationParameters, ("gradient", "values", "tolerance"), "evaluation")
    _add_metadata(parser)


def _prune(parser: _Parser) -> None:
    _add_checkpoint(parser)
    _add_output(parser, "file to write: .pt, with its metadata in a .json beside it")
    _add_report(parser)
    parser.add_argument(
        "--tolerance",
        type=float,
        default=1e-3,
        help="wanted relative L2 error of the pruned network (default 0.001)",
    )
    parser.add_argument(
        "--id-tolerance",
        type=float,
        nargs="+",
        default=[0.0],
        metavar="E",
        help="relative tolerance of the interpolative decompositions, one or one for each hidden "
        "layer, instead of a wanted error; 0 finds them automatically (default 0)",
    )
    parser.add_argument(
        "--samples",
        type=int,
        default=DEFAULT_SAMPLES,
        metavar="N",
        help=f"random points of the domain (default {DEFAULT_SAMPLES})",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the random points (default 0)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default auto)")
    _add_metadata(parser)


def _compare(parser: _Parser) -> None:
    parser.add_argument(
        "checkpoints",
        type=Path,
        nargs="+",
        metavar="checkpoint",
        help="one or several files of PyTorch, NumPy (.npz) or safetensors",
    )
    parser.epilog = _COMPARE_ENDS
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="folder for one figure (.png) and its tables (.csv, .md) per checkpoint",
    )
    parser.add_argument("--name", help="title and file name instead of the checkpoint's")
    parser.add_argument(
        "--criteria",
        nargs="+",
        choices=tuple(LADDERS),
        default=tuple(LADDERS),
        help="by default all",
    )
    parser.add_argument("--time", type=float, help="time to mesh; by default the first step")
    parser.add_argument(
        "--n-times",
        type=int,
        default=1,
        metavar="N",
        help="mesh this many equidistant times instead, and put them together (default 1)",
    )
    _add_samples(parser)
    first = ("max_depth", "max_cells", "time_limit")
    _add_fields(parser, RefinementParameters, first, "refinement")
    _add_metadata(parser)


_ARGUMENTS: dict[str, tuple[str, str, Callable[[_Parser], None]]] = {
    "info": ("say what a checkpoint holds", "CHECKPOINT [options]", _info),
    "mesh": (
        "write the adaptive mesh of a checkpoint, or its field on a regular grid",
        "CHECKPOINT -o OUT [options]",
        _mesh,
    ),
    "slice": (
        "write the field on planes through its domain, as fine as it needs there",
        "CHECKPOINT -o OUT [--origin X Y Z] [--normal X Y Z] [options]",
        _slice,
    ),
    "contour": (
        "write the surfaces on which the field of a checkpoint takes values",
        "CHECKPOINT -o OUT --values V [V ...] [options]",
        _contour,
    ),
    "evaluate": (
        "write the field, and its gradient, at the points of a file",
        "CHECKPOINT POINTS -o OUT [options]",
        _evaluate,
    ),
    "prune": ("write a pruned network", "CHECKPOINT -o OUT [options]", _prune),
    "compare": (
        "draw error against cells, vertices and time of all criteria",
        "CHECKPOINT [CHECKPOINT ...] -o FOLDER [options]",
        _compare,
    ),
    "paraview-plugin": (
        "print the plugin file that ParaView loads, and which one fits",
        "",
        lambda parser: None,
    ),
}
"""Of each command what it does, how it is typed, and what adds its arguments to a parser."""


def _add_checkpoint(parser: _Parser) -> None:
    parser.add_argument(
        "checkpoint", type=Path, help="a file of PyTorch, NumPy (.npz) or safetensors"
    )


def _add_time(parser: _Parser) -> None:
    parser.add_argument(
        "--time", type=float, metavar="T", help="time of the field; by default the first time step"
    )


def _add_strict(parser: _Parser) -> None:
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit code 3, instead of a warning alone, where a tolerance is missed",
    )


def _add_samples(parser: Any) -> None:
    parser.add_argument(
        "--samples",
        type=int,
        default=100_000,
        metavar="N",
        help="fresh random points at which errors are measured (default 100000)",
    )


def _add_metadata(parser: _Parser) -> None:
    group = parser.add_group_of_few(
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


def _add_output(parser: _Parser, help_: str) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=help_)


def _add_report(parser: _Parser) -> None:
    parser.add_argument(
        "--report", type=Path, metavar="JSON", help="write what was found and measured to this file"
    )


def _add_preset(parser: _Parser, presets: Presets) -> None:
    """Add the flag that stands for several others."""
    meaning = "; ".join(
        f"{name}: {', '.join(f'{_flag(k)} {v:.7g}' for k, v in presets[name].items())}"
        for name in ("preview", "accurate")
    )
    parser.add_argument(
        "--preset",
        choices=tuple(presets),
        default=CUSTOM,
        help=f"sets what is not typed ({meaning}; balanced and custom: defaults)",
    )


def _add_fields(
    parser: _Parser,
    parameters: type,
    first: Sequence[str],
    title: str,
    presets: Presets | None = None,
) -> Any:
    """Add one flag per field of a class of parameters, under its own name.

    One called ``output`` is not that of the file: its flag is ``--output-name``.

    Parameters
    ----------
    parser : _Parser
    parameters : type
    first : sequence of str
        Fields that most users want to know of, in this order; the others are in a group of few.
    title : str
        Of that group, which is returned.
    presets : mapping, optional
        Where these decide a field, its flag is None if it is not typed.
    """
    decided = {name for values in (presets or {}).values() for name in values}
    named = {field.name: field for field in fields(parameters)}
    group = parser.add_group_of_few(title)
    for name in (*first, *(name for name in named if name not in first)):
        added = _add_field(parser if name in first else group, named[name], named)
        if name in decided:
            added.default = None
    return group


def _add_field(group: Any, field: Field, named: Collection[str]) -> argparse.Action:
    """Add the flag of a field to a parser, or a group of its flags; `named` are all fields."""
    extra: dict[str, Any] = {"type": type(field.default), "default": field.default}
    if "choices" in field.metadata:
        extra["choices"] = tuple(field.metadata["choices"])
    elif isinstance(field.default, bool):
        extra = {"action": argparse.BooleanOptionalAction, "default": field.default}
    elif field.name == "root_resolution":
        extra = {"type": int, "nargs": "+", "default": None, "metavar": "N"}
    elif field.name == "region":
        extra = {"type": float, "nargs": "+", "default": (), "metavar": "BOUND"}
    elif field.name == "isovalues":
        extra = {"type": float, "nargs": "+", "default": (), "metavar": "V"}
    else:
        extra["metavar"] = type(field.default).__name__.upper()
    default = "" if field.default in (None, "", ()) else f" (default {field.default})"
    help_ = _with_flags(field.metadata["help"], named).replace("%", "%%") + default
    name = _typed(field.name)
    return group.add_argument(_flag(name), dest=name, help=help_, **extra)


def given(options: argparse.Namespace, parameters: type) -> dict[str, Any]:
    """Return what the flags of a class of parameters say, by the names of its fields.

    Without those that a preset decides and nobody has typed; with ``preset``, where there is one.
    """
    values = {f.name: getattr(options, _typed(f.name)) for f in fields(parameters)}
    if hasattr(options, "preset"):
        values["preset"] = options.preset
    return {name: value for name, value in values.items() if value is not None}


def _typed(name: str) -> str:
    return "output_name" if name == "output" else name


def _with_flags(text: str, names: Collection[str]) -> str:
    """Return a text in which other parameters go by their flags, as they are typed here."""
    word = r"\b[a-z]+(?:_[a-z]+)+\b"
    return re.sub(word, lambda m: _flag(m[0]) if m[0] in names else m[0], text)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
