"""Importing what a package offers when it is first used.

PyTorch, SciPy and VTK take seconds to import. The packages here import by themselves only what
needs none of them, like names and limits; so the command line can explain itself, and ParaView
load the plugin, at once and without them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from .environment import require

# Only success is kept: what is missing is said as often as it is asked for.
_require_once = cache(require)


def imported_when_used(
    package: str, names: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the functions ``__getattr__`` and ``__dir__`` of a package.

    Type checkers, which do not see through them, need the same imports under ``TYPE_CHECKING``, and
    a list ``__all__``.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    names : mapping of str to sequence of str
        For each module, relative to the package, what is imported from it. No name may be that of
        a module of the package, which takes its place when something imports it.

    Raises
    ------
    DependencyError
        By ``__getattr__``, if something that computations need is missing.
    """
    modules = {name: module for module, offered in names.items() for name in offered}

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        _require_once()
        value = getattr(import_module(modules[name], package), name)
        # From now on found without this function.
        setattr(sys.modules[package], name, value)
        return value

    def list_names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules})

    return get, list_names
