"""Evaluating a network through networks nested in cells: dense grids, and points in any order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from ..inr import DEFAULT_MEMORY_MB, Evaluator
from ..inr.chain import Chain
from ..inr.threads import n_threads, parallel_map
from .cell_codes import CellCodes, Cells, near_cubic
from .dense_grid import NETWORK_SHARE, DenseGrid, Interpolated, levels_to_interpolate
from .nested import Ledger, LocalNetworks, Nesting, Plan
from .network_batch import ALIGNMENT
from .network_store import NetworkStore
from .plan import clamped, make_plan
from .point_blocks import RUN_POINTS, Tiles, firsts, runs

_TILES = (32, 128)
"""Scattered points are evaluated in tiles of so many points of one cell: larger ones for wide
networks, whose weights take long to gather."""

_WIDE = 48

_STREAM_AUDIT, _STREAM_CALIBRATION = 10, 11
_CALIBRATIONS = 3
_AIM, _STEADY = 0.72, (0.58, 0.86)
"""Share of the allowed error that is aimed at in some cells, and those that are good enough."""

_STEADY_GRID = (0.45, 1.1)
"""The same for grids, where the tolerance is adjusted on the way."""

_STEERED = (0.125, 0.5, 0.8, 1.0)
"""Shares of the cells of a grid after which the tolerance is adjusted."""

_GOAL = 0.86
"""Share of the allowed error that is aimed at on the way."""

_TOLERANCE_PER_ERROR = 1.5
"""Power of the error with which the ID tolerance is adjusted."""

_CHUNKS = 4
"""Pieces of work for each thread between adjustments."""

_TOPS_SAMPLED, _CELLS_SAMPLED, _POINTS_SAMPLED = 16, 4, 32
"""Cells of the first step in which the error is sampled, cells in each, and points in those."""

_AUDITED = 4
_FAR_OFF = 3.0
"""A network whose error at random points is so many times the allowed one is given up."""

_PLAIN_POINTS = 1 << 16
_MOST_TOPS = 64
_LEAST_PIECE = 16

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
    ) -> None:
        self.exact = Evaluator(chain, device, memory_mb)
        self.device, self.memory_mb, self.seed = self.exact.device, memory_mb, seed
        self._interpolate = interpolate
        self.bounds = np.asarray(bounds, dtype=np.float64)
        extent = np.diff(self.bounds)[:, 0]
        roots = tuple(root_resolution or near_cubic(extent))
        self._lower = torch.from_numpy(self.bounds[:, 0].copy()).to(self.device)
        self._extent = torch.from_numpy(extent).to(self.device)
        self.scale = torch.from_numpy(np.asarray(scale, dtype=np.float64)).to(self.device)
        with torch.inference_mode():
            self._nesting = self._nested(Plan(roots, (), 0.0, allowed))
            self.interpolated = Interpolated(range(0), 0.0, n_points)
            if interpolate and n_points:
                self.interpolated = levels_to_interpolate(
                    self.exact, self._nesting.boxes, roots, self.scale, allowed, n_points, seed
                )
            if len(self.interpolated.levels):
                allowed *= NETWORK_SHARE
            plan = make_plan(
                self.exact.chain, self._nesting.boxes, roots, self.scale, allowed,
                self.interpolated.n_evaluated, _MAX_LEVEL, seed,
            )  # fmt: skip
            self._nesting = self._nested(plan)
            self._calibrate()
        self._stores = self._empty_stores()
        self.ledger = self._empty_ledger()

    def _calibrate(self) -> None:
        """Set the ID tolerance so that the error measured in some cells is the one allowed."""
        steady = _STEADY_GRID if self._interpolate else _STEADY
        for _ in range(_CALIBRATIONS if self.plan.steps else 0):
            ratio = self._sampled_error() / self.plan.allowed
            # Zero for a constant field: any tolerance will do.
            if ratio == 0.0 or steady[0] <= ratio <= steady[1]:
                break
            # An error that is no number asks for the strongest change.
            factor = min(max(_AIM / ratio, 0.25), 4.0) if ratio > 0.0 else 0.25
            tolerance = clamped(self.plan.id_tolerance * factor)
            self._nesting = self._nested(replace(self.plan, id_tolerance=tolerance))

    def _sampled_error(self) -> float:
        """Return the error of the networks in random cells of the last step."""
        n_steps = len(self.plan.steps)
        codes, tops = self._codes(n_steps), self._codes(1)
        generator = torch.Generator().manual_seed(self.seed)
        unit = torch.rand((_TOPS_SAMPLED, self._dimension), generator=generator).double()
        top = tops.index_at(unit.to(self.device))[:, None, :] << (codes.level - tops.level)
        below = torch.rand((_TOPS_SAMPLED, _CELLS_SAMPLED, self._dimension), generator=generator)
        within = (below.to(self.device) * 2 ** (codes.level - tops.level)).long()
        index = (top + within).flatten(0, 1)
        code, order = codes.of(index).sort()
        cells = Cells(code, index[order]).take(firsts(code))

        def work(part: torch.Tensor) -> torch.Tensor:
            here = cells.take(part)
            networks, _ = self._networks(here, n_steps)
            boxes = self._nesting.boxes(codes.level, here.index)
            points = boxes.fresh_points(_POINTS_SAMPLED, _STREAM_CALIBRATION, self.seed)
            exact = self.exact(points.flatten(0, 1)).reshape(*points.shape[:2], -1)
            error = (networks(points, self.exact) - exact).double() / self.scale
            return error.square().mean(dim=(1, 2))

        parts = runs(cells.code >> (self._dimension * (codes.level - tops.level)), 1)
        everything = torch.arange(len(cells.code), device=self.device)
        found = torch.cat([*parallel_map(work, [everything[r] for r in parts], self.device)])
        return float(found.mean().sqrt())

    @property
    def plan(self) -> Plan:
        """On which levels networks are pruned."""
        return self._nesting.plan

    @property
    def is_original(self) -> bool:
        """Whether all values are those of the original network."""
        return not self.plan.steps and not len(self.interpolated.levels)

    @property
    def n_outputs(self) -> int:
        """Number of output channels."""
        return self.exact.chain.n_outputs

    def _nested(self, plan: Plan) -> Nesting:
        return Nesting(
            self.exact.chain, self._lower, self._extent, plan, self.scale, self.exact, self.seed
        )

    # --- networks of cells --------------------------------------------------------------------

    def _networks(
        self, cells: Cells, n_steps: int, counts: torch.Tensor | None = None
    ) -> tuple[LocalNetworks, Ledger]:
        """Prune, on the first steps of the plan, the networks of cells of the last of them.

        Parameters
        ----------
        cells : Cells
            In the order of their codes.
        n_steps : int
        counts : torch.Tensor, optional, shape (n_cells,)
            Points in each cell; where there are too few it is not pruned.
        """
        nesting, steps = self._nesting, self.plan.steps[:n_steps]
        ledger = self._empty_ledger()
        if not steps or not len(cells.code):
            return nesting.roots(len(cells.code)), ledger
        networks = nesting.roots(1)
        parent_of = cells.code.new_zeros(len(cells.code))
        for i, step in enumerate(steps):
            up = self._dimension * (steps[-1].level - step.level)
            code, here, size = torch.unique_consecutive(
                cells.code >> up, return_inverse=True, return_counts=True
            )
            first = size.cumsum(0) - size
            index = cells.index[first] >> (steps[-1].level - step.level)
            wanted = None
            if counts is not None:
                total = counts.new_zeros(len(code)).index_add_(0, here, counts)
                wanted = total >= step.least_points
            parents = networks.take(parent_of[first])
            networks = nesting.pruned(step, parents, nesting.boxes(step.level, index), wanted)
            kept = int((networks.batch < len(parents.batches)).sum())
            ledger.pruned[i], ledger.kept[i] = len(code) - kept, kept
            parent_of = here
        return self._audited(cells.index, steps[-1].level, networks, ledger), ledger

    def _audited(
        self, index: torch.Tensor, level: int, networks: LocalNetworks, ledger: Ledger
    ) -> LocalNetworks:
        """Compare with the original at random points of each cell; give up what is far off."""
        boxes = self._nesting.boxes(level, index)
        points = boxes.fresh_points(_AUDITED, _STREAM_AUDIT, self.seed)
        exact = self.exact(points.flatten(0, 1)).reshape(len(index), _AUDITED, -1)
        # Networks want a number of rows; points are repeated.
        rows = points.repeat(1, ALIGNMENT // _AUDITED, 1)
        found = networks(rows, self.exact)[:, :_AUDITED]
        square = ((found - exact).double() / self.scale).square().mean(dim=(1, 2))
        # A network that gives no number is given up too; where the original gives none, it stays.
        nothing = ~exact.isfinite().flatten(1).all(dim=1)
        good = (square <= (_FAR_OFF * self.plan.allowed) ** 2) | nothing
        ledger.square += float(square[good].nan_to_num().sum())
        ledger.count += len(square)
        zero = torch.zeros_like(networks.batch)
        error = torch.where(good, networks.error, 0.0)
        ledger.cell_square += float(error.nan_to_num(posinf=0.0).square().sum())
        ledger.cells += len(error)
        return LocalNetworks(
            networks.batches,
            torch.where(good, networks.batch, zero),
            torch.where(good, networks.slot, zero),
            error,
        )

    def _tops_at_once(self) -> int:
        """Return how many cells of the first step a worker descends into at once."""
        steps = self.plan.steps
        bytes_ = 0.0
        for step in steps:
            cells = 2.0 ** (self._dimension * (step.level - steps[0].level))
            products = sum(a * b for a, b in itertools.pairwise(step.typical))
            # Networks, in parts and put together.
            bytes_ += 8 * cells * (products + 8 * sum(step.typical))
        budget = self.memory_mb * 2**20 / 4 / n_threads(self.device)
        n_tops = math.prod(self._codes(min(1, len(steps))).extent)
        fitting = int(budget / max(bytes_, 1.0))
        return max(1, min(fitting, _MOST_TOPS, n_tops // (8 * n_threads(self.device))))

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
        codes = self._codes(n_steps)
        tops = CellCodes(codes.root_resolution, codes.levels[:1], self.device)
        grid = DenseGrid(
            axes, codes, self._lower, self._extent, self._nesting.boxes, self.scale, self.exact,
            self.interpolated, self.seed,
        )  # fmt: skip
        n_tops = math.prod(tops.extent)

        def work(chunk: torch.Tensor) -> Ledger:
            cells = codes.below(chunk.sort().values, tops)
            cells = cells.take(grid.has_points(cells.index))
            networks, entry = self._networks(cells, n_steps)
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
        chunks = tops.split(min(self._tops_at_once(), max(most, 1)))
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
        if not self.plan.steps or not self.ledger.cells or done >= 1.0:
            return
        square = self.ledger.cell_square / self.ledger.cells
        left = ((_GOAL * self.plan.allowed) ** 2 - done * square) / (1.0 - done)
        ratio = math.sqrt(max(left, 0.0) / square) if square > 0.0 else math.inf
        factor = min(max(ratio**_TOLERANCE_PER_ERROR, 0.3), 3.0)
        tolerance = clamped(self.plan.id_tolerance * factor)
        self._nesting = self._nested(replace(self.plan, id_tolerance=tolerance))

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
            wanted = [s.level + s.levels_below(self._dimension) for s in steps]
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
        tops, (codes, code, index, here) = self._codes(1), self._by_cell(points, here, n_steps)
        up = self._dimension * (codes.level - tops.level)

        def work(chunk: slice) -> Ledger:
            own = here[chunk]
            tiles = Tiles.of(code[chunk], self._tile(n_steps))
            cells = Cells(tiles.code, index[chunk][tiles.start])
            networks, entry = self._networks(cells, n_steps, tiles.count)
            found = networks.take(tiles.cell)(points[own[tiles.place]].float(), self.exact)
            values[own[tiles.place]] = found
            return entry

        for entry in parallel_map(work, runs(code >> up, self._tops_at_once()), self.device):
            self.ledger.add(entry)

    def _by_cell(
        self, points: torch.Tensor, here: torch.Tensor, n_steps: int
    ) -> tuple[CellCodes, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the cells of the last step, and the points `here` sorted by them."""
        codes = self._codes(n_steps)
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

        at_once = RUN_POINTS // self._tile(n_steps)
        parts = torch.arange(len(tiles.cell), device=self.device).split(at_once)
        for own, found in parallel_map(work, parts, self.device):
            values[own] = found

    def _prune_missing(self, cells: Cells, codes: CellCodes) -> None:
        """Prune the networks of cells, and of the larger cells around them, that are not kept."""
        if sum(store.nbytes for store in self._stores) > self.memory_mb * 2**20 / 2:
            self._stores = self._empty_stores()
        for i, level in enumerate(codes.levels):
            up = codes.level - level
            larger = cells.code >> (self._dimension * up)
            new = firsts(larger)
            own = Cells(larger[new], cells.index[new] >> up)
            own = own.take(self._stores[i].missing(own.code))
            if not len(own.code):
                continue
            pieces = max(_LEAST_PIECE, -(-len(own.code) // (4 * n_threads(self.device))))
            pieces = torch.arange(len(own.code), device=self.device).split(pieces)
            work = partial(self._pruned_on, i, own)
            found = []
            for networks, entry in parallel_map(work, pieces, self.device):
                self.ledger.add(entry)
                found.append(networks)
            self._stores[i].add(own.code, LocalNetworks.merged(found))

    def _pruned_on(self, i: int, cells: Cells, part: torch.Tensor) -> tuple[LocalNetworks, Ledger]:
        """Prune the networks of some cells of step i, from those kept of the step before."""
        step, own = self.plan.steps[i], cells.take(part)
        if i:
            up = self._dimension * (step.level - self.plan.steps[i - 1].level)
            parents, _ = self._stores[i - 1].of(own.code >> up)
        else:
            parents = self._nesting.roots(len(own.code))
        networks = self._nesting.pruned(step, parents, self._nesting.boxes(step.level, own.index))
        ledger = self._empty_ledger()
        ledger.kept[i] = int((networks.batch < len(parents.batches)).sum())
        ledger.pruned[i] = len(own.code) - ledger.kept[i]
        return self._audited(own.index, step.level, networks, ledger), ledger

    def _empty_ledger(self) -> Ledger:
        n_steps = len(self.plan.steps)
        return Ledger(pruned=[0] * n_steps, kept=[0] * n_steps)

    def _empty_stores(self) -> list[NetworkStore]:
        return [NetworkStore(self._nesting.network, self.device) for _ in self.plan.steps]

    def numpy(self, points: np.ndarray, levels: np.ndarray | None = None) -> np.ndarray:
        """Evaluate at a numpy array of points; the result is numpy float32."""
        tensor = torch.from_numpy(np.ascontiguousarray(points, dtype=np.float64))
        levels = None if levels is None else torch.from_numpy(np.array(levels, dtype=np.int64))
        return self(tensor, levels).cpu().numpy()

    def _tile(self, n_steps: int) -> int:
        return _TILES[max(self.plan.steps[n_steps - 1].typical) > _WIDE]

    def _codes(self, n_steps: int) -> CellCodes:
        levels = tuple(step.level for step in self.plan.steps[:n_steps]) or (0,)
        return CellCodes(self.plan.root_resolution, levels, self.device)

    @property
    def _dimension(self) -> int:
        return len(self.bounds)
