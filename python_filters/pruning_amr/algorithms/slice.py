"""INR Slice: an INR carried in field data -> its field on planes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

from vtkmodules.util.vtkAlgorithm import VTKPythonAlgorithmBase
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkPolyData
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline as Pipeline

from ..api_views import FieldSlice, slice_of
from ..datasets.vtk_compat import abort_requested
from ..errors import (
    PruningAMRError,
    PruningAMRWarning,
    TimeRangeWarning,
    memory_errors_explained,
)
from ..refinement import Stopped
from ..views import SliceParameters
from .carried import CarriedINR, is_empty
from .messages import show_error, show_warning
from .pipeline import (
    Properties,
    add_setters,
    announce_times,
    ask_for_whole,
    choice,
    requested_piece,
    requested_time,
    stamp_time,
    times_of,
)

_PARAMETERS = {f.name: f.default for f in fields(SliceParameters)}


@add_setters
class INRSlice(VTKPythonAlgorithmBase, Properties):
    """VTK filter that shows the INR in the field data of its input on planes.

    Properties: ``origin`` and ``normal`` of the plane, ``offsets`` along its normal, and the fields
    of `SliceParameters`. In parallel the first process has all of it.
    """

    _defaults: ClassVar[dict[str, Any]] = {
        "origin": (0.0, 0.0, 0.0),
        "normal": (1.0, 0.0, 0.0),
        "offsets": (0.0,),
        **_PARAMETERS,
    }

    def __init__(self) -> None:
        super().__init__(nInputPorts=1, nOutputPorts=1, outputType="vtkPolyData")
        self.initialize_properties()
        self._carried = CarriedINR()
        self._clamped = False

    def ClearOffsets(self) -> None:
        """Forget all offsets: ParaView hands over lists of any length value by value."""
        self.set_property("offsets", ())

    def AddOffset(self, offset: float) -> None:
        """Add an offset."""
        self.set_property("offsets", (*self._values["offsets"], offset))

    def FillInputPortInformation(self, port, info) -> int:
        """Take anything: what carries no INR is said in a sentence."""
        info.Set(vtkAlgorithm.INPUT_REQUIRED_DATA_TYPE(), "vtkDataObject")
        return 1

    def RequestInformation(self, request, in_info, out_info) -> int:
        """Announce the time steps of the input; planes must not have the extent of a preview."""
        info = out_info.GetInformationObject(0)
        info.Remove(Pipeline.WHOLE_EXTENT())
        info.Remove(vtkAlgorithm.CAN_PRODUCE_SUB_EXTENT())
        announce_times(info, times_of(in_info[0].GetInformationObject(0)))
        return 1

    def RequestUpdateExtent(self, request, in_info, out_info) -> int:
        """Ask for the INR, which is the same at all times."""
        ask_for_whole(in_info[0].GetInformationObject(0))
        return 1

    def RequestData(self, request, in_info, out_info) -> int:
        """Slice the field at the requested time."""
        info, output = out_info.GetInformationObject(0), vtkPolyData.GetData(out_info, 0)
        carrier, time = vtkDataObject.GetData(in_info[0], 0), requested_time(info)
        output.Initialize()
        if is_empty(carrier) or requested_piece(info)[0] > 0:
            # Whoever made what is empty has said why.
            return 1
        try:
            with memory_errors_explained():
                output.ShallowCopy(self._slice(carrier, time).to_vtk())
        except Stopped:
            return 1
        except PruningAMRError as error:
            show_error("INR Slice", error)
            return 1
        stamp_time(output, time)
        return 1

    def _slice(self, carrier: vtkDataObject, time: float | None) -> FieldSlice:
        values = dict(self._values)
        parameters = {name: values[name] for name in _PARAMETERS}
        parameters["error_norm"] = choice(parameters["error_norm"])
        checked = SliceParameters(**parameters)
        inr, changed = self._carried.read(carrier)
        self._clamped &= not changed
        plane = (values["origin"], values["normal"], values["offsets"])
        return slice_of(inr, *plane, checked, time, self._progress, self._warn_once)

    def _progress(self, fraction: float, text: str) -> bool:
        self.SetProgressText(text)
        self.UpdateProgress(min(fraction, 1.0))
        return abort_requested(self)

    def _warn_once(self, warning: PruningAMRWarning) -> None:
        """Show a warning; that the time is out of range once, not at every step."""
        if isinstance(warning, TimeRangeWarning):
            if self._clamped:
                return
            self._clamped = True
        _warn(warning)


def _warn(warning: PruningAMRWarning) -> None:
    show_warning("INR Slice", warning)
