"""What stands for the algorithms where a package they need is missing, and says so."""

from __future__ import annotations

from typing import Any

from vtkmodules.util.vtkAlgorithm import VTKPythonAlgorithmBase
from vtkmodules.vtkCommonDataModel import vtkDataObject
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline as Pipeline

from ..errors import DependencyError
from .messages import show_error


def unavailable(label: str, n_inputs: int, reason: DependencyError) -> type:
    """Return a class of algorithms that take any property and only say what is missing.

    Parameters
    ----------
    label : str
        What users call the algorithm.
    n_inputs : int
        Number of input ports.
    reason : DependencyError
        What is shown.
    """

    class Unavailable(VTKPythonAlgorithmBase):
        """Shows why it cannot work, as one red line, and gives an empty output."""

        def __init__(self) -> None:
            super().__init__(nInputPorts=n_inputs, nOutputPorts=1, outputType="vtkImageData")

        def __getattr__(self, name: str) -> Any:
            if name.startswith(("Set", "Get")):
                return lambda *_: None
            if name.startswith("Write"):
                return lambda *_: show_error(label, reason)
            raise AttributeError(name)

        def FillInputPortInformation(self, port, info) -> int:
            """Take anything."""
            return 1

        def RequestUpdateExtent(self, request, in_info, out_info) -> int:
            """Ask for what there is: the extent of one input is not that of another."""
            for info in (i.GetInformationObject(0) for i in in_info[:n_inputs]):
                if info.Has(Pipeline.WHOLE_EXTENT()):
                    extent = [0] * 6
                    info.Get(Pipeline.WHOLE_EXTENT(), extent)
                    info.Set(Pipeline.UPDATE_EXTENT(), extent, 6)
            return 1

        def RequestData(self, request, in_info, out_info) -> int:
            """Say what is missing, unless the reader before it has, and give nothing."""
            before = [vtkDataObject.GetData(info, 0) for info in in_info[:n_inputs]]
            if all(b is None or b.GetNumberOfElements(vtkDataObject.POINT) for b in before):
                show_error(label, reason)
            vtkDataObject.GetData(out_info, 0).Initialize()
            return 1

    return Unavailable
