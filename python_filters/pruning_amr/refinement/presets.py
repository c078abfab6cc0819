"""Tolerances and limits by name, for who does not want to choose numbers."""

from __future__ import annotations

from typing import Any

CUSTOM = "custom"
"""The name of what is chosen in numbers."""

PRESETS: dict[str, dict[str, Any]] = {
    CUSTOM: {},
    "preview": {"tolerance": 0.05, "max_cells": 100_000},
    "balanced": {"tolerance": 0.02, "max_cells": 500_000},
    "accurate": {"tolerance": 0.005, "max_cells": 4_000_000},
}
"""For criterion target_error, by name; balanced are the defaults."""
