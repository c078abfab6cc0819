"""The error of the interpolant over space and time in cells, as a whole and by direction.

The reconstruction is multilinear in space between a cell's corners, and linear in time between
the two ends of its interval. What it misses is the sum of two parts that are measured apart, at
the same points: what interpolating in time alone misses, and, of what is left, what interpolating
in space misses.
"""

from __future__ import annotations

import numpy as np

from ..inr import INR
from ..inr.chain import Chain
from ..mesh import SpaceTimeTree
from .cell_errors import CellErrors
from .error_sums import ErrorSums


class SpaceTimeErrors(CellErrors):
    """Samples the error of the reconstruction in nodes of a space-time tree."""

    def _chain(self, inr: INR, time: float | None) -> Chain:
        return inr.chain_over_time()

    @property
    def _depth(self) -> int:
        return max(self.parameters.max_depth, self.parameters.max_time_depth)

    def forget_local(self, tree: SpaceTimeTree) -> None:
        """From now on give values at corners by the whole network, whatever gave them before."""
        if self.field.local is not None:
            self._lattice = self._values_by(lambda x, _level: self.field.exact.numpy(x), tree)

    def by_direction(
        self, tree: SpaceTimeTree, nodes: np.ndarray, count: int, stream: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean squared relative errors of interpolating in space and in time.

        Returns
        -------
        in_space, in_time : numpy.ndarray, shape (n_nodes,)
        """
        in_space, in_time = np.empty(len(nodes)), np.empty(len(nodes))
        for part in self._batches(len(nodes), 3 * count):
            here = nodes[part]
            unit, exact = self._samples(tree, here, count, stream)
            low, size = tree.lower_corner(here), tree.node_size(here)
            points = low[:, None, :] + unit * size[:, None, :]
            ends = []
            for side in (0.0, 1.0):
                points[:, :, -1] = (low[:, -1] + side * size[:, -1])[:, None]
                ends.append(self._values(tree, here, points))
            late = unit[:, :, -1:]
            between = (1.0 - late) * ends[0] + late * ends[1]
            in_time[part] = ErrorSums.of(self.relative(exact - between)).mean_square
            spatial = self._reconstructed(tree, here, unit) - between
            in_space[part] = ErrorSums.of(self.relative(spatial)).mean_square
        return in_space, in_time
