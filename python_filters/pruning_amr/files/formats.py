"""Opening a checkpoint file: who reads it, and what is said of one that cannot be read."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from .archives import Archive
from .arrays import read_npz, read_safetensors
from .kinds import HEAD, SUPPORTED, archive_kind, kind_of
from .limits import DEFAULT_CHECKPOINT_MB, Budget, shown
from .records import Checkpoint
from .scripts import read_torchscript
from .torch_files import read_legacy, read_plain_pickle, read_zip

_DAMAGE = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What this package, pickletools, numpy and zipfile raise on damaged files."""

_EXPECTED = {
    "torchscript": "a TorchScript file",
    "npz": "an .npz archive",
    "safetensors": "a .safetensors file",
}
"""What a damaged file should have been, by its kind or else its extension."""


def read_checkpoint(path: str | Path, checkpoint_mb: float = DEFAULT_CHECKPOINT_MB) -> Checkpoint:
    """Read a checkpoint file; nothing it holds is imported or called.

    Parameters
    ----------
    path : path-like
        A file by `torch.save` (zip or from before 1.6), `torch.jit.save`, `pickle.dump`,
        `numpy.savez` or safetensors; recognised by its content.
    checkpoint_mb : float, optional
        Size in MiB that the file, and the arrays in it together, may have; reading takes a few
        times as much memory at most.

    Returns
    -------
    checkpoint : Checkpoint

    Raises
    ------
    CheckpointError
        If the file is missing, empty, damaged, of another kind or beyond a limit.
    UnsafeCheckpointError
        If it asks for something that only an attack needs.
    DependencyError
        If it is a .safetensors file and the package safetensors is not installed.
    """
    path = Path(path)
    if not path.is_file():
        found = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise CheckpointError(f"{path} {found}; expected a checkpoint file: check the path.")
    if path.stat().st_size == 0:
        raise CheckpointError(f"{path} is empty (0 bytes); expected a checkpoint: save it again.")
    budget = Budget(path, checkpoint_mb)
    budget.check_size(path.stat().st_size)
    kind = None
    try:
        with ExitStack() as stack:
            kind, read = _reader(path, budget, stack)
            return Checkpoint(path, read(), kind)
    except _DAMAGE as error:
        budget.refuse_if_forbidden()
        # Its traceback would hold on to everything that was read.
        raise _damaged(path, kind, error) from error.with_traceback(None)


def _reader(path: Path, budget: Budget, stack: ExitStack) -> tuple[str, Callable[[], Any]]:
    """Return the kind of a file and what reads it; what it opens is closed by `stack`."""
    file = stack.enter_context(path.open("rb"))
    kind = kind_of(path, file.read(HEAD))
    file.seek(0)
    if kind == "safetensors":
        return kind, lambda: read_safetensors(file, budget)
    if kind == "torch legacy":
        return kind, lambda: read_legacy(file, budget)
    if kind == "pickle":
        return kind, lambda: read_plain_pickle(file, budget)
    archive = stack.enter_context(Archive(path, budget))
    kind, base = archive_kind(path, archive.names)
    if kind == "npz":
        return kind, lambda: read_npz(archive, budget)
    read = read_torchscript if kind == "torchscript" else read_zip
    return kind, lambda: read(archive, base, budget)


def _damaged(path: Path, kind: str | None, error: Exception) -> CheckpointError:
    if isinstance(error, PermissionError):
        return CheckpointError(
            f"{path} cannot be read ({error.strerror}); expected a checkpoint: check who may."
        )
    if kind == "pickle" and _is_text(path):
        return CheckpointError(
            f"{path} is a text file and no checkpoint; expected one of {SUPPORTED}: check what "
            "the file is, or download it again."
        )
    expected = _EXPECTED.get(kind if kind in _EXPECTED else path.suffix[1:].lower())
    return CheckpointError(
        f"{path} is not {expected or 'a PyTorch checkpoint'} or is damaged "
        f"({type(error).__name__}: {_first_line(error)}): check what the file is, or save it again."
    )


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(HEAD)
    if re.match(rb"\(|c[\w.]+\n[\w.]+\n", head):
        # How pickles of protocol 0 begin.
        return False
    return head.isascii() and "".join(head.decode().split()).isprintable()


def _first_line(error: Exception) -> str:
    return shown((str(error).strip().splitlines() or ["no details"])[0], 200).rstrip(".")
