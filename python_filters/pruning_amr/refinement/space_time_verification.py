"""The error of a mesh over space and time at fresh points."""

from __future__ import annotations

import numpy as np

from .cell_errors import ErrorSums
from .parameters import RefinementParameters
from .space_time_errors import SpaceTimeErrors
from .space_time_tree import SpaceTimeTree
from .verification import FRESH_POINTS, STREAM_FRESH

_LEAST = 4
"""Points in every cell at least."""

_SUSPECT = 16
"""Points in a cell beside a finer one: what passes through that may pass through it unseen."""


class SpaceTimeVerification:
    """Measures meshes at points no one has seen, other ones with every call.

    Parameters
    ----------
    parameters : RefinementParameters
    errors : SpaceTimeErrors
    """

    def __init__(self, parameters: RefinementParameters, errors: SpaceTimeErrors) -> None:
        self._parameters, self._errors, self._stream = parameters, errors, STREAM_FRESH

    def __call__(self, tree: SpaceTimeTree, leaves: np.ndarray) -> ErrorSums:
        """Return the errors of leaves of a mesh at fresh points in each."""
        by_volume = tree.volume_share(leaves) * FRESH_POINTS[self._parameters.error_norm]
        least = np.where(_torn(tree)[leaves], _SUSPECT, _LEAST)
        # A power of two: few distinct numbers, each one call.
        count = 2 ** np.ceil(np.log2(np.maximum(by_volume, least))).astype(np.int64)
        sums = ErrorSums.zeros(len(leaves))
        for n in np.unique(count):
            here = np.flatnonzero(count == n)
            sums.add(here, self._errors.sample(tree, leaves[here], int(n), self._stream))
        self._stream += 1
        return sums


def _torn(tree: SpaceTimeTree) -> np.ndarray:
    """Return which nodes have a sibling that is finer by two splits or more, (n_nodes,), bool."""
    families = [
        (nodes, tree.first_child[nodes, None] + np.arange(k)) for nodes, k in tree.families()
    ]
    has_grandchildren = np.zeros(tree.n_nodes, bool)
    torn = np.zeros(tree.n_nodes, bool)
    for nodes, children in families:
        has_grandchildren[nodes] = (tree.first_child[children] >= 0).any(axis=1)
    for _, children in families:
        torn[children] = has_grandchildren[children].any(axis=1)[:, None]
    return torn
