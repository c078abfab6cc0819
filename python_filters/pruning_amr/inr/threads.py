"""Running independent batches on all cores, one thread per batch.

PyTorch's own way, all threads on one operation, meets at a barrier after each of the many
short operations of a small network; on a machine that is not idle most of the time goes there.
One thread per batch meets once at the end, and what a batch gives cannot depend on the number
of threads. SciPy's BLAS, which has threads of its own, is held to one as well where it may be
called: its threads and those here would wait for each other, several times as long as they work.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TypeVar

import torch
from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")

_inside = threading.local()


def n_threads(device: torch.device) -> int:
    """Return how many batches `parallel_map` works on at once."""
    if device.type != "cpu" or getattr(_inside, "worker", False):
        return 1
    return torch.get_num_threads()


def parallel_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    device: torch.device,
    blas: bool = True,
) -> Iterator[Result]:
    """Yield ``function(item)`` for each item in order, computed on all cores.

    Gradients are not recorded. On a GPU, and inside `function`, items are worked on one by one.
    `blas` says whether `function` may call SciPy's BLAS: to hold that to one thread takes as long
    as a network does for a few points. Without MKL it is held to one in any case.
    """
    items = list(items)
    if device.type != "cpu" or getattr(_inside, "worker", False):
        yield from _one_by_one(function, items)
        return
    count = n_threads(device)

    def work(item: Item) -> Result:
        with torch.inference_mode():
            return function(item)

    with _single_threaded(blas):
        if min(count, len(items)) < 2:
            yield from _one_by_one(function, items)
            return
        waiting = deque(_pool(count).submit(work, item) for item in items)
        try:
            while waiting:
                result = waiting[0].result()
                waiting.popleft()
                yield result
        finally:
            # Whoever stopped waiting must not find batches running later.
            for future in waiting:
                future.cancel()
            wait([future for future in waiting if not future.cancelled()])


@cache
def _pool(count: int) -> ThreadPoolExecutor:
    """Return the threads that batches run on: to start them often takes longer than many a call."""
    return ThreadPoolExecutor(count, "pruning_amr", _start_worker)


def _start_worker() -> None:
    _inside.worker = True
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    # A forked process has none of these threads.
    os.register_at_fork(after_in_child=_pool.cache_clear)


def _one_by_one(function: Callable[[Item], Result], items: list[Item]) -> Iterator[Result]:
    for item in items:
        with torch.inference_mode():
            result = function(item)
        yield result


@contextmanager
def _single_threaded(blas: bool) -> Iterator[None]:
    """Let every operation of PyTorch, and of SciPy's BLAS, run on the thread that calls it."""
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        # PyTorch without MKL multiplies by such a BLAS itself.
        blas |= not torch.backends.mkl.is_available()
        with _blas().limit(limits=1, user_api="blas") if blas else nullcontext():
            yield
    finally:
        torch.set_num_threads(before)


def blas_libraries() -> list[str]:
    """Return the names of the BLAS libraries in this process that have several threads."""
    return [found["internal_api"] for found in _blas().info() if found["user_api"] == "blas"]


@cache
def _blas() -> ThreadpoolController:
    """Return the BLAS libraries in this process; SciPy's is among them once it is imported."""
    import scipy.linalg  # noqa: F401

    return ThreadpoolController()
