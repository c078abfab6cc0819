"""Reading checkpoint files without executing anything they contain.

PyTorch files are listed opcode by opcode before they are loaded, refused by name if they ask
for anything but arrays and known ``torch.nn`` classes, and then read by PyTorch's own
restricted unpickler (``weights_only=True``), which is the actual guard.
"""

from __future__ import annotations

import pickle
import pickletools
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import CheckpointError, DependencyError, UnsafeCheckpointError
from .options import EXTENSIONS

_TORCH_NAMES = (
    ["ReLU", "LeakyReLU", "ELU", "SELU", "SiLU", "GELU", "Softplus", "Tanh", "Sigmoid"],
    ["Identity", "Linear", "ModuleList", "ParameterList", "Sequential"],
)
ALLOWED_CLASSES = tuple(getattr(torch.nn, name) for group in _TORCH_NAMES for name in group)
"""``torch.nn`` classes a checkpoint may hold as pickled objects."""

_PLAIN_GLOBALS = {
    "collections.OrderedDict",
    "builtins.set",
    "torch.Size",
    "torch.Tensor",
    "torch.serialization._get_layout",
}
_DAMAGE = (
    ValueError,
    OSError,
    EOFError,
    MemoryError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What numpy and zipfile raise on damaged files."""

_PLAIN_PREFIXES = ("torch._utils._rebuild_", "torch._tensor._rebuild_")


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint file.

    Attributes
    ----------
    path : Path
    content : dict of str to object
        Arrays (`numpy.ndarray`), numbers and strings, nested dicts, and allowed
        ``torch.nn`` modules, as the file nests them.
    """

    path: Path
    content: dict[str, Any]


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint file by its extension (see `EXTENSIONS`).

    Raises
    ------
    CheckpointError
        If the file is missing, empty, damaged or of an unknown type.
    UnsafeCheckpointError
        If it asks for code or classes outside the allow-list.
    """
    path = Path(path)
    if not path.is_file():
        found = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise CheckpointError(f"{path} {found}; expected a checkpoint file: check the path.")
    if path.stat().st_size == 0:
        raise CheckpointError(f"{path} is empty (0 bytes); expected a checkpoint: save it again.")
    readers = {"npz": _read_npz, "safetensors": _read_safetensors}
    readers.update(dict.fromkeys(("pt", "pth", "ckpt"), _read_torch))
    extension = path.suffix[1:].lower()
    if extension not in readers:
        raise CheckpointError(
            f'{path} has the unknown extension "{path.suffix}"; expected one of '
            f"{', '.join('.' + e for e in EXTENSIONS)}: rename or convert the file."
        )
    content = readers[extension](path)
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path} holds a {type(content).__name__}; expected a dictionary of arrays: "
            "save the network's state_dict()."
        )
    return Checkpoint(path, _to_numpy(content))


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise CheckpointError(f"{path} holds one bare array; expected an .npz archive.")
            return {key: archive[key] for key in archive.files}
    except _DAMAGE as error:
        if "pickle" in str(error):
            raise UnsafeCheckpointError(
                f"{path} was refused: it holds pickled Python objects or is no .npz archive; "
                "expected plain number arrays: save it again with numpy.savez."
            ) from error
        raise _damaged(path, "an .npz archive", error) from error


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise DependencyError(
            f"{path} needs the package safetensors, which is not installed: "
            "pip install safetensors."
        ) from error
    try:
        return load_file(path, device="cpu")
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, "a .safetensors file", error) from error


def _read_torch(path: Path) -> Any:
    unwanted = sorted(set(_torch_globals(path)) - _allowed_globals())
    unwanted = [name for name in unwanted if not name.startswith(_PLAIN_PREFIXES)]
    if unwanted:
        raise UnsafeCheckpointError(
            f"{path} was refused and nothing of it was executed: it asks for "
            f"{', '.join(unwanted)}; expected only arrays and torch.nn modules: "
            "save the network's state_dict() instead."
        )
    try:
        with torch.serialization.safe_globals(list(ALLOWED_CLASSES)):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch.load reports damage by whatever exception its reader happens to meet.
        if isinstance(error, pickle.UnpicklingError) and " global" in str(error):
            raise UnsafeCheckpointError(
                f"{path} was refused by PyTorch's restricted loader: {_first_line(error)}; "
                "expected only arrays and torch.nn modules: save the network's state_dict()."
            ) from error
        raise _damaged(path, "a PyTorch checkpoint", error) from error


def _allowed_globals() -> set[str]:
    classes = {f"{c.__module__}.{c.__qualname__}" for c in ALLOWED_CLASSES}
    types = {f"torch.{name}" for name in dir(torch) if name.endswith("Storage")}
    dtypes = {
        f"torch.{name}" for name in dir(torch) if isinstance(getattr(torch, name), torch.dtype)
    }
    return classes | types | dtypes | _PLAIN_GLOBALS


def _torch_globals(path: Path) -> Iterator[str]:
    """Yield every ``module.name`` the pickles in a PyTorch file would import."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                members = [n for n in archive.namelist() if n.endswith("data.pkl")]
                if not members:
                    raise CheckpointError(
                        f"{path} is a zip archive without data.pkl; expected a PyTorch "
                        "checkpoint: was it saved by another program?"
                    )
                for member in members:
                    yield from _pickle_globals(archive.read(member))
        else:
            yield from _pickle_globals(path.read_bytes())
    except _DAMAGE as error:
        raise _damaged(path, "a PyTorch checkpoint", error) from error


def _pickle_globals(data: bytes) -> Iterator[str]:
    """Yield the globals named in the pickles that `data` starts with (nothing is executed).

    Files from before PyTorch 1.6 hold several pickles, then raw numbers: reading stops at the
    first byte that is no pickle. What is found here only names things for the refusal.
    """
    position = 0
    while position < len(data):
        strings: list[str] = []
        memo: dict[int, str] = {}
        try:
            for opcode, argument, offset in pickletools.genops(data[position:]):
                if opcode.name in ("GLOBAL", "INST"):
                    module, _, name = argument.partition(" ")
                    yield _modern_name(module, name)
                elif opcode.name == "STACK_GLOBAL" and len(strings) > 1:
                    yield _modern_name(*strings[-2:])
                elif isinstance(argument, str):
                    strings.append(argument)
                elif opcode.name == "MEMOIZE" or "PUT" in opcode.name:
                    memo[len(memo) if argument is None else argument] = (strings or [""])[-1]
                elif "GET" in opcode.name:
                    strings.append(memo.get(argument, ""))
                if opcode.name == "STOP":
                    position += offset + 1
        except Exception:
            # Not a pickle from here on; genops raises many kinds of error on raw bytes.
            return


def _modern_name(module: str, name: str) -> str:
    module = {"__builtin__": "builtins", "posix": "os", "nt": "os"}.get(module, module)
    return f"{module}.{name}"


def _to_numpy(value: Any) -> Any:
    """Turn tensors into arrays, through the nesting of dicts, lists and parameter lists."""
    if isinstance(value, torch.Tensor):
        tensor = value.detach().cpu().resolve_conj()
        if tensor.dtype in (torch.bfloat16, torch.float16):
            tensor = tensor.float()
        return tensor.numpy()
    if isinstance(value, Mapping):
        return {str(k): _to_numpy(v) for k, v in value.items()}
    if isinstance(value, torch.nn.ParameterList | list | tuple):
        return [_to_numpy(v) for v in value]
    return value


def _damaged(path: Path, expected: str, error: Exception) -> CheckpointError:
    # PyTorch's own sentence on unpickling advises to switch the restrictions off.
    reason = "" if isinstance(error, pickle.UnpicklingError) else f": {_first_line(error)}"
    return CheckpointError(
        f"{path} is not {expected} or is damaged ({type(error).__name__}{reason}): "
        "check what the file is, or save it again."
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no details"])[0][:200].rstrip(".")
