"""Simplices by their vertices, and their edges."""

from __future__ import annotations

import numpy as np


def edges_of(simplices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the edges of simplices, those of each simplex, and how many simplices each is part of.

    Parameters
    ----------
    simplices : numpy.ndarray, shape (n_simplices, n_corners)

    Returns
    -------
    edges : numpy.ndarray, shape (n_edges, 2)
        Vertices, the smaller number first.
    of_simplices : numpy.ndarray, shape (n_simplices, n_sides)
        Of a triangle 01, 12, 20; of a line itself.
    count : numpy.ndarray, shape (n_edges,)
    """
    n = simplices.shape[1]
    pairs = [(0, 1)] if n == 2 else [(0, 1), (1, 2), (2, 0)]
    both = np.sort(np.stack([simplices[:, p] for p in pairs], axis=1), axis=2)
    scale = int(simplices.max(initial=0)) + 1
    keys, inverse, count = np.unique(
        both[..., 0] * scale + both[..., 1], return_inverse=True, return_counts=True
    )
    edges = np.stack([keys // scale, keys % scale], axis=1)
    return edges, inverse.reshape(len(simplices), len(pairs)), count
