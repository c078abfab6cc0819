"""A field on a line or plane through its domain, as a field of one or two dimensions."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np

from .field import INR

COORDINATES = ("u", "v")
"""Names of the coordinates on a line or plane."""


@dataclass(frozen=True)
class SectionINR(INR):
    """A field on an affine subspace of its space, with its time and its outputs.

    Attributes
    ----------
    whole : INR
        The field in all of its space.
    """

    whole: INR = field(kw_only=True)

    @cached_property
    def value_range(self) -> np.ndarray:
        """The range of the whole field: errors on all sections of it are measured in its units."""
        return self.whole.value_range


def section_of(
    inr: INR, origin: np.ndarray, directions: np.ndarray, bounds: np.ndarray
) -> SectionINR:
    """Return a field on an affine subspace of its space, x = origin + directions @ u.

    Parameters
    ----------
    inr : INR
    origin : numpy.ndarray, shape (dimension,)
    directions : numpy.ndarray, shape (dimension, n)
        One column for each coordinate on the subspace.
    bounds : numpy.ndarray, shape (n, 2)
        Domain in these coordinates.
    """
    space, time = inr.spatial_axes, inr.time_axis
    n = directions.shape[1]
    start = np.zeros(len(inr.inputs))
    along = np.zeros((len(inr.inputs), n + (time is not None)))
    start[space], along[space, :n] = origin, directions
    names = COORDINATES[:n]
    if time is not None:
        along[time, n] = 1.0
        names = (*names, inr.inputs[time])
        bounds = np.vstack([bounds, inr.checked_bounds()[time]])
    given = {f.name: getattr(inr, f.name) for f in fields(INR)}
    given |= {"chain": inr.chain.restricted(start, along), "inputs": names, "bounds": bounds}
    return SectionINR(**given, whole=inr)
