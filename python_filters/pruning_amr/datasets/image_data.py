"""INR -> vtkImageData: the field on a regular grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from vtkmodules.vtkCommonDataModel import vtkImageData

from ..errors import ParameterError
from ..inr import INR, Evaluator
from ..inr.array_names import ASKED_ERROR_ARRAY, RECONSTRUCTION_ERROR_ARRAY
from ..mesh import output_evaluation
from ..pruning import LocalValues
from ..refinement import Progress, RefinementParameters, Watch
from .field_data import add_changes, add_outputs, attach_errors, attach_inr
from .shown import attach_image_error

MAX_RESOLUTION = 1024


def image_dimensions(inr: INR, resolution: int) -> list[int]:
    """Return the points along x, y, z of the preview of a field.

    Parameters
    ----------
    inr : INR
    resolution : int
        Points along the longest axis; the spacing is nearly the same along all.

    Raises
    ------
    ParameterError
        If `resolution` is out of range.
    """
    if not 2 <= resolution <= MAX_RESOLUTION:
        raise ParameterError(
            f"preview_resolution is {resolution}; expected 2 to {MAX_RESOLUTION} points."
        )
    return grid_dimensions(np.diff(inr.spatial_bounds)[:, 0], resolution)


def grid_dimensions(lengths: np.ndarray, resolution: int) -> list[int]:
    """Return the points along x, y, z of a nearly isotropic grid over a box.

    Parameters
    ----------
    lengths : numpy.ndarray, shape (dimension,)
        Of the edges of the box.
    resolution : int
        Points along the longest one.
    """
    points = np.maximum(2, np.rint((resolution - 1) * lengths / lengths.max()).astype(int) + 1)
    return [*points.tolist(), 1, 1][:3]


def to_image_data(
    inr: INR, resolution: int, time: float | None = None, device: str = "auto"
) -> vtkImageData:
    """Return the preview of a field at a time, with the INR in the field data.

    Point data: the outputs of the network.
    """
    axes = _axes(inr, image_dimensions(inr, resolution))
    mesh = np.meshgrid(*reversed(axes), indexing="ij")
    points = np.stack([m.reshape(-1) for m in reversed(mesh)], axis=1)
    return _image(inr, axes, Evaluator(inr.chain_at(time), device).numpy(points))


def to_dense_image(
    inr: INR,
    parameters: RefinementParameters,
    time: float | None = None,
    dimensions: Sequence[int] | None = None,
    extent: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> tuple[vtkImageData, LocalValues]:
    """Return a field at a time on a regular grid, evaluated as ``values`` says.

    Point data: the outputs of the network, and with ``change`` what changed since the previous
    time step. Field data: the INR, ``achieved_error``, that of the image as VTK interpolates it
    between its points, and with local networks ``asked_error`` and ``reconstruction_error``, that
    of the values at its points.

    Parameters
    ----------
    inr : INR
    parameters : RefinementParameters
        ``image_resolution``, ``values`` and what goes with them.
    time : float, optional
        By default the first time step.
    dimensions : sequence of int, optional
        Points along x, y, z; by default those that ``image_resolution`` asks for.
    extent : sequence of int, optional
        First and last point wanted along x, y, z; by default all.
    progress : callable, optional
        See `pruning_amr.refinement.Progress`.

    Raises
    ------
    Stopped
        If `progress` asks for it.
    """
    lengths = np.diff(inr.spatial_bounds)[:, 0]
    axes = _axes(inr, dimensions or grid_dimensions(lengths, parameters.image_resolution))
    # The time limit ends refinement; half an image is none.
    watch = Watch(progress, 0.0)
    part = None
    if extent is not None:
        pairs = zip(extent[0::2], extent[1::2], strict=True)
        part = [slice(a, b + 1) for a, b in pairs][: len(axes)]

    def evaluated(at: float | None) -> LocalValues:
        return output_evaluation(inr, at, parameters).on_grid(
            axes, part, lambda fraction: watch(fraction, "Pruning AMR: evaluating the image")
        )

    found = evaluated(time)
    values = found.values.reshape(-1, found.values.shape[-1])
    image = _image(inr, axes, values, extent)
    if parameters.change:
        before = inr.time_before(inr.clamp_time(time))
        now = values if before is None else evaluated(before).values.reshape(values.shape)
        add_changes(image.GetPointData(), inr, values - now)
    if not found.is_original:
        of_networks = ASKED_ERROR_ARRAY, RECONSTRUCTION_ERROR_ARRAY
        attach_errors(image, found.tolerance, found.error, of_networks)
    attach_image_error(image, inr, time, parameters)
    return image, found


def _axes(inr: INR, dimensions: Sequence[int]) -> list[np.ndarray]:
    bounds = inr.spatial_bounds
    pairs = zip(bounds, dimensions[: len(bounds)], strict=True)
    return [np.linspace(low, high, n) for (low, high), n in pairs]


def _image(
    inr: INR,
    axes: list[np.ndarray],
    values: np.ndarray,
    extent: Sequence[int] | None = None,
) -> vtkImageData:
    image = vtkImageData()
    whole = [bound for a in axes for bound in (0, len(a) - 1)]
    image.SetExtent([*(extent or [*whole, 0, 0, 0, 0])][:6])
    bounds = inr.spatial_bounds
    image.SetOrigin([*bounds[:, 0], 0.0, 0.0][:3])
    spacing = np.diff(bounds)[:, 0] / [len(a) - 1 for a in axes]
    image.SetSpacing([*spacing, 1.0, 1.0][:3])
    add_outputs(image.GetPointData(), inr, values)
    attach_inr(image, inr)
    return image
