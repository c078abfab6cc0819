"""Networks of the cells of one level, kept from one call to the next.

`NetworkStore` has them in one piece, for large requests; `NetworkParts` as they came, for many
small ones.
"""

from __future__ import annotations

import torch

from .nested import LocalNetworks
from .network_batch import NetworkBatch


class NetworkStore:
    """Networks by the codes of their cells.

    Parameters
    ----------
    original : NetworkBatch
        The original network, which cells may have too.
    device : torch.device
    """

    def __init__(self, original: NetworkBatch, device: torch.device) -> None:
        self._codes = torch.empty(0, dtype=torch.long, device=device)
        self._networks = LocalNetworks.original(original, 0, device)

    @property
    def nbytes(self) -> int:
        """Memory of the networks, in bytes."""
        return self._networks.nbytes

    def missing(self, codes: torch.Tensor) -> torch.Tensor:
        """Return which of sorted codes have no network yet, bool."""
        if not len(self._codes):
            return torch.ones_like(codes, dtype=torch.bool)
        place = torch.searchsorted(self._codes, codes).clamp(max=len(self._codes) - 1)
        return self._codes[place] != codes

    def of(self, codes: torch.Tensor) -> LocalNetworks:
        """Return the networks of cells that have one."""
        return self._networks.take(torch.searchsorted(self._codes, codes))

    def add(self, codes: torch.Tensor, networks: LocalNetworks) -> None:
        """Add networks of cells that have none, without those batches that none of them uses."""
        merged = LocalNetworks.merged([self._networks, networks])
        self._codes, order = torch.cat([self._codes, codes]).sort()
        self._networks = merged.take(order)


class NetworkParts:
    """Networks by the codes of their cells, in the parts in which they were added.

    Parameters
    ----------
    original : NetworkBatch
    device : torch.device
    """

    def __init__(self, original: NetworkBatch, device: torch.device) -> None:
        self._empty = LocalNetworks.original(original, 0, device)
        self._parts: list[LocalNetworks] = []
        # Codes in ascending order, and the place of each: number of the part and in it.
        self._codes = torch.empty(0, dtype=torch.long, device=device)
        self._place = torch.empty((0, 2), dtype=torch.long, device=device)
        self.nbytes = 0

    def of(self, codes: torch.Tensor) -> tuple[LocalNetworks, torch.Tensor]:
        """Return the networks of those cells that have one, and the indices of the others."""
        if not len(self._codes):
            return self._empty, torch.arange(len(codes), device=codes.device)
        place = torch.searchsorted(self._codes, codes).clamp(max=len(self._codes) - 1)
        known = self._codes[place] == codes
        part, within = self._place[place[known]].unbind(dim=1)
        used = part.unique().tolist()
        order = torch.cat([torch.nonzero(part == i)[:, 0] for i in used] or [part]).argsort()
        taken = [self._parts[i].take(within[part == i]) for i in used]
        networks = LocalNetworks.merged([self._empty, *taken]).take(order)
        return networks, torch.nonzero(~known)[:, 0]

    def add(self, codes: torch.Tensor, networks: LocalNetworks) -> None:
        """Add networks of cells; where there is one already, it stays."""
        n = len(codes)
        place = torch.stack([torch.full_like(codes, len(self._parts)), torch.arange(n).to(codes)])
        self._parts.append(networks)
        self.nbytes += networks.nbytes
        both = torch.cat([self._codes, codes])
        order = both.argsort(stable=True)
        first = torch.ones(len(both), dtype=torch.bool, device=codes.device)
        first[1:] = both[order][1:] != both[order][:-1]
        order = order[first]
        self._codes, self._place = both[order], torch.cat([self._place, place.T])[order]
