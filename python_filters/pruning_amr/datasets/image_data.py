"""INR -> vtkImageData: a coarse preview of the field on a regular grid."""

from __future__ import annotations

import numpy as np
from vtkmodules.vtkCommonDataModel import vtkImageData

from ..errors import ParameterError
from ..inr import INR, Evaluator
from .field_data import add_outputs, attach_inr

MAX_RESOLUTION = 1024


def image_dimensions(inr: INR, resolution: int) -> list[int]:
    """Return the points along x, y, z of a regular grid over the domain.

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
    extent = np.diff(inr.spatial_bounds)[:, 0]
    points = np.maximum(2, np.rint((resolution - 1) * extent / extent.max()).astype(int) + 1)
    return [*points.tolist(), 1][:3]


def to_image_data(
    inr: INR, resolution: int, time: float | None = None, device: str = "auto"
) -> vtkImageData:
    """Return the field at a time on a regular grid, with the INR in the field data.

    Point data: the outputs of the network.
    """
    dimensions = image_dimensions(inr, resolution)
    bounds = inr.spatial_bounds
    axes = [
        np.linspace(low, high, n)
        for (low, high), n in zip(bounds, dimensions[: len(bounds)], strict=True)
    ]
    mesh = np.meshgrid(*reversed(axes), indexing="ij")
    points = np.stack([m.reshape(-1) for m in reversed(mesh)], axis=1)
    image = vtkImageData()
    image.SetDimensions(dimensions)
    image.SetOrigin([*bounds[:, 0], 0.0][:3])
    spacing = np.diff(bounds)[:, 0] / (np.asarray(dimensions[: len(bounds)]) - 1)
    image.SetSpacing([*spacing, 1.0][:3])
    values = Evaluator(inr.chain_at(time), device).numpy(points)
    add_outputs(image.GetPointData(), inr, values)
    attach_inr(image, inr)
    return image
