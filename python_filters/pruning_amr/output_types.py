"""The types of data sets that are made, without the libraries that make them."""

from __future__ import annotations

from .errors import ParameterError

FILE_EXTENSIONS = {
    "hyper_tree_grid": ".htg",
    "overlapping_amr": ".vthb",
    "unstructured_grid": ".vtu",
    "image_data": ".vti",
    "poly_data": ".vtp",
}
"""Extension ParaView opens each output type by."""

CURVE = "poly_data"
"""What a field of one dimension becomes by default, and no other field can become."""

SURFACE_EXTENSIONS = (".vtp", ".ply", ".stl")
"""Of the files that contours are written to."""

OUTPUT_TYPES = tuple(name for name in FILE_EXTENSIONS if name != CURVE)
"""Those of fields of two and three dimensions: the first is the default; image data, the last one,
need no mesh."""

OF_A_LINE = (CURVE, "unstructured_grid", "image_data")
"""Those of fields of one dimension."""


TABLE_EXTENSION = ".csv"
"""Extension of a table of points."""

POINT_EXTENSIONS = (TABLE_EXTENSION, ".vtp", ".vtu", ".vti", ".vts", ".vtr", ".vtm")
"""Extensions of files of points at which a field can be evaluated."""

SLICE_EXTENSIONS = (".vtp", TABLE_EXTENSION)
"""Extensions of files of slices: as a data set, or as a table of points."""


def output_type_of(dimension: int, asked: str | None = None) -> str:
    """Return the output type of a field: the one asked for, or its default.

    Parameters
    ----------
    dimension : int
        Of the field.
    asked : str, optional
        None asks for the default.

    Raises
    ------
    ParameterError
        If a field of this dimension has no such data set.
    """
    if asked is None:
        return CURVE if dimension == 1 else OUTPUT_TYPES[0]
    possible = OF_A_LINE if dimension == 1 else OUTPUT_TYPES
    if asked in FILE_EXTENSIONS and asked not in possible:
        inputs = "one spatial input" if dimension == 1 else f"{dimension} spatial inputs"
        names = ", ".join(f"{name} ({FILE_EXTENSIONS[name]})" for name in possible)
        raise ParameterError(
            f'output_type is "{asked}", but the field has {inputs}; expected one of {names}.'
        )
    return asked
