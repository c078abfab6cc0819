"""The INR that the input of a filter carries in its field data."""

from __future__ import annotations

from typing import Any

import numpy as np
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkDataSet

from ..datasets import INR_ARRAY, extract_inr
from ..datasets.vtk_compat import vtk_to_numpy
from ..errors import ParameterError
from ..inr import INR
from ..refinement import channel_of


class CarriedINR:
    """The INR of an input, read anew only if it has changed: it knows its range by and by."""

    def __init__(self) -> None:
        self._content, self._inr = b"", None

    def read(self, carrier: vtkDataObject) -> tuple[INR, bool]:
        """Return the INR in the field data of a data set, and whether it was read anew.

        Raises
        ------
        CheckpointError
            If there is none, or it is damaged.
        """
        array = carrier.GetFieldData().GetArray(INR_ARRAY)
        content = b"" if array is None else vtk_to_numpy(array).tobytes()
        if content and content == self._content:
            return self._inr, False
        self._content, self._inr = b"", extract_inr(carrier)
        self._content = content
        return self._inr, True


def is_empty(carrier: vtkDataObject) -> bool:
    """Tell whether a data set has neither an INR nor anything else."""
    kinds = (vtkDataObject.POINT, vtkDataObject.CELL, vtkDataObject.ROW)
    return not carrier.GetFieldData().HasArray(INR_ARRAY) and not any(
        carrier.GetNumberOfElements(kind) for kind in kinds
    )


def middle_of_range(data: vtkDataObject, inr: INR, parameters: dict[str, Any]) -> float:
    """Return the middle of the range that the output has in the input, or else in the network."""
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
