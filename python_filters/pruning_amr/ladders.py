"""The thresholds that criteria are compared at."""

from __future__ import annotations

from typing import Any

LADDERS: dict[str, tuple[str, tuple[float, ...]]] = {
    "target_error": ("tolerance", (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 5e-4, 2e-4, 1e-4)),
    "interpolation_error": ("tolerance", (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 5e-4, 2e-4)),
    "feature_map": ("feature_threshold", (2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02)),
    "paper": ("max_kept_fraction", (0.4, 0.2, 0.1, 0.05, 0.025, 0.0125)),
    "uniform": ("max_depth", ()),
}
"""For each criterion its threshold, and the values compared, coarse to fine."""

FIXED: dict[str, dict[str, Any]] = {
    # A tolerance that is not reached: the threshold alone decides.
    "feature_map": {"tolerance": 1e-12},
    # As published, with the larger of the two tolerances used there: with the smaller one the
    # error test, not the kept fraction, decides on most networks, and smooth cells are refined.
    "paper": {"error_formula": "published", "pruning_tolerance": 0.01},
}
"""What else is set for a criterion."""
