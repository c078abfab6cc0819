"""INR Writer: an INR carried in field data -> a checkpoint file that INR Reader opens."""

from __future__ import annotations

from typing import Any, ClassVar

from vtkmodules.util.vtkAlgorithm import VTKPythonAlgorithmBase
from vtkmodules.vtkCommonDataModel import vtkDataObject
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm

from ..datasets import extract_inr
from ..errors import PruningAMRError
from ..inr import save_inr
from .messages import show_error
from .pipeline import Properties, add_setters, ask_for_whole


@add_setters
class INRWriter(VTKPythonAlgorithmBase, Properties):
    """VTK writer of the INR in the field data of its input, with its metadata beside it.

    Property: ``file_name``, of a kind that `pruning_amr.inr.save_inr` writes. The network is
    written as it is shown: with inputs held at a value and scalings folded in.
    """

    _defaults: ClassVar[dict[str, Any]] = {"file_name": ""}

    def __init__(self) -> None:
        super().__init__(nInputPorts=1, nOutputPorts=0)
        self.initialize_properties()

    def FillInputPortInformation(self, port, info) -> int:
        """Take anything: what carries no INR is said in a sentence."""
        info.Set(vtkAlgorithm.INPUT_REQUIRED_DATA_TYPE(), "vtkDataObject")
        return 1

    def RequestUpdateExtent(self, request, in_info, out_info) -> int:
        """Ask for the INR, which is the same at all times."""
        ask_for_whole(in_info[0].GetInformationObject(0))
        return 1

    def Write(self) -> int:
        """Write the file, though nothing may have changed since the last time."""
        self.Modified()
        self.Update()
        return 1

    def RequestData(self, request, in_info, out_info) -> int:
        """Write the file."""
        try:
            save_inr(extract_inr(vtkDataObject.GetData(in_info[0], 0)), self._values["file_name"])
        except PruningAMRError as error:
            show_error("INR Writer", error)
        return 1
