"""Simplices of a level set whose vertices lie on it: points, lines or triangles.

Their topology is that of the sides on which the corners of cells lie; each vertex belongs to an
edge of a cell whose ends lie on different sides, and is moved along it onto the level set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .exploration import Cells, Exploration
from .scalar_field import ScalarField

Extract = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Points (n_points, dimension), corners of cells (n_cells, 2^dimension), x fastest, and on which
side each point lies (n_points,), bool -> the middles of the edges whose ends differ, each once,
(n_vertices, dimension), and the simplices that join them, (n_simplices, dimension), their normals
towards the points that are not on that side. This is how views know no VTK."""

_VANISHING = 1e-6
"""Gradient over the largest one below which it has no direction."""


@dataclass(frozen=True)
class LevelSet:
    """Simplices whose vertices lie on a level set.

    Attributes
    ----------
    points : numpy.ndarray, shape (n_points, dimension), float64
    gradients : numpy.ndarray, shape (n_points, dimension), float64
        Of the field.
    simplices : numpy.ndarray, shape (n_simplices, dimension), int64
        Points, lines or triangles, by their vertices; normals of triangles point along the
        gradient.
    """

    points: np.ndarray
    gradients: np.ndarray
    simplices: np.ndarray

    @property
    def normals(self) -> np.ndarray:
        """Unit vectors along the gradient, (n_points, dimension); 0 where it vanishes."""
        return unit_vectors(self.gradients)


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Return vectors divided by their length; those without one are 0."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    vanishing = length <= _VANISHING * length.max(initial=0.0)
    return np.where(vanishing, 0.0, vectors / np.where(vanishing, 1.0, length))


def find_level_set(
    cells: Cells, exploration: Exploration, number: int, field: ScalarField, extract: Extract
) -> LevelSet:
    """Return the level set of one of the values of an exploration, within cells.

    Parameters
    ----------
    cells : Cells
        All that the level set meets.
    exploration : Exploration
    number : int
        Of the value.
    field : ScalarField
    extract : callable
        See `Extract`.
    """
    sides = exploration.sides(cells.corners)[..., number]
    met = sides.any(axis=1) & ~sides.all(axis=1)
    lower, axis, simplices = _edges(cells.take(met), sides[met], extract)
    upper = lower.copy()
    upper[np.arange(len(axis)), axis] += 1
    ends = exploration.lattice.numbers(np.stack([lower, upper], axis=1), cells.level)
    value = exploration.value(number)
    excess = exploration.lattice.values(ends)[..., 0].astype(np.float64) - value
    spacing = exploration.spacing(cells.level)
    start = exploration.positions(lower, cells.level)
    along = np.zeros(start.shape)
    along[np.arange(len(axis)), axis] = spacing[axis]
    share = _share_of_edge(start, along, excess, value, field)
    held = _on_boundary(lower, axis, np.left_shift(exploration.start, cells.level))
    points, gradients = put_on_level_set(
        start + share[:, None] * along, value, field, exploration.bounds, 0.5 * spacing.min(), held
    )
    return LevelSet(points, gradients, simplices)


def put_on_level_set(
    points: np.ndarray,
    value: float,
    field: ScalarField,
    bounds: np.ndarray,
    longest: float | np.ndarray,
    held: np.ndarray | None = None,
    tolerance: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Move points near a level set onto it by a Newton step along the gradient.

    Parameters
    ----------
    points : numpy.ndarray, shape (n_points, dimension)
    value : float
    field : ScalarField
    bounds : numpy.ndarray, shape (dimension, 2)
        Points do not leave them.
    longest : float or numpy.ndarray, shape (n_points,)
        No point is moved further in a step.
    held : numpy.ndarray, shape (n_points, dimension), bool, optional
        Coordinates that stay.
    tolerance : float
        Those that moved further than this take a second step; 0: none does.

    Returns
    -------
    points, gradients : numpy.ndarray, shape (n_points, dimension)
        Gradients where the last step began.
    """
    found, gradients = field.values_and_gradients(points)
    step = _newton_step(found - value, gradients, longest, held)
    moved = np.clip(points + step, *bounds.T)
    far = np.flatnonzero(np.linalg.norm(step, axis=1) > tolerance) if tolerance else ()
    if len(far):
        rest = longest if np.isscalar(longest) else longest[far]
        held = None if held is None else held[far]
        moved[far], gradients[far] = put_on_level_set(moved[far], value, field, bounds, rest, held)
    return moved, gradients


def _newton_step(
    excess: np.ndarray,
    gradients: np.ndarray,
    longest: float | np.ndarray,
    held: np.ndarray | None,
) -> np.ndarray:
    free = gradients if held is None else np.where(held, 0.0, gradients)
    square = (free**2).sum(axis=1)
    step = -free * (excess / np.where(square > 0, square, np.inf))[:, None]
    length = np.linalg.norm(step, axis=1)
    return step * np.minimum(1.0, longest / np.maximum(length, 1e-300))[:, None]


def _edges(
    cells: Cells, sides: np.ndarray, extract: Extract
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the lower ends of the edges that carry vertices, their axes, and the simplices."""
    d = cells.index.shape[1]
    if not len(cells):
        return np.zeros((0, d), np.int64), np.zeros(0, np.int64), np.zeros((0, d), np.int64)
    _, first, corners = np.unique(cells.corners, return_index=True, return_inverse=True)
    corners = corners.reshape(cells.corners.shape)
    offsets = (first % (1 << d))[:, None] >> np.arange(d) & 1
    lattice = cells.index[first // (1 << d)] + offsets
    middles, simplices = extract(lattice, corners, sides.reshape(-1)[first])
    doubled = np.rint(2 * middles).astype(np.int64)
    axis = (doubled & 1).argmax(axis=1)
    return doubled >> 1, axis, simplices


def _share_of_edge(
    start: np.ndarray, along: np.ndarray, excess: np.ndarray, value: float, field: ScalarField
) -> np.ndarray:
    """Return how far along each edge the level set is, by two secant steps.

    The second is inverse quadratic interpolation through the ends and the first, where that stays
    between the two of them that enclose the value (Brent, Algorithms for Minimization without
    Derivatives, 1973, chapter 4).
    """
    low, high = excess.T
    first = np.clip(low / (low - high), 0.0, 1.0)
    middle = field.values(start + first[:, None] * along).astype(np.float64) - value
    with np.errstate(divide="ignore", invalid="ignore"):
        quadratic = first * low * high / ((middle - low) * (middle - high))
        quadratic = quadratic + low * middle / ((high - low) * (high - middle))
        below = first - middle * first / (middle - low)
        above = first - middle * (1.0 - first) / (high - middle)
    left = (middle >= 0) == (high >= 0)
    secant = np.where(left, below, above)
    least, most = np.where(left, 0.0, first), np.where(left, first, 1.0)
    good = (quadratic >= least) & (quadratic <= most)
    share = np.where(good, quadratic, secant)
    return np.clip(np.where(np.isfinite(share), share, first), least, most)


def _on_boundary(lower: np.ndarray, axis: np.ndarray, extent: np.ndarray) -> np.ndarray:
    """Return along which axes edges lie in the boundary of the domain, (n_edges, dimension)."""
    across = np.ones(lower.shape, bool)
    across[np.arange(len(axis)), axis] = False
    return across & ((lower == 0) | (lower == extent))
