"""Loading PyTorch into a program that brings a BLAS of its own.

Debian's ParaView links ``libblas.so.3``, whose ``sgemm`` then takes the place of the one inside
PyTorch: the reference BLAS, of Debian 13, is a tenth as fast, and OpenBLAS rounds rows of a product
by where they stand (see `pruning_amr.inr.products`). A library loaded with ``RTLD_DEEPBIND`` looks
for its own symbols first: PyTorch's is loaded so when this package is imported, unless the program
has imported ``torch`` before.
"""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path


def library_path() -> Path | None:
    """Return PyTorch's library of CPU operations, None where there is no such file."""
    found = find_spec("torch")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "lib" / "libtorch_cpu.so"
    return path if path.is_file() else None


def bind_to_own_blas() -> bool:
    """Load PyTorch's library bound to its own BLAS, where the program has another one.

    Returns
    -------
    bool
        Whether that was done: not where nothing would come between, nor where ``torch`` is already
        imported and it is too late.
    """
    flag = getattr(os, "RTLD_DEEPBIND", None)
    if flag is None or "torch" in sys.modules or not hasattr(ctypes.CDLL(None), "sgemm_"):
        return False
    path = library_path()
    if path is None:
        return False
    try:
        ctypes.CDLL(str(path), mode=os.RTLD_NOW | flag)
    except OSError:
        # Builds for a GPU may need libraries that only `import torch` finds.
        return False
    return True


def crashes() -> bool:
    """Tell whether PyTorch would crash: its batches of products go to another library's routine.

    OpenBLAS has a ``cblas_sgemm_batch`` of its own since 0.3.29 (Debian 13), which crashes when
    called as PyTorch calls MKL's.
    """
    return (
        sys.platform.startswith("linux")
        and _TORCH_CAME_FIRST
        and hasattr(ctypes.CDLL(None), "cblas_sgemm_batch")
    )


_TORCH_CAME_FIRST = "torch" in sys.modules
bind_to_own_blas()
