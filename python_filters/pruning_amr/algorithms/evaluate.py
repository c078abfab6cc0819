"""INR Evaluate: an INR carried in field data, and points -> the field at these points."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
from vtkmodules.util.vtkAlgorithm import VTKPythonAlgorithmBase
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkPolyData
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm

from ..datasets import evaluate_on
from ..datasets.vtk_compat import abort_requested
from ..errors import (
    PruningAMRError,
    PruningAMRWarning,
    TimeRangeWarning,
    memory_errors_explained,
)
from ..inr import INR
from ..refinement import Stopped
from ..views import EvaluationParameters
from .carried import CarriedINR, is_empty
from .messages import show_error, show_warning
from .pipeline import (
    Properties,
    add_setters,
    announce_times,
    ask_for_whole,
    choice,
    requested_time,
    stamp_time,
    times_of,
)

POINTS, NETWORK = 0, 1
"""Input ports. What comes first is what VTK takes the extent and the pieces of the output from."""


@add_setters
class INREvaluate(VTKPythonAlgorithmBase, Properties):
    """VTK filter that evaluates the INR in the field data of one input at the points of another.

    Input ports: 0, the points, any data set with points or a table; 1, what carries the INR.
    Properties: the fields of `EvaluationParameters`. The output is a copy of the points with the
    arrays that `pruning_amr.datasets.evaluate_on` adds.
    """

    _defaults: ClassVar[dict[str, Any]] = {f.name: f.default for f in fields(EvaluationParameters)}

    def __init__(self) -> None:
        super().__init__(nInputPorts=2, nOutputPorts=1, outputType="vtkDataObject")
        self.initialize_properties()
        self._carried = CarriedINR()
        self._said: set[object] = set()

    def FillInputPortInformation(self, port, info) -> int:
        """Take anything: what cannot be used is said in a sentence."""
        info.Set(vtkAlgorithm.INPUT_REQUIRED_DATA_TYPE(), "vtkDataObject")
        return 1

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

    def RequestData(self, request, in_info, out_info) -> int:
        """Evaluate at the requested time."""
        output = vtkDataObject.GetData(out_info, 0)
        time = requested_time(out_info.GetInformationObject(0))
        carrier, points = (vtkDataObject.GetData(in_info[port], 0) for port in (NETWORK, POINTS))
        if is_empty(carrier):
            # Whoever made it has said why it has nothing.
            output.Initialize()
            return 1
        try:
            with memory_errors_explained():
                parameters, inr = self._parameters(), self._inr(carrier)
                data = evaluate_on(points, inr, parameters, time, self._progress, self._warn_once)
            output.ShallowCopy(data)
        except Stopped:
            output.Initialize()
            return 1
        except PruningAMRError as error:
            show_error("INR Evaluate", error)
            output.Initialize()
            return 1
        stamp_time(output, time)
        return 1

    def _parameters(self) -> EvaluationParameters:
        values = dict(self._values)
        # ParaView hands over a check box as 0 or 1.
        values |= {"values": choice(values["values"]), "gradient": bool(values["gradient"])}
        return EvaluationParameters(**values)

    def _inr(self, carrier: vtkDataObject) -> INR:
        inr, changed = self._carried.read(carrier)
        if changed:
            self._said.clear()
        return inr

    def _progress(self, fraction: float, text: str) -> bool:
        self.SetProgressText(text)
        self.UpdateProgress(min(fraction, 1.0))
        return abort_requested(self)

    def _warn_once(self, warning: PruningAMRWarning) -> None:
        """Show a warning, not again at every time step."""
        what = TimeRangeWarning if isinstance(warning, TimeRangeWarning) else str(warning)
        if what not in self._said:
            self._said.add(what)
            _warn(warning)


def _warn(warning: PruningAMRWarning) -> None:
    show_warning("INR Evaluate", warning)
