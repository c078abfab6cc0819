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
"""Field data: the error asked for, and the one found."""

TAKEN_NAMES = frozenset({LEVEL_ARRAY, INDICATOR_ARRAY, CHANGE_ARRAY, "vtkGhostType"})
"""Arrays that meshes have besides the outputs."""
