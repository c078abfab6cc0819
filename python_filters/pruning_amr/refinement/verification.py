"""The error of a mesh at fresh points: no estimate made while refining is trusted in the end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..cells import Stream
from ..inr import INR
from ..mesh import History, Mesh, SpaceTimeTree, Tree, balanced
from .cell_errors import CellErrors
from .error_sums import ErrorSums
from .parameters import RefinementParameters

FRESH_POINTS = {"rms": 100_000, "max": 400_000}
"""Points in the domain, for each norm; a maximum needs more to be found."""

_SUSPECT = 16
"""Points in a cell with a neighbour finer by two levels or more: what passes through the
neighbour may pass through the cell unseen."""


class Verification:
    """Measures meshes at points no one has seen, other ones with every call.

    Parameters
    ----------
    inr : INR
    time : float
    parameters : RefinementParameters
    errors : CellErrors
    """

    least = 2  # Points in every cell at least.

    def __init__(
        self, inr: INR, time: float, parameters: RefinementParameters, errors: CellErrors
    ) -> None:
        self._inr, self._time, self._parameters, self._errors = inr, time, parameters, errors
        self._stream = int(Stream.VERIFICATION)

    def __call__(self, tree: Tree, leaves: np.ndarray) -> ErrorSums:
        """Return the errors of leaves of a mesh at fresh points in each."""
        sums = ErrorSums.zeros(len(leaves))
        count = self._counts(tree, leaves)
        measure = self._measure(tree)
        for n in np.unique(count):
            here = np.flatnonzero(count == n)
            sums.add(here, measure(leaves[here], int(n)))
        self._stream += 1
        return sums

    def error_of(self, tree: Tree) -> float:
        """Return the error of a mesh in the norm asked for, relative."""
        leaves = np.flatnonzero(tree.first_child < 0)
        sums = self(tree, leaves)
        return mesh_error(sums, tree.volume_share(leaves), self._parameters.error_norm)

    def _counts(self, tree: Tree, leaves: np.ndarray) -> np.ndarray:
        """Return how many points each leaf gets: by volume, and more where in doubt."""
        by_volume = tree.volume_share(leaves) * FRESH_POINTS[self._parameters.error_norm]
        least = np.where(self.beside_finer(tree)[leaves], _SUSPECT, self.least)
        # A power of two: few distinct numbers, each one call.
        return 2 ** np.ceil(np.log2(np.maximum(by_volume, least))).astype(np.int64)

    def beside_finer(self, tree: Tree) -> np.ndarray:
        """Return which nodes are beside much finer ones, (n_nodes,), bool."""
        finer, origin = balanced(tree, "faces")
        found = np.zeros(tree.n_nodes, bool)
        kept = origin >= 0
        found[origin[kept]] = finer.first_child[kept] >= 0
        return found

    def _measure(self, tree: Tree) -> Callable[[np.ndarray, int], ErrorSums]:
        """Return what measures leaves at a number of points in each."""
        errors, stream = self._errors, self._stream
        kind = self._parameters.reconstruction
        if kind in ("multilinear", "cell_constant"):
            return lambda nodes, n: errors.sample(tree, nodes, n, stream)
        mesh = Mesh(self._inr, self._time, self._parameters, tree, History(np.empty(0)))

        def measure(nodes: np.ndarray, n: int) -> ErrorSums:
            points, exact = errors.points(tree, nodes, n, stream)
            approximate = mesh.reconstruct(points.reshape(-1, tree.dimension), kind)
            return ErrorSums.of(errors.relative(approximate.reshape(exact.shape) - exact))

        return measure


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


def mesh_error(sums: ErrorSums, volume: np.ndarray, norm: str) -> float:
    """Return the error of a mesh in a norm from the errors of its cells, relative.

    Infinite if the field or its reconstruction is no number somewhere.
    """
    if not np.isfinite(sums.square).all():
        return np.inf
    if norm == "max":
        return float(sums.largest.max())
    return float(np.sqrt((sums.mean_square * volume).sum()))


def mesh_error_of(
    inr: INR, time: float | None, parameters: RefinementParameters
) -> Callable[[Tree], float]:
    """Return the function tree -> error of its mesh in the norm asked for, relative."""
    prepared: list[Verification] = []

    def measure(tree: Tree) -> float:
        if not prepared:
            errors = CellErrors(inr, time, parameters, tree)
            prepared.append(Verification(inr, time, parameters, errors))
        return prepared[0].error_of(tree)

    return measure
