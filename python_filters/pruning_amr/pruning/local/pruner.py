"""Pruning the networks of cells step by step: each from that of a larger cell around it.

A cell is pruned only on the levels of a plan (`plan.py`), and keeps the network of the larger
cell where its own would be too inaccurate or no smaller. Which networks a cell has depends on
nothing but the plan and the cell.
"""

from __future__ import annotations

import torch

from ...cells import Boxes
from .local_networks import Collected, LocalNetworks
from .plan import PRECISE_BELOW, Plan, Step
from .prune import Limits, prune_networks
from .reference import Reference
from .shapes import PAYING, n_products, widths_for

_ATTEMPTS = 2
"""Cells whose network turned out too inaccurate, or too wide for so few samples, get another one
from twice as many samples, in double precision."""

_TIGHTER = 0.5
"""Where it was too inaccurate, also with so many times the ID tolerance."""

_MOST_RANK = 0.6
"""Ranks may be at most this share of the number of samples."""

_CELL_LIMIT = 3.0
"""The error of a cell may be so many times that allowed on average over the domain."""


class Pruner:
    """Prunes the networks of cells of one step after the other.

    Parameters
    ----------
    reference : Reference
    plan : Plan
    """

    def __init__(self, reference: Reference, plan: Plan) -> None:
        self.reference, self.plan = reference, plan

    def pruned(
        self,
        step: Step,
        parents: LocalNetworks,
        boxes: Boxes,
        wanted: torch.Tensor | None = None,
    ) -> LocalNetworks:
        """Prune the networks of larger cells in cells of a step.

        Parameters
        ----------
        step : Step
        parents : LocalNetworks
            The network of the larger cell around each cell, one for each.
        boxes : Boxes
        wanted : torch.Tensor, optional, shape (n_cells,), bool
            Which cells are pruned; by default all. The others keep the larger cell's network.
        """
        result, device = Collected(parents), self.reference.device
        open_ = torch.arange(len(boxes), device=device)
        open_ = open_ if wanted is None else open_[wanted]
        tolerance = self.plan.id_tolerance * self.plan.share(step)
        tolerance = torch.full((len(boxes),), tolerance, dtype=torch.float64, device=device)
        for attempt in range(_ATTEMPTS):
            n_samples = step.n_samples << attempt
            failed = []
            for i, networks in enumerate(parents.batches):
                limits = Limits(
                    n_samples,
                    precise=attempt > 0 or self.plan.id_tolerance < PRECISE_BELOW,
                    most_rank=_MOST_RANK * n_samples,
                    most_products=PAYING * networks.n_products,
                )
                cells = open_[parents.batch[open_] == i]
                for part in cells.split(networks.cells_at_once(n_samples)):
                    if len(part):
                        allowed = _CELL_LIMIT * self.plan.allowed * self.plan.share(step)
                        own = boxes.take(part)
                        failed.append(
                            self._attempt(parents, i, part, own, tolerance, limits, allowed, result)
                        )
            open_ = torch.cat(failed) if failed else open_[:0]
        return result.networks()

    def _attempt(
        self,
        parents: LocalNetworks,
        batch: int,
        cells: torch.Tensor,
        boxes: Boxes,
        tolerance: torch.Tensor,
        limits: Limits,
        allowed: float,
        result: Collected,
    ) -> torch.Tensor:
        """Prune in cells whose parents are of one batch; return those to be tried once more.

        Lowers the tolerance of those that were too inaccurate.
        """
        found = prune_networks(
            parents.batches[batch],
            parents.slot[cells],
            boxes,
            tolerance[cells],
            self.reference.scale,
            limits,
            self.reference.seed,
        )
        total = torch.hypot(parents.error[cells], found.error)
        good = total <= allowed
        for new, own in zip(found.networks, found.cells, strict=True):
            result.add(new, cells[own], good[own], total[own])
        # What does not pay now would pay even less with more samples.
        pays = n_products(widths_for(found.rank)) <= limits.most_products
        inaccurate = pays & ~good & (found.rank <= limits.most_rank).all(dim=1)
        tolerance[cells[inaccurate]] *= _TIGHTER
        return cells[pays & ~good]
