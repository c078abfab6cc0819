"""How a mesh was refined: kept with the mesh."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

_REMEDIES = {
    "max_cells": "max_cells was reached, raise it or the tolerance",
    "max_depth": "max_depth was reached, raise it or the tolerance",
    "time_limit": "time_limit was reached, raise it or the tolerance",
    "verifications": "the mesh failed its verifications, raise the tolerance",
    "given_up": "surfaces were found where none had been seen, lower smallest_feature",
    "user": "it was stopped, start it again for a finer mesh",
}
"""What limited a mesh, and what to do about it, by ``stopped_by``."""


@dataclass
class History:
    """How a mesh was refined.

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
        mesh failed too many of them; "given_up" if surfaces keep being found in cells given up.
    asked_error, achieved_error : float or None
        Relative error in the norm asked for: what was asked, and what was found at fresh points; of
        criterion isosurface the distance to the true surface over the diagonal of the domain.
        None for criteria that do not measure it. With a region of interest, of the rest of the
        domain.
    asked_region_error, achieved_region_error : float or None
        The same in the region of interest, if there is one.
    surface_cells : int or None
        Criterion isosurface: cells that a surface meets.
    """

    indicator: np.ndarray
    tested: list[int] = field(default_factory=list)
    refined: list[int] = field(default_factory=list)
    stopped_by: str = "criterion"
    asked_error: float | None = None
    achieved_error: float | None = None
    asked_region_error: float | None = None
    achieved_region_error: float | None = None
    surface_cells: int | None = None

    @property
    def interrupted(self) -> bool:
        """Whether the refinement did not come to its end: more time would have led to more."""
        return self.stopped_by in ("user", "time_limit")

    @property
    def shortfall(self) -> str | None:
        """What the mesh falls short of and which limit it met, as a sentence; None if nothing."""
        remedy = _REMEDIES.get(self.stopped_by)
        missed = [
            (name, asked, _found_text(found, there))
            for name, there, asked, found in (
                ("tolerance", "", self.asked_error, self.achieved_error),
                (
                    "region_tolerance",
                    "in the region ",
                    self.asked_region_error,
                    self.achieved_region_error,
                ),
            )
            if found is not None and not found <= asked
        ]
        if missed:
            what = ", and ".join(f"{n} {asked:.3g} is missed, {text}" for n, asked, text in missed)
            return f"{what}: {remedy or 'raise ' + missed[0][0]}."
        if self.achieved_error is not None or self.achieved_region_error is not None:
            return None
        if self.stopped_by not in ("max_cells", "time_limit"):
            return None
        return f"cells that ask for refinement are left as they are: {remedy}."


def _found_text(found: float, there: str) -> str:
    if math.isnan(found):
        return f"the error {there}was not measured"
    return f"the error found {there}is {found:.3g}"
