"""How well a mesh represents its field, measured at fresh random points."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import ParameterError
from ..inr import INR, Evaluator
from .mesh import Mesh
from .vertices import interpolate

RECONSTRUCTIONS = ("multilinear", "conforming", "cell_constant")
"""From each cell's own corners; with hanging vertices interpolated; one value per cell."""

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


def measure_accuracy(
    mesh: Mesh,
    samples: int = DEFAULT_ACCURACY_SAMPLES,
    reconstruction: str = "multilinear",
    seed: int = _SEED,
    truth: INR | None = None,
) -> Accuracy:
    """Compare the field reconstructed from a mesh with the network.

    Parameters
    ----------
    mesh : Mesh
    samples : int
        Uniform random points in the domain, none of which the refinement has seen.
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
    if samples < 1:
        raise ParameterError(f"samples is {samples}; expected at least 1.")
    bounds = mesh.tree.bounds
    unit = np.random.default_rng(seed).random((samples, len(bounds)))
    # Rounded first: network and mesh are then compared at the very same points.
    points = (bounds[:, 0] + unit * np.diff(bounds)[:, 0]).astype(np.float32).astype(np.float64)
    network = mesh.evaluator
    if truth is not None and truth is not mesh.inr:
        network = Evaluator(truth.chain_at(mesh.time), mesh.parameters.device)
    exact = network.numpy(points).astype(np.float64)
    error = reconstruct(mesh, points, reconstruction) - exact
    rmse = math.sqrt(np.mean(error**2))
    norm = math.sqrt(np.mean(exact**2))
    peak = float(exact.max() - exact.min())
    return Accuracy(
        rmse=rmse,
        relative_l2=rmse / norm if norm else 0.0 if rmse == 0 else math.inf,
        max_error=float(np.abs(error).max()),
        psnr=20 * math.log10(peak / rmse) if rmse and peak else math.inf,
        samples=samples,
        reconstruction=reconstruction,
    )


def reconstruct(mesh: Mesh, points: np.ndarray, reconstruction: str) -> np.ndarray:
    """Return the field a mesh stands for at points, shape (n_points, n_outputs), float64."""
    if reconstruction == "cell_constant":
        return mesh.node_values[mesh.tree.locate(points)].astype(np.float64)
    values = mesh.vertex_values
    if reconstruction == "conforming":
        values = mesh.conforming_vertex_values
    return interpolate(mesh.tree, mesh.vertices, values, points)
