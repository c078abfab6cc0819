"""Meshes as VTK data sets, with the INR in their field data."""

from ..inr.array_names import INR_ARRAY
from ..output_types import CURVE, FILE_EXTENSIONS, OUTPUT_TYPES
from .convert import CONVERTERS, MESH_TYPES, to_vtk
from .curve import to_curve
from .field_data import attach_inr, extract_inr
from .files import write_dataset, write_time_series
from .hyper_tree_grid import to_hyper_tree_grid
from .image_data import grid_dimensions, image_dimensions, to_dense_image, to_image_data
from .overlapping_amr import to_overlapping_amr
from .unstructured_grid import to_unstructured_grid

__all__ = [
    "CONVERTERS",
    "CURVE",
    "FILE_EXTENSIONS",
    "INR_ARRAY",
    "MESH_TYPES",
    "OUTPUT_TYPES",
    "attach_inr",
    "extract_inr",
    "grid_dimensions",
    "image_dimensions",
    "to_curve",
    "to_dense_image",
    "to_hyper_tree_grid",
    "to_image_data",
    "to_overlapping_amr",
    "to_unstructured_grid",
    "to_vtk",
    "write_dataset",
    "write_time_series",
]
