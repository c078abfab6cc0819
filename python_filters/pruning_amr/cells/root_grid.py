"""The cells of the root grid of a domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_ROOT_CELLS_LONGEST_AXIS = 4


def near_cubic(extent: np.ndarray) -> tuple[int, ...]:
    """Return a root grid of nearly cubic cells for a box of given edge lengths."""
    return tuple(max(1, round(_ROOT_CELLS_LONGEST_AXIS * e / extent.max())) for e in extent)
