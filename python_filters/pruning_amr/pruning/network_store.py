"""Networks of the cells of one level, kept from one call to the next."""

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
        return sum(batch.nbytes for batch in self._networks.batches[1:])

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
