"""The networks of some cells: one batch of each shape, and where each cell finds its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from .network_batch import NetworkBatch
from .shapes import Shape


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
        Errors of all prunings that led to the cell's network, added in quadrature.
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
                each = torch.arange(len(networks), device=slot.device)
                found = networks(here, None if torch.equal(slot, each) else slot)
            if everything:
                return found
            if values is None:
                values = found.new_empty((n_cells, rows, found.shape[2]))
            values[cells] = found
        if values is None:
            values = points.new_empty((0, rows, self.batches[0].layers[-1].weight.shape[2]))
        return values


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
