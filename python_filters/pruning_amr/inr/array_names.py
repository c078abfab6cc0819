"""Names of the arrays of data sets, which the outputs of a network cannot have."""

LEVEL_ARRAY = "level"
"""Array of the refinement level of each cell."""

INDICATOR_ARRAY = "indicator"
"""Array of the criterion's indicator of each cell."""

CHANGE_ARRAY = "change"
"""Array of what changed since the previous time step."""

INR_ARRAY = "INR"
"""Field data: the serialised INR."""

UNCHANGED_ARRAY = "unchanged_fraction"
"""Field data: share of the cells that one mesh for all times has at the previous time step too."""

ASKED_ERROR_ARRAY, ACHIEVED_ERROR_ARRAY = "asked_error", "achieved_error"
"""Field data: the error asked for, and that of the data set as it is shown."""

ASKED_REGION_ERROR_ARRAY = "asked_region_error"
ACHIEVED_REGION_ERROR_ARRAY = "achieved_region_error"
"""Field data: the same in a region of interest; those above are then of the rest of the domain."""

RECONSTRUCTION_ERROR_ARRAY = "reconstruction_error"
RECONSTRUCTION_REGION_ERROR_ARRAY = "reconstruction_region_error"
"""Field data: those found of the reconstruction of the mesh that the error was asked of."""

VALID_ARRAY = "vtkValidPointMask"
"""Array of which points lie in the domain, by the name under which VTK's own probes have it."""

GRADIENT_SUFFIX, OWN_SUFFIX, ERROR_SUFFIX = "_gradient", "_INR", "_error"
"""Arrays at given points: the derivatives of an output; the output itself, where the points have an
array of its name already; and how far the two differ."""

NORMALS_ARRAY = "Normals"
"""Point normals of slices and contours, by VTK's name."""

TAKEN_NAMES = frozenset(
    {LEVEL_ARRAY, INDICATOR_ARRAY, CHANGE_ARRAY, VALID_ARRAY, NORMALS_ARRAY, "vtkGhostType"}
)
"""Arrays of data sets besides the outputs."""
