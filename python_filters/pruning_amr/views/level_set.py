"""Simplices of a level set whose vertices lie on it: points, lines or triangles.

Their topology is that of the sides on which the corners of cells lie; each vertex belongs to an
edge of a cell whose ends lie on different sides, and is moved along it onto the level set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..refinement import Stopped
from ..refinement.exploration import Cells, Exploration
from ..refinement.scalar_field import ScalarField
from .joining import Joined, Piece, join
from .unclear_cells import Halving, halve_unclear

Extract = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Points (n_points, dimension), corners of cells (n_cells, 2^dimension), x fastest, and on which
side each point lies (n_points,), bool -> the middles of the edges whose ends differ, each once,
(n_vertices, dimension), and the simplices that join them, (n_simplices, dimension), their normals
towards the points that are not on that side. This is how views know no VTK."""

_AT_ONCE = 1 << 14
"""Vertices moved between two looks at the time."""

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
    cells: Cells,
    exploration: Exploration,
    number: int,
    field: ScalarField,
    extract: Extract,
    precision: float,
    room: int,
) -> tuple[LevelSet, Missing]:
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
    precision : float
        Distance from the level set that vertices are moved within.
    room : int
        How many cells may be looked into besides.

    Returns
    -------
    surface : LevelSet
    missing : Missing
        What was not done, at a limit.
    """
    halving = halve_unclear(cells, exploration, number, room)
    taken = [_edges(part, exploration, number, extract) for part in halving.cells]
    edges = [_crossed_part(e, halving, exploration, number) for e, _ in taken]
    finest = exploration.finest
    places = np.concatenate([e.doubled << (finest - e.level)[:, None] for e in edges])
    _, first, vertices = np.unique(
        exploration.keys(places, finest + 1), return_index=True, return_inverse=True
    )
    joined = _join(taken, vertices.reshape(-1), exploration)
    value = exploration.value(number)
    points, gradients, left = _vertices(
        _concatenated(edges).take(first), value, exploration, field, precision
    )
    surface = LevelSet(points, gradients, joined.with_centres(len(points)))
    surface, left = _with_centres(surface, left, joined, value, field, exploration)
    if left.any():
        surface = _with_normals_of_simplices(surface, left)
    stopped_by = "time_limit" if left.any() else halving.stopped_by
    unclear = bool(halving.stopped_by)
    n_left = int(np.count_nonzero(left))
    return surface, Missing(stopped_by, unclear, halving.n_looked_into, n_left)


@dataclass(frozen=True)
class Missing:
    """What finding a level set looked into, and what it left at a limit.

    Attributes
    ----------
    stopped_by : str
        "max_cells", "time_limit", or empty.
    unclear : bool
        Whether cells were left as they were where it is not clear how the level set runs.
    n_looked_into : int
        Cells.
    n_left : int
        Vertices that were not moved onto the level set; their gradients are those of the simplices
        around.
    """

    stopped_by: str
    unclear: bool
    n_looked_into: int
    n_left: int


@dataclass(frozen=True)
class _Edges:
    """Edges of cells, each crossed by the level set.

    Attributes
    ----------
    level, axis : numpy.ndarray, shape (n_edges,)
    lower : numpy.ndarray, shape (n_edges, dimension)
        The end with the smaller coordinates, on the lattice of the level.
    """

    level: np.ndarray
    lower: np.ndarray
    axis: np.ndarray

    @property
    def step(self) -> np.ndarray:
        """From the lower to the upper end, (n_edges, dimension)."""
        return np.eye(self.lower.shape[1], dtype=np.int64)[self.axis]

    @property
    def doubled(self) -> np.ndarray:
        """The middles, on the lattice of the next level."""
        return 2 * self.lower + self.step

    def take(self, which: np.ndarray) -> _Edges:
        return _Edges(self.level[which], self.lower[which], self.axis[which])


def _concatenated(edges: list[_Edges]) -> _Edges:
    names = ("level", "lower", "axis")
    return _Edges(*(np.concatenate([getattr(e, name) for e in edges]) for name in names))


def _edges(
    cells: Cells, exploration: Exploration, number: int, extract: Extract
) -> tuple[_Edges, np.ndarray]:
    """Return the edges of cells that carry vertices, and the simplices that join them."""
    d = cells.index.shape[1]
    if not len(cells):
        nothing = np.zeros((0, d), np.int64)
        return _Edges(np.zeros(0, np.int64), nothing, np.zeros(0, np.int64)), nothing
    _, first, corners = np.unique(cells.corners, return_index=True, return_inverse=True)
    offsets = (first % (1 << d))[:, None] >> np.arange(d) & 1
    lattice = cells.index[first // (1 << d)] + offsets
    sides = exploration.sides(cells.corners.reshape(-1)[first])[..., number]
    middles, simplices = extract(lattice, corners.reshape(cells.corners.shape), sides)
    doubled = np.rint(2 * middles).astype(np.int64)
    axis = (doubled & 1).argmax(axis=1)
    return _Edges(np.full(len(axis), cells.level), doubled >> 1, axis), simplices


def _crossed_part(edges: _Edges, halving: Halving, exploration: Exploration, number: int) -> _Edges:
    """Return the half of each edge that is crossed, wherever a cell beside it was halved."""
    level, lower = edges.level.copy(), edges.lower.copy()
    for i, sampled in enumerate(halving.samples):
        of_level = halving.cells[i].level
        here = np.flatnonzero(level == of_level)
        middle = edges.take(here).step + 2 * lower[here]
        known = np.isin(exploration.keys(middle, of_level + 1), sampled)
        here, middle = here[known], middle[known]
        ends = exploration.lattice.numbers(
            np.stack([2 * lower[here], middle], axis=1), of_level + 1
        )
        sides = exploration.sides(ends)[..., number]
        in_lower = (sides[:, 0] != sides[:, 1])[:, None]
        lower[here] = np.where(in_lower, 2 * lower[here], middle)
        level[here] += 1
    return _Edges(level, lower, edges.axis)


def _join(
    taken: list[tuple[_Edges, np.ndarray]], vertices: np.ndarray, exploration: Exploration
) -> Joined:
    first = np.cumsum([0, *(len(e.axis) for e, _ in taken)])
    level = exploration.finest - len(taken) + 1
    pieces, extents = [], []
    for i, (edges, simplices) in enumerate(taken):
        own = vertices[first[i] : first[i + 1]]
        level = int(edges.level[0]) if len(edges.level) else level
        pieces.append(Piece(edges.doubled, own, simplices))
        extents.append(np.left_shift(exploration.start, level))
    return join(pieces, extents)


def _vertices(
    edges: _Edges, value: float, exploration: Exploration, field: ScalarField, precision: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return points of the level set near the middle of each edge; see `_moved`."""
    ends = np.stack([edges.lower, edges.lower + edges.step], axis=1)
    numbers = exploration.lattice.numbers(ends, edges.level[:, None])
    excess = exploration.lattice.values(numbers)[..., 0].astype(np.float64) - value
    size = exploration.spacing(0) / 2.0 ** edges.level[:, None]
    start = exploration.positions(edges.lower, edges.level[:, None])
    along = edges.step * size
    # Where the secant through the ends meets the value; they lie on different sides.
    share = np.clip(excess[:, 0] / (excess[:, 0] - excess[:, 1]), 0.0, 1.0)
    extent = np.left_shift(np.asarray(exploration.start), edges.level[:, None])
    held = (edges.step == 0) & ((edges.lower == 0) | (edges.lower == extent))
    size = size.min(axis=1)
    points = start + share[:, None] * along
    # What a Newton step leaves is quadratic in its length; the field bends over a cell at most.
    bounds, again = exploration.bounds, np.sqrt(precision * size)
    slope = (excess[:, 1] - excess[:, 0])[:, None] / size[:, None]
    guess = LevelSet(points, edges.step * slope, np.empty((0, points.shape[1]), np.int64))
    return _moved(guess, value, field, bounds, 0.5 * size, held, again)


def _with_centres(
    surface: LevelSet,
    left: np.ndarray,
    joined: Joined,
    value: float,
    field: ScalarField,
    exploration: Exploration,
) -> tuple[LevelSet, np.ndarray]:
    """Return a surface with the points around which triangles were split as fans."""
    if not len(joined.of_triangle):
        return surface, left
    corners, count = surface.points[joined.segments[:, 0]], np.bincount(joined.of_triangle)
    sums = [np.bincount(joined.of_triangle, corners[:, k]) for k in range(corners.shape[1])]
    middle = np.stack(sums, axis=1) / count[:, None]
    reach = np.linalg.norm(corners - middle[joined.of_triangle], axis=1)
    longest = np.zeros(len(count))
    np.maximum.at(longest, joined.of_triangle, 0.5 * reach)
    first = joined.segments[np.unique(joined.of_triangle, return_index=True)[1], 0]
    guess = LevelSet(middle, surface.gradients[first], surface.simplices)
    points, gradients, centres_left = _moved(guess, value, field, exploration.bounds, longest)
    surface = LevelSet(
        np.concatenate([surface.points, points]),
        np.concatenate([surface.gradients, gradients]),
        surface.simplices,
    )
    return surface, np.concatenate([left, centres_left])


def _moved(
    guess: LevelSet,
    value: float,
    field: ScalarField,
    bounds: np.ndarray,
    longest: np.ndarray,
    held: np.ndarray | None = None,
    again: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Move points onto a level set until the time is up.

    Returns
    -------
    points, gradients : numpy.ndarray, shape (n_points, dimension)
    left : numpy.ndarray, shape (n_points,), bool
        Those that are as they were guessed.
    """
    points, gradients, n = guess.points.copy(), guess.gradients.copy(), len(guess.points)
    held = np.zeros(points.shape, bool) if held is None else held
    again = np.full(n, np.inf) if again is None else again
    for start in range(0, n, _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        try:
            points[some], gradients[some] = put_on_level_set(
                points[some], value, field, bounds, longest[some], held[some], again[some]
            )
        except Stopped as stop:
            if str(stop) != "time_limit":
                raise
            return points, gradients, np.arange(n) >= start
    return points, gradients, np.zeros(n, bool)


def _with_normals_of_simplices(surface: LevelSet, left: np.ndarray) -> LevelSet:
    """Return a surface whose vertices left have gradients along the normals of simplices.

    They are as long as the slope known, which is that along the edge of a cell, tells.
    """
    d = surface.points.shape[1]
    if d == 1:
        return surface
    corners = surface.points[surface.simplices]
    along = corners[:, 1] - corners[:, 0]
    if d == 3:
        normals = np.cross(along, corners[:, 2] - corners[:, 0])
    else:
        normals = np.stack([along[:, 1], -along[:, 0]], axis=1)
    # Lines have no side of their own.
    known = surface.gradients[surface.simplices[:, 0]]
    normals *= np.where((normals * known).sum(axis=1) < 0, -1.0, 1.0)[:, None]
    sums = [
        sum(np.bincount(surface.simplices[:, c], n, minlength=len(left)) for c in range(d))
        for n in normals.T
    ]
    found = unit_vectors(np.stack(sums, axis=1))[left]
    gradients = surface.gradients.copy()
    slope = np.linalg.norm(gradients[left], axis=1)
    share = np.abs((found * gradients[left]).sum(axis=1)) / np.where(slope > 0, slope, 1.0)
    gradients[left] = found * (slope / np.maximum(share, 0.25))[:, None]
    return LevelSet(surface.points, gradients, surface.simplices)


def put_on_level_set(
    points: np.ndarray,
    value: float,
    field: ScalarField,
    bounds: np.ndarray,
    longest: float | np.ndarray,
    held: np.ndarray | None = None,
    again: float | np.ndarray = np.inf,
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
    again : float or numpy.ndarray, shape (n_points,)
        Those that moved further than this take a second step.

    Returns
    -------
    points, gradients : numpy.ndarray, shape (n_points, dimension)
        Gradients where the last step began.
    """
    found, gradients = field.values_and_gradients(points)
    step = _newton_step(found - value, gradients, longest, held)
    moved = np.clip(points + step, *bounds.T)
    far = np.flatnonzero(np.linalg.norm(step, axis=1) > again)
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
