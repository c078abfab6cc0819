"""The INR carried in the field data of a data set, and the arrays made of its outputs."""

from __future__ import annotations

import numpy as np
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkFieldData

from ..errors import CheckpointError
from ..inr import INR, Output, inr_from_bytes, inr_to_bytes
from ..inr.array_names import (
    ACHIEVED_ERROR_ARRAY,
    ASKED_ERROR_ARRAY,
    ASKED_REGION_ERROR_ARRAY,
    CHANGE_ARRAY,
    INR_ARRAY,
    RECONSTRUCTION_ERROR_ARRAY,
    RECONSTRUCTION_REGION_ERROR_ARRAY,
    UNCHANGED_ARRAY,
)
from ..mesh import Mesh
from .vtk_compat import to_vtk_array, vtk_to_numpy


def attach_inr(data: vtkDataObject, inr: INR) -> None:
    """Store an INR in the field data of `data`, so that it travels with the pipeline."""
    array = to_vtk_array(np.frombuffer(inr_to_bytes(inr), dtype=np.uint8), INR_ARRAY)
    data.GetFieldData().AddArray(array)


def attach_facts(data: vtkDataObject, mesh: Mesh) -> None:
    """Store in field data what belongs to a mesh.

    Its INR, the error asked for and the one that the search found of the reconstruction it was
    asked for (what is shown may be another), also in its region of interest, and the share of its
    cells that one mesh for all times has at the previous time step too.
    """
    attach_inr(data, mesh.inr)
    history = mesh.history
    of_search = ASKED_ERROR_ARRAY, RECONSTRUCTION_ERROR_ARRAY
    attach_errors(data, history.asked_error, history.achieved_error, of_search)
    in_region = ASKED_REGION_ERROR_ARRAY, RECONSTRUCTION_REGION_ERROR_ARRAY
    attach_errors(data, history.asked_region_error, history.achieved_region_error, in_region)
    if mesh.unchanged_fraction is not None:
        fraction = np.array([mesh.unchanged_fraction])
        data.GetFieldData().AddArray(to_vtk_array(fraction, UNCHANGED_ARRAY))


def attach_errors(
    data: vtkDataObject,
    asked: float | None,
    achieved: float | None,
    names: tuple[str, str] = (ASKED_ERROR_ARRAY, ACHIEVED_ERROR_ARRAY),
) -> None:
    """Store in field data the error asked for and the one achieved, if there are any."""
    for name, error in zip(names, (asked, achieved), strict=True):
        if error is not None:
            data.GetFieldData().AddArray(to_vtk_array(np.array([error]), name))


def extract_inr(data: vtkDataObject) -> INR:
    """Return the INR carried in the field data of `data`.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged.
    """
    array = data.GetFieldData().GetArray(INR_ARRAY)
    if array is None:
        file = (
            " (ParaView 5.11 leaves them out of .htg files)" if data.IsA("vtkHyperTreeGrid") else ""
        )
        raise CheckpointError(
            f'the input carries no INR: its field data have no array "{INR_ARRAY}"{file}; expected '
            "the output of INR Reader: connect this filter to a reader of a checkpoint file."
        )
    return inr_from_bytes(vtk_to_numpy(array).tobytes())


def add_outputs(attributes: vtkFieldData, inr: INR, values: np.ndarray) -> None:
    """Add one array per output of an INR.

    Parameters
    ----------
    attributes : vtkPointData or vtkCellData
    inr : INR
    values : numpy.ndarray, shape (n_tuples, n_outputs)
    """
    for output in inr.outputs:
        add_output(attributes, output, values, output.name)
    first = inr.outputs[0]
    # ParaView colours by the active scalars at first, of whatever number of components.
    attributes.SetActiveScalars(first.name)
    if len(first.components) == 3:
        attributes.SetActiveVectors(first.name)


def add_changes(attributes: vtkFieldData, inr: INR, values: np.ndarray) -> None:
    """Add what changed since the previous time step: ``change``, or one array for each output.

    Parameters
    ----------
    attributes : vtkPointData or vtkCellData
    inr : INR
    values : numpy.ndarray, shape (n_tuples, n_outputs)
    """
    for output in inr.outputs:
        name = CHANGE_ARRAY if len(inr.outputs) == 1 else f"{CHANGE_ARRAY}_{output.name}"
        add_output(attributes, output, values, name)


def add_output(attributes: vtkFieldData, output: Output, values: np.ndarray, name: str) -> None:
    """Add one output of an INR under a name; `values` are those of all outputs."""
    part = values[:, list(output.components)].astype(np.float32, copy=False)
    attributes.AddArray(to_vtk_array(part[:, 0] if part.shape[1] == 1 else part, name))


def add_array(attributes: vtkFieldData, values: np.ndarray, name: str) -> None:
    """Add one array that is not an output of the network."""
    attributes.AddArray(to_vtk_array(values, name))
