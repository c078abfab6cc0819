"""INR Contour: an INR carried in field data -> the surface on which its field takes a value."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
from vtkmodules.util.vtkAlgorithm import VTKPythonAlgorithmBase
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkDataSet
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm

from ..api_views import Contour, contour
from ..datasets.vtk_compat import abort_requested, vtk_to_numpy
from ..errors import (
    ParameterError,
    PruningAMRError,
    PruningAMRWarning,
    TimeRangeWarning,
    memory_errors_explained,
)
from ..inr import INR, fingerprint
from ..refinement import Stopped
from ..views import ContourParameters
from .carried import CarriedINR, is_empty
from .messages import show_error, show_warning
from .pipeline import (
    Properties,
    add_setters,
    ask_for_whole,
    requested_piece,
    requested_time,
    stamp_time,
)

_DEFAULTS: dict[str, Any] = {f.name: f.default for f in fields(ContourParameters)}


@add_setters
class INRContour(VTKPythonAlgorithmBase, Properties):
    """VTK filter that contours the INR in its input's field data.

    Properties: the fields of `ContourParameters`, and ``values``, set one by one as by ParaView's
    Contour; by default the middle of the range of the output in the input.
    """

    _defaults: ClassVar[dict[str, Any]] = _DEFAULTS

    def __init__(self) -> None:
        super().__init__(nInputPorts=1, nOutputPorts=1, outputType="vtkPolyData")
        self.initialize_properties()
        self._contours: list[float] = []
        self._found: tuple[Any, Contour | None] = (None, None)
        self._carried = CarriedINR()
        self._clamped = False

    def FillInputPortInformation(self, port, info) -> int:
        """Take whatever carries an INR."""
        info.Set(vtkAlgorithm.INPUT_REQUIRED_DATA_TYPE(), "vtkDataObject")
        return 1

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

    def RequestUpdateExtent(self, request, in_info, out_info) -> int:
        """Ask for all of the input, once for all times: every process needs the INR in it."""
        ask_for_whole(in_info[0].GetInformationObject(0))
        return 1

    def RequestData(self, request, in_info, out_info) -> int:
        """Find the contour at the requested time; the first of several processes has all of it."""
        info = out_info.GetInformationObject(0)
        output = vtkDataObject.GetData(out_info, 0)
        data = vtkDataObject.GetData(in_info[0], 0)
        output.Initialize()
        if is_empty(data):
            # What is before has said why it has nothing.
            return 1
        time = requested_time(info)
        try:
            with memory_errors_explained():
                if requested_piece(info)[0] == 0:
                    output.ShallowCopy(self._contour(data, time).to_vtk())
        except Stopped:
            self._found = (None, None)
            return 1
        except PruningAMRError as error:
            self._found = (None, None)
            show_error("INR Contour", error)
            return 1
        stamp_time(output, time)
        return 1

    def _contour(self, data: vtkDataObject, time: float | None) -> Contour:
        """Return the contour, made anew only if the INR, a property or the time has changed."""
        inr, changed = self._carried.read(data)
        self._clamped &= not changed
        parameters = {**self._values, "gradient": bool(self._values["gradient"])}
        values = tuple(self._contours) or (_middle(data, inr, parameters),)
        shown = inr.clamp_time(time) if inr.time_axis is not None else None
        key = (values, tuple(parameters.values()), shown, fingerprint(inr))
        if key != self._found[0]:
            found = contour(
                inr, values, time=time, progress=self._progress, warn=self._warn, **parameters
            )
            self._found = (key, found)
        return self._found[1]

    def _progress(self, fraction: float, text: str) -> bool:
        self.SetProgressText(text)
        self.UpdateProgress(min(fraction, 1.0))
        return abort_requested(self)

    def _warn(self, warning: PruningAMRWarning) -> None:
        """Show a warning; that the time is out of range once, not at every step."""
        if isinstance(warning, TimeRangeWarning):
            if self._clamped:
                return
            self._clamped = True
        show_warning("INR Contour", warning)


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
