"""Polynomials in place of networks, on blocks of a grid in which the field is smooth.

Where a block has many more points than a polynomial has coefficients, the field is evaluated at
the nodes of a tensor product of Chebyshev points only and interpolated to the points of the
block. (Trefethen: Approximation Theory and Approximation Practice, 2013, chapters 2 to 5.)
"""

from __future__ import annotations

import math
from functools import cached_property

import torch

from ...inr.products import product

NODES = {1: 12, 2: 8, 3: 6}
"""Nodes along each axis, by dimension."""

CHECKED = 8
"""Points of a block at which interpolated values are compared with the field."""

_PAYS = 1.8
"""A block has to have so many times the points at which it is evaluated."""


class BlockInterpolation:
    """Tensor-product interpolation in the unit cube.

    Parameters
    ----------
    dimension : int
    device : torch.device
    """

    def __init__(self, dimension: int, device: torch.device) -> None:
        self.dimension, self.n_nodes = dimension, NODES[dimension]
        number = torch.arange(self.n_nodes, dtype=torch.float64, device=device)
        # Chebyshev's points of the first kind, stretched to the ends of the interval.
        points = torch.cos(math.pi * (number + 0.5) / self.n_nodes)
        self._nodes = 0.5 - 0.5 * points / points[0]
        difference = self._nodes[:, None] - self._nodes
        difference.fill_diagonal_(1.0)
        self._weights = difference.prod(dim=1).reciprocal()

    @property
    def n_points(self) -> int:
        """Points at which a block is evaluated, with those that are compared."""
        return self.n_nodes**self.dimension + CHECKED

    def pays(self, n_points: float) -> bool:
        """Tell whether interpolating a block of so many points could pay."""
        return n_points >= _PAYS * self.n_points

    @cached_property
    def unit(self) -> torch.Tensor:
        """The nodes in the unit cube, (n_nodes^dimension, dimension), the first axis fastest."""
        grid = torch.cartesian_prod(*[self._nodes] * self.dimension)
        return grid.reshape(-1, self.dimension).flip(1)

    def matrix(self, unit: torch.Tensor) -> torch.Tensor:
        """Return what values at the nodes of an axis weigh at points, (...,) -> (..., n_nodes).

        Barycentric Lagrange interpolation (Berrut and Trefethen, SIAM Review 46, 2004).
        """
        difference = unit[..., None] - self._nodes
        at_node = difference.abs() < 1e-14
        terms = self._weights / torch.where(at_node, 1.0, difference)
        weights = terms / terms.sum(dim=-1, keepdim=True)
        hit = at_node.any(dim=-1, keepdim=True)
        return torch.where(hit, at_node.to(weights.dtype), weights).float()

    def at(self, values: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
        """Interpolate at points of each block.

        Parameters
        ----------
        values : torch.Tensor, shape (n_blocks, n_nodes^dimension, n_outputs), float32
        unit : torch.Tensor, shape (n_blocks, n_points, dimension), float64

        Returns
        -------
        torch.Tensor, shape (n_blocks, n_points, n_outputs), float32
        """
        weights = self.matrix(unit[..., 0])
        for axis in range(1, self.dimension):
            # The first axis runs fastest.
            weights = (self.matrix(unit[..., axis])[..., :, None] * weights[..., None, :]).flatten(
                -2
            )
        if values.shape[2] == 1:
            # The product with one column of one block would round unlike that of many.
            return (weights * values.mT).sum(dim=2, keepdim=True)
        return product(weights, values)

    def on_grid(self, values: torch.Tensor, matrices: list[torch.Tensor]) -> torch.Tensor:
        """Interpolate to a grid in each block.

        Parameters
        ----------
        values : torch.Tensor, shape (n_blocks, n_nodes^dimension, n_outputs), float32
        matrices : list of torch.Tensor, each (n_blocks, n_along_axis, n_nodes)
            See `matrix`.

        Returns
        -------
        torch.Tensor, shape (n_blocks, n_points, n_outputs), float32
            The first axis runs fastest.
        """
        n_blocks, _, n_outputs = values.shape
        v, inner = values, n_outputs
        for axis, matrix in enumerate(matrices):
            outer = self.n_nodes ** (self.dimension - 1 - axis)
            if inner == 1:
                v = product(v.reshape(n_blocks, outer, self.n_nodes), matrix.mT)
            else:
                repeated = matrix if outer == 1 else matrix.repeat_interleave(outer, dim=0)
                v = product(repeated, v.reshape(n_blocks * outer, self.n_nodes, inner))
            inner *= matrix.shape[1]
        return v.reshape(n_blocks, -1, n_outputs)
