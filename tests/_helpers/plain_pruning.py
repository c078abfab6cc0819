"""Pruning of one cell as published, in numpy and scipy, written apart from the package."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from .reference import Dense, Network, evaluate, hidden_values


def prune_one_cell(network: Network, points: np.ndarray, tolerance: float):
    """The published algorithm for one cell, in numpy and scipy; returns network and ranks."""
    values = hidden_values(network, points)[:-1]
    pruned, ranks, transfers = [], [], []
    for layer, a in zip(network[:-1], values, strict=True):
        _, r, pivots = scipy.linalg.qr(a, mode="economic", pivoting=True)
        diagonal = np.abs(np.diag(r))
        k = int((diagonal >= tolerance * diagonal[0]).cumprod().sum()) if diagonal[0] else 0
        t = np.zeros((k, a.shape[1]))
        if k:
            t[:, pivots] = scipy.linalg.solve_triangular(r[:k, :k], r[:k])
        kept = pivots[:k]
        weight = layer.weight[kept].astype(np.float64)
        if transfers:
            weight = weight @ transfers[-1].T
        skips = {s: w[kept] @ transfers[s].T for s, w in layer.skips.items()}
        skip = None if layer.input_weight is None else layer.input_weight[kept]
        pruned.append(Dense(weight, layer.bias[kept], layer.activation, skip, skips))
        ranks.append(k)
        transfers.append(t)
    last = network[-1]
    skips = {s: w @ transfers[s].T for s, w in last.skips.items()}
    weight = last.weight @ transfers[-1].T
    pruned.append(Dense(weight, last.bias, last.activation, last.input_weight, skips))
    return pruned, ranks


def paper_indicator(
    network: Network,
    id_points: np.ndarray,
    error_points: np.ndarray,
    formula: str,
    value_range: np.ndarray,
    id_tolerance: float = 1e-3,
    pruning_tolerance: float = 1e-3,
    max_kept_fraction: float = 0.2,
) -> tuple[float, float]:
    """Error and kept fraction of one cell, each in units of its threshold.

    `formula` "published": mean|df| * mean(1 / |f + 5|); "value_range": mean of |df| / range.
    """
    pruned, ranks = prune_one_cell(network, id_points, id_tolerance)
    exact = evaluate(network, error_points)
    difference = np.abs(evaluate(pruned, error_points) - exact)
    if formula == "published":
        error = difference.mean() * (1 / np.abs(exact + 5.0)).mean()
    else:
        error = (difference / (value_range[:, 1] - value_range[:, 0])).mean()
    kept = sum(ranks) / sum(len(layer.bias) for layer in network[:-1])
    return float(error / pruning_tolerance), kept / max_kept_fraction
