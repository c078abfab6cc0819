"""What evaluating and pruning small networks costs, from their widths.

Nanoseconds of one core, measured on an AMD EPYC (Zen 4) with PyTorch 2.13. Only ratios matter:
they decide how deep networks are pruned. They are constants, not measured where the program
runs, because what is decided with them changes values: runs and machines have to agree.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

_PER_FLOP = 1.0 / 85.0

_PER_ACTIVATION = 0.75

_PER_POINT = 25.0

_PER_GRAM_FLOP = 1.0 / 80.0

_PER_PIVOT_FLOP = 1.0 / 15.0

_PER_FIT_FLOP = 1.0 / 60.0

_PER_SOLVE_FLOP = 1.0 / 8.0

_PER_MOVED_VALUE = 2.4

_PER_LAYER, _PER_LAYER_PIECEMEAL = 15_000.0, 90_000.0

_OVERHEAD = 1.4


def evaluation_cost(n_inputs: int, shape: Sequence[int], n_outputs: int = 1) -> float:
    """Return the cost of evaluating a network of a shape at a point, without skip connections."""
    widths = (n_inputs, *shape, n_outputs)
    products = sum(a * b for a, b in itertools.pairwise(widths))
    return _PER_POINT + 2 * products * _PER_FLOP + sum(shape) * _PER_ACTIVATION


def pruning_cost(
    n_inputs: int,
    parent: Sequence[int],
    rank: Sequence[float],
    n_samples: int,
    piecemeal: bool = False,
) -> float:
    """Return the cost of pruning a network from the widths `parent` to `rank` in a cell.

    `piecemeal`: with some tens of others only, not hundreds.
    """
    per_layer = _PER_LAYER_PIECEMEAL if piecemeal else _PER_LAYER
    cost = 1.2 * n_samples * evaluation_cost(n_inputs, parent)
    for width, k in zip(parent, rank, strict=True):
        cost += 2 * n_samples * width**2 * _PER_GRAM_FLOP
        cost += width * k**2 * _PER_PIVOT_FLOP
        cost += 4 * n_samples * k**2 * _PER_FIT_FLOP + 2.3 * k**3 * _PER_SOLVE_FLOP
        cost += n_samples * width * _PER_MOVED_VALUE + per_layer
    return _OVERHEAD * cost
