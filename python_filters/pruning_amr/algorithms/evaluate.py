"""INR Evaluate: an INR carried in field data, and points -> the field at these points."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkPolyData

from ..datasets import evaluate_on
from ..refinement.parameter_fields import choices_of
from ..views import EvaluationParameters
from .inr_filter import INRFilter
from .pipeline import add_setters, announce_times, ask_for_whole, choice, times_of

POINTS, NETWORK = 0, 1
"""Input ports. What comes first is what VTK takes the extent and the pieces of the output from."""


@add_setters
class INREvaluate(INRFilter):
    """VTK filter that evaluates the INR in the field data of one input at the points of another.

    Input ports: 0, the points, any data set with points or a table; 1, what carries the INR.
    Properties: the fields of `EvaluationParameters`. The output is a copy of the points with the
    arrays that `pruning_amr.datasets.evaluate_on` adds.
    """

    label: ClassVar[str] = "INR Evaluate"
    _defaults: ClassVar[dict[str, Any]] = {f.name: f.default for f in fields(EvaluationParameters)}
    _choices: ClassVar[dict[str, Collection[str]]] = choices_of(EvaluationParameters)

    def __init__(self) -> None:
        super().__init__(n_inputs=2, output_type="vtkDataObject")

    def RequestDataObject(self, request, in_info, out_info) -> int:
        """Make an output of the type of the points."""
        points = vtkDataObject.GetData(in_info[POINTS], 0)
        present = vtkDataObject.GetData(out_info, 0)
        wanted = vtkPolyData() if points is None else points.NewInstance()
        if present is None or present.GetClassName() != wanted.GetClassName():
            out_info.GetInformationObject(0).Set(vtkDataObject.DATA_OBJECT(), wanted)
        return 1

    def RequestInformation(self, request, in_info, out_info) -> int:
        """Announce the time steps of both inputs."""
        times = [times_of(info.GetInformationObject(0)) for info in in_info]
        announce_times(out_info.GetInformationObject(0), np.unique(np.concatenate(times)))
        return 1

    def RequestUpdateExtent(self, request, in_info, out_info) -> int:
        """Ask for the INR in every process, and for the own piece of the points."""
        points, network = (info.GetInformationObject(0) for info in in_info)
        # One data set may be both: then it is asked for once, as points.
        if points is not network:
            ask_for_whole(network)
        return 1

    def _shown(self, carrier, time, in_info, info) -> vtkDataObject:
        values = dict(self._values)
        # ParaView hands over a check box as 0 or 1.
        values |= {"values": choice(values["values"]), "gradient": bool(values["gradient"])}
        checked, inr = EvaluationParameters(**values), self._read(carrier)
        points, at = vtkDataObject.GetData(in_info[POINTS], 0), self._within(inr, time)
        return evaluate_on(points, inr, checked, at, self._progress, self._warn)
