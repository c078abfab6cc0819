"""Whether the Python that this runs in has what the package needs, said in one sentence."""

from __future__ import annotations

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

from . import torch_library
from .errors import DependencyError

_NEEDED = {
    "torch": "PyTorch (torch)",
    "numpy": "numpy",
    "scipy": "scipy",
    "threadpoolctl": "threadpoolctl",
    "tqdm": "tqdm",
}

_OLDEST = (3, 10)

_PARAVIEWS = {
    (3, 10): "5.12 and 5.13, official binaries",
    (3, 11): "5.11 of Debian 12",
    (3, 12): "6.0 to 6.2, official binaries; 5.11 of Ubuntu 24.04",
    (3, 13): "5.13 of Debian 13",
}
"""ParaView versions known to bring a Python."""


def require() -> None:
    """Do nothing if all is there.

    Raises
    ------
    DependencyError
        Saying what `problem` says.
    """
    text = problem()
    if text is not None:
        raise DependencyError(text)


def require_python() -> None:
    """Do nothing if Python is new enough for the modules that need no library.

    Raises
    ------
    DependencyError
        If it is not.
    """
    text = _old_python()
    if text is not None:
        raise DependencyError(text)


def problem() -> str | None:
    """Return what is missing or does not fit, and what to do, as a sentence; None if nothing."""
    old = _old_python()
    if old is not None:
        return old
    absent = [text for name, text in _NEEDED.items() if not _found(name)]
    if absent:
        return (
            f"{', '.join(absent)} cannot be found by Python {_version()} of {_program()}; expected "
            f"beside the package in {_folder()}: {_remedy()}."
        )
    if torch_library.crashes():
        return (
            f"PyTorch was imported into {_program()} before Pruning AMR, and its products would "
            "crash in the OpenBLAS of the program; expected the other order: load the plugin, or "
            "import pruning_amr, before torch."
        )
    built_for = _torch_python()
    if built_for is not None:
        return (
            f"PyTorch in {_folder()} is built for Python {built_for}, but {_program()} runs Python "
            f"{_version()}; expected the same: {_remedy()}."
        )
    return None


def require_vtk() -> None:
    """Do nothing if VTK can be imported.

    Raises
    ------
    DependencyError
        If it cannot.
    """
    if not _found("vtkmodules"):
        raise DependencyError(
            "VTK is needed for data sets, and Python cannot import vtkmodules; expected ParaView's "
            "Python, or the package vtk: pip install 'pruning-amr[vtk]'."
        )


def plugin_file() -> Path:
    """Return the file that ParaView loads.

    Raises
    ------
    DependencyError
        If this installation has none.
    """
    inside = Path(__file__).resolve().parent / "plugin" / "PruningAMR.py"
    beside = _folder().parent / "plugin" / "PruningAMR.py"
    found = next((path for path in (inside, beside) if path.is_file()), None)
    if found is None:
        raise DependencyError(
            f"no PruningAMR.py lies in {inside.parent} or {beside.parent}; expected the package as "
            "pip installs it, or a checkout of the repository: pip install pruning-amr again."
        )
    return found


def plugin_note() -> str:
    """Return what to do with `plugin_file`, and in which ParaView, in a few lines."""
    known = _PARAVIEWS.get(sys.version_info[:2])
    known = f": {known}" if known else ""
    return (
        f"Load it in a ParaView whose Python is {_version()}, like the one this is installed "
        f"in{known}.\n"
        "GUI: Tools > Manage Plugins > Load New, tick Auto Load. Script: LoadPlugin(file, "
        "ns=globals()). All programs: PV_PLUGIN_PATH=folder of the file.\n"
        "Debian 12 and Ubuntu 24.04 (ParaView 5.11): load PruningAMR.xml beside it, with "
        f"PYTHONPATH={_folder()}."
    )


def _old_python() -> str | None:
    if sys.version_info >= _OLDEST:
        return None
    return (
        f"{_program()} runs Python {_version()}; expected {_OLDEST[0]}.{_OLDEST[1]} or newer: "
        "use ParaView 5.12 or newer."
    )


def _found(name: str) -> bool:
    try:
        return sys.modules.get(name) is not None or find_spec(name) is not None
    except ImportError:
        # Something in this program keeps it from being imported.
        return False


def _torch_python() -> str | None:
    """Return the version of Python that PyTorch is built for, None if it is this one."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    binaries = [
        p.name for p in Path(spec.origin).parent.glob("_C.*") if p.suffix in (".so", ".pyd")
    ]
    if not binaries or any(name[len("_C") :] in EXTENSION_SUFFIXES for name in binaries):
        return None
    # _C.cpython-312-x86_64-linux-gnu.so, _C.cp312-win_amd64.pyd
    digits = binaries[0].split(".")[1].removeprefix("cpython-").removeprefix("cp").split("-")[0]
    return f"{digits[0]}.{digits[1:]}" if digits.isdigit() else binaries[0]


def _version() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def _program() -> str:
    """Return what embeds this Python, as users call it."""
    if "paraview" in sys.modules:
        return "ParaView"
    return "this program"


def _folder() -> Path:
    return Path(__file__).resolve().parents[1]


def _remedy() -> str:
    return (
        f"make an environment of Python {_version()}, pip install pruning-amr in it, and load the "
        "plugin file that its `pruning-amr paraview-plugin` prints"
    )
