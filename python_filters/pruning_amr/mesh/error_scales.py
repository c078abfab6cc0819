"""What errors are measured in."""

from __future__ import annotations

import numpy as np

from ..inr import INR

_ROUNDING = 16 * float(np.finfo(np.float32).eps)
"""A channel that varies by less than this share of its values is constant."""


def error_scale(inr: INR, formula: str) -> np.ndarray:
    """Return what errors of each channel are divided by, shape (n_outputs,)."""
    if formula == "absolute":
        return np.ones(inr.chain.n_outputs)
    # The published formula is no norm; what is measured beside it is relative to the range.
    extent = np.diff(inr.value_range)[:, 0]
    # A constant channel has no range, but for rounding; nothing is refined for that.
    largest = np.abs(inr.value_range).max(axis=1)
    return np.where(extent > _ROUNDING * largest, extent, np.fmax(largest, 1.0))
