"""INR Contour: an INR carried in field data -> the surface on which its field takes a value."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import Any, ClassVar

from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkPolyData

from ..api_views import Contour, contour
from ..inr import INR, fingerprint
from ..refinement.presets import Presets
from ..views import ContourParameters
from ..views.presets import CONTOUR_PRESETS
from .carried import middle_of_range
from .inr_filter import INRFilter
from .pipeline import add_setters, add_value_list, requested_piece, selected_name

_DEFAULTS: dict[str, Any] = {f.name: f.default for f in fields(ContourParameters)}


@add_value_list("values")
@add_setters
class INRContour(INRFilter):
    """VTK filter that contours the INR in its input's field data.

    Properties: the fields of `ContourParameters`, ``preset``, and ``values``, set one by one as by
    ParaView's Contour; by default the middle of the range of the output in the input.
    """

    label: ClassVar[str] = "INR Contour"
    _defaults: ClassVar[dict[str, Any]] = {**_DEFAULTS, "preset": "Custom"}
    _choices: ClassVar[dict[str, Collection[str]]] = {"preset": CONTOUR_PRESETS}
    _presets: ClassVar[Presets] = CONTOUR_PRESETS

    def __init__(self) -> None:
        super().__init__()
        self._found: tuple[Any, Contour | None] = (None, None)

    def SetOutput(self, *selected) -> None:
        """Set the output to contour: its name, or ParaView's selection of an array."""
        self.set_property("output", selected_name(selected))

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
        found = self._found[1]
        self._describe = found.describe
        return found.to_vtk()

    def _contour(
        self, inr: INR, data: vtkDataObject, time: float | None, before: tuple[Any, Contour | None]
    ) -> tuple[Any, Contour]:
        """Return the contour, made anew only if the INR, a property or the time has changed."""
        parameters = {name: self._values[name] for name in _DEFAULTS}
        parameters |= {"gradient": bool(parameters["gradient"]), **self._preset()}
        values = tuple(self._lists.get("values", ())) or (middle_of_range(data, inr, parameters),)
        shown = None if inr.time_axis is None else self._within(inr, time)
        key = (values, tuple(parameters.values()), shown, fingerprint(inr))
        if key == before[0]:
            return before
        # The next time step, or another value, starts from what is known of the domain.
        return key, contour(
            inr,
            values,
            time=shown,
            before=before[1],
            progress=self._progress,
            warn=self._warn,
            **parameters,
        )
