"""The streams of random numbers: what draws from one never sees the points of another."""

from __future__ import annotations

from enum import IntEnum


class Stream(IntEnum):
    """What points in cells are drawn for (argument `stream` of `uniform_in_cells`)."""

    DECOMPOSITION = 0
    """Criterion paper: where activations are decomposed."""
    NETWORK_SAMPLES = 0
    """Networks in cells: one design of samples for all cells, that of cell 0 with seed 0."""
    ERROR = 1
    """Criteria: where the error of a cell is measured."""
    SEARCH = 2
    """Criterion target_error: where nodes are sampled when they are explored."""
    THOROUGH = 3
    """The same, where a maximum is close to the limit."""
    DIRECTION = 4
    """Over space and time: where the errors of both directions are compared."""
    NETWORK_ERROR = 8
    """Networks in cells: where they are compared with those they come from."""
    NETWORK_AUDIT = 10
    """Networks in cells: where they are compared with the original one."""
    CALIBRATION = 11
    """Networks in cells: where their tolerance is set."""
    INTERPOLATION = 13
    """Blocks of a grid: where interpolated values are compared with the field."""
    LAST = 14
    """Criterion target_error: where a maximum is looked for before max_cells is used up."""
    REPORT = 15
    """The same, in the mesh that misses the tolerance in the end."""
    VERIFICATION = 16
    """Finished meshes: the first of as many streams as there are verifications."""
    PARTS = 1024
    """The same, where the parts of a domain are measured apart."""
