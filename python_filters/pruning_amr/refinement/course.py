"""The course of a refinement, kept with the mesh it led to."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Refinement:
    """The course of a refinement.

    Attributes
    ----------
    indicator : numpy.ndarray, shape (n_nodes,)
        The criterion's indicator of each node; above 1 asks for refinement. NaN where the
        criterion was not asked (uniform refinements, cells of maximum depth).
    tested, refined : list of int
        Cells per level that the criterion judged, and that were refined.
    stopped_by : str
        "criterion" if all cells satisfy it, else "max_depth", "max_cells", "time_limit" or
        "user": what left cells unrefined that ask for it, or untested; "verifications" if a
        mesh failed too many of them.
    asked_error, achieved_error : float or None
        Relative error in the norm asked for: what was asked, and what was found at fresh points.
        None for criteria that do not measure it.
    """

    indicator: np.ndarray
    tested: list[int] = field(default_factory=list)
    refined: list[int] = field(default_factory=list)
    stopped_by: str = "criterion"
    asked_error: float | None = None
    achieved_error: float | None = None
