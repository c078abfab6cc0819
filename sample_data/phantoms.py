"""Analytic fields that the sample checkpoints were trained on.

They are the ground truth for the sample networks: the training scripts draw
their data from here, and the fit of a checkpoint can be checked anywhere in its
domain by evaluating the field at the same points.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

OSCILLATION_2D_BOUNDS: list[list[float]] = [[0.0, 1.0], [0.0, 1.0]]
DYNAMIC_CT_4D_BOUNDS: list[list[float]] = [[-1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0], [0.0, 1.0]]

BELTRAMI_4D_BOUNDS: list[list[float]] = [[-1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0], [0.0, 1.0]]

# Half-width of the tanh that smooths every edge of the CT phantom, in domain
# units: about the blur of a scan with 100 voxels across the domain.
EDGE_WIDTH = 0.02


def oscillation_2d(points: ArrayLike) -> Array:
    """Evaluate an almost flat field with one patch of rings.

    A chirp (rings that become finer outwards) inside a window of radius 0.2
    around (0.66, 0.38), on a background of amplitude 0.1. Outside a radius of
    0.26, which is 78 % of the domain, less than 5 % of the rings is left.

    Parameters
    ----------
    points : array_like, shape (n, 2)
        Coordinates x, y in [0, 1].

    Returns
    -------
    ndarray, shape (n,)
        Field values, within [-1.1, 1.1].
    """
    x, y = np.asarray(points, dtype=np.float64).T
    background = 0.1 * np.sin(np.pi * x) * np.cos(np.pi * y)
    squared_radius = (x - 0.66) ** 2 + (y - 0.38) ** 2
    window = np.exp(-((squared_radius / 0.2**2) ** 2))
    return background + window * np.cos(2.0 * np.pi * 50.0 * squared_radius)


def dynamic_ct_4d(points: ArrayLike) -> Array:
    """Evaluate a synthetic dynamic CT scan.

    Static parts are a container wall, a corrugated inner shell and a block; a
    ball travels on a helix, an inclusion grows, and a crack opens in the block.
    The parts do not overlap, so their attenuations add up.

    Parameters
    ----------
    points : array_like, shape (n, 4)
        Coordinates x, y, z in [-1, 1] and time t in [0, 1].

    Returns
    -------
    ndarray, shape (n,)
        Attenuation, within [0, 1].
    """
    x, y, z, t = np.asarray(points, dtype=np.float64).T
    return (
        0.5 * _container(x, y, z)
        + 0.8 * _corrugated_shell(x, y, z)
        + 0.6 * _cracking_block(x, y, z, t)
        + 1.0 * _travelling_ball(x, y, z, t)
        + 0.7 * _growing_inclusion(x, y, z, t)
    )


def beltrami_4d(points: ArrayLike) -> Array:
    """Evaluate an exact unsteady solution of the Navier-Stokes equations.

    The velocity is parallel to its vorticity everywhere and decays with time. (Ethier and
    Steinman: Exact fully 3D Navier-Stokes solutions for benchmarking, Int. J. Numer. Meth.
    Fluids 19, 1994, with a = pi / 4, d = pi / 2 and viscosity 1.)

    Parameters
    ----------
    points : array_like, shape (n, 4)
        Coordinates x, y, z in [-1, 1] and time t in [0, 1].

    Returns
    -------
    ndarray, shape (n, 4)
        Velocity u, v, w and pressure.
    """
    a, d = np.pi / 4, np.pi / 2
    x, y, z, t = np.asarray(points, dtype=np.float64).T
    decay = np.exp(-(d**2) * t)
    axes = (x, y, z)
    velocity, swirl = [], np.zeros_like(x)
    for i in range(3):
        # u is of (x, y, z); v and w are the same with the axes rotated.
        p, q, r = axes[i], axes[(i + 1) % 3], axes[(i + 2) % 3]
        along = np.exp(a * p) * np.sin(a * q + d * r)
        velocity.append(-a * (along + np.exp(a * r) * np.cos(a * p + d * q)) * decay)
        swirl += np.exp(2 * a * p)
        swirl += 2 * np.sin(a * p + d * q) * np.cos(a * r + d * p) * np.exp(a * (q + r))
    return np.stack([*velocity, -(a**2) / 2 * swirl * decay**2], axis=1)


def _inside(distance: Array) -> Array:
    """Return the smoothed indicator of ``distance < 0`` for a signed distance."""
    return 0.5 * (1.0 - np.tanh(distance / EDGE_WIDTH))


def _band(offset: Array, half_width: float | Array) -> Array:
    """Return the smoothed indicator of ``|offset| < half_width``; vanishes at half-width zero."""
    upper = np.tanh((offset + half_width) / EDGE_WIDTH)
    lower = np.tanh((offset - half_width) / EDGE_WIDTH)
    return 0.5 * (upper - lower)


def _ball(x: Array, y: Array, z: Array, radius: float | Array) -> Array:
    """Return a smoothed ball around the origin of the given coordinates."""
    return _inside(np.sqrt(x * x + y * y + z * z) - radius)


def _container(x: Array, y: Array, z: Array) -> Array:
    """Return an open-ended cylindrical wall of radius 0.88 and thickness 0.09."""
    return _band(np.hypot(x, y) - 0.88, 0.045) * _inside(np.abs(z) - 0.9)


def _corrugated_shell(x: Array, y: Array, z: Array) -> Array:
    """Return a thin upright shell with eight corrugations and ripples along its axis."""
    radius = 0.66 + 0.04 * np.cos(8.0 * np.arctan2(y, x)) + 0.02 * np.sin(5.0 * np.pi * z)
    return _band(np.hypot(x, y) - radius, 0.035) * _inside(np.abs(z - 0.2) - 0.5)


def _cracking_block(x: Array, y: Array, z: Array, t: Array) -> Array:
    """Return a static block with an oblique crack whose width and length grow with time."""
    block = _band(x, 0.42) * _band(y, 0.42) * _band(z + 0.62, 0.2)
    across = (x + 0.5 * z + 0.31) / np.sqrt(1.25)
    length = _inside(y - (-0.6 + 1.3 * t))
    return block * (1.0 - _band(across, 0.07 * t) * length)


def _travelling_ball(x: Array, y: Array, z: Array, t: Array) -> Array:
    """Return a ball of radius 0.14 on a rising helix of three quarters of a turn."""
    angle = 1.5 * np.pi * t
    return _ball(x - 0.36 * np.cos(angle), y - 0.36 * np.sin(angle), z - (-0.1 + 0.7 * t), 0.14)


def _growing_inclusion(x: Array, y: Array, z: Array, t: Array) -> Array:
    """Return a ball on the axis of the container that grows from radius 0.05 to 0.17."""
    return _ball(x, y, z - 0.15, 0.05 + 0.12 * t)
