"""What a data set of a mesh is as ParaView counts and shows it, in figures and in a few lines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from vtkmodules.vtkCommonDataModel import (
    vtkDataObject,
    vtkDataSet,
    vtkHyperTreeGrid,
    vtkImageData,
    vtkOverlappingAMR,
    vtkUnstructuredGrid,
)

from ..inr import INR, Evaluator, Output
from ..inr.array_names import (
    ACHIEVED_ERROR_ARRAY,
    ACHIEVED_REGION_ERROR_ARRAY,
    ASKED_ERROR_ARRAY,
    ASKED_REGION_ERROR_ARRAY,
    INR_ARRAY,
    RECONSTRUCTION_ERROR_ARRAY,
)
from ..mesh import Mesh
from ..mesh.accuracy import sample_points
from ..mesh.error_scales import error_scale
from ..mesh.mesh import MeshParameters
from ..mesh.uniform import UniformGrid, uniform_of_equal_error
from ..refinement.region import Region
from .field_data import attach_errors
from .probe import dual_grid_of, probe_arrays
from .vtk_compat import DRAWS_AMR_VOLUMES, amr_blocks

_ENDED = {
    "criterion": "the tolerance",
    "max_depth": "Max Depth",
    "max_cells": "Max Cells",
    "time_limit": "Time Limit",
    "verifications": "failed verifications",
    "user": "the user",
}
"""Why refinement ended, by ``stopped_by``."""

_POINTS = 4096
"""At which errors are measured: the standard error of their mean square is a few per cent."""

_ON_FACES, _ONE_COLOR = 1024, 0.05
"""Points on the faces of a domain; the share of the range that its colours are to differ by."""


@dataclass(frozen=True)
class Probed:
    """A data set that is compared with a network, channel by channel."""

    mesh: Mesh
    data: vtkDataObject
    dual: bool
    truth: INR | None

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The arrays."""
        return self.mesh.inr.outputs

    @property
    def channels(self) -> list[int]:
        """Channels of the network that the data set has, each once."""
        return _channels(self.mesh.inr)

    def found(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the channels of the data set at points, and where it has any."""
        if len(points) > _POINTS and self._is_of_cells:
            values = self.mesh.reconstruct(points, "cell_constant")[:, self.channels]
            return values, np.ones(len(points), bool)
        names = [output.name for output in self.outputs]
        if self.dual and self._dual_grid.GetNumberOfCells():
            arrays, valid = probe_arrays(self._dual_grid, points, names)
        else:
            arrays, valid = probe_arrays(self.data, points, names, self.dual)
        if self.dual and not valid.all():
            # Where the dual has no cell, it is the value of the cell itself that is shown.
            constant, in_a_cell = probe_arrays(self.data, points[~valid], names)
            for array, values in zip(arrays, constant, strict=True):
                array[~valid] = values
            valid[~valid] = in_a_cell
        return _values(self.mesh.inr, arrays)[:, self.channels], valid

    @cached_property
    def _is_of_cells(self) -> bool:
        """Whether VTK finds in a hyper tree grid the values of the mesh's cells, at some points.

        Many are looked up in the mesh then: VTK takes longer than the network.
        """
        if self.dual or not isinstance(self.data, vtkHyperTreeGrid):
            return False
        points = sample_points(self.mesh.tree.bounds, _POINTS)
        found, valid = self.found(points)
        cells = self.mesh.reconstruct(points, "cell_constant")[:, self.channels]
        return bool(valid.all()) and np.array_equal(found, cells, equal_nan=True)

    @cached_property
    def _dual_grid(self) -> vtkUnstructuredGrid:
        return dual_grid_of(self.mesh, self.data)

    def exact(self, points: np.ndarray) -> np.ndarray:
        """Return the channels of the network at points."""
        return self.mesh.exact_values(points, self.truth)[:, self.channels]


@dataclass(frozen=True)
class ShownErrors:
    """Relative errors of a data set as ParaView shows it, in the norm that its mesh was asked for.

    Attributes
    ----------
    domain : float or None
        With a region of interest, of the rest of the domain. None if the data set has no value
        at any of the points, or the mesh was refined for its contours alone.
    region : float or None
        Of the region of interest; None without one.
    """

    domain: float | None
    region: float | None


def shown_errors(mesh: Mesh, data: vtkDataObject) -> ShownErrors:
    """Measure a data set of a mesh at a few thousand fresh points, as VTK interpolates it."""
    parameters, bounds = mesh.parameters, mesh.tree.bounds
    if parameters.criterion == "isosurface" or not _has_field(data, mesh.inr):
        return ShownErrors(None, None)
    probed, points = Probed(mesh, data, False, None), sample_points(bounds, _POINTS)
    if not parameters.region:
        return ShownErrors(_error(probed, points), None)
    region = Region.of(parameters.region_boxes(bounds), bounds)
    inside = region.sample(_POINTS, np.random.default_rng(parameters.seed))
    return ShownErrors(_error(probed, points[~region.contains(points)]), _error(probed, inside))


def attach_shown_errors(data: vtkDataObject, mesh: Mesh) -> None:
    """Store in field data the errors of what is shown, ``achieved_error``.

    Of a mesh for contours it is the distance of these, which the search has measured.
    """
    found = shown_errors(mesh, data)
    if mesh.parameters.criterion == "isosurface":
        found = ShownErrors(mesh.history.achieved_error, None)
    attach_errors(data, None, found.domain, (ASKED_ERROR_ARRAY, ACHIEVED_ERROR_ARRAY))
    attach_errors(data, None, found.region, (ASKED_REGION_ERROR_ARRAY, ACHIEVED_REGION_ERROR_ARRAY))


def attach_image_error(
    image: vtkImageData, inr: INR, time: float | None, parameters: MeshParameters
) -> None:
    """Store in field data ``achieved_error``, that of an image as VTK interpolates it."""
    points = sample_points(inr.spatial_bounds, _POINTS)
    arrays, valid = probe_arrays(image, points, [output.name for output in inr.outputs])
    channels = _channels(inr)
    exact = Evaluator(inr.chain_at(time), parameters.device).numpy(points)[:, channels]
    # Of several parts of an image each has values at points of its own.
    valid &= np.isfinite(exact).all(axis=1)
    if not valid.any():
        return
    difference = _values(inr, arrays)[valid][:, channels] - exact[valid]
    error = _relative(difference, inr, channels, parameters)
    attach_errors(image, None, error, (ASKED_ERROR_ARRAY, ACHIEVED_ERROR_ARRAY))


def shown_error_of(data: vtkDataObject, name: str = ACHIEVED_ERROR_ARRAY) -> float | None:
    """Return an error that is stored in field data, None if there is none."""
    array = data.GetFieldData().GetArray(name)
    return None if array is None else array.GetTuple1(0)


def _has_field(data: vtkDataObject, inr: INR) -> bool:
    """Tell whether a data set has arrays of a field.

    An output of a user's own may have none; of several processes one may have no block.
    """
    if isinstance(data, vtkOverlappingAMR):
        return bool(amr_blocks(data))
    if not isinstance(data, vtkDataSet):
        return True
    attributes = (data.GetPointData(), data.GetCellData())
    return all(any(a.HasArray(output.name) for a in attributes) for output in inr.outputs)


def _error(probed: Probed, points: np.ndarray) -> float | None:
    """Return the relative error at points, None where there is no value at any."""
    if not len(points):
        return None
    found, valid = _found(probed, points)
    if not valid.any():
        return None
    mesh, difference = probed.mesh, found[valid] - probed.exact(points[valid])
    return _relative(difference, mesh.inr, probed.channels, mesh.parameters)


def _relative(
    difference: np.ndarray, inr: INR, channels: list[int], parameters: MeshParameters
) -> float:
    """Return differences in some channels as one error, in the norm that parameters ask for."""
    error = difference / error_scale(inr, parameters.error_formula)[channels]
    largest = parameters.error_norm == "max"
    return float(np.abs(error).max() if largest else math.sqrt(np.mean(error**2)))


def _channels(inr: INR) -> list[int]:
    """Return the channels of a network that data sets have, each once."""
    return sorted({c for output in inr.outputs for c in output.components})


def _values(inr: INR, arrays: list[np.ndarray]) -> np.ndarray:
    """Return arrays of the outputs as channels of the network, (n_points, n_outputs)."""
    values = np.zeros((len(arrays[0]), inr.chain.n_outputs))
    for output, array in zip(inr.outputs, arrays, strict=True):
        values[:, list(output.components)] = array
    return values


def _found(probed: Probed, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of a data set at points, and where it has any.

    One value for each cell is what the mesh has itself: VTK 9.2 aborts where it probes a hyper tree
    grid without some of its trees, as each of several processes has it.
    """
    if not isinstance(probed.data, vtkHyperTreeGrid):
        return probed.found(points)
    values = probed.mesh.reconstruct(points, "cell_constant")[:, probed.channels]
    return values, np.ones(len(points), bool)


# --- the status block -------------------------------------------------------------------------


def describe_shown(mesh: Mesh, data: vtkDataObject, uniform: UniformGrid | None) -> str:
    """Return a few short lines: cells, errors, why refinement ended if not as asked, and memory.

    Parameters
    ----------
    mesh : Mesh
    data : vtkDataObject
        The mesh as converted by `pruning_amr.datasets.to_vtk`.
    uniform : UniformGrid or None
        What `uniform_grid_as_good` found.
    """
    counted = data.GetNumberOfElements(vtkDataObject.CELL)
    lines = [f"{mesh.n_cells:,} leaves, depth {mesh.tree.depth}"]
    if counted != mesh.n_cells:
        lines.append(f"{counted:,} cells as ParaView counts")
    lines += _error_lines(mesh, data)
    if mesh.history.stopped_by != "criterion" or mesh.history.asked_error is None:
        # That a tolerance is met says why refinement ended; the panel shows ten lines at once.
        lines.append(f"ended by {_ENDED[mesh.history.stopped_by]}")
    lines.append(f"memory {_megabytes(memory_bytes(data))}")
    if uniform is not None:
        lines.append(f"uniform grid as good {_megabytes(uniform.memory_bytes)}")
    if isinstance(data, vtkHyperTreeGrid | vtkUnstructuredGrid) and _is_plain_outside(mesh):
        lines.append("plain faces: slice or contour it")
    if isinstance(data, vtkOverlappingAMR) and len(mesh.tree.bounds) == 3 and not DRAWS_AMR_VOLUMES:
        lines.append("volume drawn wrong: slice it")
    return "\n".join(lines)


def _is_plain_outside(mesh: Mesh) -> bool:
    """Tell whether the faces of a domain, drawn as a surface, show next to nothing of the field."""
    bounds, output = mesh.tree.bounds, mesh.inr.outputs[0]
    if len(bounds) != 3:
        return False
    unit = np.random.default_rng(0).random((_ON_FACES, 3))
    numbers = np.arange(_ON_FACES)
    unit[numbers, numbers % 3] = numbers // 3 % 2
    points = bounds[:, 0] + unit * np.diff(bounds)[:, 0]
    channels = list(output.components)
    drawn = mesh.reconstruct(points, "cell_constant")[:, channels]
    extent = np.diff(mesh.inr.value_range)[channels, 0]
    return bool((np.ptp(drawn, axis=0) < _ONE_COLOR * extent).all())


def describe_image(image: vtkImageData, parameters: MeshParameters) -> str:
    """Return a few short lines about an image of `pruning_amr.datasets.to_dense_image`."""
    lines = [f"{image.GetNumberOfPoints():,} points, without refinement"]
    shown = shown_error_of(image)
    if shown is not None:
        lines.append(f"{_norm(parameters)} error as shown {_written(shown, parameters)}")
    asked, local = (
        shown_error_of(image, n) for n in (ASKED_ERROR_ARRAY, RECONSTRUCTION_ERROR_ARRAY)
    )
    if local is not None:
        lines.append(f"local networks {_written(local, parameters)}")
        lines.append(
            f"asked {_written(asked, parameters)}: {'met' if local <= asked else 'MISSED'}"
        )
    return "\n".join([*lines, f"memory {_megabytes(memory_bytes(image))}"])


def _norm(parameters: MeshParameters) -> str:
    return "Max" if parameters.error_norm == "max" else "RMS"


def _error_lines(mesh: Mesh, data: vtkDataObject) -> list[str]:
    """Return the errors of what is shown, and of the reconstruction that was refined for."""
    history, parameters = mesh.history, mesh.parameters
    kind = _norm(parameters)
    lines = []
    for where, name, asked, searched in (
        ("", ACHIEVED_ERROR_ARRAY, history.asked_error, history.achieved_error),
        (
            " in the region",
            ACHIEVED_REGION_ERROR_ARRAY,
            history.asked_region_error,
            history.achieved_region_error,
        ),
    ):
        shown = shown_error_of(data, name)
        if shown is not None and parameters.criterion != "isosurface":
            lines.append(f"{kind} error{where} as shown {_written(shown, parameters)}")
        if searched is not None:
            of = parameters.reconstruction.replace("_", " ")
            of = _contour_of(data) if parameters.criterion == "isosurface" else of
            lines.append(f"{of} {_written(searched, parameters)}")
            lines.append(
                f"asked {_written(asked, parameters)}: {'met' if searched <= asked else 'MISSED'}"
            )
    return lines


def _contour_of(data: vtkDataObject) -> str:
    """Return whose contour a distance is of: where values are at centres, ParaView's is another."""
    at_centres = isinstance(data, vtkHyperTreeGrid | vtkOverlappingAMR)
    return "corner contour within" if at_centres else "contour within"


def uniform_grid_as_good(mesh: Mesh, data: vtkDataObject) -> UniformGrid | None:
    """Return the uniform grid that is as accurate as a data set; None if none can be compared.

    It costs some ten thousand evaluations.
    """
    if mesh.parameters.criterion == "isosurface" or not _has_field(data, mesh.inr):
        return None
    probed, points = Probed(mesh, data, False, None), sample_points(mesh.tree.bounds, _POINTS)
    found, valid = _found(probed, points)
    if not valid.any():
        return None
    points = points[valid]
    return equal_error(probed, points, found[valid], probed.exact(points), _POINTS)


def equal_error(
    probed: Probed, points: np.ndarray, found: np.ndarray, exact: np.ndarray, evaluations: int
) -> UniformGrid | None:
    """Return the uniform grid as accurate as the data set at some of the points.

    Parameters
    ----------
    probed : Probed
    points : numpy.ndarray, shape (n_points, dimension)
    found, exact : numpy.ndarray, shape (n_points, n_channels)
        What the data set and the network have there.
    evaluations : int
        See `uniform_points`.
    """
    mesh, kind = probed.mesh, "multilinear"
    if isinstance(probed.data, vtkHyperTreeGrid | vtkOverlappingAMR):
        kind = "dual" if probed.dual else "cell_constant"
    points = points[: uniform_points(probed, evaluations)]
    found, exact = found[: len(points)], exact[: len(points)]
    rmse = math.sqrt(np.mean((found - exact) ** 2))
    extent = np.diff(mesh.tree.bounds)[:, 0]
    guess = (mesh.n_cells * extent.max() ** len(extent) / extent.prod()) ** (1 / len(extent))
    truth = probed.truth or mesh.inr
    network = Evaluator(truth.chain_at(mesh.time), mesh.parameters.device)
    every = exact if exact.shape[1] == truth.chain.n_outputs else None
    return uniform_of_equal_error(network, mesh.tree.bounds, rmse, kind, points, guess, every)


def uniform_points(probed: Probed, evaluations: int) -> int:
    """Return at how many points uniform grids are compared with a data set.

    `evaluations` are those of the network for each grid that is tried, at the points or the corners
    of a grid around each.
    """
    cells = isinstance(probed.data, vtkHyperTreeGrid | vtkOverlappingAMR) and not probed.dual
    return evaluations if cells else evaluations // probed.mesh.tree.n_children


def memory_bytes(data: vtkDataObject) -> int:
    """Return the memory of a data set without the INR it carries."""
    carried = data.GetFieldData().GetArray(INR_ARRAY)
    if isinstance(data, vtkOverlappingAMR):
        # Of all blocks: its own sum is short of some.
        return 1024 * sum(block.GetActualMemorySize() for block in amr_blocks(data))
    return 1024 * data.GetActualMemorySize() - (carried.GetNumberOfValues() if carried else 0)


def _written(error: float, parameters: MeshParameters) -> str:
    """Return an error in words: per cent of the range, or units of the field."""
    if parameters.error_formula == "absolute":
        return f"{error:.3g}"
    return f"{100 * error:.3g} %"


def _megabytes(count: int) -> str:
    return f"{count / 2**20:,.2f} MiB"
