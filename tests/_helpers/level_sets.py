"""Networks whose level sets are known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from pruning_amr.views.simplices import edges_of
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from _helpers.reference import Dense, Network

LEVEL = 0.5
"""Value at which a bump is as wide as its radius says."""


@dataclass(frozen=True)
class Bump:
    """``2^-(d / radius)^2``, d the distance from a point, or from a line along `axis`."""

    centre: tuple[float, ...]
    radius: float
    axis: tuple[float, ...] | None = None

    def directions(self) -> np.ndarray:
        """Orthonormal vectors along which the bump falls, (n, dimension)."""
        d = len(self.centre)
        if self.axis is None:
            return np.eye(d)
        unit = np.asarray(self.axis) / np.linalg.norm(self.axis)
        return np.linalg.svd(unit[None, :])[2][1:]


def _squares(directions: np.ndarray, centre: np.ndarray, scale: float) -> tuple:
    """Weights and biases of pairs of neurons whose sum is about half the square of ``scale * x``.

    ``silu(z) + silu(-z) = z tanh(z / 2)``, z^2 / 2 near 0.
    """
    weight = scale * np.concatenate([directions, -directions])
    return weight, -weight @ centre


def bump_network(bumps: list[Bump]) -> Network:
    """The sum of bumps: squares, an exponential of each sum of them, and their sum."""
    squares, exponents = [], []
    for bump in bumps:
        scale = 0.25 / bump.radius
        squares.append(_squares(bump.directions(), np.asarray(bump.centre), scale))
        n = len(squares[-1][1])
        exponents.append(np.full(n, -math.log(2) * 2 / 0.25**2))
    n_first = sum(len(b) for _, b in squares)
    inner = np.zeros((len(bumps), n_first))
    at = 0
    for i, row in enumerate(exponents):
        inner[i, at : at + len(row)] = row
        at += len(row)
    return [
        _dense(np.vstack([w for w, _ in squares]), np.concatenate([b for _, b in squares]), "silu"),
        _dense(inner, np.zeros(len(bumps)), "elu"),
        _dense(np.ones((1, len(bumps))), np.full(1, float(len(bumps)))),
    ]


def torus_network(large: float = 0.6, small: float = 0.25) -> Network:
    """``(|x|^2 + R^2 - r^2)^2 - 4 R^2 (x^2 + y^2)``, about: 0 on a torus around the z axis."""
    scale = 0.2
    weight, bias = _squares(np.eye(3), np.zeros(3), scale)
    # Twice over scale squared: the square itself.
    whole = np.full(6, 2 / scale**2)
    flat = np.array([1, 1, 0, 1, 1, 0]) * 2 / scale**2
    rest = large**2 - small**2
    inner = np.stack([scale * whole, -scale * whole, flat, -flat])
    offset = np.array([scale * rest, -scale * rest, 0.0, 0.0])
    outer = np.array([[2 / scale**2, 2 / scale**2, -4 * large**2, 4 * large**2]])
    return [_dense(weight, bias, "silu"), _dense(inner, offset, "silu"), _dense(outer, np.zeros(1))]


def _dense(weight: np.ndarray, bias: np.ndarray, activation: str = "identity") -> Dense:
    return Dense(weight.astype(np.float32), bias.astype(np.float32), activation)


@dataclass(frozen=True)
class Topology:
    """Of a triangulated surface: its pieces, and vertices - edges + triangles."""

    components: int
    euler: int


def topology(triangles: np.ndarray) -> Topology:
    """Return the topology of the vertices that triangles use."""
    edges, _, _ = edges_of(triangles)
    used = np.unique(triangles)
    n = int(triangles.max(initial=-1)) + 1
    graph = coo_matrix((np.ones(len(edges)), edges.T), (n, n))
    labels = connected_components(graph, directed=False)[1]
    euler = len(used) - len(edges) + len(triangles)
    return Topology(len(np.unique(labels[used])), euler)
