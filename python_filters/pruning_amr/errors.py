"""The errors a user can cause, each carrying one sentence: found, expected, what to do."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class PruningAMRError(Exception):
    """Base of every error this package raises on purpose."""


class CheckpointError(PruningAMRError):
    """A checkpoint file cannot be read, or its layout is not one this package knows."""


class UnsafeCheckpointError(CheckpointError):
    """A checkpoint asks for something other than arrays and known ``torch.nn`` modules."""


class MetadataError(PruningAMRError):
    """A fact about the network that its file does not hold is missing or contradictory."""


class ParameterError(PruningAMRError):
    """A parameter of a computation lies outside what is meaningful."""


class DependencyError(PruningAMRError):
    """An optional library is needed for what was asked, and is not installed."""


class OutOfMemoryError(PruningAMRError):
    """What was asked does not fit into memory."""


def some(names: Sequence[str], count: int = 6) -> str:
    """Return the first few of many names, for a sentence."""
    shown = ", ".join(names[:count])
    return shown + (f", … ({len(names)} in all)" if len(names) > count else "")


_NO_MEMORY = ("out of memory", "enough memory", "allocate memory")


@contextmanager
def memory_errors_explained() -> Iterator[None]:
    """Turn a lack of memory, of the machine or of a GPU, into an `OutOfMemoryError`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # PyTorch has a class for a GPU's memory only.
        if isinstance(error, RuntimeError) and not any(t in str(error) for t in _NO_MEMORY):
            raise
        raise OutOfMemoryError(
            f"memory ran out ({str(error).splitlines()[0] if str(error) else 'no details'}): lower "
            "image_resolution, preview_resolution, max_cells, max_depth or memory_mb."
        ) from error


class PruningAMRWarning(UserWarning):
    """Base of every warning this package gives on purpose, each one sentence."""


class TimeRangeWarning(PruningAMRWarning):
    """A time lies outside the range of a field; the nearer end is shown instead."""


class ToleranceWarning(PruningAMRWarning):
    """The error of a mesh is larger than the tolerance asked for, because a limit was reached."""


class EmptySliceWarning(PruningAMRWarning):
    """A plane misses the domain of a field: there is nothing to show on it."""


class EmptyContourWarning(PruningAMRWarning):
    """A field takes none of the values of a contour: there is nothing to show."""


class SlowProductsWarning(PruningAMRWarning):
    """Products of matrices take many times as long as they could."""


class AssumptionWarning(PruningAMRWarning):
    """Neither a checkpoint nor its metadata tell something for sure; what was assumed is said."""


def issue(warning: PruningAMRWarning) -> None:
    """Issue a warning in the name of the first caller outside this package."""
    level, frame = 0, sys._getframe()
    while frame is not None and _is_ours(frame.f_globals):
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level + 1)


def _is_ours(module: dict[str, object]) -> bool:
    return str(module.get("__package__")).partition(".")[0] == __package__
