"""Pruning a network in many cells at once by the published rule: each cell gets its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from ..inr.chain import Chain
from .decomposition.interpolative import (
    InterpolativeDecomposition,
    PivotedFactors,
    pivoted_factors,
)
from .local.interpolated import interpolated_networks
from .local.network_batch import NetworkBatch
from .local.shapes import ALIGNMENT

ID_TOLERANCES = (0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
"""Tolerances that are tried when the one of a cell is found automatically."""


@dataclass(frozen=True)
class PrunedNetworks:
    """One pruned network per cell.

    Attributes
    ----------
    networks : NetworkBatch
        Float64, padded to the largest ranks.
    rank : torch.Tensor, shape (n_cells, n_hidden), int64
        Kept neurons of each hidden layer.
    hidden_widths : tuple of int
        Neurons of each hidden layer before pruning.
    """

    networks: NetworkBatch
    rank: torch.Tensor
    hidden_widths: tuple[int, ...]

    @property
    def kept_fraction(self) -> torch.Tensor:
        """Kept neurons / all neurons of the hidden layers, shape (n_cells,), float64."""
        return self.rank.sum(dim=1).double() / max(sum(self.hidden_widths), 1)

    def __call__(self, points: torch.Tensor) -> torch.Tensor:
        """Evaluate, shape (n_cells, n_points, n_inputs) -> (n_cells, n_points, n_outputs)."""
        n_points = points.shape[1]
        padding = -n_points % ALIGNMENT
        rows = torch.nn.functional.pad(points.double(), (0, 0, 0, padding))
        return self.networks(rows)[:, :n_points]


def prune_in_cells(chain: Chain, samples: torch.Tensor, tolerance: float) -> PrunedNetworks:
    """Prune a network in every cell by interpolative decomposition of its activations.

    Activations are post-activation values at the cell's samples, networks are those of
    `interpolated_networks`. Nothing is trained. (Pruning AMR, arXiv 2512.02967, section 3.)

    Parameters
    ----------
    chain : Chain
    samples : torch.Tensor, shape (n_cells, n_samples, n_inputs), float32
        Points in each cell.
    tolerance : float
        Relative tolerance of the decompositions.

    Returns
    -------
    PrunedNetworks
    """
    factors = _decompose(chain, samples, tolerance)
    return _networks(chain, [f.all() for f in factors], len(samples))


def prune_in_cells_to_error(
    chain: Chain,
    samples: torch.Tensor,
    error_points: torch.Tensor,
    error_of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    allowed: float,
    exact: torch.Tensor,
) -> tuple[PrunedNetworks, torch.Tensor, torch.Tensor]:
    """Prune every cell as far as the measured error of its network allows.

    The tolerances of `ID_TOLERANCES` are tried from the largest down; a cell takes the first
    whose network is accurate enough, or the last if none is. What one cell gets does not
    depend on the others.

    Parameters
    ----------
    chain : Chain
    samples : torch.Tensor, shape (n_cells, n_samples, n_inputs), float32
        Points in each cell the network is pruned on.
    error_points : torch.Tensor, shape (n_cells, n_points, n_inputs), float32
        Other points in each cell, at which the error is measured.
    error_of : callable
        (approximate, exact), both (n_cells, n_points, n_outputs) -> error (n_cells,).
    allowed : float
        Largest error of a cell.
    exact : torch.Tensor, shape (n_cells, n_points, n_outputs), float64
        Values of `chain` at the error points.

    Returns
    -------
    pruned : PrunedNetworks
    error : torch.Tensor, shape (n_cells,), float64
    id_tolerance : torch.Tensor, shape (n_cells,), float64
    """
    n_cells = len(error_points)
    factors = list(_decompose(chain, samples, ID_TOLERANCES[-1]))
    error = exact.new_zeros(n_cells)
    chosen = exact.new_full((n_cells,), ID_TOLERANCES[-1])
    searching = torch.arange(n_cells, device=samples.device)
    for id_tolerance in ID_TOLERANCES:
        if not len(searching):
            break
        decompositions = [f.select(searching).at(id_tolerance) for f in factors]
        candidates = _networks(chain, decompositions, len(searching))
        found = error_of(candidates(error_points[searching]), exact[searching])
        error[searching] = found.double()
        accurate = found <= allowed
        chosen[searching[accurate]] = id_tolerance
        searching = searching[~accurate]
    return _networks(chain, [f.at(chosen) for f in factors], n_cells), error, chosen


def _decompose(chain: Chain, samples: torch.Tensor, tolerance: float) -> Iterator[PivotedFactors]:
    """Yield the decompositions of one hidden layer after the other, for all cells."""
    for values in chain.activations(samples.flatten(0, 1)):
        yield pivoted_factors(values.reshape(*samples.shape[:2], values.shape[1]), tolerance)


def _networks(
    chain: Chain, decompositions: Sequence[InterpolativeDecomposition], n_cells: int
) -> PrunedNetworks:
    """Return the networks that decompositions of all hidden layers lead to."""
    networks = interpolated_networks(NetworkBatch.of(chain), decompositions, n_cells)
    ranks = [d.rank for d in decompositions]
    rank = torch.stack(ranks, dim=1) if ranks else torch.zeros((n_cells, 0), dtype=torch.long)
    return PrunedNetworks(networks, rank, chain.hidden_widths)


def bytes_per_cell(chain: Chain, n_samples: int) -> int:
    """Estimate the memory pruning needs for one cell, in bytes."""
    widest = max((*chain.hidden_widths, 1))
    kept_activations = 4 * n_samples * (sum(chain.hidden_widths) + widest)
    gram_and_factor = 8 * (2 * n_samples * widest + 4 * widest * widest)
    # The search for a tolerance keeps the factors of all layers, and copies of some cells'.
    gram_and_factor += 8 * 2 * sum(width * width for width in chain.hidden_widths)
    networks = 8 * 2 * sum(layer.n_parameters for layer in chain.layers)
    return kept_activations + gram_and_factor + networks
