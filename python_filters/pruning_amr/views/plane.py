"""Where a plane cuts the box that is the domain of a field; in two dimensions, where a line does.

A plane is given by a point and a normal in the space that is looked at, x, y and z. A field of two
dimensions lies in z = 0 there, which the plane cuts along a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..cells import corner_offsets
from ..errors import ParameterError
from .clipping import clipped

_ROUNDING = 1e-7
"""Share of the diagonal of the domain below which lengths are nothing: they are of no other use
than coordinates in float32."""


@dataclass(frozen=True)
class Plane:
    """A plane in space, or a line in two dimensions, with coordinates on it.

    Attributes
    ----------
    normal : numpy.ndarray, shape (dimension,)
        Of unit length.
    height : float
        Its points p are those with ``normal @ p == height``.
    directions : numpy.ndarray, shape (dimension, dimension - 1)
        Unit vectors along the coordinates, as columns: of a plane right-handed with the normal.
        They are axes of space where these lie in the plane; coordinates are then those of space.
    """

    normal: np.ndarray
    height: float
    directions: np.ndarray

    @property
    def origin(self) -> np.ndarray:
        """The point with coordinates 0: that next to the origin of space."""
        return self.height * self.normal

    def in_space(self, points: np.ndarray) -> np.ndarray:
        """Return points on the plane, (n, dimension - 1), in space, (n, dimension)."""
        return self.origin + points @ self.directions.T


def make_plane(origin: Sequence[float], normal: Sequence[float] | None, dimension: int) -> Plane:
    """Return the plane through a point; for a field of two dimensions, its line in z = 0.

    Parameters
    ----------
    origin : sequence of float
        Three coordinates, or as many as the field has.
    normal : sequence of float or None
        Likewise; None is z, of a field of two dimensions x.
    dimension : int
        Of the field: 2 or 3.

    Raises
    ------
    ParameterError
        If they are no point and no direction, or the field cannot be cut.
    """
    if dimension < 2:
        raise ParameterError(
            "the field has one spatial input; expected two or three, to be cut by a plane: use "
            "Pruning AMR (refine), which shows it as a curve."
        )
    if normal is None:
        normal = (0.0, 0.0, 1.0) if dimension == 3 else (1.0, 0.0, 0.0)
    start, n = _vector("origin", origin, dimension), _vector("normal", normal, dimension)
    length = float(np.linalg.norm(n[:dimension]))
    if length <= _ROUNDING * float(np.linalg.norm(n)):
        found = f"normal is {_said(normal)}"
        if not np.any(n):
            raise ParameterError(f"{found}; expected a direction, like 1 0 0.")
        raise ParameterError(
            f"{found}, but the field has two spatial inputs, x and y, and is cut along a line; "
            "expected a normal with a component along x or y, like 1 0 0."
        )
    height = float(start @ n) / length
    n = n[:dimension] / length
    return Plane(n, height, _directions(n))


def _vector(name: str, value: Sequence[float], dimension: int) -> np.ndarray:
    """Return a vector in space, shape (3,)."""
    try:
        vector = np.asarray(value, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        vector = np.empty(0)
    if len(vector) not in (dimension, 3) or not np.isfinite(vector).all():
        raise ParameterError(f"{name} is {_said(value)}; expected three finite numbers.")
    return np.concatenate([vector, np.zeros(3 - len(vector))])


def _said(value: Sequence[float]) -> str:
    try:
        return " ".join(f"{float(x):g}" for x in value)
    except (TypeError, ValueError):
        return repr(value)


def _directions(normal: np.ndarray) -> np.ndarray:
    """Return unit vectors across a normal, as columns."""
    main = int(np.abs(normal).argmax())
    if len(normal) == 2:
        along = np.array([[-normal[1]], [normal[0]]])
        return along * np.sign(along[1 - main]) + 0.0
    # Of both axes across, the one that comes first; backwards, so that axes stay axes.
    axis = (main + (1 if normal[main] > 0 else 2)) % 3
    first = np.eye(3)[axis] - normal[axis] * normal
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(normal, first)], axis=1) + 0.0


@dataclass(frozen=True)
class Cut:
    """What a plane cuts out of a box: a convex polygon, or in two dimensions a segment.

    Attributes
    ----------
    plane : Plane
    vertices : numpy.ndarray, shape (n_vertices, dimension - 1)
        In coordinates on the plane, in turn counterclockwise.
    sides : numpy.ndarray, shape (n_sides, dimension)
        ``(a, c)`` with ``a @ p + c >= 0`` inside, a of unit length: those sides of the polygon that
        its bounding rectangle does not have.
    tolerance : float
        Length below which a point is on a side.
    """

    plane: Plane
    vertices: np.ndarray
    sides: np.ndarray
    tolerance: float

    @property
    def bounds(self) -> np.ndarray:
        """The bounding rectangle, shape (dimension - 1, 2)."""
        return np.stack([self.vertices.min(axis=0), self.vertices.max(axis=0)], axis=1)

    @property
    def area(self) -> float:
        """Area, or length."""
        if self.vertices.shape[1] == 1:
            return float(np.ptp(self.vertices))
        u, v = (self.vertices - self.vertices[0]).T
        return float(0.5 * (u @ np.roll(v, -1) - v @ np.roll(u, -1)))

    @property
    def share(self) -> float:
        """Share of the bounding rectangle."""
        return min(self.area / float(np.prod(np.diff(self.bounds))), 1.0)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Tell which points of the bounding rectangle lie in it, (n,), bool."""
        return (points @ self.sides[:, :-1].T + self.sides[:, -1] >= 0.0).all(axis=1)

    def meets(self, low: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Tell which boxes may have a part in it, by their corners and sizes, (n,), bool.

        Those that lie on the other side of one of its sides have none.
        """
        a = self.sides[:, :-1]
        # The farthest corner inwards.
        reach = low @ a.T + self.sides[:, -1] + size @ np.maximum(a, 0.0).T
        return (reach > self.tolerance).all(axis=1)


@dataclass(frozen=True)
class InsideCut:
    """A factor of errors (see `pruning_amr.refinement`): 1 in a cut, 0 beside it.

    Attributes
    ----------
    cut : Cut
    of_whole_cells : bool
        Whether it is 1 in all of a cell that the cut meets.
    """

    cut: Cut
    of_whole_cells: bool

    def at(self, points: np.ndarray) -> np.ndarray:
        """Return it at points of the bounding rectangle, (n,)."""
        return self.cut.contains(points).astype(np.float64)

    def mean_square(self, low: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Return a bound of its mean square over boxes, by their corners and sizes, (n,)."""
        return self.cut.meets(low, size).astype(np.float64)


def cut_box(plane: Plane, bounds: np.ndarray) -> Cut | None:
    """Return what a plane cuts out of a box; None if it misses the box, or touches it only.

    Parameters
    ----------
    plane : Plane
    bounds : numpy.ndarray, shape (dimension, 2)
    """
    low, high = bounds.T
    rounding = _ROUNDING * float(np.linalg.norm(high - low))
    # Of every face: a point p of the plane, in its coordinates, is inside where a @ p + c >= 0.
    a = np.concatenate([plane.directions, -plane.directions])
    c = np.concatenate([plane.origin - low, high - plane.origin])
    length = np.linalg.norm(a, axis=1)
    crossed = length > _ROUNDING
    if (c[~crossed] < -rounding).any():
        return None
    sides = np.column_stack([a, c])[crossed] / length[crossed, None]
    corners = low + corner_offsets(len(bounds)) * (high - low)
    around = corners @ plane.directions
    first, last = around.min(axis=0), around.max(axis=0)
    if len(first) == 1:
        return _segment(plane, sides, first[0], last[0], rounding)
    ring = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    vertices, polygons, _ = clipped(
        first + ring * (last - first), np.arange(4)[None], sides, rounding
    )
    if not len(polygons):
        return None
    vertices = vertices[polygons[0][polygons[0] >= 0]]
    extent = np.ptp(vertices, axis=0)
    if extent.min() <= 2.0 * rounding:
        return None
    corners = vertices.min(axis=0) + ring * extent
    cutting = (corners @ sides[:, :-1].T + sides[:, -1] < -rounding).any(axis=0)
    return Cut(plane, vertices, sides[cutting], rounding)


def _segment(
    plane: Plane, sides: np.ndarray, first: float, last: float, rounding: float
) -> Cut | None:
    ends = -sides[:, 1] / sides[:, 0]
    first = max(first, ends[sides[:, 0] > 0].max(initial=-np.inf))
    last = min(last, ends[sides[:, 0] < 0].min(initial=np.inf))
    if last - first <= 2.0 * rounding:
        return None
    return Cut(plane, np.array([[first], [last]]), np.empty((0, 2)), rounding)
