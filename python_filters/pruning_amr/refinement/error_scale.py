"""What errors are measured in."""

from __future__ import annotations

import numpy as np

from ..inr import INR


def error_scale(inr: INR, formula: str) -> np.ndarray:
    """Return what errors of each channel are divided by, shape (n_outputs,)."""
    if formula == "absolute":
        return np.ones(inr.chain.n_outputs)
    # The published formula is no norm; what is measured beside it is relative to the range.
    extent = np.diff(inr.value_range)[:, 0]
    # A constant channel has no range; its error is zero whatever it is divided by.
    return np.where(extent > 0, extent, 1.0)
