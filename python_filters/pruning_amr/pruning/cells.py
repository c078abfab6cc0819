"""Pruning a network in many cells at once: each cell gets its own small network."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..inr.activations import Activation
from ..inr.chain import Chain
from .interpolative import interpolative_decomposition


@dataclass(frozen=True)
class PrunedLayer:
    """The pruned versions of one layer, one per cell, padded to the largest rank.

    Attributes
    ----------
    weight : torch.Tensor, shape (n_cells, n_kept, n_kept_before)
    bias : torch.Tensor, shape (n_cells, n_kept)
    activation : Activation
    input_weight : torch.Tensor or None, shape (n_cells, n_kept, n_inputs)
    """

    weight: torch.Tensor
    bias: torch.Tensor
    activation: Activation
    input_weight: torch.Tensor | None = None


@dataclass(frozen=True)
class PrunedNetworks:
    """One pruned network per cell.

    Attributes
    ----------
    layers : list of PrunedLayer
    rank : torch.Tensor, shape (n_cells, n_hidden), int64
        Kept neurons of each hidden layer.
    hidden_widths : tuple of int
        Neurons of each hidden layer before pruning.
    """

    layers: list[PrunedLayer]
    rank: torch.Tensor
    hidden_widths: tuple[int, ...]

    @property
    def kept_fraction(self) -> torch.Tensor:
        """Kept neurons / all neurons of the hidden layers, shape (n_cells,), float64."""
        return self.rank.sum(dim=1).double() / max(sum(self.hidden_widths), 1)

    def __call__(self, points: torch.Tensor) -> torch.Tensor:
        """Evaluate, shape (n_cells, n_points, n_inputs) -> (n_cells, n_points, n_outputs)."""
        points = points.double()
        h = points
        for layer in self.layers:
            z = torch.baddbmm(layer.bias[:, None, :], h, layer.weight.transpose(1, 2))
            if layer.input_weight is not None:
                z = torch.baddbmm(z, points, layer.input_weight.transpose(1, 2))
            h = layer.activation(z)
        return h


def prune_in_cells(chain: Chain, samples: torch.Tensor, tolerance: float) -> PrunedNetworks:
    """Prune a network in every cell by interpolative decomposition of its activations.

    Every hidden layer i keeps the neurons P_i of the decomposition A_i ≈ A_i[:, P_i] T_i of its
    post-activation values at the cell's samples; W_i <- W_i[P_i] T_{i-1}^T, b_i <- b_i[P_i],
    and the output layer only absorbs T. Nothing is trained. (Pruning AMR, arXiv 2512.02967,
    section 3.) The pruned networks are float64: their rounding then depends too little on
    which cells share a batch to ever turn a decision, and they are small.

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
    n_cells, n_samples, n_inputs = samples.shape
    activations = chain.activations(samples.reshape(-1, n_inputs))
    layers: list[PrunedLayer] = []
    ranks: list[torch.Tensor] = []
    absorbed: torch.Tensor | None = None
    for layer, values in zip(chain.layers[:-1], activations, strict=True):
        id_ = interpolative_decomposition(
            values.reshape(n_cells, n_samples, layer.width), tolerance
        )
        weight = layer.weight.double()[id_.columns]
        if absorbed is not None:
            weight = weight @ absorbed.transpose(1, 2)
        skip = layer.input_weight
        skip = None if skip is None else skip.double()[id_.columns]
        bias = layer.bias.double()[id_.columns]
        layers.append(PrunedLayer(weight, bias, layer.activation, skip))
        ranks.append(id_.rank)
        absorbed = id_.interpolation
    layers.append(_absorbing(chain, absorbed, n_cells))
    rank = torch.stack(ranks, dim=1) if ranks else torch.zeros((n_cells, 0), dtype=torch.long)
    return PrunedNetworks(layers, rank, chain.hidden_widths)


def _absorbing(chain: Chain, absorbed: torch.Tensor | None, n_cells: int) -> PrunedLayer:
    """Return the output layer of every cell, which keeps all its neurons."""
    last = chain.layers[-1]
    weight = last.weight.double().expand(n_cells, -1, -1)
    if absorbed is not None:
        weight = weight @ absorbed.transpose(1, 2)
    skip = last.input_weight
    return PrunedLayer(
        weight,
        last.bias.double().expand(n_cells, -1),
        last.activation,
        None if skip is None else skip.double().expand(n_cells, -1, -1),
    )


def bytes_per_cell(chain: Chain, n_samples: int) -> int:
    """Estimate the memory `prune_in_cells` needs for one cell, in bytes."""
    widest = max((*chain.hidden_widths, 1))
    kept_activations = 4 * n_samples * (sum(chain.hidden_widths) + widest)
    gram_and_factor = 8 * (2 * n_samples * widest + 4 * widest * widest)
    networks = 8 * 2 * sum(layer.n_parameters for layer in chain.layers)
    return kept_activations + gram_and_factor + networks
