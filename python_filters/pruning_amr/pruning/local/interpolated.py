"""Networks as the publication prunes them: weights that interpolate the neurons left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from ...inr.products import product
from ..decomposition.interpolative import InterpolativeDecomposition
from .network_batch import NetworkBatch, columns_of
from .shapes import Shape


def interpolated_networks(
    parents: NetworkBatch,
    decompositions: Sequence[InterpolativeDecomposition],
    n_cells: int,
    shape: Shape | None = None,
) -> NetworkBatch:
    """Return the networks that decompositions of the hidden layers lead to, one for each cell.

    Every hidden layer i keeps the neurons P_i of the decomposition A_i ≈ A_i[:, P_i] T_i;
    W_i <- W_i[P_i] T_{i-1}^T, b_i <- b_i[P_i], and the output layer only absorbs T. (Pruning AMR,
    arXiv 2512.02967, section 3.) A skip connection absorbs T of the layer it comes from.

    Parameters
    ----------
    parents : NetworkBatch
        One network for each cell, or one for all.
    decompositions : sequence of InterpolativeDecomposition
        Of the activations of each hidden layer, (n_cells,).
    n_cells : int
    shape : Shape, optional
        Widths that layers are padded to. Networks are then float32. By default widths are the
        largest ranks, and networks float64: their rounding then depends too little on which cells
        share a batch to ever turn a decision.
    """
    layers, interpolations = [], []
    for i, layer in enumerate(parents.layers):
        kept = decompositions[i] if i < len(decompositions) else None
        if kept is None:
            layer = layer.mapped(lambda w: w.expand(n_cells, -1, -1).double())
        else:
            if shape:
                kept = kept.padded(shape[i])
            layer = layer.mapped(lambda w, columns=kept.columns: columns_of(w, columns).double())
        if i:
            skips = tuple(
                replace(s, weight=product(interpolations[s.source], s.weight)) for s in layer.skips
            )
            weight = product(interpolations[i - 1], layer.weight)
            layer = replace(layer, weight=weight, skips=skips)
        if kept is not None:
            interpolations.append(kept.interpolation)
        layers.append(layer)
    networks = NetworkBatch(tuple(layers))
    return networks if shape is None else networks.to(torch.float32)
