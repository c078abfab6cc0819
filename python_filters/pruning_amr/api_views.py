"""The front door to what is looked at without a mesh: slices, contours, points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import refinement, views
from .environment import require_vtk
from .errors import PruningAMRWarning, ToleranceWarning, issue
from .inr import DEFAULT_MEMORY_MB, INR, say_slow_products
from .refinement import Progress
from .refinement.presets import make_with_preset
from .views import (
    ContourParameters,
    ContourSurface,
    EvaluationParameters,
    SliceParameters,
    evaluate_at,
)
from .views.presets import CONTOUR_PRESETS, SLICE_PRESETS

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkPolyData


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
        By default the first time step.
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
        If an argument is out of range, such as the time.
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
    say_slow_products(issue)
    points = np.asarray(points, dtype=np.float64)
    points = points.reshape(-1, 1) if inr.dimension == 1 and points.ndim < 2 else points
    found = evaluate_at(inr, np.atleast_2d(points), parameters, inr.checked_time(time))
    return FieldAndGradient(found.values, found.gradients) if gradient else found.values


@dataclass(frozen=True, repr=False)
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
    normal: Sequence[float] | None,
    offsets: Iterable[float],
    parameters: SliceParameters,
    time: float | None = None,
    progress: Progress | None = None,
    warn: Callable[[PruningAMRWarning], None] | None = None,
) -> FieldSlice:
    """Return a field on parallel planes, for checked parameters; see `slice`.

    `warn` is called with a `PruningAMRWarning`; by default it is issued as a warning.
    """
    warn = warn or issue
    say_slow_products(warn)
    time = inr.checked_time(time)
    found = views.slice_field(inr, origin, normal, offsets, parameters, time, progress, warn)
    return FieldSlice(**{f.name: getattr(found, f.name) for f in fields(found)})


def slice(
    inr: INR,
    *,
    origin: Sequence[float] | None = None,
    normal: Sequence[float] | None = None,
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
    normal : sequence of float, optional
        Its direction, of any length; by default z, of a field of two dimensions x.
    offsets : iterable of float
        Distances from this plane, along the normal, of those to show.
    time : float, optional
        By default the first time step.
    progress : callable, optional
        Called with the fraction done and a sentence; returning True stops the refinement.
    **parameters
        Fields of `pruning_amr.views.SliceParameters`, such as ``tolerance=0.005``: the error each
        slice has to meet, relative to the range of the whole field; and ``preset`` (see
        `pruning_amr.refine`).

    Returns
    -------
    FieldSlice
        With ``points``, ``values``, ``achieved_error`` and ``to_vtk()``; without points, and with
        a warning, if no plane cuts the domain.

    Raises
    ------
    ParameterError
        If an argument is unknown or out of range, such as the time, or the field has one dimension.
    MetadataError
        If the bounds of the field are not known.

    Examples
    --------
    >>> s = slice(load("scan.pt"), normal=(0, 0, 1), offsets=(-0.5, 0, 0.5), time=0.5)
    >>> s.to_vtk()
    """
    checked = make_with_preset(SliceParameters, SLICE_PRESETS, **parameters)
    return slice_of(inr, origin, normal, offsets, checked, time, progress)


@dataclass(frozen=True, repr=False)
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
    before: Contour | None = None,
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
    before : Contour, optional
        Of the same output, at any time and of any values: what it knows of the domain need not be
        evaluated again where the field changed too little. What is found of ``smallest_feature``
        is the same, and so is the surface, but where a decision hangs on the last digits of
        samples around (see `pruning_amr.refinement.start_samples`).
    progress : callable, optional
        Called with the fraction done and a sentence; returning True stops the search.
    warn : callable, optional
        Called with a `PruningAMRWarning`, such as that a tolerance is missed; by default it is
        issued as a warning.
    **parameters
        Fields of `pruning_amr.views.ContourParameters`; and ``preset`` (see `pruning_amr.refine`).

    Returns
    -------
    Contour

    Raises
    ------
    ParameterError
        If a parameter is unknown or out of range, or the time is, or there is no such output.
    MetadataError
        If the bounds of the field are not known.
    pruning_amr.refinement.Stopped
        If `progress` asked for it.

    Examples
    --------
    >>> surface = contour(load("scan.pt"), 0.5, time=0.5, tolerance=0.001)
    >>> surface.report.distance_rms, len(surface.triangles)
    >>> data = surface.to_vtk()
    >>> later = contour(surface.inr, 0.5, time=0.52, tolerance=0.001, before=surface)
    """
    require_vtk()
    from .datasets import extract_simplices

    checked = make_with_preset(ContourParameters, CONTOUR_PRESETS, **parameters)
    warn = warn or issue
    say_slow_products(warn)
    time = inr.checked_time(time)
    values = views.checked_values(values)
    found = views.find_contour(inr, values, checked, extract_simplices, time, progress, before)
    if found.report.shortfall:
        warn(ToleranceWarning(found.report.shortfall))
    if not len(found.simplices):
        warn(refinement.nowhere(inr, found.channel, values))
    attributes = {f.name: getattr(found, f.name) for f in fields(ContourSurface)}
    return Contour(**attributes, with_gradient=checked.gradient)


__all__ = [
    "Contour",
    "FieldAndGradient",
    "FieldSlice",
    "contour",
    "evaluate",
    "slice",
    "slice_of",
]
