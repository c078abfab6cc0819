"""Evaluating a network on rectilinear grids through the networks of cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from ...cells import CellCodes
from ...inr.threads import n_threads, parallel_map
from ..local.cell_networks import CellNetworks
from ..local.statistics import NetworkStatistics
from .cell_evaluator import CellEvaluator
from .dense_grid import DenseGrid, Interpolated

_STEERED = (0.125, 0.5, 0.8, 1.0)
"""Shares of the cells of a grid after which the tolerance is adjusted."""

_GOAL = 0.86
"""Share of the allowed error that is aimed at on the way."""

_TOLERANCE_PER_ERROR = 1.5
"""Power of the error with which the ID tolerance is adjusted."""

_CHUNKS = 4
"""Pieces of work for each thread between adjustments."""

_PLAIN_POINTS = 1 << 16

Report = Callable[[float], None]
"""Called with the fraction done."""


class GridEvaluator(CellEvaluator):
    """Evaluates a network at the points of rectilinear grids.

    Parameters
    ----------
    cells : CellNetworks
    interpolated : Interpolated
        Where values are interpolated between fewer points.
    steered : bool
        Whether the errors of the first cells of a grid set the ID tolerance of the others. Off
        where several processes evaluate a part each: their networks have to be the same.
    """

    def __init__(self, cells: CellNetworks, interpolated: Interpolated, steered: bool) -> None:
        super().__init__(cells)
        self.interpolated, self._steered = interpolated, steered

    @property
    def is_original(self) -> bool:
        """Whether all values are those of the original network."""
        return super().is_original and not len(self.interpolated.levels)

    def __call__(self, axes: Sequence[np.ndarray], report: Report | None = None) -> np.ndarray:
        """Evaluate at the points of a rectilinear grid.

        Parameters
        ----------
        axes : sequence of numpy.ndarray
            Ascending coordinates along each axis.
        report : callable, optional
            See `Report`.

        Returns
        -------
        numpy.ndarray, shape (..., len(axes[1]), len(axes[0]), n_outputs), float32
            The first axis runs fastest, as in VTK.
        """
        if self.is_original:
            return self._plain_grid(axes, report)
        reference, n_steps = self._cells.reference, len(self.plan.steps)
        shape = (*(len(a) for a in reversed(axes)), len(reference.scale))
        values = torch.empty((math.prod(shape[:-1]), shape[-1]), device=reference.device)
        codes = self._cells.codes(n_steps)
        coarse = CellCodes(reference.domain, codes.levels[:1])
        grid = DenseGrid(axes, codes, reference, self.interpolated)
        n_coarse = math.prod(coarse.extent)

        def work(chunk: torch.Tensor) -> NetworkStatistics:
            cells = codes.below(chunk.sort().values, coarse)
            cells = cells.take(grid.has_points(cells.index))
            networks, statistics = self._cells.pruned(cells, n_steps)
            statistics.cell_square += grid.fill(values, cells.index, networks)
            return statistics

        # In random order, the first cells tell how accurate the others will be.
        generator = torch.Generator().manual_seed(reference.seed)
        order = torch.randperm(n_coarse, generator=generator).to(reference.device)
        done = 0
        for part in order.split(self._parts(n_coarse)):
            for chunk, statistics in self._in_chunks(work, part):
                self.statistics.add(statistics)
                done += len(chunk)
                if report is not None:
                    report(done / n_coarse)
            self._steer(done / n_coarse)
        return values.cpu().numpy().reshape(shape)

    def _in_chunks(
        self, work: Callable[[torch.Tensor], NetworkStatistics], coarse: torch.Tensor
    ) -> Iterator[tuple[torch.Tensor, NetworkStatistics]]:
        """Work on cells of the first step, some at a time; yield which, and the result."""
        device = coarse.device
        most = -(-len(coarse) // (_CHUNKS * n_threads(device)))
        at_once = self._cells.coarse_at_once(self.exact.memory_mb)
        chunks = coarse.split(min(at_once, max(most, 1)))
        return zip(chunks, parallel_map(work, chunks, device), strict=True)

    @staticmethod
    def _parts(n_coarse: int) -> list[int]:
        """Return the numbers of cells after which the tolerance is adjusted."""
        ends = sorted({math.ceil(share * n_coarse) for share in _STEERED})
        return np.diff([0, *ends]).tolist()

    def _steer(self, done: float) -> None:
        """Adjust the ID tolerance so that the error over the domain becomes the one allowed.

        Parameters
        ----------
        done : float
            Share of the domain that the statistics know.
        """
        known = self._steered and self.plan.steps and self.statistics.cells
        if not known or done >= 1.0:
            return
        square = self.statistics.cell_square / self.statistics.cells
        left = ((_GOAL * self.plan.allowed) ** 2 - done * square) / (1.0 - done)
        ratio = math.sqrt(max(left, 0.0) / square) if square > 0.0 else math.inf
        factor = min(max(ratio**_TOLERANCE_PER_ERROR, 0.3), 3.0)
        self._cells.retune(factor)

    def _plain_grid(self, axes: Sequence[np.ndarray], report: Report | None) -> np.ndarray:
        """Evaluate the original network, some planes at a time."""
        *planes, last = [np.asarray(a, dtype=np.float64) for a in axes]
        # Of a line, the plane is one point without coordinates.
        plane = np.empty((1, 0))
        if planes:
            plane = np.stack(np.meshgrid(*reversed(planes), indexing="ij")[::-1], axis=-1)
            plane = plane.reshape(-1, len(planes))
        n_outputs = self.exact.chain.n_outputs
        values = np.empty((len(last), len(plane), n_outputs), np.float32)
        at_once = max(1, _PLAIN_POINTS // len(plane))
        for i in range(0, len(last), at_once):
            here = last[i : i + at_once]
            points = np.concatenate(
                [np.tile(plane, (len(here), 1)), np.repeat(here, len(plane))[:, None]], axis=1
            )
            values[i : i + at_once] = self.exact.numpy(points).reshape(len(here), len(plane), -1)
            if report is not None:
                report(min(1.0, (i + at_once) / len(last)))
        return values.reshape(*(len(a) for a in reversed(axes)), n_outputs)
