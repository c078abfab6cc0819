"""By direction, what the interpolant over space and time misses in cells.

The reconstruction is multilinear in space between a cell's corners, and linear in time between
the two ends of its interval. What it misses is the sum of two parts that are measured apart, at
the same points: what interpolating in time alone misses, and, of what is left, what interpolating
in space misses.
"""

from __future__ import annotations

import numpy as np

from ..mesh import SpaceTimeTree
from .cell_errors import CellErrors
from .error_sums import ErrorSums


def direction_sums(
    errors: CellErrors,
    tree: SpaceTimeTree,
    nodes: np.ndarray,
    points: np.ndarray,
    unit: np.ndarray,
    exact: np.ndarray,
    kept: bool = False,
) -> np.ndarray:
    """Return sums of squared errors of interpolating in space and in time, shape (n, 2).

    Parameters
    ----------
    errors : CellErrors
    tree : SpaceTimeTree
    nodes : numpy.ndarray, shape (n,), int64
    points : numpy.ndarray, shape (n, 2^n_axes)
        Numbers of their corners.
    unit : numpy.ndarray, shape (n, count, n_axes)
        Samples, in local coordinates.
    exact : numpy.ndarray, shape (n, count, n_outputs)
        The field there.
    kept : bool
        Whether these are the samples of a search, see `CellErrors.values`.
    """
    low, size = tree.lower_corner(nodes), tree.node_size(nodes)
    places = low[:, None, :] + unit * size[:, None, :]
    ends = []
    for side, name in enumerate(("earliest", "latest")):
        places[:, :, -1] = (low[:, -1] + side * size[:, -1])[:, None]
        ends.append(errors.values(tree, nodes, places, name if kept else None))
    late = unit[:, :, -1:]
    between = (1.0 - late) * ends[0] + late * ends[1]
    found = errors.nodes.at(points, unit)
    in_space = ErrorSums.of(errors.error(found, between)).square
    in_time = ErrorSums.of(errors.error(exact, between)).square
    return np.stack([in_space, in_time], axis=1)


def errors_by_direction(
    errors: CellErrors, tree: SpaceTimeTree, nodes: np.ndarray, count: int, stream: int
) -> np.ndarray:
    """Return the mean squared relative errors of nodes in space and in time, shape (n, 2)."""
    found = np.empty((len(nodes), 2))
    for part in errors.batches(len(nodes), 3 * count):
        here = nodes[part]
        points = errors.nodes.points(tree, here)
        samples = errors.samples(tree, here, count, stream)
        found[part] = direction_sums(errors, tree, here, points, *samples) / count
    return found
