"""Meshes as VTK data sets, with the INR in their field data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..imported_when_used import imported_when_used
from ..inr.array_names import INR_ARRAY
from ..output_types import CURVE, FILE_EXTENSIONS, OUTPUT_TYPES

if TYPE_CHECKING:
    from .contour import to_contour
    from .convert import CONVERTERS, MESH_TYPES, to_vtk
    from .coordinates import coordinates_of, has_own_times, xyz_of
    from .curve import to_curve
    from .field_data import attach_inr, extract_inr
    from .files import write_dataset, write_surface, write_time_series
    from .hyper_tree_grid import to_hyper_tree_grid
    from .image_data import grid_dimensions, image_dimensions, to_dense_image, to_image_data
    from .level_sets import extract_simplices
    from .overlapping_amr import to_overlapping_amr
    from .point_data import count_outside, evaluate_on
    from .point_files import read_points, write_points
    from .slice import slice_to_vtk
    from .unstructured_grid import to_unstructured_grid

__all__ = [
    "CONVERTERS",
    "CURVE",
    "FILE_EXTENSIONS",
    "INR_ARRAY",
    "MESH_TYPES",
    "OUTPUT_TYPES",
    "attach_inr",
    "coordinates_of",
    "count_outside",
    "evaluate_on",
    "extract_inr",
    "extract_simplices",
    "grid_dimensions",
    "has_own_times",
    "image_dimensions",
    "read_points",
    "slice_to_vtk",
    "to_contour",
    "to_curve",
    "to_dense_image",
    "to_hyper_tree_grid",
    "to_image_data",
    "to_overlapping_amr",
    "to_unstructured_grid",
    "to_vtk",
    "write_dataset",
    "write_points",
    "write_surface",
    "write_time_series",
    "xyz_of",
]

__getattr__, __dir__ = imported_when_used(
    __name__,
    {
        ".contour": ("to_contour",),
        ".convert": ("CONVERTERS", "MESH_TYPES", "to_vtk"),
        ".coordinates": ("coordinates_of", "has_own_times", "xyz_of"),
        ".curve": ("to_curve",),
        ".field_data": ("attach_inr", "extract_inr"),
        ".files": ("write_dataset", "write_surface", "write_time_series"),
        ".hyper_tree_grid": ("to_hyper_tree_grid",),
        ".image_data": ("grid_dimensions", "image_dimensions", "to_dense_image", "to_image_data"),
        ".level_sets": ("extract_simplices",),
        ".overlapping_amr": ("to_overlapping_amr",),
        ".point_data": ("count_outside", "evaluate_on"),
        ".point_files": ("read_points", "write_points"),
        ".slice": ("slice_to_vtk",),
        ".unstructured_grid": ("to_unstructured_grid",),
    },
)
