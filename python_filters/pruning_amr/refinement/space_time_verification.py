"""The error of a mesh over space and time at fresh points."""

from __future__ import annotations

import numpy as np

from ..mesh import SpaceTimeTree
from .verification import Verification


class SpaceTimeVerification(Verification):
    """Measures meshes over space and time; its `errors` are `SpaceTimeErrors`."""

    least = 4

    def beside_finer(self, tree: SpaceTimeTree) -> np.ndarray:
        """Return which nodes have a sibling finer by two splits or more, (n_nodes,), bool."""
        families = [
            (nodes, tree.first_child[nodes, None] + np.arange(k)) for nodes, k in tree.families()
        ]
        has_grandchildren = np.zeros(tree.n_nodes, bool)
        found = np.zeros(tree.n_nodes, bool)
        for nodes, children in families:
            has_grandchildren[nodes] = (tree.first_child[children] >= 0).any(axis=1)
        for _, children in families:
            found[children] = has_grandchildren[children].any(axis=1)[:, None]
        return found
