"""Opening a checkpoint file: what it is, by its content, and who reads it."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from ...errors import CheckpointError
from .archives import Archive
from .arrays import read_npz, read_safetensors
from .limits import DEFAULT_CHECKPOINT_MB, Budget, shown
from .records import Checkpoint
from .scripts import read_torchscript
from .torch_files import MAGIC_BYTES, read_legacy, read_plain_pickle, read_zip

EXTENSIONS = (
    *("pt", "pth", "ckpt", "npz", "safetensors", "tar", "pkl", "pickle", "pk", "p"),
    *("pth.tar", "pt.tar", "torch", "model", "net", "weights", "bin", "chkpt", "checkpoint"),
)
"""File name extensions that a file dialog offers; what a file is, its content tells."""

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
    "torch zip": "a PyTorch checkpoint",
    "torch legacy": "a PyTorch checkpoint",
    "torchscript": "a TorchScript file",
    "pickle": "a PyTorch checkpoint",
    "npz": "an .npz archive",
    "safetensors": "a .safetensors file",
}

_SUPPORTED = (
    "PyTorch files (state dicts, whole modules, TorchScript), pickles of arrays, .npz and "
    ".safetensors"
)


def read_checkpoint(path: str | Path, checkpoint_mb: float = DEFAULT_CHECKPOINT_MB) -> Checkpoint:
    """Read a checkpoint file; nothing it holds is imported or called.

    Parameters
    ----------
    path : path-like
        A file by `torch.save` (zip or from before 1.6), `torch.jit.save`, `pickle.dump`,
        `numpy.savez` or safetensors; recognised by its content.
    checkpoint_mb : float, optional
        Size in MiB that the file, and the arrays in it together, may have; while reading, twice as
        much memory is in use.

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
    kind = "pickle"
    try:
        with path.open("rb") as file:
            kind, read = _recognise(path, file, budget)
        return Checkpoint(path, read(), kind)
    except _DAMAGE as error:
        budget.refuse_if_forbidden()
        # Its traceback would hold on to everything that was read.
        raise _damaged(path, kind, error) from error.with_traceback(None)


def _recognise(path: Path, file: BinaryIO, budget: Budget) -> tuple[str, Callable[[], Any]]:
    """Return the kind of a file and what reads it; raise CheckpointError if it is of no use."""
    head = file.read(1024)
    if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
        return _recognise_archive(path, budget)
    _refuse_other(path, head, file)
    if len(head) > 9 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") < 2**40:
        return "safetensors", lambda: read_safetensors(path, budget)
    if head[2:].startswith(MAGIC_BYTES) or head.startswith(MAGIC_BYTES):
        return "torch legacy", lambda: _with_file(path, read_legacy, budget)
    return "pickle", lambda: _with_file(path, read_plain_pickle, budget)


def _with_file(path: Path, read: Callable[[BinaryIO, Budget], Any], budget: Budget) -> Any:
    with path.open("rb") as file:
        return read(file, budget)


def _recognise_archive(path: Path, budget: Budget) -> tuple[str, Callable[[], Any]]:
    """Return the kind of a zip archive, by the names of its members."""
    with Archive(path, budget) as archive:
        names = archive.names
    bases = [n.removesuffix("data.pkl") for n in names if n.rpartition("/")[2] == "data.pkl"]
    if len(bases) > 1:
        raise CheckpointError(
            f"{path} holds {len(bases)} pickles named data.pkl; expected one, as torch.save "
            "writes: save it again."
        )
    if bases:
        (base,) = bases
        script = any(n.startswith(f"{base}code/") for n in names)
        read = read_torchscript if script else read_zip
        kind = "torchscript" if script else "torch zip"
        return kind, lambda: _with_archive(path, budget, lambda a: read(a, base, budget))
    if any(n.endswith(".npy") for n in names):
        return "npz", lambda: _with_archive(path, budget, lambda a: read_npz(a, budget))
    _refuse_archive(path, names)


def _with_archive(path: Path, budget: Budget, read: Callable[[Archive], Any]) -> Any:
    with Archive(path, budget) as archive:
        return read(archive)


def _refuse_archive(path: Path, names: list[str]) -> NoReturn:
    if "model.weights.h5" in names or "config.json" in names:
        raise _not_supported(path, "a Keras file (.keras)")
    if any(n.endswith("model.json") for n in names):
        raise _not_supported(path, "a TorchScript file from before PyTorch 1.4")
    raise CheckpointError(
        f"{path} is a zip archive without data.pkl; expected a PyTorch checkpoint: "
        "was it saved by another program?"
    )


_OTHERS = (
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes,"),
    (rb"\x1f\x8b", "a file packed by gzip"),
    (rb"BZh[1-9]", "a file packed by bzip2"),
    (rb"\xfd7zXZ\x00", "a file packed by xz"),
    (rb"\x28\xb5\x2f\xfd", "a file packed by zstd"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (rb"GGUF", "a GGUF file"),
    (rb"(\xef\xbb\xbf)?\s*(?i:<!doctype|<html|<\?xml|<head)", "a web page, not the file behind it"),
    (rb"version https://git-lfs", "a pointer to a file in Git LFS, not the file"),
    (rb"\x08[\x01-\x0f][\x12\x1a\x22\x3a]", "an ONNX model"),
)
"""First bytes of files of other kinds, and how they are called."""

_ADVICE = {
    "an HDF5 file, as Keras writes,": "export the layers' arrays to an .npz",
    "a Keras file (.keras)": "export the layers' arrays to an .npz",
    "a TorchScript file from before PyTorch 1.4": "save it again with a newer PyTorch",
    "an ONNX model": "export the network's state_dict() or an .npz",
    "a web page, not the file behind it": "download the file itself",
    "a pointer to a file in Git LFS, not the file": "fetch it with git lfs pull",
    "a tar archive": "unpack it first, or save a file from before PyTorch 0.4 again",
    "a GGUF file": "export the layers' arrays to an .npz",
}


def _refuse_other(path: Path, head: bytes, file: BinaryIO) -> None:
    """Raise a `CheckpointError` that names the file's kind if it is one that is not read."""
    if head.startswith(b"\x93NUMPY"):
        raise CheckpointError(f"{path} holds one bare array; expected an .npz archive.")
    if head[257:262] == b"ustar":
        raise _not_supported(path, "a tar archive")
    for pattern, name in _OTHERS:
        if re.match(pattern, head):
            raise _not_supported(path, name)


def _not_supported(path: Path, name: str) -> CheckpointError:
    advice = _ADVICE.get(name, "unpack it first")
    return CheckpointError(
        f"{path} is {name} and not supported; expected one of {_SUPPORTED}: {advice}."
    )


def _damaged(path: Path, kind: str, error: Exception) -> CheckpointError:
    if kind == "pickle" and _is_text(path):
        return CheckpointError(
            f"{path} is a text file and no checkpoint; expected one of {_SUPPORTED}: check what "
            "the file is, or download it again."
        )
    return CheckpointError(
        f"{path} is not {_EXPECTED[kind]} or is damaged ({type(error).__name__}: "
        f"{_first_line(error)}): check what the file is, or save it again."
    )


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(1024)
    return head.isascii() and "".join(head.decode().split()).isprintable()


def _first_line(error: Exception) -> str:
    return shown((str(error).strip().splitlines() or ["no details"])[0], 200).rstrip(".")
