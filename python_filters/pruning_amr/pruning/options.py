"""What pruning can be asked for, known without PyTorch."""

from __future__ import annotations

import numbers

from ..errors import ParameterError

MIN_TOLERANCE = 1e-7
"""Smallest relative tolerance that float64 Gram matrices resolve with a margin."""

DEFAULT_SAMPLES = 8192
"""Random points of the domain that a whole network is pruned at."""


def check_id_tolerance(tolerance: float, name: str = "tolerance", others: str = "") -> None:
    """Raise `ParameterError` unless `tolerance` is one the decomposition can work to.

    `others` is put before what the message says is expected.
    """
    if not isinstance(tolerance, numbers.Real) or not MIN_TOLERANCE <= tolerance < 1:
        raise ParameterError(
            f"{name} is {tolerance!r}; expected {others}a relative tolerance from "
            f"{MIN_TOLERANCE:g} to below 1, like 1e-3."
        )
