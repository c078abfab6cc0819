"""Shapes of small networks: what widths are padded to, and when a narrower network pays."""

from __future__ import annotations

import torch

Shape = tuple[int, ...]
"""Width of every hidden layer."""

ALIGNMENT = 8
"""Widths are padded to multiples of this, and so are the rows of the batches they are applied to:
buffers are then multiples of 64 elements (see `Activation.apply_`)."""

PAYING = 0.7
"""A network is worth having if it takes at most this share of the products of the larger cell's."""


def aligned(width: int) -> int:
    """Return the next multiple of `ALIGNMENT`."""
    return -(-width // ALIGNMENT) * ALIGNMENT


def widths_for(rank: torch.Tensor) -> torch.Tensor:
    """Return the widths that networks of some ranks are padded to: few different ones.

    They depend on nothing but the ranks, and so does how values round. The first layer, which
    needs least, keeps its own width; in wide networks, where products count more than the number
    of batches, the second one too.
    """
    step = torch.where(rank <= 24, ALIGNMENT, torch.where(rank <= 128, 2, 4) * ALIGNMENT)
    widths = torch.div(rank.clamp(min=1) + step - 1, step, rounding_mode="floor") * step
    largest = widths.amax(dim=-1, keepdim=True).expand_as(widths)
    number = torch.arange(rank.shape[-1], device=rank.device)
    return torch.where(number > torch.where(largest <= 64, 0, 1), largest, widths)


def n_products(widths: torch.Tensor) -> torch.Tensor:
    """Return about how many products a point takes, by hidden widths (..., n_hidden) -> (...).

    Skip connections are not counted: what is compared are networks that all have them.
    """
    return (widths[..., 1:] * widths[..., :-1]).sum(dim=-1) + widths.sum(dim=-1)
