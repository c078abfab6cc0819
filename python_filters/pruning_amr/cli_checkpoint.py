"""What the commands share: opening the checkpoint that was typed, and saying things."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ParameterError, PruningAMRWarning, ToleranceWarning
from .inr import OVERRIDES, parse_overrides

if TYPE_CHECKING:
    from .inr import INR


EXIT_TOLERANCE_MISSED = 3


def warn(warning: PruningAMRWarning) -> None:
    """Print a warning."""
    print(f"pruning-amr: warning: {warning}", file=sys.stderr)


class Warnings:
    """Prints warnings, and remembers whether a tolerance was missed."""

    def __init__(self) -> None:
        self._missed = False

    def __call__(self, warning: PruningAMRWarning) -> None:
        """Print a warning."""
        self._missed |= isinstance(warning, ToleranceWarning)
        warn(warning)

    def exit_code(self, options: argparse.Namespace) -> int:
        """Return what a command ends with: with --strict, a missed tolerance is a failure."""
        return EXIT_TOLERANCE_MISSED if options.strict and self._missed else 0


def typed_metadata(options: argparse.Namespace) -> dict[str, Any]:
    """Return the metadata that were typed."""
    return parse_overrides(**{key: getattr(options, f"metadata_{key}") for key in OVERRIDES})


def load_checkpoint(
    options: argparse.Namespace,
    checkpoint: Path | None = None,
    warn: Callable[[PruningAMRWarning], None] = warn,
) -> INR:
    """Open the checkpoint that was typed, or another one with the same metadata."""
    overrides = typed_metadata(options)
    from .api import load

    path = checkpoint or options.checkpoint
    return load(path, checkpoint_mb=options.checkpoint_mb, warn=warn, **overrides)


def check_folder(target: Path | None) -> None:
    """Check, before the work, that a file can be written after it."""
    if target is not None and not target.parent.is_dir():
        raise ParameterError(
            f"{target} cannot be written: the folder {target.parent} does not exist; create "
            "it first."
        )


class ProgressBar:
    """A progress bar on a terminal; silent elsewhere."""

    def __enter__(self) -> ProgressBar:
        from tqdm import tqdm

        self._bar = tqdm(
            total=1.0,
            disable=not sys.stderr.isatty(),
            leave=False,
            bar_format="{percentage:3.0f} %|{bar}| {desc} [{elapsed}]",
        )
        return self

    def __call__(self, fraction: float, text: str) -> None:
        """Show how far the work is, and what it is."""
        self._bar.set_description_str(text.rpartition(": ")[2], refresh=False)
        self._bar.update(max(fraction - self._bar.n, 0.0))

    def __exit__(self, *_: object) -> None:
        self._bar.close()
