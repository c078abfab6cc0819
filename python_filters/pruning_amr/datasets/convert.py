"""Meshes as VTK data sets of any type."""

from __future__ import annotations

from collections.abc import Callable

from vtkmodules.vtkCommonDataModel import vtkDataObject

from ..errors import ParameterError
from ..mesh import Mesh
from ..output_types import CURVE, OF_A_LINE, OUTPUT_TYPES, output_type_of
from .curve import to_curve
from .hyper_tree_grid import to_hyper_tree_grid
from .overlapping_amr import to_overlapping_amr
from .shown import attach_shown_errors
from .unstructured_grid import to_unstructured_grid

CONVERTERS: dict[str, Callable[..., vtkDataObject]] = {
    "hyper_tree_grid": to_hyper_tree_grid,
    "overlapping_amr": to_overlapping_amr,
    "unstructured_grid": to_unstructured_grid,
    CURVE: to_curve,
}
"""Functions (mesh, piece, n_pieces) -> data set, by output type."""

MESH_TYPES = tuple(name for name in OUTPUT_TYPES if name in CONVERTERS)
"""Types of data sets that a mesh of two or three dimensions becomes; the first is the default."""


def to_vtk(mesh: Mesh, output_type: str, piece: int = 0, n_pieces: int = 1) -> vtkDataObject:
    """Return a mesh as a VTK data set of the given type, one of `CONVERTERS`.

    Field data: beside what its converter stores, ``achieved_error``, that of the data set as VTK
    interpolates it, in the norm and the units of ``asked_error``.
    """
    checked = output_type_of(mesh.tree.dimension, output_type)
    if checked not in CONVERTERS:
        possible = OF_A_LINE if mesh.tree.dimension == 1 else OUTPUT_TYPES
        names = ", ".join(name for name in possible if name in CONVERTERS)
        raise ParameterError(f'output_type is "{checked}"; expected one of {names}.')
    data = CONVERTERS[checked](mesh, piece, n_pieces)
    attach_shown_errors(data, mesh)
    return data
