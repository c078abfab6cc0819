"""Evaluating a network through networks nested in cells: dense grids, and points in any order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from ..inr import DEFAULT_MEMORY_MB, Evaluator
from ..inr.chain import Chain
from ..inr.threads import n_threads, parallel_map
from .cell_codes import CellCodes, Cells, near_cubic
from .cell_networks import STEADY, STEADY_GRID, CellNetworks
from .dense_grid import NETWORK_SHARE, DenseGrid, Interpolated, levels_to_interpolate
from .nested import Ledger, LocalNetworks, Plan
from .network_store import NetworkStore
from .plan import make_plan
from .point_blocks import RUN_POINTS, Tiles, firsts, runs

_TILES = (32, 128)
"""Scattered points are evaluated in tiles of so many points of one cell: larger ones for wide
networks, whose weights take long to gather."""

_WIDE = 48

_STEERED = (0.125, 0.5, 0.8, 1.0)
"""Shares of the cells of a grid after which the tolerance is adjusted."""

_GOAL = 0.86
"""Share of the allowed error that is aimed at on the way."""

_TOLERANCE_PER_ERROR = 1.5
"""Power of the error with which the ID tolerance is adjusted."""

_CHUNKS = 4
"""Pieces of work for each thread between adjustments."""

_PLAIN_POINTS = 1 << 16
_LEAST_TILES = 64
"""Tiles that a thread evaluates at once at least."""

_LEAST_PIECE = (4, 32)
"""Cells that are pruned together at least: in the first step and in the others."""

_IDLE = 32
"""Networks not asked for in so many calls, about those of a pass through all places, may go."""

_MAX_LEVEL = 12

Report = Callable[[float], None]
"""Called with the fraction done."""


class NestedEvaluator:
    """Evaluates a network through networks pruned in cells of its domain.

    Parameters
    ----------
    chain : Chain
        A network of space.
    bounds : numpy.ndarray, shape (dimension, 2)
        Points outside are evaluated by the original network.
    scale : numpy.ndarray, shape (n_outputs,)
        What errors of each output are divided by, such as its range.
    allowed : float
        Root mean square of the relative error the values may have.
    n_points : float
        How many points will be evaluated, spread evenly: decides how far pruning pays.
    root_resolution : sequence of int, optional
        Cells of the coarsest grid along each axis.
    device : str
        "auto", "cpu" or "cuda".
    memory_mb : float
        Memory for intermediate values, in MiB; does not change values.
    seed : int
    interpolate : bool
        Whether the points are those of a dense grid, on parts of which values may be
        interpolated between fewer points.
    steer : bool
        Whether the errors of the first cells of a grid set the ID tolerance of the others. Off
        where several processes evaluate a part each: their networks have to be the same.
    piecemeal : bool
        Whether the points come in many calls, with the levels they sample.
    """

    def __init__(
        self,
        chain: Chain,
        bounds: np.ndarray,
        scale: np.ndarray,
        allowed: float,
        n_points: float,
        root_resolution: Sequence[int] | None = None,
        device: str = "auto",
        memory_mb: float = DEFAULT_MEMORY_MB,
        seed: int = 0,
        interpolate: bool = False,
        steer: bool = False,
        piecemeal: bool = False,
    ) -> None:
        self.exact = Evaluator(chain, device, memory_mb)
        self.device, self.memory_mb, self.seed = self.exact.device, memory_mb, seed
        self.bounds = np.asarray(bounds, dtype=np.float64)
        extent = np.diff(self.bounds)[:, 0]
        roots = tuple(root_resolution or near_cubic(extent))
        self._lower = torch.from_numpy(self.bounds[:, 0].copy()).to(self.device)
        self._extent = torch.from_numpy(extent).to(self.device)
        self.scale = torch.from_numpy(np.asarray(scale, dtype=np.float64)).to(self.device)
        with torch.inference_mode():
            whole = self._cell_networks(Plan(roots, (), 0.0, allowed))
            self.interpolated = Interpolated(range(0), 0.0, n_points)
            if interpolate and n_points:
                self.interpolated = levels_to_interpolate(
                    self.exact, whole.nesting.boxes, roots, self.scale, allowed, n_points, seed
                )
            if len(self.interpolated.levels):
                allowed *= NETWORK_SHARE
            plan = make_plan(
                self.exact.chain, whole.nesting.boxes, roots, self.scale, allowed,
                self.interpolated.n_evaluated, _MAX_LEVEL, seed, piecemeal,
            )  # fmt: skip
            self._cells = self._cell_networks(plan)
            self._cells.calibrate(STEADY_GRID if steer else STEADY)
        self._steered = steer
        # Networks that are kept, of each step, and when they were last asked for.
        self._stores = [self._empty_store() for _ in plan.steps]
        self._asked, self._calls = [0] * len(plan.steps), 0

    def _cell_networks(self, plan: Plan) -> CellNetworks:
        return CellNetworks(self.exact, self._lower, self._extent, plan, self.scale, self.seed)

    @property
    def plan(self) -> Plan:
        """On which levels networks are pruned."""
        return self._cells.plan

    @property
    def ledger(self) -> Ledger:
        """What is known of the errors of the networks used so far."""
        return self._cells.ledger

    @property
    def is_original(self) -> bool:
        """Whether all values are those of the original network."""
        return not self.plan.steps and not len(self.interpolated.levels)

    @property
    def n_outputs(self) -> int:
        """Number of output channels."""
        return self.exact.chain.n_outputs

    # --- dense grids ------------------------------------------------------------------------

    def grid(self, axes: Sequence[np.ndarray], report: Report | None = None) -> np.ndarray:
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
        shape = [len(a) for a in axes]
        n_steps = len(self.plan.steps)
        if self.is_original:
            return self._plain_grid(axes, report)
        values = torch.empty((math.prod(shape), self.n_outputs), device=self.device)
        codes = self._cells.codes(n_steps)
        tops = CellCodes(codes.root_resolution, codes.levels[:1], self.device)
        grid = DenseGrid(
            axes, codes, self._lower, self._extent, self._cells.nesting.boxes, self.scale,
            self.exact, self.interpolated, self.seed,
        )  # fmt: skip
        n_tops = math.prod(tops.extent)

        def work(chunk: torch.Tensor) -> Ledger:
            cells = codes.below(chunk.sort().values, tops)
            cells = cells.take(grid.has_points(cells.index))
            networks, entry = self._cells.pruned(cells, n_steps)
            entry.cell_square += grid.fill(values, cells.index, networks)
            return entry

        # In random order, the first cells tell how accurate the others will be.
        order = torch.randperm(n_tops, generator=torch.Generator().manual_seed(self.seed))
        done = 0
        for part in order.to(self.device).split(self._parts(n_tops)):
            for chunk, entry in self._in_chunks(work, part):
                self.ledger.add(entry)
                done += len(chunk)
                if report is not None:
                    report(done / n_tops)
            self._steer(done / n_tops)
        return values.cpu().numpy().reshape(*reversed(shape), self.n_outputs)

    def _in_chunks(
        self, work: Callable[[torch.Tensor], Ledger], tops: torch.Tensor
    ) -> Iterator[tuple[torch.Tensor, Ledger]]:
        """Work on cells of the first step, some at a time; yield which, and the result."""
        most = -(-len(tops) // (_CHUNKS * n_threads(self.device)))
        chunks = tops.split(min(self._cells.tops_at_once(self.memory_mb), max(most, 1)))
        return zip(chunks, parallel_map(work, chunks, self.device), strict=True)

    @staticmethod
    def _parts(n_tops: int) -> list[int]:
        """Return the numbers of cells after which the tolerance is adjusted."""
        ends = sorted({math.ceil(share * n_tops) for share in _STEERED})
        return np.diff([0, *ends]).tolist()

    def _steer(self, done: float) -> None:
        """Adjust the ID tolerance so that the error over the domain becomes the one allowed.

        Parameters
        ----------
        done : float
            Share of the domain that the ledger knows.
        """
        known = self._steered and self.plan.steps and self.ledger.cells
        if not known or done >= 1.0:
            return
        square = self.ledger.cell_square / self.ledger.cells
        left = ((_GOAL * self.plan.allowed) ** 2 - done * square) / (1.0 - done)
        ratio = math.sqrt(max(left, 0.0) / square) if square > 0.0 else math.inf
        factor = min(max(ratio**_TOLERANCE_PER_ERROR, 0.3), 3.0)
        self._cells.retune(factor)

    def _plain_grid(self, axes: Sequence[np.ndarray], report: Report | None) -> np.ndarray:
        """Evaluate the original network, some planes at a time."""
        *planes, last = [np.asarray(a, dtype=np.float64) for a in axes]
        plane = np.stack(np.meshgrid(*reversed(planes), indexing="ij")[::-1], axis=-1)
        plane = plane.reshape(-1, len(planes))
        values = np.empty((len(last), len(plane), self.n_outputs), np.float32)
        at_once = max(1, _PLAIN_POINTS // len(plane))
        for i in range(0, len(last), at_once):
            here = last[i : i + at_once]
            points = np.concatenate(
                [np.tile(plane, (len(here), 1)), np.repeat(here, len(plane))[:, None]], axis=1
            )
            values[i : i + at_once] = self.exact.numpy(points).reshape(len(here), len(plane), -1)
            if report is not None:
                report(min(1.0, (i + at_once) / len(last)))
        return values.reshape(*(len(a) for a in reversed(axes)), self.n_outputs)

    # --- points in any order ------------------------------------------------------------------

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
        steps = self.plan.steps
        last = torch.full((len(points),), len(steps), device=self.device)
        if levels is not None:
            wanted = [s.level + s.levels_below(self._cells.dimension) for s in steps]
            wanted = torch.tensor(wanted, device=self.device)
            last = (levels.to(self.device)[:, None] >= wanted).sum(dim=1)
        inside = (points >= self._lower) & (points <= self._lower + self._extent)
        last = torch.where(inside.all(dim=1), last, 0)
        values = torch.empty((len(points), self.n_outputs), device=self.device)
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
        tops, (codes, code, index, here) = (
            self._cells.codes(1),
            self._by_cell(points, here, n_steps),
        )
        up = self._cells.dimension * (codes.level - tops.level)

        def work(chunk: slice) -> Ledger:
            own = here[chunk]
            tiles = Tiles.of(code[chunk], self._tile(n_steps))
            cells = Cells(tiles.code, index[chunk][tiles.start])
            networks, entry = self._cells.pruned(cells, n_steps, tiles.count)
            found = networks.take(tiles.cell)(points[own[tiles.place]].float(), self.exact)
            values[own[tiles.place]] = found
            return entry

        for entry in parallel_map(
            work, runs(code >> up, self._cells.tops_at_once(self.memory_mb)), self.device
        ):
            self.ledger.add(entry)

    def _by_cell(
        self, points: torch.Tensor, here: torch.Tensor, n_steps: int
    ) -> tuple[CellCodes, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the cells of the last step, and the points `here` sorted by them."""
        codes = self._cells.codes(n_steps)
        index = codes.index_at((points[here] - self._lower) / self._extent)
        code, order = codes.of(index).sort(stable=True)
        return codes, code, index[order], here[order]

    def _kept(
        self, points: torch.Tensor, here: torch.Tensor, n_steps: int, values: torch.Tensor
    ) -> None:
        """Evaluate the points `here` like `_scattered`, with networks that are kept."""
        codes, code, index, here = self._by_cell(points, here, n_steps)
        tiles = Tiles.of(code, self._tile(n_steps))
        self._prune_missing(Cells(tiles.code, index[tiles.start]), codes)
        networks, _ = self._stores[n_steps - 1].of(tiles.code)

        def work(part: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            own = here[tiles.place[part]]
            return own, networks.take(tiles.cell[part])(points[own].float(), self.exact)

        share = -(-len(tiles.cell) // (2 * n_threads(self.device)))
        at_once = min(RUN_POINTS // self._tile(n_steps), max(share, _LEAST_TILES))
        parts = torch.arange(len(tiles.cell), device=self.device).split(at_once)
        for own, found in parallel_map(work, parts, self.device):
            values[own] = found

    def _prune_missing(self, cells: Cells, codes: CellCodes) -> None:
        """Prune the networks of cells, and of the larger cells around them, that are not kept."""
        self._calls += 1
        self._make_room()
        self._ensure(len(codes.levels) - 1, cells, codes)

    def _ensure(self, i: int, cells: Cells, codes: CellCodes) -> None:
        """Keep the networks of cells of step i; larger cells are asked for only where needed."""
        store, self._asked[i] = self._stores[i], self._calls
        own = cells.take(store.missing(cells.code))
        if not len(own.code):
            return
        parents = self._cells.nesting.roots(len(own.code))
        if i:
            up = codes.levels[i] - codes.levels[i - 1]
            larger = own.code >> (self._cells.dimension * up)
            new = firsts(larger)
            self._ensure(i - 1, Cells(larger[new], own.index[new] >> up), codes)
            # Those of one shape are pruned together: few batches, and their cells side by side.
            parents = LocalNetworks.merged([self._stores[i - 1].of(larger)[0]])
            order = parents.batch.argsort(stable=True)
            own, parents = own.take(order), parents.take(order)
        pieces = max(_LEAST_PIECE[min(i, 1)], -(-len(own.code) // (4 * n_threads(self.device))))
        pieces = torch.arange(len(own.code), device=self.device).split(pieces)

        def work(part: torch.Tensor) -> tuple[LocalNetworks, Ledger]:
            return self._cells.pruned_from(i, parents.take(part), own.take(part))

        found = []
        for networks, entry in parallel_map(work, pieces, self.device):
            self.ledger.add(entry)
            found.append(networks)
        store.add(own.code, LocalNetworks.merged(found))

    def _make_room(self) -> None:
        """Drop networks until the others take half of the memory.

        Those go first that were not asked for in a long time, then the finest: cells are asked
        for in order of place, and what is around the finest ones is needed again.
        """
        idle = [self._calls - asked > _IDLE for asked in self._asked]
        for i in sorted(range(len(self._stores)), key=lambda i: (not idle[i], -i)):
            if sum(store.nbytes for store in self._stores) <= self.memory_mb * 2**20 / 2:
                return
            self._stores[i] = self._empty_store()

    def _empty_store(self) -> NetworkStore:
        return NetworkStore(self._cells.nesting.network, self.device)

    def numpy(self, points: np.ndarray, levels: np.ndarray | None = None) -> np.ndarray:
        """Evaluate at a numpy array of points; the result is numpy float32."""
        tensor = torch.from_numpy(np.ascontiguousarray(points, dtype=np.float64))
        levels = None if levels is None else torch.from_numpy(np.array(levels, dtype=np.int64))
        return self(tensor, levels).cpu().numpy()

    def _tile(self, n_steps: int) -> int:
        return _TILES[max(self.plan.steps[n_steps - 1].typical) > _WIDE]
