"""Evaluating a network at many points within a memory budget, reproducibly."""

from __future__ import annotations

import numpy as np
import torch

from ..errors import ParameterError
from .chain import Chain
from .gradients import values_and_gradients
from .options import DEFAULT_MEMORY_MB
from .threads import n_threads, parallel_map

ROW_ALIGNMENT = 64
"""Rows of a matrix product are padded to a multiple of this, so that none falls into the remainder
code path of the BLAS or of a fused activation, which rounds differently from its main path."""

_CPU_ROWS = 1024
"""The activations of a 256-wide layer (1 MiB) then stay in the cache of a core."""

_GRADIENT_ROWS = 512
"""A gradient takes what every layer gave: fewer points, for the same cache."""

_CUDA_ROWS = 65_536
"""On CUDA the library picks its kernel by shape: one shape for all keeps results the same."""


def resolve_device(device: str = "auto") -> torch.device:
    """Return the torch device for "auto", "cpu" or "cuda[:n]".

    Raises
    ------
    ParameterError
        If the device does not exist here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ParameterError(
            f'device "{device}" is unknown; expected "auto", "cpu" or "cuda".'
        ) from error
    if resolved.type not in ("cpu", "cuda"):
        raise ParameterError(f'device "{device}" is not supported; use "auto", "cpu" or "cuda".')
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise ParameterError(
            'device "cuda" was asked for but torch finds no usable GPU; use "auto" or "cpu".'
        )
    if resolved.type == "cuda" and (resolved.index or 0) >= torch.cuda.device_count():
        raise ParameterError(
            f'device "{device}" was asked for but torch finds only {torch.cuda.device_count()} '
            'GPUs, numbered from 0; use one of them, or "auto".'
        )
    return resolved


class Evaluator:
    """A chain on a device, evaluated in chunks.

    Results do not depend on the chunk size or the number of threads: every chunk starts and
    ends on a multiple of `ROW_ALIGNMENT` rows, and one thread works on it (see
    `pruning_amr.inr.products` for the other half of that promise).

    Parameters
    ----------
    chain : Chain
    device : str
        "auto" (a GPU if there is one), "cpu" or "cuda".
    memory_mb : float
        Upper bound on the memory of the activations of one chunk, in MiB.
    """

    def __init__(
        self, chain: Chain, device: str = "auto", memory_mb: float = DEFAULT_MEMORY_MB
    ) -> None:
        self.device = resolve_device(device)
        self.chain = chain.to(self.device, torch.float32)
        self.memory_mb = memory_mb
        widest = max(layer.width for layer in chain.layers)
        self._rows = self._chunk_rows(4 * widest + chain.kept_width, _CPU_ROWS)
        every = sum(layer.width for layer in chain.layers)
        directions = min(chain.n_outputs, chain.n_inputs)
        kept = every + chain.kept_width + (1 + directions) * (3 * widest + chain.kept_width)
        self._gradient_rows = self._chunk_rows(kept, _GRADIENT_ROWS)

    def __call__(self, points: torch.Tensor) -> torch.Tensor:
        """Evaluate at `points`, shape (n_points, n_inputs) -> (n_points, n_outputs), float32.

        Coordinates may be float64; they are rounded once, after any arithmetic on them.
        """
        points = points.to(self.device, torch.float32)
        chunks = points.split(self._shared_rows(len(points)))
        values = [*parallel_map(self._evaluate_chunk, chunks, self.device, blas=False)]
        return torch.cat(values) if values else points.new_empty((0, self.chain.n_outputs))

    def with_gradients(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Evaluate at `points` with the derivatives by their coordinates, float32.

        Values are those of a call. Shapes are those of
        `pruning_amr.inr.gradients.values_and_gradients`.
        """
        points, rows = points.to(self.device, torch.float32), self._gradient_rows

        def work(chunk: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            values, gradients = values_and_gradients(self.chain, self._padded(chunk, rows))
            return values[: len(chunk)], gradients[: len(chunk)]

        found = [*parallel_map(work, points.split(rows) if len(points) else (), self.device)]
        if found:
            values, gradients = zip(*found, strict=True)
            return torch.cat(values), torch.cat(gradients)
        values = points.new_empty((0, self.chain.n_outputs))
        return values, values.new_empty((*values.shape, self.chain.n_inputs))

    def numpy(self, points: np.ndarray) -> np.ndarray:
        """Evaluate at a numpy array of points; the result is numpy float32."""
        # Rounded by NumPy: for a few points that takes less than to ask PyTorch.
        with np.errstate(over="ignore"):
            rounded = np.array(points, np.float32, order="C")
        return self(torch.from_numpy(rounded)).cpu().numpy()

    def _chunk_rows(self, values_per_row: int, most: int) -> int:
        if self.device.type == "cuda":
            return _CUDA_ROWS
        fitting = int(self.memory_mb * 2**20 / (4 * values_per_row * n_threads(self.device)))
        rows = min(fitting, most)
        return max(ROW_ALIGNMENT, rows // ROW_ALIGNMENT * ROW_ALIGNMENT)

    def _shared_rows(self, n_points: int) -> int:
        """Return how many points a chunk has, so that all threads have as many to do.

        Of a few one has them all: it takes the others as long to begin.
        """
        if self.device.type == "cuda" or n_points <= self._rows:
            return self._rows
        threads = n_threads(self.device)
        rounds = -(-n_points // (self._rows * threads))
        rows = -(-n_points // (rounds * threads))
        return min(-(-rows // ROW_ALIGNMENT) * ROW_ALIGNMENT, self._rows)

    def _evaluate_chunk(self, chunk: torch.Tensor) -> torch.Tensor:
        return self.chain.fused(self._padded(chunk, self._rows))[: chunk.shape[0]]

    def _padded(self, chunk: torch.Tensor, rows: int) -> torch.Tensor:
        alignment = rows if self.device.type == "cuda" else ROW_ALIGNMENT
        missing = -chunk.shape[0] % alignment
        if not missing:
            return chunk.contiguous()
        return torch.cat([chunk, chunk.new_zeros((missing, chunk.shape[1]))])
