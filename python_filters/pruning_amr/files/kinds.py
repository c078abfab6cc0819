"""What kind of file a checkpoint is, by its first bytes or the members of its archive."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ..errors import CheckpointError
from .torch_files import MAGIC

SUPPORTED = (
    "PyTorch files (state dicts, whole modules, TorchScript), pickles of arrays, .npz and "
    ".safetensors"
)

_MAGIC_BYTES = re.escape(MAGIC.to_bytes(10, "little"))
_LEGACY = re.compile(
    rb"(?:\x80.)?(?:\x95.{8})?(?:\x8a\n%b|L%dL?\n)\." % (_MAGIC_BYTES, MAGIC), re.DOTALL
)
"""A pickle of PyTorch's magic number, in any protocol."""

HEAD = 1024
"""Bytes at the beginning of a file that tell its kind."""

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
    (rb"\x08[\x01-\x0f][\x12\x1a\x22\x2a\x32\x3a\x42]", "an ONNX model"),
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


def kind_of(path: Path, head: bytes) -> str:
    """Return the kind of a file, ``"archive"`` for a zip file; its bytes begin with `head`.

    Raises
    ------
    CheckpointError
        If it is of a kind that is not read, naming that.
    """
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "archive"
    if head.startswith(b"\x93NUMPY"):
        raise CheckpointError(f"{path} holds one bare array; expected an .npz archive.")
    if head[257:262] == b"ustar":
        raise _not_supported(path, "a tar archive")
    for pattern, name in _OTHERS:
        if re.match(pattern, head):
            raise _not_supported(path, name)
    if head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") < 2**40:
        return "safetensors"
    if _LEGACY.match(head):
        return "torch legacy"
    return "pickle"


def archive_kind(path: Path, names: Sequence[str]) -> tuple[str, str]:
    """Return the kind of a zip archive by its members, and the folder that they lie in.

    Raises
    ------
    CheckpointError
        If it is of a kind that is not read, naming that.
    """
    bases = [n.removesuffix("data.pkl") for n in names if n.rpartition("/")[2] == "data.pkl"]
    if len(bases) > 1:
        raise CheckpointError(
            f"{path} holds {len(bases)} pickles named data.pkl; expected one, as torch.save "
            "writes: save it again."
        )
    if bases:
        script = any(n.startswith(f"{bases[0]}code/") for n in names)
        return ("torchscript" if script else "torch zip"), bases[0]
    if any(n.endswith(".npy") for n in names):
        return "npz", ""
    _refuse_archive(path, names)


def _refuse_archive(path: Path, names: Sequence[str]) -> NoReturn:
    if "model.weights.h5" in names or "config.json" in names:
        raise _not_supported(path, "a Keras file (.keras)")
    if any(n.endswith("model.json") for n in names):
        raise _not_supported(path, "a TorchScript file from before PyTorch 1.4")
    raise CheckpointError(
        f"{path} is a zip archive without data.pkl; expected a PyTorch checkpoint: "
        "was it saved by another program?"
    )


def _not_supported(path: Path, name: str) -> CheckpointError:
    advice = _ADVICE.get(name, "unpack it first")
    return CheckpointError(
        f"{path} is {name} and not supported; expected one of {SUPPORTED}: {advice}."
    )
