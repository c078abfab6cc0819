"""Networks of the cells of one level, kept from one call to the next."""

from __future__ import annotations

import torch

from .local_networks import LocalNetworks
from .network_batch import NetworkBatch

_MOST_PARTS = 8
"""Networks are put together when there are more parts than this."""


class NetworkStore:
    """Networks by the codes of their cells, in parts as they were added.

    Parameters
    ----------
    original : NetworkBatch
        The original network, which cells may have too.
    device : torch.device
    """

    def __init__(self, original: NetworkBatch, device: torch.device) -> None:
        self._empty = LocalNetworks.original(original, 0, device)
        self._parts: list[LocalNetworks] = []
        # Codes in ascending order, and the place of each: number of the part and in it.
        self._codes = torch.empty(0, dtype=torch.long, device=device)
        self._place = torch.empty((0, 2), dtype=torch.long, device=device)

    @property
    def nbytes(self) -> int:
        """Memory of the networks, in bytes."""
        return sum(part.nbytes for part in self._parts)

    def missing(self, codes: torch.Tensor) -> torch.Tensor:
        """Return which codes have no network yet, bool."""
        if not len(self._codes):
            return torch.ones_like(codes, dtype=torch.bool)
        place = torch.searchsorted(self._codes, codes).clamp(max=len(self._codes) - 1)
        return self._codes[place] != codes

    def of(self, codes: torch.Tensor) -> tuple[LocalNetworks, torch.Tensor]:
        """Return the networks of those cells that have one, and the indices of the others.

        The networks are not copied.
        """
        missing = self.missing(codes)
        if missing.all():
            return self._empty, torch.arange(len(codes), device=codes.device)
        place = self._place[torch.searchsorted(self._codes, codes[~missing])]
        networks = LocalNetworks.joined([self._empty, *self._parts])
        first = [0, *(len(part.batch) for part in self._parts[:-1])]
        start = torch.tensor(first, device=codes.device).cumsum(0)
        return networks.take(start[place[:, 0]] + place[:, 1]), torch.nonzero(missing)[:, 0]

    def add(self, codes: torch.Tensor, networks: LocalNetworks) -> None:
        """Add networks of cells; where there is one already, it stays."""
        n = len(codes)
        place = torch.stack([torch.full_like(codes, len(self._parts)), torch.arange(n).to(codes)])
        self._parts.append(networks)
        both = torch.cat([self._codes, codes])
        order = both.argsort(stable=True)
        first = torch.ones(len(both), dtype=torch.bool, device=codes.device)
        first[1:] = both[order][1:] != both[order][:-1]
        order = order[first]
        self._codes, self._place = both[order], torch.cat([self._place, place.T])[order]
        if len(self._parts) > _MOST_PARTS:
            merged = LocalNetworks.merged([self._empty, self.of(self._codes)[0]])
            self._parts = [merged]
            within = torch.arange(len(self._codes), device=codes.device)
            self._place = torch.stack([torch.zeros_like(within), within], dim=1)
