"""Evaluating a network at points in any order through the networks of cells."""

from __future__ import annotations

import numpy as np
import torch

from ...cells import CellCodes, CodedCells, Tiles
from ...cells.grouping import RUN_POINTS, firsts, runs
from ...inr.threads import n_threads, parallel_map
from ..local.cell_networks import CellNetworks
from ..local.local_networks import LocalNetworks
from ..local.network_store import NetworkStore
from ..local.statistics import NetworkStatistics
from .cell_evaluator import CellEvaluator

_TILES = (32, 128)
"""Scattered points are evaluated in tiles of so many points of one cell: larger ones for wide
networks, whose weights take long to gather."""

_WIDE = 48

_LEAST_TILES = 64
"""Tiles that a thread evaluates at once at least."""

_LEAST_PIECE = (4, 32)
"""Cells that are pruned together at least: in the first step and in the others."""

_IDLE = 32
"""Networks not asked for in so many calls, about those of a pass through all places, may go."""


class PointEvaluator(CellEvaluator):
    """Evaluates a network at points in any order.

    Parameters
    ----------
    cells : CellNetworks
    """

    def __init__(self, cells: CellNetworks) -> None:
        super().__init__(cells)
        self.device, self._memory_mb = cells.reference.device, self.exact.memory_mb
        # Networks that are kept, of each step, and when they were last asked for.
        self._stores = [self._empty_store() for _ in self.plan.steps]
        self._asked, self._calls = [0] * len(self.plan.steps), 0

    def __call__(self, points: torch.Tensor, levels: torch.Tensor | None = None) -> torch.Tensor:
        """Evaluate at points in any order.

        Parameters
        ----------
        points : torch.Tensor, shape (n_points, dimension)
            Those outside the domain are evaluated by the original network.
        levels : torch.Tensor, optional, shape (n_points,), int64
            Level of the cell that each point samples. Networks are pruned only in cells so
            much larger that it pays if all of their subcells are sampled, and are kept for
            the next call. By default the points in each cell decide.

        Returns
        -------
        torch.Tensor, shape (n_points, n_outputs), float32
        """
        points = points.to(self.device, torch.float64)
        steps, domain = self.plan.steps, self._cells.domain
        last = torch.full((len(points),), len(steps), device=self.device)
        if levels is not None:
            wanted = [s.level + s.levels_below(domain.dimension) for s in steps]
            wanted = torch.tensor(wanted, device=self.device)
            last = (levels.to(self.device)[:, None] >= wanted).sum(dim=1)
        last = torch.where(domain.contains(points), last, 0)
        values = torch.empty((len(points), self.exact.chain.n_outputs), device=self.device)
        for n_steps in range(len(steps) + 1):
            here = torch.nonzero(last == n_steps)[:, 0]
            if not len(here):
                continue
            if n_steps == 0:
                values[here] = self.exact(points[here])
            elif levels is None:
                self._scattered(points, here, n_steps, values)
            else:
                self._kept(points, here, n_steps, values)
        return values

    def _scattered(
        self,
        points: torch.Tensor,
        here: torch.Tensor,
        n_steps: int,
        values: torch.Tensor,
    ) -> None:
        """Evaluate the points `here` through networks of the first steps, into `values`.

        Depth first, a few cells of the first step at a time; networks are forgotten.
        """
        codes, code, index, here = self._by_cell(points, here, n_steps)
        up = self._cells.domain.dimension * (codes.level - self._cells.codes(1).level)

        def work(chunk: slice) -> NetworkStatistics:
            own = here[chunk]
            tiles = Tiles.of(code[chunk], self._tile(n_steps))
            cells = CodedCells(tiles.code, index[chunk][tiles.start])
            networks, statistics = self._cells.pruned(cells, n_steps, tiles.count)
            found = networks.take(tiles.cell)(points[own[tiles.place]].float(), self.exact)
            values[own[tiles.place]] = found
            return statistics

        chunks = runs(code >> up, self._cells.coarse_at_once(self._memory_mb))
        for statistics in parallel_map(work, chunks, self.device):
            self.statistics.add(statistics)

    def _by_cell(
        self, points: torch.Tensor, here: torch.Tensor, n_steps: int
    ) -> tuple[CellCodes, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the cells of the last step, and the points `here` sorted by them."""
        codes = self._cells.codes(n_steps)
        index = codes.index_at(self._cells.domain.unit(points[here]))
        code, order = codes.of(index).sort(stable=True)
        return codes, code, index[order], here[order]

    def _kept(
        self, points: torch.Tensor, here: torch.Tensor, n_steps: int, values: torch.Tensor
    ) -> None:
        """Evaluate the points `here` like `_scattered`, with networks that are kept."""
        codes, code, index, here = self._by_cell(points, here, n_steps)
        tiles = Tiles.of(code, self._tile(n_steps))
        self._prune_missing(CodedCells(tiles.code, index[tiles.start]), codes)
        networks, _ = self._stores[n_steps - 1].of(tiles.code)

        def work(part: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            own = here[tiles.place[part]]
            return own, networks.take(tiles.cell[part])(points[own].float(), self.exact)

        share = -(-len(tiles.cell) // (2 * n_threads(self.device)))
        at_once = min(RUN_POINTS // self._tile(n_steps), max(share, _LEAST_TILES))
        parts = torch.arange(len(tiles.cell), device=self.device).split(at_once)
        for own, found in parallel_map(work, parts, self.device):
            values[own] = found

    def _prune_missing(self, cells: CodedCells, codes: CellCodes) -> None:
        """Prune the networks of cells, and of the larger cells around them, that are not kept."""
        self._calls += 1
        self._make_room()
        self._ensure(len(codes.levels) - 1, cells, codes)

    def _ensure(self, i: int, cells: CodedCells, codes: CellCodes) -> None:
        """Keep the networks of cells of step i; larger cells are asked for only where needed."""
        store, self._asked[i] = self._stores[i], self._calls
        own = cells.take(store.missing(cells.code))
        if not len(own.code):
            return
        parents = self._cells.reference.networks(len(own.code))
        if i:
            up = codes.levels[i] - codes.levels[i - 1]
            larger = own.code >> (self._cells.domain.dimension * up)
            new = firsts(larger)
            self._ensure(i - 1, CodedCells(larger[new], own.index[new] >> up), codes)
            # Those of one shape are pruned together: few batches, and their cells side by side.
            parents = LocalNetworks.merged([self._stores[i - 1].of(larger)[0]])
            order = parents.batch.argsort(stable=True)
            own, parents = own.take(order), parents.take(order)
        pieces = max(_LEAST_PIECE[min(i, 1)], -(-len(own.code) // (4 * n_threads(self.device))))
        pieces = torch.arange(len(own.code), device=self.device).split(pieces)

        def work(part: torch.Tensor) -> tuple[LocalNetworks, NetworkStatistics]:
            return self._cells.pruned_from(i, parents.take(part), own.take(part))

        found = []
        for networks, statistics in parallel_map(work, pieces, self.device):
            self.statistics.add(statistics)
            found.append(networks)
        store.add(own.code, LocalNetworks.merged(found))

    def _make_room(self) -> None:
        """Drop networks until the others take half of the memory.

        Those go first that were not asked for in a long time, then the finest: cells are asked
        for in order of place, and what is around the finest ones is needed again.
        """
        idle = [self._calls - asked > _IDLE for asked in self._asked]
        for i in sorted(range(len(self._stores)), key=lambda i: (not idle[i], -i)):
            if sum(store.nbytes for store in self._stores) <= self._memory_mb * 2**20 / 2:
                return
            self._stores[i] = self._empty_store()

    def _empty_store(self) -> NetworkStore:
        return NetworkStore(self._cells.reference.network, self.device)

    def numpy(self, points: np.ndarray, levels: np.ndarray | None = None) -> np.ndarray:
        """Evaluate at a numpy array of points; the result is numpy float32."""
        tensor = torch.from_numpy(np.ascontiguousarray(points, dtype=np.float64))
        levels = None if levels is None else torch.from_numpy(np.array(levels, dtype=np.int64))
        return self(tensor, levels).cpu().numpy()

    def _tile(self, n_steps: int) -> int:
        return _TILES[max(self.plan.steps[n_steps - 1].typical) > _WIDE]
