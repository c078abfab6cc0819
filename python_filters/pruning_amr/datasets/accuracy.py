"""How well a data set shows its field: measured on what VTK interpolates, not on the mesh."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from vtkmodules.vtkCommonDataModel import (
    vtkDataObject,
    vtkDataSetAttributes,
    vtkOverlappingAMR,
    vtkUnstructuredGrid,
)

from ..errors import ParameterError
from ..inr import INR
from ..mesh import Mesh
from ..mesh.accuracy import (
    DEFAULT_ACCURACY_SAMPLES,
    LevelError,
    error_measures,
    errors_by_level,
    sample_points,
)
from ..mesh.uniform import UniformGrid
from .convert import to_vtk
from .image_quality import SMALLEST_IMAGE, structural_similarity, upsampled
from .shown import Probed, equal_error, memory_bytes, uniform_points
from .vtk_compat import amr_blocks, vtk_to_numpy

DEFAULT_IMAGE_RESOLUTION = 256
_UNIFORM_EVALUATIONS = 24_000
"""Of the network, for each uniform grid that is compared: points, or corners around each."""

_CHECKED_PIXELS = 1024
"""Of an image of the network that is interpolated."""

_HARDLY_ANYTHING = 0.05
"""Share of the error of a data set by which that image may be wrong, root mean square."""

_HARDLY_HELPS = 2.0
"""A uniform grid of fewer than this many times the cells makes an adaptive mesh pointless."""


@dataclass(frozen=True)
class DatasetAccuracy:
    """Error of a data set, as VTK interpolates it, against the network.

    Attributes
    ----------
    output_type : str
    dual : bool
        Whether a hyper tree grid was interpolated between the centres of its cells.
    rmse, relative_l2, max_error, psnr, samples
        As in `pruning_amr.mesh.Accuracy`.
    covered : float
        Share of the points at which the data set has a value; errors are of those.
    ssim_worst, ssim_mean : float or None
        Structural similarity of a middle slice across each axis, as images of the mesh and of
        the network, over slices and channels; None for a field of one dimension.
    by_level : list of LevelError
    cells, vertices : int
        Visible cells, and the vertices of the mesh (of an unstructured grid: its points).
    memory_bytes : int
        Of the data set without the network it carries.
    uniform_of_equal_depth : UniformGrid
        The mesh refined to its finest level everywhere.
    uniform_of_equal_error : UniformGrid or None
        The coarsest uniform grid that is as accurate; None if none of reasonable size is.
    uniform_samples : int
        The first so many of the points, at which uniform grids and the data set are compared.
    """

    output_type: str
    dual: bool
    rmse: float
    relative_l2: float
    max_error: float
    psnr: float
    samples: int
    covered: float
    ssim_worst: float | None
    ssim_mean: float | None
    by_level: list[LevelError]
    cells: int
    vertices: int
    memory_bytes: int
    uniform_of_equal_depth: UniformGrid
    uniform_of_equal_error: UniformGrid | None
    uniform_samples: int

    @property
    def cells_saved(self) -> float:
        """Cells of the uniform grid of equal error / cells of the mesh; infinite if unknown."""
        grid = self.uniform_of_equal_error
        return grid.cells / self.cells if grid else math.inf

    @property
    def memory_saved(self) -> float:
        """Memory of the uniform grid of equal error / that of the data set."""
        grid = self.uniform_of_equal_error
        return grid.memory_bytes / self.memory_bytes if grid else math.inf

    @property
    def remark(self) -> str:
        """A sentence if a uniform grid does nearly as well, else empty."""
        grid = self.uniform_of_equal_error
        if grid is None or self.cells_saved >= _HARDLY_HELPS:
            return ""
        return (
            f"Adaptivity hardly helps: a uniform grid of {_written(grid)} cells is as "
            f"accurate as this mesh of {self.cells:,}."
        )

    def as_dict(self) -> dict[str, Any]:
        """Return everything, properties too, for a report."""
        return {
            **asdict(self),
            "uniform_of_equal_depth": _grid_as_dict(self.uniform_of_equal_depth),
            "uniform_of_equal_error": _grid_as_dict(self.uniform_of_equal_error),
            "cells_saved": self.cells_saved,
            "memory_saved": self.memory_saved,
            "remark": self.remark,
        }


def measure_dataset_accuracy(
    mesh: Mesh,
    output_type: str,
    samples: int = DEFAULT_ACCURACY_SAMPLES,
    dual: bool = False,
    image_resolution: int = DEFAULT_IMAGE_RESOLUTION,
    truth: INR | None = None,
    data: vtkDataObject | None = None,
) -> DatasetAccuracy:
    """Compare a mesh, as VTK interpolates its data set, with the network.

    Parameters
    ----------
    mesh : Mesh
    output_type : str
        One of `pruning_amr.datasets.CONVERTERS`.
    samples : int
        Uniform random points in the domain, none of which the refinement has seen.
    dual : bool
        Interpolate a hyper tree grid between the centres of its cells.
    image_resolution : int
        Pixels of the slices along the longest axis.
    truth : INR, optional
        The network to compare with; by default the one the mesh was made of.
    data : vtkDataObject, optional
        The mesh as converted; by default it is converted here.

    Raises
    ------
    ParameterError
        If an argument is out of range.
    """
    if image_resolution < SMALLEST_IMAGE:
        raise ParameterError(
            f"image_resolution is {image_resolution}; expected at least {SMALLEST_IMAGE} pixels."
        )
    points = sample_points(mesh.tree.bounds, samples)
    data = to_vtk(mesh, output_type) if data is None else data
    probed = Probed(mesh, data, dual, truth)
    found, valid = probed.found(points)
    if not valid.any():
        raise ParameterError(
            "the data set has no value at any of the points; expected one that covers the domain "
            "of the mesh."
        )
    points, found = points[valid], found[valid]
    exact = probed.exact(points)
    similarities = list(_similarities(probed, image_resolution))
    return DatasetAccuracy(
        output_type=output_type,
        dual=dual,
        **error_measures(found, exact),
        samples=samples,
        covered=float(valid.mean()),
        ssim_worst=min(similarities, default=None),
        ssim_mean=float(np.mean(similarities)) if similarities else None,
        by_level=errors_by_level(mesh.tree, points, found - exact),
        cells=_n_cells(mesh, data),
        vertices=_n_vertices(mesh, data),
        memory_bytes=memory_bytes(data),
        uniform_of_equal_depth=_equal_depth(mesh),
        uniform_of_equal_error=equal_error(probed, points, found, exact, _UNIFORM_EVALUATIONS),
        uniform_samples=min(len(points), uniform_points(probed, _UNIFORM_EVALUATIONS)),
    )


def _similarities(probed: Probed, resolution: int) -> Iterator[float]:
    """Compare a middle slice across each axis with the network's, channel by channel."""
    value_range = probed.mesh.inr.value_range[probed.channels]
    low, high = value_range.T
    for points, shape in _slices(probed.mesh.tree.bounds, resolution):
        # As drawn with the colours spread over the range of the field.
        found = probed.found(points)[0]
        exact = np.clip(_exact_image(probed, points, shape, found), low, high)
        found = np.clip(found, low, high)
        for channel, extent in enumerate(high - low):
            images = (values[:, channel].reshape(shape) for values in (found, exact))
            yield structural_similarity(*images, float(extent))


def _exact_image(
    probed: Probed, points: np.ndarray, shape: tuple[int, int], found: np.ndarray
) -> np.ndarray:
    """Return the channels of the network at the pixels of an image, (n_pixels, n_channels).

    From every second pixel along both axes by cubic splines, where these differ from the network
    by hardly anything beside the error of the data set, at random pixels; else all are evaluated.
    """
    rows, columns = (np.unique([*range(0, n, 2), n - 1]) for n in shape)
    kept = (rows[:, None] * shape[1] + columns).reshape(-1)
    if len(kept) + _CHECKED_PIXELS > len(points) // 2:
        return probed.exact(points)
    coarse = probed.exact(points[kept]).reshape(len(rows), len(columns), -1)
    image = upsampled(coarse, rows, columns, shape).reshape(len(points), -1)
    others = np.setdiff1d(np.arange(len(points)), kept)
    some = np.random.default_rng(0).choice(others, _CHECKED_PIXELS, replace=False)
    exact = probed.exact(points[some])
    missed = np.mean((image[some] - exact) ** 2, axis=0)
    allowed = _HARDLY_ANYTHING**2 * np.mean((found[some] - exact) ** 2, axis=0)
    return image if (missed <= allowed).all() else probed.exact(points)


def _slices(bounds: np.ndarray, resolution: int) -> Iterator[tuple[np.ndarray, tuple[int, int]]]:
    """Yield the centres of the pixels of slices, and the shape of the images.

    None of a line, which is no image.
    """
    dimension = len(bounds)
    if dimension == 1:
        return
    middle, extent = bounds.mean(axis=1), np.diff(bounds)[:, 0]
    for across in range(dimension) if dimension == 3 else [None]:
        first, second = (axis for axis in range(dimension) if axis != across)
        longest = max(extent[first], extent[second])
        shape = tuple(
            max(SMALLEST_IMAGE, round(resolution * extent[axis] / longest))
            for axis in (second, first)
        )
        rows, columns = np.indices(shape).reshape(2, -1)
        points = np.tile(middle, (len(rows), 1))
        points[:, first] = bounds[first, 0] + (columns + 0.5) / shape[1] * extent[first]
        points[:, second] = bounds[second, 0] + (rows + 0.5) / shape[0] * extent[second]
        yield points, shape


def _equal_depth(mesh: Mesh) -> UniformGrid:
    shape = tuple(n << mesh.tree.depth for n in mesh.tree.root_resolution)
    return UniformGrid.of(shape, mesh.inr.chain.n_outputs)


def _n_cells(mesh: Mesh, data: vtkDataObject) -> int:
    if isinstance(data, vtkUnstructuredGrid):
        return data.GetNumberOfCells()
    if isinstance(data, vtkOverlappingAMR):
        name = vtkDataSetAttributes.GhostArrayName()
        ghosts = [vtk_to_numpy(b.GetCellData().GetArray(name)) for b in amr_blocks(data)]
        return sum(int(np.count_nonzero(g == 0)) for g in ghosts)
    return mesh.n_cells


def _n_vertices(mesh: Mesh, data: vtkDataObject) -> int:
    if isinstance(data, vtkUnstructuredGrid):
        return data.GetNumberOfPoints()
    return len(mesh.vertices.points)


def _written(grid: UniformGrid) -> str:
    """Return the cells of a grid as a product."""
    shape = " x ".join(map(str, grid.shape))
    return f"{shape} = {grid.cells:,}" if len(grid.shape) > 1 else f"{grid.cells:,}"


def _grid_as_dict(grid: UniformGrid | None) -> dict[str, Any] | None:
    return None if grid is None else {**asdict(grid), "cells": grid.cells}
