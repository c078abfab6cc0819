"""Interpolative decomposition in the cells of a tree, each starting from what its parent kept.

One factorisation of a cell's activations gives its ranks, its pruned network, and, with the
next pivots, a network to a smaller tolerance. That is what its children start from: instead of
all activations of the original network they decompose the few that span them. The ranks found
are those of the original network within a few per cent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from ...cells import Boxes, Domain
from ...cells.codes import ravel
from ...inr.chain import Chain
from ..decomposition.interpolative import (
    InterpolativeDecomposition,
    PivotedFactors,
    pivoted_factors,
)
from .interpolated import interpolated_networks
from .local_networks import Collected, LocalNetworks
from .network_batch import NetworkBatch
from .network_store import NetworkStore
from .shapes import ALIGNMENT, PAYING, Shape, n_products, widths_for

_INHERITED_TOLERANCE = 0.5
"""Tolerance of the networks that are inherited, relative to that of the decomposition."""

_ROWS = 64
"""Points of a cell are padded to a multiple of this: rows of one large product then round alike,
whatever their place in it."""

ErrorOf = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(approximate, exact), both (n_cells, n_points, n_outputs) -> error (n_cells,), float64."""

PointsOf = Callable[[Boxes], tuple[torch.Tensor, torch.Tensor]]
"""Cells -> points for the decomposition and others for the error, (n_cells, n, dimension)."""


@dataclass(frozen=True)
class Found:
    """What pruning cells gave.

    Attributes
    ----------
    rank : torch.Tensor, shape (n_cells, n_hidden), int64
        Kept neurons of each hidden layer.
    error : torch.Tensor, shape (n_cells,), float64
        Error of the pruned network, against the network that the cell started from.
    """

    rank: torch.Tensor
    error: torch.Tensor


Choice = Callable[[Found], torch.Tensor]
"""What pruning cells gave -> which of them are meant, (n_cells,), bool."""


@dataclass(frozen=True)
class Inheritance:
    """How networks are pruned in cells, and which of them their children start from.

    Attributes
    ----------
    points_of : PointsOf
    error_of : ErrorOf
    id_tolerance : float
        Relative tolerance of the decompositions.
    allowed : float
        Error that inherited networks may have collected.
    refined : Choice
        Cells that will have children.
    levels : range
        Levels of the cells that are pruned for their children.
    """

    points_of: PointsOf
    error_of: ErrorOf
    id_tolerance: float
    allowed: float
    refined: Choice
    levels: range


class InheritedNetworks:
    """Prunes networks in cells, generation after generation.

    What a cell gets depends on nothing but the cell: networks that did not fit into memory are
    pruned again when they are asked for.

    Parameters
    ----------
    chain : Chain
        The original network, float32, on its device.
    domain : Domain
    rule : Inheritance
    memory_mb : float
        For networks, in MiB; does not change results.
    """

    def __init__(self, chain: Chain, domain: Domain, rule: Inheritance, memory_mb: float) -> None:
        self._original = NetworkBatch.of(chain)
        self._domain, self._rule, self._budget = domain, rule, memory_mb * 2**20
        self._stores: dict[int, NetworkStore] = {}
        self._lock = threading.Lock()

    def __call__(self, level: int, index: torch.Tensor) -> Found:
        """Prune the networks of cells of a level, by their index, (n_cells, dimension)."""
        parents = self._of(level - 1, index >> 1)
        inherits = level in self._rule.levels
        tolerance = self._rule.id_tolerance * (_INHERITED_TOLERANCE if inherits else 1.0)
        rank = index.new_zeros((len(index), len(self._original.layers) - 1))
        found = Found(rank, rank.new_zeros(len(index), dtype=torch.float64))
        collected = Collected(parents)
        for part, batch in self._decomposed(level, index, parents, tolerance):
            here = batch.found(self._rule.id_tolerance, self._rule.error_of)
            found.rank[part], found.error[part] = here.rank, here.error
            if inherits:
                refined = torch.nonzero(self._rule.refined(here))[:, 0]
                self._inherit(batch, refined, part[refined], parents, collected)
        if inherits:
            refined = torch.nonzero(self._rule.refined(found))[:, 0]
            self._keep(level, index[refined], collected.networks().take(refined))
        return found

    def _of(self, level: int, index: torch.Tensor) -> LocalNetworks:
        """Return the networks that the children of cells start from."""
        if level not in self._rule.levels:
            # Coarser than the coarsest: there is nothing to inherit yet.
            return LocalNetworks.original(self._original, len(index), index.device)
        code, here = self._code(level, index).unique(return_inverse=True)
        with self._lock:
            store = self._stores.setdefault(level, NetworkStore(self._original, index.device))
            kept, missing = store.of(code)
        if not len(missing):
            return kept.take(here)
        one = torch.empty_like(code).scatter_(0, here, torch.arange(len(here), device=code.device))
        new = index[one[missing]]
        networks = self._networks(level, new)
        self._keep(level, new, networks)
        known = torch.ones_like(code, dtype=torch.bool).index_fill_(0, missing, False)
        order = torch.cat([torch.nonzero(known)[:, 0], missing]).argsort()
        return LocalNetworks.merged([kept, networks]).take(order[here])

    def _code(self, level: int, index: torch.Tensor) -> torch.Tensor:
        return ravel(index, torch.tensor([n << level for n in self._domain.root_resolution]))

    def _keep(self, level: int, index: torch.Tensor, networks: LocalNetworks) -> None:
        """Keep networks for the children of cells, if there is room."""
        if not len(index):
            return
        networks = LocalNetworks.merged([networks])
        with self._lock:
            store = self._stores.setdefault(level, NetworkStore(self._original, index.device))
            for coarser in sorted(self._stores):
                used = sum(s.nbytes for s in self._stores.values()) + networks.nbytes
                if used <= self._budget:
                    store.add(self._code(level, index), networks)
                    return
                if coarser < level - 1:
                    del self._stores[coarser]

    def _networks(self, level: int, index: torch.Tensor) -> LocalNetworks:
        """Prune the networks that the children of cells start from."""
        parents = self._of(level - 1, index >> 1)
        tolerance = self._rule.id_tolerance * _INHERITED_TOLERANCE
        collected = Collected(parents)
        for part, batch in self._decomposed(level, index, parents, tolerance):
            everything = torch.arange(len(part), device=part.device)
            self._inherit(batch, everything, part, parents, collected)
        return collected.networks()

    def _decomposed(
        self, level: int, index: torch.Tensor, parents: LocalNetworks, tolerance: float
    ) -> Iterator[tuple[torch.Tensor, _Decomposed]]:
        """Decompose activations in cells, some at a time; yields which, and their decompositions.

        Every cell starts from one of the networks `parents`.
        """
        boxes = self._domain.boxes(level, index)
        for i, networks in enumerate(parents.batches):
            cells = torch.nonzero(parents.batch == i)[:, 0]
            for part in cells.split(networks.cells_at_once(_LIKELY_POINTS)):
                if len(part):
                    own = networks if i == 0 else networks.take(parents.slot[part])
                    samples, points = self._rule.points_of(boxes.take(part))
                    yield part, _Decomposed(own, samples, points, tolerance)

    def _inherit(
        self,
        batch: _Decomposed,
        cells: torch.Tensor,
        number: torch.Tensor,
        parents: LocalNetworks,
        collected: Collected,
    ) -> None:
        """Collect the networks that children of some cells of a batch start from."""
        if not len(cells) or not batch.decompositions:
            return
        ids = [d.select(cells).all() for d in batch.decompositions]
        widths = widths_for(torch.stack([d.rank for d in ids], dim=1))
        pays = n_products(widths) <= PAYING * batch.parents.n_products
        shapes, which = widths.unique(dim=0, return_inverse=True)
        for i, shape in enumerate(shapes.tolist()):
            these = torch.nonzero((which == i) & pays)[:, 0]
            if not len(these):
                continue
            networks = batch.networks([d.select(these) for d in ids], cells[these], tuple(shape))
            error = batch.error(networks, cells[these], self._rule.error_of)
            error = error + parents.error[number[these]]
            collected.add(networks, number[these], error <= self._rule.allowed, error)


_LIKELY_POINTS = 384
"""Points in a cell, for the size of batches: 256 samples and 128 for the error, as published."""


class _Decomposed:
    """The activations of a batch of cells, decomposed."""

    def __init__(
        self,
        parents: NetworkBatch,
        samples: torch.Tensor,
        points: torch.Tensor,
        tolerance: float,
    ) -> None:
        self.parents, n = parents, samples.shape[1]
        self._n_points = points.shape[1]
        together = torch.cat([samples, points], dim=1)
        padding = -together.shape[1] % (_ROWS if len(parents) == 1 else ALIGNMENT)
        together = torch.nn.functional.pad(together, (0, 0, 0, padding))
        values, activations = parents.hidden_values(together)
        self._points = together[:, n:]
        self._points = self._points[:, : -(-self._n_points // ALIGNMENT) * ALIGNMENT]
        self._exact = parents.layers[-1].activation(values[-1][:, n : n + self._n_points]).double()
        self.decompositions: list[PivotedFactors] = [
            pivoted_factors(a[:, :n], tolerance) for a in activations
        ]

    def found(self, id_tolerance: float, error_of: ErrorOf) -> Found:
        """Return ranks and errors of the networks pruned to a tolerance."""
        ids = [d.at(id_tolerance) for d in self.decompositions]
        cells = torch.arange(len(self._exact), device=self._exact.device)
        error = self.error(self.networks(ids, cells, None), cells, error_of)
        rank = [d.rank for d in ids] or [cells[:, None][:, :0]]
        return Found(torch.stack(rank, dim=1) if ids else rank[0], error)

    def error(self, networks: NetworkBatch, cells: torch.Tensor, error_of: ErrorOf) -> torch.Tensor:
        """Return the errors of networks of some cells."""
        points = self._points[cells].to(networks.layers[0].weight.dtype)
        return error_of(networks(points)[:, : self._n_points].double(), self._exact[cells])

    def networks(
        self, ids: list[InterpolativeDecomposition], cells: torch.Tensor, shape: Shape | None
    ) -> NetworkBatch:
        """Return the networks of some cells (see `interpolated_networks`)."""
        parents = self.parents if len(self.parents) == 1 else self.parents.take(cells)
        return interpolated_networks(parents, ids, len(cells), shape)
