"""The networks of cells: pruned on the levels of a plan, measured, and accounted for."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import torch

from ..inr import Evaluator
from ..inr.threads import n_threads, parallel_map
from .cell_codes import CellCodes, Cells
from .nested import Ledger, LocalNetworks, Nesting, Plan, sum_of_squares
from .network_batch import ALIGNMENT
from .plan import clamped
from .point_blocks import firsts, runs

_STREAM_AUDIT, _STREAM_CALIBRATION = 10, 11
_CALIBRATIONS = 3
_AIM, STEADY = 0.72, (0.58, 0.86)
"""Share of the allowed error that is aimed at in some cells, and those that are good enough."""

STEADY_GRID = (0.45, 1.1)
"""The same for grids, where the tolerance is adjusted on the way."""

_TOPS_SAMPLED, _CELLS_SAMPLED, _POINTS_SAMPLED = 16, 4, 32
"""Cells of the first step in which the error is sampled, cells in each, and points in those."""

_AUDITED = 4
_FAR_OFF = 3.0
"""A network whose error at random points is so many times the allowed one is given up."""

_MOST_TOPS = 64


class CellNetworks:
    """Networks of cells on the steps of a plan, and what is known of their errors.

    Parameters
    ----------
    exact : Evaluator
        Of the original network.
    lower, extent : torch.Tensor, shape (dimension,), float64
        The domain.
    plan : Plan
    scale : torch.Tensor, shape (n_outputs,), float64
        What errors of each output are divided by.
    seed : int
    """

    def __init__(
        self,
        exact: Evaluator,
        lower: torch.Tensor,
        extent: torch.Tensor,
        plan: Plan,
        scale: torch.Tensor,
        seed: int,
    ) -> None:
        self.exact, self.lower, self.extent = exact, lower, extent
        self.scale, self.seed, self.device = scale, seed, lower.device
        self.dimension = len(lower)
        self.nesting = self._nested(plan)
        self.ledger = self.empty_ledger()

    @property
    def plan(self) -> Plan:
        """On which levels networks are pruned, and how far."""
        return self.nesting.plan

    def retune(self, factor: float) -> None:
        """Multiply the ID tolerance."""
        tolerance = clamped(self.plan.id_tolerance * factor)
        self.nesting = self._nested(replace(self.plan, id_tolerance=tolerance))

    def _nested(self, plan: Plan) -> Nesting:
        return Nesting(
            self.exact.chain, self.lower, self.extent, plan, self.scale, self.exact, self.seed
        )

    def empty_ledger(self) -> Ledger:
        """Return a ledger of nothing."""
        n_steps = len(self.plan.steps)
        return Ledger(pruned=[0] * n_steps, kept=[0] * n_steps)

    def codes(self, n_steps: int) -> CellCodes:
        """Return the numbering of cells of one of the steps, or of the root cells."""
        levels = tuple(step.level for step in self.plan.steps[:n_steps]) or (0,)
        return CellCodes(self.plan.root_resolution, levels, self.device)

    def tops_at_once(self, memory_mb: float) -> int:
        """Return how many cells of the first step a worker descends into at once."""
        steps = self.plan.steps
        bytes_ = 0.0
        for step in steps:
            cells = 2.0 ** (self.dimension * (step.level - steps[0].level))
            products = sum(a * b for a, b in itertools.pairwise(step.typical))
            # Networks, in parts and put together.
            bytes_ += 8 * cells * (products + 8 * sum(step.typical))
        budget = memory_mb * 2**20 / 4 / n_threads(self.device)
        n_tops = math.prod(self.codes(min(1, len(steps))).extent)
        fitting = int(budget / max(bytes_, 1.0))
        return max(1, min(fitting, _MOST_TOPS, n_tops // (8 * n_threads(self.device))))

    def pruned(
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
        nesting, steps = self.nesting, self.plan.steps[:n_steps]
        ledger = self.empty_ledger()
        if not steps or not len(cells.code):
            return nesting.roots(len(cells.code)), ledger
        networks = nesting.roots(1)
        parent_of = cells.code.new_zeros(len(cells.code))
        for i, step in enumerate(steps):
            up = self.dimension * (steps[-1].level - step.level)
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
        boxes = self.nesting.boxes(level, index)
        points = boxes.fresh_points(_AUDITED, _STREAM_AUDIT, self.seed)
        exact = self.exact(points.flatten(0, 1)).reshape(len(index), _AUDITED, -1)
        # Networks want a number of rows; points are repeated.
        rows = points.repeat(1, ALIGNMENT // _AUDITED, 1)
        found = networks(rows, self.exact)[:, :_AUDITED]
        square = ((found - exact).double() / self.scale).square().mean(dim=(1, 2))
        # A network that gives no number is given up too; where the original gives none, it stays.
        nothing = ~exact.isfinite().flatten(1).all(dim=1)
        good = (square <= (_FAR_OFF * self.plan.allowed) ** 2) | nothing
        ledger.square += sum_of_squares(square[good], self.plan.allowed)
        ledger.count += len(square)
        zero = torch.zeros_like(networks.batch)
        error = torch.where(good, networks.error, 0.0)
        ledger.cell_square += sum_of_squares(error.square(), self.plan.allowed)
        ledger.cells += len(error)
        return LocalNetworks(
            networks.batches,
            torch.where(good, networks.batch, zero),
            torch.where(good, networks.slot, zero),
            error,
        )

    def pruned_from(
        self, i: int, parents: LocalNetworks, cells: Cells
    ) -> tuple[LocalNetworks, Ledger]:
        """Prune the networks of cells of step i, from one each of the step before."""
        step, own = self.plan.steps[i], cells
        networks = self.nesting.pruned(step, parents, self.nesting.boxes(step.level, own.index))
        ledger = self.empty_ledger()
        ledger.kept[i] = int((networks.batch < len(parents.batches)).sum())
        ledger.pruned[i] = len(own.code) - ledger.kept[i]
        return self._audited(own.index, step.level, networks, ledger), ledger

    def calibrate(self, steady: tuple[float, float] = STEADY) -> None:
        """Set the ID tolerance so that the error measured in some cells is the one allowed.

        Parameters
        ----------
        steady : tuple of float
            Shares of the allowed error that are good enough.
        """
        for _ in range(_CALIBRATIONS if self.plan.steps else 0):
            ratio = self._sampled_error() / self.plan.allowed
            # Zero for a constant field: any tolerance will do.
            if ratio == 0.0 or steady[0] <= ratio <= steady[1]:
                break
            # An error that is no number asks for the strongest change.
            factor = min(max(_AIM / ratio, 0.25), 4.0) if ratio > 0.0 else 0.25
            self.retune(factor)

    def _sampled_error(self) -> float:
        """Return the error of the networks in random cells of the last step."""
        n_steps = len(self.plan.steps)
        codes, tops = self.codes(n_steps), self.codes(1)
        generator = torch.Generator().manual_seed(self.seed)
        unit = torch.rand((_TOPS_SAMPLED, self.dimension), generator=generator).double()
        top = tops.index_at(unit.to(self.device))[:, None, :] << (codes.level - tops.level)
        below = torch.rand((_TOPS_SAMPLED, _CELLS_SAMPLED, self.dimension), generator=generator)
        within = (below.to(self.device) * 2 ** (codes.level - tops.level)).long()
        index = (top + within).flatten(0, 1)
        code, order = codes.of(index).sort()
        cells = Cells(code, index[order]).take(firsts(code))

        def work(part: torch.Tensor) -> torch.Tensor:
            here = cells.take(part)
            networks, _ = self.pruned(here, n_steps)
            boxes = self.nesting.boxes(codes.level, here.index)
            points = boxes.fresh_points(_POINTS_SAMPLED, _STREAM_CALIBRATION, self.seed)
            exact = self.exact(points.flatten(0, 1)).reshape(*points.shape[:2], -1)
            error = (networks(points, self.exact) - exact).double() / self.scale
            return error.square().mean(dim=(1, 2))

        parts = runs(cells.code >> (self.dimension * (codes.level - tops.level)), 1)
        everything = torch.arange(len(cells.code), device=self.device)
        found = torch.cat([*parallel_map(work, [everything[r] for r in parts], self.device)])
        return float(found.mean().sqrt())
