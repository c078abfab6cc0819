"""Running independent batches on all cores, one thread per batch.

PyTorch's own way, all threads on one operation, meets at a barrier after each of the many
short operations of a small network; on a machine that is not idle most of the time goes there.
One thread per batch meets once at the end, and what a batch gives cannot depend on the number
of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

_inside = threading.local()


def n_threads(device: torch.device) -> int:
    """Return how many batches `parallel_map` works on at once."""
    if device.type != "cpu" or getattr(_inside, "worker", False):
        return 1
    return torch.get_num_threads()


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], device: torch.device
) -> Iterator[Result]:
    """Yield ``function(item)`` for each item in order, computed on all cores.

    Gradients are not recorded. On a GPU, and inside `function`, items are worked on one by one.
    """
    items = list(items)
    count = min(n_threads(device), len(items))
    if count < 2:
        for item in items:
            with torch.inference_mode():
                result = function(item)
            yield result
        return

    def work(item: Item) -> Result:
        _inside.worker = True
        with torch.inference_mode():
            return function(item)

    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(count)
    try:
        torch.set_num_threads(1)
        yield from pool.map(work, items)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(before)
