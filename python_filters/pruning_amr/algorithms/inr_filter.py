"""What filters have in common that show the INR in the field data of an input."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Collection
from typing import Any, ClassVar

from vtkmodules.util.vtkAlgorithm import VTKPythonAlgorithmBase
from vtkmodules.vtkCommonCore import vtkInformation
from vtkmodules.vtkCommonDataModel import vtkDataObject
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm

from ..datasets.vtk_compat import abort_requested
from ..errors import (
    ParameterError,
    PruningAMRError,
    PruningAMRWarning,
    TimeRangeWarning,
    memory_errors_explained,
)
from ..inr import INR
from ..refinement import Stopped
from ..refinement.parameter_fields import check_choice
from ..refinement.presets import Presets
from .carried import CarriedINR, is_empty
from .messages import show_error, show_warning
from .pipeline import Properties, ask_for_whole, choice, requested_time, stamp_time


class INRFilter(VTKPythonAlgorithmBase, Properties):
    """Base of the filters; the last of their inputs carries the INR.

    Subclasses have a `label`, what users call them, and a method `_shown`. What a user can mend is
    one line in the message window, and the output is empty then. ``_choices`` has what properties
    with drop-down lists can be: scripts may set anything, which is said at once.
    """

    label: ClassVar[str]
    _choices: ClassVar[dict[str, Collection[str]]] = {}
    _presets: ClassVar[Presets] = {}

    def __init__(self, n_inputs: int = 1, output_type: str = "vtkPolyData") -> None:
        super().__init__(nInputPorts=n_inputs, nOutputPorts=1, outputType=output_type)
        self.initialize_properties()
        self._carried = CarriedINR()
        self._said: set[object] = set()
        self._refused = ""
        self._status: str | None = ""
        self._describe: Callable[[], str] = str
        self._seconds = 0.0

    def GetStatus(self) -> str:
        """Return a few lines about what is shown, for ParaView's panel.

        They are written when they are read: what they compare with costs evaluations, which nobody
        waits for where no panel is open.
        """
        if self._status is None:
            try:
                with memory_errors_explained():
                    self._status = f"{self._describe()}\n{self._seconds:.1f} s"
            except PruningAMRError as error:
                self._status = str(error)
            # It holds what is shown.
            self._describe = str
        return self._status

    def set_property(self, name: str, value: Any) -> None:
        """Set a value; one that no drop-down list has is refused in a sentence."""
        differs = self._values[name] != value
        super().set_property(name, value)
        if differs and name in self._choices:
            try:
                self._check_choice(name)
            except ParameterError as error:
                # ParaView leaves no way to raise it where the property is set.
                show_error(self.label, error)
                self._refused = str(error)

    def _check_choice(self, name: str) -> None:
        check_choice(name, choice(self._values[name]), self._choices[name])

    def Modified(self) -> None:
        """Have the pipeline run again; what was warned of before is said again."""
        self._said.clear()
        super().Modified()

    def FillInputPortInformation(self, port, info) -> int:
        """Take anything: what carries no INR is said in a sentence."""
        info.Set(vtkAlgorithm.INPUT_REQUIRED_DATA_TYPE(), "vtkDataObject")
        return 1

    def RequestUpdateExtent(self, request, in_info, out_info) -> int:
        """Ask for all of the input, once for all times: every process needs the INR in it."""
        ask_for_whole(in_info[0].GetInformationObject(0))
        return 1

    def RequestData(self, request, in_info, out_info) -> int:
        """Show the field at the requested time."""
        info, output = out_info.GetInformationObject(0), vtkDataObject.GetData(out_info, 0)
        carrier, time = vtkDataObject.GetData(in_info[-1], 0), requested_time(info)
        output.Initialize()
        self._status, self._describe = "", str
        if is_empty(carrier):
            # Whoever made it has said why it has nothing.
            return 1
        try:
            started = clock.perf_counter()
            for name in self._choices:
                self._check_choice(name)
            with memory_errors_explained():
                data = self._shown(carrier, time, in_info, info)
            self._status, self._seconds = None, clock.perf_counter() - started
        except Stopped:
            # Half of it is none.
            return 1
        except PruningAMRError as error:
            # Once is enough, where it was said when the property was set.
            if str(error) != self._refused:
                show_error(self.label, error)
            self._refused = ""
            return 1
        if data is not None:
            output.ShallowCopy(data)
        stamp_time(output, time, info)
        return 1

    def _shown(
        self, carrier: vtkDataObject, time: float | None, in_info, info: vtkInformation
    ) -> vtkDataObject | None:
        """Return what to show, None for nothing; `_describe` is what then writes its status.

        Parameters
        ----------
        carrier : vtkDataObject
            The data set in whose field data the INR is.
        time : float or None
            What downstream asks for.
        in_info : sequence of vtkInformationVector
            Of all inputs.
        info : vtkInformation
            Of the output.
        """
        raise NotImplementedError

    def _read(self, carrier: vtkDataObject) -> INR:
        inr, changed = self._carried.read(carrier)
        if changed:
            self._said.clear()
        return inr

    def _within(self, inr: INR, time: float | None) -> float | None:
        """Return a time within the range of a field; one outside is moved there, as ParaView does.

        Other data in a view may have more time steps.
        """
        if inr.time_axis is None:
            return time
        warning = inr.out_of_range(time)
        if warning is not None:
            self._warn(warning)
        return inr.clamp_time(time)

    def _preset(self) -> dict[str, Any]:
        """Return the parameters that a preset decides; numbers set beside it are no secret."""
        name = choice(self._values["preset"])
        for parameter, value in self._presets[name].items():
            beside = self._values[parameter]
            if beside not in (self._defaults[parameter], value):
                self._warn(
                    PruningAMRWarning(
                        f"{parameter} {beside:g} is not used: preset {name} means {value:g}; set "
                        f"the preset to custom for {parameter} to count."
                    )
                )
        return dict(self._presets[name])

    def _progress(self, fraction: float, text: str) -> bool:
        self.SetProgressText(text)
        self.UpdateProgress(min(fraction, 1.0))
        return abort_requested(self)

    def _warn(self, warning: PruningAMRWarning) -> None:
        """Show a warning, not again at every time step."""
        what = TimeRangeWarning if isinstance(warning, TimeRangeWarning) else str(warning)
        if what not in self._said:
            self._said.add(what)
            show_warning(self.label, warning)
