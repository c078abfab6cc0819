"""INR Contour: an INR carried in field data -> the surface on which its field takes a value."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkDataSet, vtkPolyData

from ..api_views import Contour, contour
from ..datasets.vtk_compat import vtk_to_numpy
from ..errors import ParameterError
from ..inr import INR, fingerprint
from ..views import ContourParameters
from .inr_filter import INRFilter
from .pipeline import add_setters, requested_piece

_DEFAULTS: dict[str, Any] = {f.name: f.default for f in fields(ContourParameters)}


@add_setters
class INRContour(INRFilter):
    """VTK filter that contours the INR in its input's field data.

    Properties: the fields of `ContourParameters`, and ``values``, set one by one as by ParaView's
    Contour; by default the middle of the range of the output in the input.
    """

    label: ClassVar[str] = "INR Contour"
    _defaults: ClassVar[dict[str, Any]] = _DEFAULTS

    def __init__(self) -> None:
        super().__init__()
        self._contours: list[float] = []
        self._found: tuple[Any, Contour | None] = (None, None)

    def SetOutput(self, *selected) -> None:
        """Set the output to contour: its name, or ParaView's selection of an array."""
        name = selected[-1]
        self.set_property("output", "" if name is None else str(name))

    def SetNumberOfValues(self, count: int) -> None:
        """Set how many values there are."""
        if count != len(self._contours):
            self._contours = (self._contours + [0.0] * count)[:count]
            self.Modified()

    def SetValues(self, place: int, value: float) -> None:
        """Set one of the values."""
        if place >= len(self._contours):
            self.SetNumberOfValues(place + 1)
        if self._contours[place] != value:
            self._contours[place] = value
            self.Modified()

    def GetSummary(self) -> str:
        """Return what the surface shown is worth and what it cost, for the information panel."""
        found = self._found[1]
        return "" if found is None else found.report.describe()

    def _shown(self, carrier, time, in_info, info) -> vtkPolyData | None:
        """Return the contour; the first of several processes has all of it."""
        if requested_piece(info)[0] > 0:
            return None
        # What fails leaves nothing.
        before, self._found = self._found, (None, None)
        self._found = self._contour(self._read(carrier), carrier, time, before)
        return self._found[1].to_vtk()

    def _contour(
        self, inr: INR, data: vtkDataObject, time: float | None, before: tuple[Any, Contour | None]
    ) -> tuple[Any, Contour]:
        """Return the contour, made anew only if the INR, a property or the time has changed."""
        parameters = {**self._values, "gradient": bool(self._values["gradient"])}
        values = tuple(self._contours) or (_middle(data, inr, parameters),)
        shown = None if inr.time_axis is None else self._within(inr, time)
        key = (values, tuple(parameters.values()), shown, fingerprint(inr))
        if key == before[0]:
            return before
        return key, contour(
            inr, values, time=shown, progress=self._progress, warn=self._warn, **parameters
        )


def _middle(data: vtkDataObject, inr: INR, parameters: dict[str, Any]) -> float:
    """Return the middle of the range that the output has in the input, or else in the network."""
    from ..refinement import channel_of

    name = parameters["output"] or inr.outputs[0].name
    channel = channel_of(inr, parameters["output"], parameters["component"])
    for kind in (vtkDataObject.POINT, vtkDataObject.CELL):
        attributes = data.GetAttributes(kind) if isinstance(data, vtkDataSet) else None
        array = None if attributes is None else attributes.GetArray(name)
        if array is not None and array.GetNumberOfTuples():
            found = vtk_to_numpy(array).reshape(array.GetNumberOfTuples(), -1)
            component = min(parameters["component"], found.shape[1] - 1)
            return float(np.mean([found[:, component].min(), found[:, component].max()]))
    if inr.bounds is None:
        raise ParameterError("values is empty; expected one or several values to contour.")
    return float(inr.value_range[channel].mean())
