"""The INR that the input of a filter carries in its field data."""

from __future__ import annotations

from vtkmodules.vtkCommonDataModel import vtkDataObject

from ..datasets import INR_ARRAY, extract_inr
from ..datasets.vtk_compat import vtk_to_numpy
from ..inr import INR


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
