"""Meshes as VTK data sets, with the INR in their field data."""

from __future__ import annotations

from collections.abc import Callable

from vtkmodules.vtkCommonDataModel import vtkDataObject

from ..errors import ParameterError
from ..refinement import Mesh
from .field_data import INR_ARRAY, attach_inr, extract_inr
from .files import write_dataset, write_time_series
from .hyper_tree_grid import to_hyper_tree_grid
from .image_data import grid_dimensions, image_dimensions, to_dense_image, to_image_data
from .overlapping_amr import to_overlapping_amr
from .unstructured_grid import to_unstructured_grid

CONVERTERS: dict[str, Callable[..., vtkDataObject]] = {
    "hyper_tree_grid": to_hyper_tree_grid,
    "overlapping_amr": to_overlapping_amr,
    "unstructured_grid": to_unstructured_grid,
}
"""Functions (mesh, piece, n_pieces) -> data set, by output type."""

MESH_TYPES = tuple(CONVERTERS)
"""Types of data sets that a mesh becomes; the first is the default."""

OUTPUT_TYPES = (*MESH_TYPES, "image_data")
"""All of them; image data need no mesh."""

FILE_EXTENSIONS = {
    "hyper_tree_grid": ".htg",
    "overlapping_amr": ".vthb",
    "unstructured_grid": ".vtu",
    "image_data": ".vti",
}
"""Extension ParaView opens each output type by."""


def to_vtk(mesh: Mesh, output_type: str, piece: int = 0, n_pieces: int = 1) -> vtkDataObject:
    """Return a mesh as a VTK data set of the given type (see `MESH_TYPES`)."""
    if output_type not in CONVERTERS:
        raise ParameterError(
            f'output_type is "{output_type}"; expected one of {", ".join(MESH_TYPES)}.'
        )
    return CONVERTERS[output_type](mesh, piece, n_pieces)


__all__ = [
    "CONVERTERS",
    "FILE_EXTENSIONS",
    "INR_ARRAY",
    "MESH_TYPES",
    "OUTPUT_TYPES",
    "attach_inr",
    "extract_inr",
    "grid_dimensions",
    "image_dimensions",
    "to_dense_image",
    "to_hyper_tree_grid",
    "to_image_data",
    "to_overlapping_amr",
    "to_unstructured_grid",
    "to_vtk",
    "write_dataset",
    "write_time_series",
]
