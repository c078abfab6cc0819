"""In which direction a node over space and time is split: where its error comes from."""

from __future__ import annotations

import numpy as np

from ..cells import Stream
from ..mesh import SpaceTimeTree
from .cell_errors import CellErrors
from .loop import Splitting
from .parameters import RefinementParameters
from .space_time_errors import errors_by_direction

_DIRECTION_SAMPLES = 16

_STATIC = 1e-6
"""A node whose error in time is below this share of the tolerance does not change."""

_WORTH_TURNING = 0.1
"""Share of a squared error from the other direction that is worth a split where the direction it
mostly comes from is at its limit."""


class SpaceTimeSplitting(Splitting):
    """Splits nodes in space or in time, as the errors of interpolating in either ask for.

    Parameters
    ----------
    errors : CellErrors
    parameters : RefinementParameters
    """

    def __init__(self, errors: CellErrors, parameters: RefinementParameters) -> None:
        super().__init__(parameters)
        self._errors = errors

    def can_split(self, tree: SpaceTimeTree, nodes: np.ndarray) -> np.ndarray:
        """Return which nodes have not reached both limits, (n,), bool."""
        p = self.parameters
        return (tree.level[nodes] < p.max_depth) | (tree.time_level[nodes] < p.max_time_depth)

    def split(self, tree: SpaceTimeTree, nodes: np.ndarray) -> np.ndarray:
        """Refine the leaves that a split can help; return their children."""
        in_time, useful = self.directions(tree, nodes, self.measured(tree, nodes))
        return tree.subdivide(nodes[useful], in_time[useful])

    def split_in_space(self, tree: SpaceTimeTree, nodes: np.ndarray) -> np.ndarray:
        """Refine leaves in space; return their children."""
        return tree.subdivide(nodes, np.zeros(len(nodes), bool))

    def measured(self, tree: SpaceTimeTree, nodes: np.ndarray) -> np.ndarray:
        """Return the squared errors of nodes in space and in time, shape (n, 2)."""
        count = max(2 * self.parameters.n_error_samples, _DIRECTION_SAMPLES)
        return errors_by_direction(self._errors, tree, nodes, count, Stream.DIRECTION)

    def directions(
        self, tree: SpaceTimeTree, nodes: np.ndarray, parts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return which nodes to split in time, and which it is of use to split at all.

        The split is taken that saves more of the squared error for each cell it adds. Where the
        limit of that direction is reached, the other one is of use if enough of the error is its.

        Parameters
        ----------
        parts : numpy.ndarray, shape (n, 2)
            What `measured` found.
        """
        p = self.parameters
        in_space, in_time = parts.T
        moving = in_time > (_STATIC * p.tolerance) ** 2
        timely = moving & (in_time * (tree.n_children - 1) > in_space)
        deep = tree.level[nodes] >= p.max_depth
        late = tree.time_level[nodes] >= p.max_time_depth
        other = np.where(timely, late, deep)
        left = np.where(timely, in_space, np.where(moving, in_time, 0.0))
        useful = ~other | (~(deep & late) & (left > _WORTH_TURNING * (in_space + in_time)))
        return timely ^ other, useful
