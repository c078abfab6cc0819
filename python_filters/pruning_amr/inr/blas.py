"""Saying when products of matrices are slow, because Python found no fast BLAS."""

from __future__ import annotations

import sys
import time as clock
from collections.abc import Callable

import numpy as np
import torch

from ..errors import PruningAMRWarning, SlowProductsWarning
from .products import mkl_came_first
from .threads import blas_libraries, parallel_map

_SLOW = 12e9
"""Operations a second of a core that the reference BLAS does not reach (it has been seen at 3 to 6
billion), and libraries made for a processor do."""

_SIZE = 256

_said = False


def say_slow_products(warn: Callable[[PruningAMRWarning], None]) -> None:
    """Call `warn` with a `SlowProductsWarning`, once in a process, if products are slow."""
    global _said
    if _said:
        return
    _said = True
    if mkl_came_first():
        warn(
            SlowProductsWarning(
                "this program multiplied matrices with PyTorch before Pruning AMR could choose "
                "MKL's reproducible mode, so that products take about three times as long; open "
                "a checkpoint first, or set MKL_CBWR=AUTO,STRICT before Python starts."
            )
        )
        return
    # Any of the libraries that are known by name is fast: nothing has to be measured.
    if not sys.platform.startswith("linux") or blas_libraries():
        return
    (rate,) = parallel_map(lambda _: _slower_rate(), [None], torch.device("cpu"))
    if rate < _SLOW:
        warn(
            SlowProductsWarning(
                f"this program multiplies matrices with the reference BLAS ({rate / 1e9:.1f} "
                "billion operations a second, a tenth of what is usual), which slows pruning down: "
                "install the package libopenblas0-pthread (Debian, Ubuntu) and start it again."
            )
        )


def _slower_rate() -> float:
    """Return the operations a second of PyTorch's products or SciPy's, whichever are slower."""
    from scipy.linalg import blas

    single = torch.ones((_SIZE, _SIZE))
    double = np.ones((_SIZE, _SIZE), order="F")
    seconds = max(_best(lambda: single @ single), _best(lambda: blas.dgemm(1.0, double, double)))
    return 2.0 * _SIZE**3 / seconds


def _best(function: Callable[[], object]) -> float:
    """Return the shortest of a few times, in seconds: other programs only lengthen them."""
    times = []
    for _ in range(3):
        started = clock.perf_counter()
        function()
        times.append(clock.perf_counter() - started)
    return min(times)
