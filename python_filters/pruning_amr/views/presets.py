"""Tolerances and limits of slices and contours by name, under the names that meshes have."""

from __future__ import annotations

from ..refinement.presets import presets_of
from .contour_parameters import ContourParameters
from .parameters import SliceParameters

SLICE_PRESETS = presets_of(
    SliceParameters,
    preview={"tolerance": 0.02, "max_cells": 100_000},
    accurate={"tolerance": 0.001, "max_cells": 4_000_000},
)
CONTOUR_PRESETS = presets_of(
    ContourParameters,
    preview={"tolerance": 0.01, "smallest_feature": 1 / 32},
    accurate={"tolerance": 0.0005, "smallest_feature": 1 / 96},
)
