"""The package's front door: load, refine, slice, contour, evaluate, prune, accuracy."""

from __future__ import annotations

import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import pruning, refinement, views
from .environment import require_vtk
from .errors import EmptyContourWarning, PruningAMRWarning, ToleranceWarning
from .inr import DEFAULT_MEMORY_MB, INR, load, save_inr, say_slow_products
from .mesh import (
    Accuracy,
    History,
    Mesh,
    SpaceTimeMesh,
    Tree,
    measure_accuracy,
)
from .output_types import output_type_of
from .pruning import PruneReport
from .refinement import Progress, RefinementParameters
from .views import ContourSurface, EvaluationParameters, SliceParameters, evaluate_at

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkImageData, vtkPolyData

    from .datasets.accuracy import DatasetAccuracy
    from .pruning import LocalValues

_KEPT_TIMES = 4


class AdaptiveMesh:
    """The adaptive mesh of a field; for a field with time, at any time.

    With ``time_mode`` "space_time" one mesh over space and time is refined, when first asked for.
    With "per_time_step" meshes of other times are refined when they are first asked for, with
    the same parameters; the last few are kept. If the time step before is one of them, the search
    starts from its tree: a mesh with the same error, but not cell for cell the same.

    Parameters
    ----------
    inr : INR
    parameters : RefinementParameters
    progress : callable, optional
        Called with the fraction done and a sentence; returning True stops the refinement.
    warn : callable, optional
        Called with a `PruningAMRWarning`: a time outside the range of the field, a tolerance that
        is missed (each once), slow products of matrices; by default it is issued as a warning.
    """

    def __init__(
        self,
        inr: INR,
        parameters: RefinementParameters,
        progress: Progress | None = None,
        warn: Callable[[PruningAMRWarning], None] | None = None,
    ) -> None:
        self.inr = inr
        self._warn = warn or _warn
        self.parameters = parameters
        self._progress = progress
        self._meshes: OrderedDict[float, Mesh] = OrderedDict()
        self._clamped = self._fell_short = False
        self._last: Mesh | None = None

    def with_parameters(self, parameters: RefinementParameters) -> AdaptiveMesh:
        """Return the mesh of the same field with other parameters.

        Cells are kept if the parameters that differ have nothing to do with them.
        """
        other = AdaptiveMesh(self.inr, parameters, self._progress, self._warn)
        if parameters.same_cells(self.parameters):
            for time, mesh in self._meshes.items():
                other._meshes[time] = replace(mesh, parameters=parameters)
            whole = self.__dict__.get("space_time")
            if whole is not None:
                other.__dict__["space_time"] = whole.with_parameters(parameters)
        return other

    @cached_property
    def space_time(self) -> SpaceTimeMesh | None:
        """The mesh for all times; None for a static field and with a mesh for each time step."""
        if self.inr.time_axis is None or self.parameters.time_mode != "space_time":
            return None
        whole = refinement.build_space_time_mesh(self.inr, self.parameters, self._progress)
        self._say_shortfall(whole.history, "over space and time")
        return whole

    @property
    def unchanged_fraction(self) -> float | None:
        """Share of the cells of the mesh last asked for that were there one time step before.

        None if there is no mesh for all times.
        """
        return self._last.unchanged_fraction if self._last is not None else None

    def at(self, time: float | None = None) -> Mesh:
        """Return the mesh at a time (None: the first time step), refining it if needed.

        A time outside the range of the field is moved to its nearer end, with one warning.
        """
        say_slow_products(self._warn)
        self._last = self._at(self._clamped_time(time))
        return self._last

    def _clamped_time(self, time: float | None) -> float:
        warning = self.inr.out_of_range(time)
        if warning is not None and not self._clamped:
            self._warn(warning)
            self._clamped = True
        return self.inr.clamp_time(time)

    def _say_shortfall(self, found: History, where: str) -> None:
        shortfall = found.shortfall
        if shortfall and not self._fell_short:
            self._warn(ToleranceWarning(f"{where}, {shortfall}" if where else shortfall))
            self._fell_short = True

    def _at(self, key: float) -> Mesh:
        if self.space_time is not None:
            return self.space_time.at(key)
        if key not in self._meshes:
            self._meshes[key] = refinement.build_mesh(
                self.inr, self.parameters, key, self._progress, self._similar(key)
            )
            at_time = "" if self.inr.time_axis is None else f"at t = {key:g}"
            self._say_shortfall(self._meshes[key].history, at_time)
            while len(self._meshes) > _KEPT_TIMES:
                self._meshes.popitem(last=False)
        self._meshes.move_to_end(key)
        return self._meshes[key]

    def _similar(self, time: float) -> Tree | None:
        """Return the tree of the time step before, if it is kept and met its tolerance."""
        previous = self._meshes.get(self.inr.time_before(time))
        if previous is None or previous.history.stopped_by != "criterion":
            return None
        return previous.tree

    def to_vtk(
        self,
        output_type: str | None = None,
        time: float | None = None,
        piece: int = 0,
        n_pieces: int = 1,
    ) -> vtkDataObject:
        """Return the mesh at a time as a VTK data set.

        Parameters
        ----------
        output_type : {"hyper_tree_grid", "overlapping_amr", "unstructured_grid", "image_data", \
                "poly_data"}, optional
            Image data are the field on a regular grid of ``image_resolution``; no mesh is refined
            for them. By default a hyper tree grid; of a field of one dimension, poly data: the
            curve of its values (see `pruning_amr.datasets.to_curve`), or else an unstructured
            grid or image data.
        time : float, optional
            By default the first time step.
        piece, n_pieces : int
            Which part of the root cells to convert, for parallel use; not of image data.
        """
        require_vtk()
        from .datasets import to_vtk

        checked = output_type_of(self.inr.dimension, output_type)
        if checked == "image_data":
            return self.image(time)[0]
        return to_vtk(self.at(time), checked, piece, n_pieces)

    def image(
        self,
        time: float | None = None,
        dimensions: Sequence[int] | None = None,
        extent: Sequence[int] | None = None,
    ) -> tuple[vtkImageData, LocalValues]:
        """Return the field at a time on a regular grid, and how its values were found.

        No mesh is refined. A time outside is treated as by `at`; `dimensions` and `extent` are
        those of `pruning_amr.datasets.to_dense_image`.
        """
        require_vtk()
        from .datasets import to_dense_image

        say_slow_products(self._warn)
        shown, progress = self._clamped_time(time), self._progress
        return to_dense_image(self.inr, self.parameters, shown, dimensions, extent, progress)


def _warn(warning: PruningAMRWarning) -> None:
    # The first caller outside this package is meant.
    level, frame = 0, sys._getframe()
    while frame is not None and frame.f_globals.get("__package__") == __package__:
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level + 1)


class FieldAndGradient(NamedTuple):
    """A field and its gradient at points.

    Attributes
    ----------
    values : numpy.ndarray, shape (n_points, n_outputs), float32
    gradients : numpy.ndarray, shape (n_points, n_outputs, n_coordinates), float32
        ``gradients[p, k, i]`` is the derivative of output k by coordinate i of the points, in the
        field's own units.
    """

    values: np.ndarray
    gradients: np.ndarray


def evaluate(
    inr: INR,
    points: np.ndarray,
    *,
    time: float | None = None,
    gradient: bool = False,
    tolerance: float = 1e-3,
    values: str = "local",
    device: str = "auto",
    memory_mb: float = DEFAULT_MEMORY_MB,
    seed: int = 0,
) -> np.ndarray | FieldAndGradient:
    """Evaluate a field at many points, in any order.

    Parameters
    ----------
    inr : INR
    points : array_like, shape (n_points, dimension) or (n_points, n_inputs)
        Coordinates in space, at `time`; or in the order of all inputs of the network. Of a field
        of one dimension also shape (n_points,).
    time : float, optional
        By default the first time step. A time outside the range of the field is moved to its nearer
        end, with a warning.
    gradient : bool
        Return the derivatives by the coordinates of `points` too. They are exact, and so are the
        values then: the whole network is evaluated.
    tolerance : float
        Root mean square of the error that local networks may bring, relative to the range of
        each output. It is measured; more accurate networks, and in the end the whole one, are
        taken until it is met.
    values : {"local", "exact"}
        "local" evaluates networks pruned in cells, where so many points lie in them that it is
        faster; "exact" the whole network.
    device : str
        "auto", "cpu" or "cuda".
    memory_mb : float
        Memory for intermediate values, in MiB; does not change values.
    seed : int

    Returns
    -------
    numpy.ndarray, shape (n_points, n_outputs), float32
        With `gradient`, a `FieldAndGradient`: ``values``, and ``gradients`` of shape (n_points,
        n_outputs, n_coordinates).

    Raises
    ------
    ParameterError
        If an argument is out of range.
    MetadataError
        If the bounds of the field are not known.

    Examples
    --------
    >>> evaluate(load("scan.pt"), points, time=0.5)
    >>> evaluate(load("scan.pt"), points, time=0.5, gradient=True).gradients
    """
    parameters = EvaluationParameters(
        tolerance=tolerance,
        values=values,
        gradient=gradient,
        seed=seed,
        device=device,
        memory_mb=memory_mb,
    )
    points = np.asarray(points, dtype=np.float64)
    points = points.reshape(-1, 1) if inr.dimension == 1 and points.ndim < 2 else points
    warning = inr.out_of_range(time)
    if warning is not None:
        _warn(warning)
    found = evaluate_at(inr, np.atleast_2d(points), parameters, time)
    return FieldAndGradient(found.values, found.gradients) if gradient else found.values


@dataclass(frozen=True)
class FieldSlice(views.FieldSlice):
    """A field on parallel planes, see `pruning_amr.views.FieldSlice`."""

    def to_vtk(self) -> vtkPolyData:
        """Return it as a VTK data set, see `pruning_amr.datasets.slice_to_vtk`."""
        require_vtk()
        from .datasets import slice_to_vtk

        return slice_to_vtk(self)


def slice_of(
    inr: INR,
    origin: Sequence[float] | None,
    normal: Sequence[float],
    offsets: Iterable[float],
    parameters: SliceParameters,
    time: float | None = None,
    progress: Progress | None = None,
    warn: Callable[[PruningAMRWarning], None] | None = None,
) -> FieldSlice:
    """Return a field on parallel planes, for checked parameters; see `slice`.

    `warn` is called with a `PruningAMRWarning`; by default it is issued as a warning.
    """
    warn = warn or _warn
    warning = inr.out_of_range(time)
    if warning is not None:
        warn(warning)
    found = views.slice_field(inr, origin, normal, offsets, parameters, time, progress, warn)
    return FieldSlice(**{f.name: getattr(found, f.name) for f in fields(found)})


def slice(
    inr: INR,
    *,
    origin: Sequence[float] | None = None,
    normal: Sequence[float] = (1.0, 0.0, 0.0),
    offsets: Iterable[float] = (0.0,),
    time: float | None = None,
    progress: Progress | None = None,
    **parameters: Any,
) -> FieldSlice:
    """Return a field on planes through its domain, to a tolerance, without a mesh of its volume.

    Parameters
    ----------
    inr : INR
        Of three dimensions; or of two, which is cut along lines, where the planes meet z = 0.
    origin : sequence of float, optional
        A point of the plane; by default the centre of the domain.
    normal : sequence of float
        Its direction, of any length.
    offsets : iterable of float
        Distances from this plane, along the normal, of those to show.
    time : float, optional
        By default the first time step. A time outside the range of the field is moved to its nearer
        end, with a warning.
    progress : callable, optional
        Called with the fraction done and a sentence; returning True stops the refinement.
    **parameters
        Fields of `pruning_amr.views.SliceParameters`, such as ``tolerance=0.005``: the error each
        slice has to meet, relative to the range of the whole field.

    Returns
    -------
    FieldSlice
        With ``points``, ``values``, ``achieved_error`` and ``to_vtk()``; without points, and with
        a warning, if no plane cuts the domain.

    Raises
    ------
    ParameterError
        If an argument is unknown or out of range, or the field has one dimension.
    MetadataError
        If the bounds of the field are not known.

    Examples
    --------
    >>> s = slice(load("scan.pt"), normal=(0, 0, 1), offsets=(-0.5, 0, 0.5), time=0.5)
    >>> s.to_vtk()
    """
    checked = views.make_slice_parameters(**parameters)
    return slice_of(inr, origin, normal, offsets, checked, time, progress)


@dataclass(frozen=True)
class PrunedINR(INR):
    """An INR with a pruned network, and the report of how it was pruned."""

    report: PruneReport | None = field(default=None, kw_only=True)

    @classmethod
    def of(cls, inr: INR, report: PruneReport) -> PrunedINR:
        """Return `inr` with its report attached."""
        return cls(**{f.name: getattr(inr, f.name) for f in fields(INR)}, report=report)

    def save(self, path: str | Path) -> list[Path]:
        """Save as a PyTorch ``state_dict`` with a JSON file beside it.

        This package and INR Reader load the file like any other checkpoint; see
        `pruning_amr.inr.save_inr` for its keys and for loading it into plain PyTorch.
        """
        return save_inr(self, path)


def refine(
    inr: INR,
    *,
    time: float | None = None,
    progress: Progress | None = None,
    **parameters: Any,
) -> AdaptiveMesh:
    """Refine an adaptive mesh of a field.

    Parameters
    ----------
    inr : INR
    time : float, optional
        Time to refine at first; by default the first time step.
    progress : callable, optional
        Called with the fraction done and a sentence; returning True stops the refinement.
    **parameters
        Fields of `pruning_amr.refinement.RefinementParameters`.

    Returns
    -------
    AdaptiveMesh

    Raises
    ------
    ParameterError
        If a parameter is unknown or out of range.
    MetadataError
        If the bounds of the field are not known.

    Examples
    --------
    >>> mesh = refine(load("scan.pt"), tolerance=0.01, max_depth=6)
    >>> grid = mesh.to_vtk("hyper_tree_grid", time=0.5)
    """
    mesh = AdaptiveMesh(inr, refinement.make_parameters(**parameters), progress)
    mesh.at(time)
    return mesh


@dataclass(frozen=True)
class Contour(ContourSurface):
    """A contour of a field; ``report`` says what it is worth and what it cost."""

    with_gradient: bool = False

    def to_vtk(self) -> vtkPolyData:
        """Return the contour as poly data (see `pruning_amr.datasets.to_contour`)."""
        require_vtk()
        from .datasets import to_contour

        return to_contour(self, self.with_gradient)


def contour(
    inr: INR,
    values: float | Sequence[float],
    *,
    time: float | None = None,
    progress: Progress | None = None,
    warn: Callable[[PruningAMRWarning], None] | None = None,
    **parameters: Any,
) -> Contour:
    """Find where a field takes values: a surface, in two dimensions lines, in one points.

    The network is asked only where the surface can be, so that no grid is needed; every vertex
    lies on the surface of the network itself.

    Parameters
    ----------
    inr : INR
    values : float or sequence of float
    time : float, optional
        By default the first time step.
    progress : callable, optional
        Called with the fraction done and a sentence; returning True stops the search.
    warn : callable, optional
        Called with a `PruningAMRWarning`: a time outside the range of the field, a tolerance that
        is missed; by default it is issued as a warning.
    **parameters
        Fields of `pruning_amr.views.ContourParameters`.

    Returns
    -------
    Contour

    Raises
    ------
    ParameterError
        If a parameter is unknown or out of range, or there is no such output.
    MetadataError
        If the bounds of the field are not known.
    pruning_amr.refinement.Stopped
        If `progress` asked for it.

    Examples
    --------
    >>> surface = contour(load("scan.pt"), 0.5, time=0.5, tolerance=0.001)
    >>> surface.report.distance_rms, len(surface.triangles)
    >>> data = surface.to_vtk()
    """
    require_vtk()
    from .datasets import extract_simplices

    checked, warn = views.make_contour_parameters(**parameters), warn or _warn
    say_slow_products(warn)
    outside = inr.out_of_range(time)
    if outside is not None:
        warn(outside)
    values = views.checked_values(values)
    found = views.find_contour(inr, values, checked, extract_simplices, time, progress)
    if found.report.shortfall:
        warn(ToleranceWarning(found.report.shortfall))
    if not len(found.simplices):
        low, high = inr.value_range[found.channel]
        asked = " or ".join(f"{value:g}" for value in values)
        always = " over all times" if inr.time_axis is not None else ""
        text = (
            f"the field takes {asked} nowhere, as far as it was seen; its values range from about "
            f"{low:g} to {high:g}{always}: ask for one of these."
        )
        warn(EmptyContourWarning(text))
    attributes = {f.name: getattr(found, f.name) for f in fields(ContourSurface)}
    return Contour(**attributes, with_gradient=checked.gradient)


def prune(inr: INR, tolerance: float = 1e-3, **options: Any) -> PrunedINR:
    """Prune a whole network to a wanted error of its field.

    Parameters
    ----------
    inr : INR
    tolerance : float
        Wanted relative L2 error of the pruned network against the original.
    **options
        ``id_tolerance``, ``samples``, ``seed`` and ``device`` of `pruning_amr.pruning.prune`.

    Returns
    -------
    PrunedINR
        With attribute ``report`` and method ``save(path)``. A network without neurons to spare
        comes back unchanged, and ``report.note`` says so.

    Examples
    --------
    >>> small = prune(load("scan.pt"), tolerance=1e-3)
    >>> small.report.parameters_after, small.report.relative_l2
    >>> small.save("small.pt")
    """
    return PrunedINR.of(*pruning.prune(inr, tolerance, **options))


def accuracy(
    inr: INR,
    mesh: AdaptiveMesh,
    samples: int = 100_000,
    reconstruction: str = "multilinear",
    time: float | None = None,
    output_type: str | None = None,
) -> Accuracy | DatasetAccuracy:
    """Measure a mesh against a network at fresh random points.

    Parameters
    ----------
    inr : INR
        The network that is the truth; it may differ from the one that was meshed.
    mesh : AdaptiveMesh
    samples : int
    reconstruction : {"multilinear", "conforming", "cell_constant", "dual"}
        Of the mesh. A data set has its own; "dual" interpolates a hyper tree grid between cells.
    time : float, optional
        By default the first time step.
    output_type : {"hyper_tree_grid", "overlapping_amr", "unstructured_grid", "poly_data"}, \
            optional
        Measure the VTK data set of this type, as VTK interpolates it, instead of the mesh: with
        error by level, image similarity, and the uniform grids that compare with it.

    Returns
    -------
    Accuracy or DatasetAccuracy
        The latter if `output_type` is given.
    """
    if output_type is None:
        return measure_accuracy(mesh.at(time), samples, reconstruction, truth=inr)
    require_vtk()
    from .datasets.accuracy import measure_dataset_accuracy

    dual = reconstruction == "dual"
    return measure_dataset_accuracy(mesh.at(time), output_type, samples, dual, truth=inr)


__all__ = [
    "AdaptiveMesh",
    "Contour",
    "FieldAndGradient",
    "FieldSlice",
    "PrunedINR",
    "accuracy",
    "contour",
    "evaluate",
    "load",
    "prune",
    "refine",
    "slice",
    "slice_of",
]
