"""What evaluating through the networks of cells tells of itself, on grids and at points."""

from __future__ import annotations

from ...inr import Evaluator
from ..local.cell_networks import CellNetworks
from ..local.plan import Plan
from ..local.statistics import NetworkStatistics


class CellEvaluator:
    """Evaluates a network through the networks of cells."""

    def __init__(self, cells: CellNetworks) -> None:
        self._cells = cells

    @property
    def exact(self) -> Evaluator:
        """What evaluates the original network."""
        return self._cells.reference.evaluator

    @property
    def plan(self) -> Plan:
        """On which levels networks are pruned."""
        return self._cells.plan

    @property
    def statistics(self) -> NetworkStatistics:
        """What is known of the errors of the networks used so far."""
        return self._cells.statistics

    @property
    def is_original(self) -> bool:
        """Whether all values are those of the original network."""
        return not self.plan.steps
