"""The refinement criteria by name.

A criterion is one callable in one file: what decorates it here is offered in Python and on the
command line, and checked in the parameters. The files in ``criteria`` are called like the criterion
they hold. So the names are those of the files, known without importing them, which imports PyTorch:
a file is imported when its criterion is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from ..environment import require

Rule = Callable[..., Any]


@dataclass(frozen=True)
class Entry:
    """What is known of a criterion.

    Attributes
    ----------
    rule : callable or None
        Function (samples, cells) -> indicators, or class of criteria; None for searches, which
        are no rules for single cells.
    error_samples : int
        Points per cell, where the user asks for no number.
    measures_mesh : bool
        Whether it measures the error of the mesh as a whole, which has to be a norm.
    """

    rule: Rule | None
    error_samples: int
    measures_mesh: bool = False


def _files() -> list[str]:
    """Return the names of the modules in ``criteria`` that hold a criterion each."""
    folder = Path(__file__).with_name("criteria")
    return [found.name for found in iter_modules([str(folder)]) if found.name != "base"]


# A sum over cells forgives what one cell does not see: few points in each are enough.
_ENTRIES: dict[str, Entry | None] = {
    "target_error": Entry(None, error_samples=1, measures_mesh=True),
    "isosurface": Entry(None, error_samples=1),
    **dict.fromkeys(_files()),
}
"""What is known of each criterion; None until its file is imported."""


def criterion(
    name: str, *, error_samples: int = 32, measures_mesh: bool = False
) -> Callable[[Rule], Rule]:
    """Return a decorator that makes a rule the refinement criterion `name`.

    Parameters
    ----------
    name : str
    error_samples, measures_mesh
        See `Entry`.

    Examples
    --------
    >>> @criterion("large_values", error_samples=16)
    ... def large_values(samples, cells):
    ...     points = samples.random_points(cells, samples.parameters.n_error_samples)
    ...     return samples.values(points).abs().amax(dim=(1, 2)) / samples.parameters.tolerance
    """

    def register(rule: Rule) -> Rule:
        _ENTRIES[name] = Entry(rule, error_samples, measures_mesh)
        return rule

    return register


def entry_of(name: str) -> Entry:
    """Return what is known of a criterion."""
    if _ENTRIES[name] is None:
        require()
        import_module(f"{__package__}.criteria.{name}")
    entry = _ENTRIES[name]
    if entry is None:
        raise LookupError(
            f'criteria/{name}.py registers no criterion "{name}"; a file there is called like the '
            "criterion it holds."
        )
    return entry


CRITERIA = _ENTRIES.keys()
"""Names of the refinement criteria at any time; the first is the default."""
