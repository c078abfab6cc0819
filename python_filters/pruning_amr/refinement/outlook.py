"""How far a search is: points of the network asked for, of those that it will probably ask for."""

from __future__ import annotations

import math

from .parameters import RefinementParameters
from .progress import Watch

_VERIFICATIONS = 2
"""Of a search, as a rule: what the first one tells is explored."""

_VERIFIED_POINTS = {"rms": 8192, "max": 400_000}
"""Of a verification, about."""

_MOST = 0.99


class Outlook:
    """Tells the user how far a search is, and what it is about.

    Parameters
    ----------
    watch : Watch
    parameters : RefinementParameters
    points_per_node : float
        Points that exploring a node takes.
    """

    def __init__(
        self, watch: Watch, parameters: RefinementParameters, points_per_node: float
    ) -> None:
        self._watch, self._parameters, self._per_node = watch, parameters, points_per_node
        self._error, self._expected, self._verified = math.nan, 0.0, 0

    def expect(self, error: float, n_nodes: float) -> None:
        """Note the error of the best mesh, relative, and how many nodes there will be."""
        self._error, self._expected = error, n_nodes

    def exploring(self, n_nodes: int, n_cells: int) -> None:
        """Say that nodes are explored, of which there are `n_nodes` and `n_cells` leaves."""
        self._say(n_nodes, f"{n_cells:,} cells explored{self._error_text()}")

    def sampling(self, n_nodes: int, n_cells: int) -> None:
        """Say that cells are sampled thoroughly, those with an error close to what is allowed."""
        self._say(n_nodes, f"sampling {n_cells:,} cells thoroughly{self._error_text()}")

    def verifying(self, n_nodes: int, n_cells: int) -> None:
        """Say that a mesh is verified."""
        self._expected = max(n_nodes, 1)
        text = f"verifying {n_cells:,} cells at fresh points{self._error_text()}"
        self._say(n_nodes, text)
        self._verified += 1

    def _say(self, n_nodes: int, text: str) -> None:
        norm = self._parameters.error_norm
        verification = _VERIFIED_POINTS[norm] * (_VERIFICATIONS if norm == "rms" else 1)
        explored = self._per_node * min(n_nodes, self._expected)
        done = explored + _VERIFIED_POINTS[norm] * self._verified
        whole = self._per_node * self._expected + verification
        self._watch(min(done / whole, _MOST), f"Pruning AMR: {text}")

    def _error_text(self) -> str:
        p = self._parameters
        if not 0.0 < self._error < math.inf:
            return ""
        if p.region:
            # Errors are weighted there: what counts is how they compare with what is asked.
            return f", error {self._error / p.tolerance:.2g} times what is asked"
        if p.error_formula == "absolute":
            return f", error {self._error:.2g} of {p.tolerance:.2g} asked"
        return f", error {100 * self._error:.2g} % of {100 * p.tolerance:.2g} % asked"
