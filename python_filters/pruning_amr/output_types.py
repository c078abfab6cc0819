"""The types of data sets that are made, without the libraries that make them."""

FILE_EXTENSIONS = {
    "hyper_tree_grid": ".htg",
    "overlapping_amr": ".vthb",
    "unstructured_grid": ".vtu",
    "image_data": ".vti",
}
"""Extension ParaView opens each output type by."""

OUTPUT_TYPES = tuple(FILE_EXTENSIONS)
"""Image data, the last one, need no mesh; the first is the default."""
