"""The networks of cells: pruned on the levels of a plan, measured, and accounted for."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import torch

from ...cells import CellCodes, CodedCells, Domain, Stream
from ...cells.grouping import firsts, runs
from ...inr.threads import n_threads, parallel_map
from .local_networks import LocalNetworks
from .plan import Plan
from .planning import clamped
from .pruner import Pruner
from .reference import Reference
from .shapes import ALIGNMENT
from .statistics import NetworkStatistics, sum_of_squares

_CALIBRATIONS = 3

_AIM, STEADY = 0.72, (0.58, 0.86)
"""Share of the allowed error that is aimed at in some cells, and those that are good enough."""

STEADY_GRID = (0.45, 1.1)
"""The same for grids, where the tolerance is adjusted on the way."""

_COARSE_SAMPLED, _CELLS_SAMPLED, _POINTS_SAMPLED = 16, 4, 32
"""Cells of the first step in which the error is sampled, cells in each, and points in those."""

_AUDITED = 4

_FAR_OFF = 3.0
"""A network whose error at random points is so many times the allowed one is given up."""

_MOST_COARSE = 64


class CellNetworks:
    """Networks of cells on the steps of a plan, and what is known of their errors.

    Parameters
    ----------
    reference : Reference
    plan : Plan
    """

    def __init__(self, reference: Reference, plan: Plan) -> None:
        self.reference, self.pruner = reference, Pruner(reference, plan)
        self.statistics = NetworkStatistics.of_none(len(plan.steps))

    @property
    def plan(self) -> Plan:
        """On which levels networks are pruned, and how far."""
        return self.pruner.plan

    @property
    def domain(self) -> Domain:
        """Where the cells are."""
        return self.reference.domain

    def retune(self, factor: float) -> None:
        """Multiply the ID tolerance."""
        tolerance = clamped(self.plan.id_tolerance * factor)
        self.pruner = Pruner(self.reference, replace(self.plan, id_tolerance=tolerance))

    def codes(self, n_steps: int) -> CellCodes:
        """Return the numbering of cells of one of the steps, or of the root cells."""
        levels = tuple(step.level for step in self.plan.steps[:n_steps]) or (0,)
        return CellCodes(self.domain, levels)

    def coarse_at_once(self, memory_mb: float) -> int:
        """Return how many cells of the first step a worker descends into at once."""
        steps = self.plan.steps
        bytes_ = 0.0
        for step in steps:
            cells = 2.0 ** (self.domain.dimension * (step.level - steps[0].level))
            products = sum(a * b for a, b in itertools.pairwise(step.typical))
            # Networks, in parts and put together.
            bytes_ += 8 * cells * (products + 8 * sum(step.typical))
        threads = n_threads(self.reference.device)
        budget = memory_mb * 2**20 / 4 / threads
        n_coarse = math.prod(self.codes(min(1, len(steps))).extent)
        fitting = int(budget / max(bytes_, 1.0))
        return max(1, min(fitting, _MOST_COARSE, n_coarse // (8 * threads)))

    def pruned(
        self, cells: CodedCells, n_steps: int, counts: torch.Tensor | None = None
    ) -> tuple[LocalNetworks, NetworkStatistics]:
        """Prune, on the first steps of the plan, the networks of cells of the last of them.

        Parameters
        ----------
        cells : CodedCells
            In the order of their codes.
        n_steps : int
        counts : torch.Tensor, optional, shape (n_cells,)
            Points in each cell; where there are too few it is not pruned.
        """
        steps = self.plan.steps[:n_steps]
        statistics = NetworkStatistics.of_none(len(self.plan.steps))
        if not steps or not len(cells.code):
            return self.reference.networks(len(cells.code)), statistics
        networks = self.reference.networks(1)
        parent_of = cells.code.new_zeros(len(cells.code))
        for i, step in enumerate(steps):
            up = self.domain.dimension * (steps[-1].level - step.level)
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
            networks = self.pruner.pruned(
                step, parents, self.domain.boxes(step.level, index), wanted
            )
            kept = int((networks.batch < len(parents.batches)).sum())
            statistics.pruned[i], statistics.kept[i] = len(code) - kept, kept
            parent_of = here
        return self._audited(cells.index, steps[-1].level, networks, statistics), statistics

    def _audited(
        self,
        index: torch.Tensor,
        level: int,
        networks: LocalNetworks,
        statistics: NetworkStatistics,
    ) -> LocalNetworks:
        """Compare with the original at random points of each cell; give up what is far off."""
        reference, boxes = self.reference, self.domain.boxes(level, index)
        points = boxes.random_points(_AUDITED, Stream.NETWORK_AUDIT, reference.seed)
        exact = reference(points)
        # Networks want a number of rows; points are repeated.
        rows = points.repeat(1, ALIGNMENT // _AUDITED, 1)
        square = reference.mean_square(networks(rows, reference.evaluator)[:, :_AUDITED], exact)
        # A network that gives no number is given up too; where the original gives none, it stays.
        nothing = ~exact.isfinite().flatten(1).all(dim=1)
        good = (square <= (_FAR_OFF * self.plan.allowed) ** 2) | nothing
        statistics.square += sum_of_squares(square[good], self.plan.allowed)
        statistics.count += len(square)
        zero = torch.zeros_like(networks.batch)
        error = torch.where(good, networks.error, 0.0)
        statistics.cell_square += sum_of_squares(error.square(), self.plan.allowed)
        statistics.cells += len(error)
        return LocalNetworks(
            networks.batches,
            torch.where(good, networks.batch, zero),
            torch.where(good, networks.slot, zero),
            error,
        )

    def pruned_from(
        self, i: int, parents: LocalNetworks, cells: CodedCells
    ) -> tuple[LocalNetworks, NetworkStatistics]:
        """Prune the networks of cells of step i, from one each of the step before."""
        step = self.plan.steps[i]
        networks = self.pruner.pruned(step, parents, self.domain.boxes(step.level, cells.index))
        statistics = NetworkStatistics.of_none(len(self.plan.steps))
        statistics.kept[i] = int((networks.batch < len(parents.batches)).sum())
        statistics.pruned[i] = len(cells.code) - statistics.kept[i]
        return self._audited(cells.index, step.level, networks, statistics), statistics

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
        reference, n_steps, d = self.reference, len(self.plan.steps), self.domain.dimension
        codes, coarse = self.codes(n_steps), self.codes(1)
        finer = codes.level - coarse.level
        generator = torch.Generator().manual_seed(reference.seed)
        unit = torch.rand((_COARSE_SAMPLED, d), generator=generator).double()
        around = coarse.index_at(unit.to(reference.device))[:, None, :] << finer
        below = torch.rand((_COARSE_SAMPLED, _CELLS_SAMPLED, d), generator=generator)
        index = (around + (below.to(reference.device) * 2**finer).long()).flatten(0, 1)
        code, order = codes.of(index).sort()
        cells = CodedCells(code, index[order]).take(firsts(code))

        def work(part: torch.Tensor) -> torch.Tensor:
            here = cells.take(part)
            networks, _ = self.pruned(here, n_steps)
            boxes = self.domain.boxes(codes.level, here.index)
            points = boxes.random_points(_POINTS_SAMPLED, Stream.CALIBRATION, reference.seed)
            found = networks(points, reference.evaluator)
            return reference.mean_square(found, reference(points))

        everything = torch.arange(len(cells.code), device=reference.device)
        parts = [everything[r] for r in runs(cells.code >> (d * finer), 1)]
        found = torch.cat([*parallel_map(work, parts, reference.device)])
        return float(found.mean().sqrt())
