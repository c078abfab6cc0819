"""How well a mesh represents its field, measured at fresh random points."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import ParameterError
from ..inr import INR
from .mesh import Mesh
from .options import RECONSTRUCTIONS
from .space_time_mesh import SpaceTimeMesh
from .tree import Tree

DEFAULT_ACCURACY_SAMPLES = 100_000

_SEED = 1_000_003


@dataclass(frozen=True)
class Accuracy:
    """Error of the field reconstructed from a mesh against the network.

    Attributes
    ----------
    rmse, max_error : float
        In units of the field, over all output channels.
    relative_l2 : float
        L2 norm of the error / L2 norm of the field.
    psnr : float
        Peak signal-to-noise ratio in dB, the peak being the range of the field at the points.
    samples : int
        Number of random points.
    reconstruction : str
        One of `RECONSTRUCTIONS`.
    """

    rmse: float
    relative_l2: float
    max_error: float
    psnr: float
    samples: int
    reconstruction: str


@dataclass(frozen=True)
class LevelError:
    """Error in the cells of one level.

    Attributes
    ----------
    level : int
    cells : int
    volume_share : float
        Volume of these cells / volume of the domain.
    rmse, max_error : float
        Not a number if no sample point lies in these cells.
    """

    level: int
    cells: int
    volume_share: float
    rmse: float
    max_error: float


def measure_accuracy(
    mesh: Mesh | SpaceTimeMesh,
    samples: int = DEFAULT_ACCURACY_SAMPLES,
    reconstruction: str = "multilinear",
    seed: int = _SEED,
    truth: INR | None = None,
) -> Accuracy:
    """Compare the field reconstructed from a mesh, or from one for all times, with the network.

    Parameters
    ----------
    mesh : Mesh or SpaceTimeMesh
    samples : int
        Uniform random points in the domain, over time for a mesh for all times; none of which the
        refinement has seen.
    reconstruction : str
        One of `RECONSTRUCTIONS`.
    seed : int
    truth : INR, optional
        The network to compare with; by default the one the mesh was made of.

    Raises
    ------
    ParameterError
        If an argument is out of range.
    """
    if reconstruction not in RECONSTRUCTIONS:
        raise ParameterError(
            f'reconstruction is "{reconstruction}"; expected one of {", ".join(RECONSTRUCTIONS)}.'
        )
    points = sample_points(mesh.tree.bounds, samples, seed)
    exact = mesh.exact_values(points, truth)
    measures = error_measures(mesh.reconstruct(points, reconstruction), exact)
    return Accuracy(**measures, samples=samples, reconstruction=reconstruction)


def sample_points(bounds: np.ndarray, samples: int, seed: int = _SEED) -> np.ndarray:
    """Return uniform random points of a domain, shape (samples, dimension).

    Raises
    ------
    ParameterError
        If `samples` is not positive.
    """
    if samples < 1:
        raise ParameterError(f"samples is {samples}; expected at least 1.")
    unit = np.random.default_rng(seed).random((samples, len(bounds)))
    # Rounded first: network and mesh are then compared at the very same points.
    return (bounds[:, 0] + unit * np.diff(bounds)[:, 0]).astype(np.float32).astype(np.float64)


def error_measures(found: np.ndarray, exact: np.ndarray) -> dict[str, float]:
    """Return rmse, relative_l2, max_error and psnr of values at points (see `Accuracy`).

    Parameters
    ----------
    found, exact : numpy.ndarray, shape (n_points, n_components)
    """
    error = found - exact
    rmse = math.sqrt(np.mean(error**2))
    norm = math.sqrt(np.mean(exact**2))
    peak = float(exact.max() - exact.min())
    return {
        "rmse": rmse,
        "relative_l2": rmse / norm if norm else 0.0 if rmse == 0 else math.inf,
        "max_error": float(np.abs(error).max()),
        "psnr": 20 * math.log10(peak / rmse) if rmse and peak else math.inf,
    }


def errors_by_level(tree: Tree, points: np.ndarray, error: np.ndarray) -> list[LevelError]:
    """Return the error level by level, from coarse to fine.

    Parameters
    ----------
    tree : Tree
    points : numpy.ndarray, shape (n_points, dimension)
    error : numpy.ndarray, shape (n_points, n_components)
    """
    leaf_levels = tree.level[tree.leaves]
    level_of_point = tree.level[tree.locate(points)]
    cells = np.bincount(leaf_levels)
    roots = math.prod(tree.root_resolution)
    rows = []
    for level in np.unique(leaf_levels).tolist():
        here = np.abs(error[level_of_point == level])
        rows.append(
            LevelError(
                level,
                int(cells[level]),
                float(cells[level] / (roots * tree.n_children**level)),
                math.sqrt(np.mean(here**2)) if here.size else math.nan,
                float(here.max()) if here.size else math.nan,
            )
        )
    return rows
