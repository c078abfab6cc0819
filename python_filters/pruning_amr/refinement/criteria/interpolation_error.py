"""Criterion interpolation_error: BasicAMR of arXiv 2512.02967."""

from __future__ import annotations

import torch

from ...cells import Boxes, Stream, corner_offsets
from ..registry import criterion
from .base import Samples


@criterion("interpolation_error", error_samples=32)
def interpolation_error(samples: Samples, cells: Boxes) -> torch.Tensor:
    """Refine a cell if the mean error of its multilinear interpolant exceeds ``tolerance``.

    The interpolant is that of the corner values; its error is measured at random points.
    """
    p = samples.parameters
    unit = cells.uniform(p.n_error_samples, Stream.ERROR, p.seed)
    upper = torch.from_numpy(corner_offsets(cells.index.shape[1])).to(samples.device)
    corners = samples.values(cells.at(upper.double()[None]))
    exact = samples.values(cells.at(unit))
    weights = torch.where(upper.bool(), unit[:, :, None, :], 1.0 - unit[:, :, None, :])
    return samples.error(weights.prod(dim=3) @ corners, exact) / p.tolerance
