"""Networks nested in cells: every cell has a network pruned from that of a larger cell around it.

A cell is pruned only on the levels of a plan (`plan.py`), and keeps the network of the larger
cell where its own would be too inaccurate or no smaller. Which networks a cell has depends on
nothing but the plan and the cell.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from ..inr.chain import Chain
from .local import CellBoxes, Shape, n_products, prune_networks, widths_for
from .network_batch import NetworkBatch

_ATTEMPTS = 2
"""Cells whose network turned out too inaccurate, or too wide for so few samples, get another one
from twice as many samples, in double precision."""

_TIGHTER = 0.5
"""Where it was too inaccurate, also with so many times the ID tolerance."""

_MOST_RANK = 0.6
"""Ranks may be at most this share of the number of samples."""

PRECISE_BELOW = 2e-5
"""Products of activations are float64 for smaller ID tolerances: the squares of those would be
lost in float32."""

_CELL_LIMIT = 3.0
"""The error of a cell may be so many times that allowed on average over the domain."""

_POINTS_PER_CELL = 16
"""Samples of a cell of a mesh, and values at its vertices, on all finer levels together."""

_WORKING_VALUES = 1 << 22
"""Activations of one batch of cells that are pruned together (16 MiB)."""


@dataclass(frozen=True)
class Step:
    """One level on which networks are pruned.

    Attributes
    ----------
    level : int
    n_samples : int
        Samples in each cell.
    typical : Shape
        Widths of the networks, about.
    least_points : int
        Pruning pays in cells with at least so many points.
    """

    level: int
    n_samples: int
    typical: Shape
    least_points: int

    def levels_below(self, dimension: int) -> int:
        """Return how many levels finer cells are that together have enough sample points."""
        return max(
            1, math.ceil(math.log2(max(self.least_points / _POINTS_PER_CELL, 1)) / dimension)
        )


@dataclass(frozen=True)
class Plan:
    """On which levels, and how far, networks are pruned.

    Attributes
    ----------
    root_resolution : tuple of int
        Cells of level 0 along each axis.
    steps : tuple of Step
        From coarse to fine; none if pruning does not pay.
    id_tolerance : float
    allowed : float
        Root mean square of the relative error that the networks may have, over the domain.
    """

    root_resolution: tuple[int, ...]
    steps: tuple[Step, ...]
    id_tolerance: float
    allowed: float

    def share(self, step: Step) -> float:
        """Return the share of tolerance and error that a step gets: the last one the most."""
        return _SHARE_BEFORE ** (len(self.steps) - 1 - self.steps.index(step))


_SHARE_BEFORE = 0.5
"""The error of a network may be concentrated in some of the smaller cells that start from it."""


@dataclass
class Ledger:
    """What is known of the errors of nested networks, relative, against the original.

    Attributes
    ----------
    square : float
        Sum of the squared errors at `count` random points.
    pruned, kept : list of int
        For every step, cells that were pruned, and cells that kept a larger cell's network.
    cell_square : float
        Sum over cells of their squared errors, as measured when they were pruned against the
        networks they come from, and where blocks were interpolated.
    cells : int
        Their number.
    """

    square: float = 0.0
    count: int = 0
    cell_square: float = 0.0
    cells: int = 0
    pruned: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)

    def add(self, other: Ledger) -> None:
        """Add what is known of other cells."""
        self.square += other.square
        self.count += other.count
        self.cell_square += other.cell_square
        self.cells += other.cells
        self.pruned = [a + b for a, b in zip(self.pruned, other.pruned, strict=True)]
        self.kept = [a + b for a, b in zip(self.kept, other.kept, strict=True)]

    @property
    def rms(self) -> float:
        """Root mean square of the relative error found."""
        return math.sqrt(self.square / self.count) if self.count else 0.0


_SUMMED_BITS = 24
"""Squared errors are rounded to 2^-24 of the square of the allowed one before they are added."""


def sum_of_squares(square: torch.Tensor, allowed: float) -> float:
    """Add squared errors of cells; the sum does not depend on their order or on how they are split.

    The sums steer tolerances, and through those every cell. They are sums of whole multiples of a
    power of two, which float64 adds without rounding for up to some ten million cells.

    Parameters
    ----------
    square : torch.Tensor, shape (n_cells,), float64
        What is no number, or infinite, counts nothing.
    allowed : float
        Error that most do not exceed by far.
    """
    unit = 2.0 ** (math.frexp(allowed**2)[1] - _SUMMED_BITS)
    known = square.nan_to_num(nan=0.0, posinf=0.0)
    return float((known / unit).round().sum()) * unit


@dataclass(frozen=True)
class LocalNetworks:
    """The networks of some cells.

    Attributes
    ----------
    batches : list of NetworkBatch
        The first is the original network alone.
    batch : torch.Tensor, shape (n_cells,), int64
        In which of them the network of each cell is.
    slot : torch.Tensor, shape (n_cells,), int64
        At which place.
    error : torch.Tensor, shape (n_cells,), float64
        The cell's ledger: errors of all prunings that led to its network, added in quadrature.
    """

    batches: list[NetworkBatch]
    batch: torch.Tensor
    slot: torch.Tensor
    error: torch.Tensor

    @classmethod
    def original(cls, network: NetworkBatch, n_cells: int, device: torch.device) -> LocalNetworks:
        """Return the original network for every cell."""
        zero = torch.zeros(n_cells, dtype=torch.long, device=device)
        return cls([network], zero, zero, zero.double())

    @classmethod
    def merged(cls, parts: list[LocalNetworks]) -> LocalNetworks:
        """Return the networks of the cells of all parts, in their order.

        Networks that no cell uses are left out; there is one batch of each shape.
        """
        batches: dict[Shape, list[NetworkBatch]] = {}
        number: dict[Shape, int] = {}
        batch, slot = [], []
        original = parts[0].batches[0]
        for part in parts:
            new_batch, new_slot = torch.zeros_like(part.batch), torch.zeros_like(part.slot)
            for i in part.batch.unique().tolist():
                if i == 0:
                    continue
                networks, cells = part.batches[i], torch.nonzero(part.batch == i)[:, 0]
                used, place = part.slot[cells].unique(return_inverse=True)
                shape = networks.hidden_widths
                before = sum(len(b) for b in batches.setdefault(shape, []))
                kept = networks if len(used) == len(networks) else networks.take(used)
                batches[shape].append(kept)
                new_batch[cells] = number.setdefault(shape, len(number) + 1)
                new_slot[cells] = before + place
            batch.append(new_batch)
            slot.append(new_slot)
        joined = [original, *(NetworkBatch.concatenated(b) for b in batches.values())]
        error = torch.cat([part.error for part in parts])
        return cls(joined, torch.cat(batch), torch.cat(slot), error)

    @classmethod
    def joined(cls, parts: list[LocalNetworks]) -> LocalNetworks:
        """Return the networks of the cells of all parts, in their order, without copying them."""
        batches, batch = [parts[0].batches[0]], []
        for part in parts:
            # The original network is the first of every part.
            batch.append(torch.where(part.batch > 0, part.batch + len(batches) - 1, 0))
            batches += part.batches[1:]
        slot, error = torch.cat([p.slot for p in parts]), torch.cat([p.error for p in parts])
        return cls(batches, torch.cat(batch), slot, error)

    @property
    def nbytes(self) -> int:
        """Memory of the networks, in bytes, without the original."""
        return sum(batch.nbytes for batch in self.batches[1:])

    def take(self, cells: torch.Tensor) -> LocalNetworks:
        """Return the networks of some of the cells."""
        return LocalNetworks(self.batches, self.batch[cells], self.slot[cells], self.error[cells])

    def __call__(
        self, points: torch.Tensor, original: Callable[[torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        """Evaluate at points in each cell, (n_cells, n_points, n_inputs), float32.

        `original` evaluates the original network at (n, n_inputs).
        """
        n_cells, rows, d = points.shape
        values = None
        for i in self.batch.unique().tolist():
            networks, cells = self.batches[i], torch.nonzero(self.batch == i)[:, 0]
            everything = len(cells) == n_cells
            here = points if everything else points[cells]
            if i == 0:
                found = original(here.reshape(-1, d)).reshape(len(cells), rows, -1)
            else:
                slot = self.slot if everything else self.slot[cells]
                found = _in_parts(networks, slot, here)
            if everything:
                return found
            if values is None:
                values = found.new_empty((n_cells, rows, found.shape[2]))
            values[cells] = found
        if values is None:
            values = points.new_empty((0, rows, self.batches[0].layers[-1].weight.shape[2]))
        return values


def _in_parts(networks: NetworkBatch, slot: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Evaluate gathered networks, a few at a time so that their weights stay in the cache."""
    if len(slot) == len(networks) and torch.equal(slot, torch.arange(len(slot)).to(slot)):
        return networks(points)
    rows = points.shape[1]
    widest = max((*networks.hidden_widths, 1))
    limit = 1 << 17 if points.device.type == "cpu" else 1 << 27
    size = max(1, limit // (rows * widest))
    parts = [
        networks.take(slot[i : i + size])(points[i : i + size]) for i in range(0, len(slot), size)
    ]
    return torch.cat(parts)


class Nesting:
    """Prunes networks of cells step by step, as a plan says.

    Parameters
    ----------
    chain : Chain
        The original network, float32, on its device.
    lower, extent : torch.Tensor, shape (dimension,), float64
        The domain.
    plan : Plan
    scale : torch.Tensor, shape (n_outputs,), float64
        What errors of each output are divided by.
    original : callable
        (n, n_inputs) -> (n, n_outputs): evaluates `chain` so that no value depends on the others.
    seed : int
    """

    def __init__(
        self,
        chain: Chain,
        lower: torch.Tensor,
        extent: torch.Tensor,
        plan: Plan,
        scale: torch.Tensor,
        original: Callable[[torch.Tensor], torch.Tensor],
        seed: int = 0,
    ) -> None:
        self.plan, self.scale, self.original, self.seed = plan, scale, original, seed
        self._lower, self._extent = lower, extent
        self._root = torch.tensor(plan.root_resolution, device=lower.device)
        self.network = NetworkBatch.of(chain)
        self.device = lower.device

    def boxes(self, level: int, index: torch.Tensor) -> CellBoxes:
        """Return cells of a level by their index, (n_cells, dimension)."""
        size = self._extent / (self._root * 2**level)
        return CellBoxes(level, index, self._lower + index * size, size.expand(len(index), -1))

    def roots(self, n_cells: int) -> LocalNetworks:
        """Return the original network for a number of cells."""
        return LocalNetworks.original(self.network, n_cells, self.device)

    def pruned(
        self,
        step: Step,
        parents: LocalNetworks,
        boxes: CellBoxes,
        wanted: torch.Tensor | None = None,
    ) -> LocalNetworks:
        """Prune the networks of larger cells in cells of a step.

        Parameters
        ----------
        step : Step
        parents : LocalNetworks
            The network of the larger cell around each cell, one for each.
        boxes : CellBoxes
        wanted : torch.Tensor, optional, shape (n_cells,), bool
            Which cells are pruned; by default all. The others keep the larger cell's network.
        """
        result = Collected(parents)
        open_ = torch.arange(len(boxes), device=self.device)
        open_ = open_ if wanted is None else open_[wanted]
        tolerance = self.plan.id_tolerance * self.plan.share(step)
        tolerance = torch.full((len(boxes),), tolerance, dtype=torch.float64, device=self.device)
        for attempt in range(_ATTEMPTS):
            n_samples = step.n_samples << attempt
            failed = []
            for i, networks in enumerate(parents.batches):
                cells = open_[parents.batch[open_] == i]
                for part in cells.split(cells_at_once(networks, n_samples)):
                    if len(part):
                        failed += self._attempt(
                            step, parents, i, part, boxes, tolerance, n_samples, result
                        )
            open_ = torch.cat(failed) if failed else open_[:0]
        return result.networks()

    def _attempt(
        self,
        step: Step,
        parents: LocalNetworks,
        batch: int,
        cells: torch.Tensor,
        boxes: CellBoxes,
        tolerance: torch.Tensor,
        n_samples: int,
        result: Collected,
    ) -> list[torch.Tensor]:
        """Prune in cells whose parents are of one batch; return those to be tried once more.

        Lowers the tolerance of those that were too inaccurate.
        """
        networks = parents.batches[batch]
        most_rank, most_products = _MOST_RANK * n_samples, PAYING * products_of(networks)
        found = prune_networks(
            networks,
            parents.slot[cells],
            boxes.take(cells),
            tolerance[cells],
            self.scale,
            n_samples,
            most_rank,
            most_products,
            precise=n_samples > step.n_samples or self.plan.id_tolerance < PRECISE_BELOW,
            seed=self.seed,
        )
        total = torch.hypot(parents.error[cells], found.error)
        good = total <= _CELL_LIMIT * self.plan.allowed * self.plan.share(step)
        for new, own in zip(found.networks, found.cells, strict=True):
            result.add(new, cells[own], good[own], total[own])
        # What does not pay now would pay even less with more samples.
        pays = n_products(widths_for(found.rank)) <= most_products
        inaccurate = pays & ~good & (found.rank <= most_rank).all(dim=1)
        tolerance[cells[inaccurate]] *= _TIGHTER
        return [cells[pays & ~good]]


class Collected:
    """Collects the networks of cells as they come, by shape; the others keep their parents'."""

    def __init__(self, parents: LocalNetworks) -> None:
        self._parents = parents
        self._parts: dict[Shape, list[tuple[NetworkBatch, torch.Tensor]]] = {}
        self._error = parents.error.clone()

    def add(
        self,
        networks: NetworkBatch,
        cells: torch.Tensor,
        good: torch.Tensor,
        error: torch.Tensor,
    ) -> None:
        """Add those networks of cells that are good, with their errors."""
        if not good.any():
            return
        if not good.all():
            networks, cells, error = networks.take(good), cells[good], error[good]
        self._parts.setdefault(networks.hidden_widths, []).append((networks, cells))
        self._error[cells] = error

    def networks(self) -> LocalNetworks:
        """Return the networks of all cells; those without one have the larger cell's."""
        parents = self._parents
        batch, slot = parents.batch.clone(), parents.slot.clone()
        batches = list(parents.batches)
        for parts in self._parts.values():
            cells = torch.cat([cells for _, cells in parts])
            batch[cells] = len(batches)
            slot[cells] = torch.arange(len(cells), device=slot.device)
            batches.append(NetworkBatch.concatenated([networks for networks, _ in parts]))
        return LocalNetworks(batches, batch, slot, self._error)


PAYING = 0.7
"""A network is worth having if it takes at most this share of the products of the larger cell's."""


def products_of(networks: NetworkBatch) -> int:
    """Return about how many products a network takes for a point (see `n_products`)."""
    return int(n_products(torch.tensor(networks.hidden_widths, dtype=torch.long)))


def cells_at_once(networks: NetworkBatch, n_samples: int) -> int:
    """Return in how many cells networks are pruned together."""
    values = n_samples * sum(networks.hidden_widths) + networks.nbytes // (4 * len(networks))
    return max(1, _WORKING_VALUES // max(values, 1))
