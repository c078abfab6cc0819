"""INR Slice: an INR carried in field data -> its field on planes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import Any, ClassVar

from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline as Pipeline

from ..api_views import slice_of
from ..refinement.parameter_fields import choices_of
from ..refinement.presets import Presets
from ..views import SliceParameters
from ..views.presets import SLICE_PRESETS
from .inr_filter import INRFilter
from .pipeline import add_setters, announce_times, choice, requested_piece, times_of

_NORMAL = (0.0, 0.0, 1.0)
"""The default, towards whoever looks at what is first shown: the plane is not seen edge-on."""
_PARAMETERS = {f.name: f.default for f in fields(SliceParameters)}


@add_setters
class INRSlice(INRFilter):
    """VTK filter that shows the INR in the field data of its input on planes.

    Properties: ``origin`` and ``normal`` of the plane, ``offsets`` along its normal, ``preset``,
    and the fields of `SliceParameters`. In parallel the first process has all of it.
    """

    label: ClassVar[str] = "INR Slice"
    _defaults: ClassVar[dict[str, Any]] = {
        "origin": (0.0, 0.0, 0.0),
        "normal": _NORMAL,
        "offsets": (0.0,),
        **_PARAMETERS,
        "preset": "Custom",
    }
    _choices: ClassVar[dict[str, Collection[str]]] = {
        **choices_of(SliceParameters),
        "preset": SLICE_PRESETS,
    }
    _presets: ClassVar[Presets] = SLICE_PRESETS

    def ClearOffsets(self) -> None:
        """Forget all offsets: ParaView hands over lists of any length value by value."""
        self.set_property("offsets", ())

    def AddOffset(self, offset: float) -> None:
        """Add an offset."""
        self.set_property("offsets", (*self._values["offsets"], offset))

    def RequestInformation(self, request, in_info, out_info) -> int:
        """Announce the time steps of the input; planes must not have the extent of a preview."""
        info = out_info.GetInformationObject(0)
        info.Remove(Pipeline.WHOLE_EXTENT())
        info.Remove(vtkAlgorithm.CAN_PRODUCE_SUB_EXTENT())
        announce_times(info, times_of(in_info[0].GetInformationObject(0)))
        return 1

    def _shown(self, carrier, time, in_info, info) -> vtkPolyData | None:
        if requested_piece(info)[0] > 0:
            return None
        values = dict(self._values)
        parameters = {name: values[name] for name in _PARAMETERS}
        parameters["error_norm"] = choice(parameters["error_norm"])
        parameters |= self._preset()
        checked, inr = SliceParameters(**parameters), self._read(carrier)
        # The default is none of a field of two dimensions, which has its own.
        normal = None if values["normal"] == _NORMAL else values["normal"]
        plane = (values["origin"], normal, values["offsets"])
        at = self._within(inr, time)
        found = slice_of(inr, *plane, checked, at, self._progress, self._warn)
        self._describe = found.describe
        return found.to_vtk()
