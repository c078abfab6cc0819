"""Pruning the networks of many cells at once into networks of their subcells.

Like the interpolative decomposition of activations (arXiv 2512.02967, section 3) this keeps, in
every hidden layer, the neurons whose activations span those of all within a tolerance. Four
things differ, which together halve the widths at the same error:

- Activations are weighted by their influence on the field, the derivative of the field with
  respect to them. The tolerance is then one of the field: nothing is kept that the field does
  not show, and cells with sharp features are as accurate as smooth ones.
- They are centred: a neuron that is constant in the cell is absorbed by biases.
- The next layer is fitted by least squares to its own values in the network that is pruned,
  given the activations of the *pruned* layers before it. Without errors in those the two are
  the same; with them, later layers make good what earlier ones do wrong.
- Samples cover the cell evenly, and more densely towards its boundary, where an approximation
  fitted to evenly spread samples is worst.

Only the values of kept neurons are ever fitted, so the transfer matrices need not be formed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch

from .interpolative import pivots_of
from .network_batch import ALIGNMENT, BatchLayer, NetworkBatch
from .sampling import lattice_in_cells, uniform_in_cells

Shape = tuple[int, ...]
"""Width of every hidden layer."""

_BOUNDARY_WEIGHT = 0.5
"""Samples lie half way between even and Chebyshev's arc sine distribution."""

_RIDGE = {torch.float32: 1e-7, torch.float64: 1e-12}
"""Added to the unit diagonal of normal equations: what rounding of products leaves uncertain."""

_SAMPLES_PER_RANK = 4.0
_LEAST_SAMPLES = 48

_SAMPLES_PER_DERIVATIVE = 4
"""Influences are averages; a part of the samples is enough."""

_PRECISE_BELOW = 1e-5
"""Products of activations are float64 for smaller ID tolerances: the squares of those would be
lost in float32."""

_STREAM_FRESH = 8


@dataclass(frozen=True)
class CellBoxes:
    """Cells of one level of the uniform grids over the domain.

    Attributes
    ----------
    level : int
    index : torch.Tensor, shape (n_cells, dimension), int64
    lower, size : torch.Tensor, shape (n_cells, dimension), float64
    """

    level: int
    index: torch.Tensor
    lower: torch.Tensor
    size: torch.Tensor

    def __len__(self) -> int:
        return len(self.index)

    def take(self, cells: torch.Tensor | slice) -> CellBoxes:
        """Return some of the cells."""
        return CellBoxes(self.level, self.index[cells], self.lower[cells], self.size[cells])

    def points(self, unit: torch.Tensor) -> torch.Tensor:
        """Map local coordinates, (n_cells or 1, n_points, dimension), to space, float32."""
        return (self.lower[:, None, :] + unit * self.size[:, None, :]).float()

    def fresh_points(self, count: int, stream: int, seed: int) -> torch.Tensor:
        """Return random points of each cell, (n_cells, count, dimension), float32."""
        level = torch.full((len(self),), self.level, device=self.index.device)
        return self.points(uniform_in_cells(level, self.index, count, stream, seed))


@dataclass(frozen=True)
class Pruned:
    """What pruning networks in cells gave.

    Attributes
    ----------
    shapes : list of Shape
        Shapes of the batches of networks.
    networks : list of NetworkBatch
    cells : list of torch.Tensor
        The cells of each batch, int64.
    rank : torch.Tensor, shape (n_cells, n_hidden), int64
    error : torch.Tensor, shape (n_cells,), float64
        Root mean square of the relative error against the network that was pruned, at fresh
        points; infinite for cells whose ranks fit no shape.
    """

    shapes: list[Shape]
    networks: list[NetworkBatch]
    cells: list[torch.Tensor]
    rank: torch.Tensor
    error: torch.Tensor


def samples_for_rank(rank: float) -> int:
    """Return how many samples networks of about a rank are pruned on: four times as many."""
    return max(_LEAST_SAMPLES, _aligned(math.ceil(_SAMPLES_PER_RANK * rank)))


def _n_fresh(n_samples: int) -> int:
    """Return how many fresh points go with samples; together they are a multiple of 64.

    One network at the points of many cells is one product then, whose rows round alike.
    """
    fresh = max(4 * ALIGNMENT, _aligned(n_samples // 12))
    return fresh + -(n_samples + fresh) % 64 if n_samples >= 256 else fresh


def prune_networks(
    parents: NetworkBatch,
    parent_of: torch.Tensor,
    boxes: CellBoxes,
    id_tolerance: float,
    scale: torch.Tensor,
    n_samples: int,
    shapes: Sequence[Shape] | None = None,
    seed: int = 0,
) -> Pruned:
    """Prune, in each cell, the network that holds in a larger cell around it.

    Parameters
    ----------
    parents : NetworkBatch
    parent_of : torch.Tensor, shape (n_cells,), int64
        Which of `parents` each cell starts from.
    boxes : CellBoxes
    id_tolerance : float
        Neurons are kept while what is left of their activations changes the field by more than
        this, relative to `scale`, root mean square over the cell.
    scale : torch.Tensor, shape (n_outputs,), float64
        What errors of each output are divided by.
    n_samples : int
        Points in each cell, a multiple of `ALIGNMENT`.
    shapes : sequence of Shape, optional
        Widths that networks are padded to, narrowest first; each takes the first that it fits.
        By default one shape that all fit.
    seed : int

    Returns
    -------
    Pruned
    """
    samples = boxes.points(_design(n_samples, boxes.index.shape[1], boxes.index.device)[None])
    points = torch.cat(
        [samples, boxes.fresh_points(_n_fresh(n_samples), _STREAM_FRESH, seed)], dim=1
    )
    if len(parents) > 1:
        parents = parents.take(parent_of)
    values = parents.preactivations(points)
    influence = _influence(parents, values, n_samples, scale, seed)
    pivots, rank = _pivots(parents, values, influence, n_samples, id_tolerance)
    if shapes is None:
        shapes = [tuple(_aligned(int(k)) for k in rank.amax(dim=0).clamp(min=1))]
    fitting = (rank[:, None, :] <= torch.tensor(list(shapes), device=rank.device)).all(dim=2)
    chosen = torch.where(fitting.any(dim=1), fitting.int().argmax(dim=1), len(shapes))
    error = torch.full((len(boxes),), math.inf, dtype=torch.float64, device=rank.device)
    pruned = Pruned([], [], [], rank, error)
    for i, shape in enumerate(shapes):
        cells = torch.nonzero(chosen == i)[:, 0]
        if len(cells):
            # A shape may be wider than the network that is pruned, in some layers.
            kept = [_padded(p[cells, :k], k) for p, k in zip(pivots, shape, strict=True)]
            own = parents if len(parents) == 1 else parents.take(cells)
            networks, error[cells] = _fit(
                own, points[cells], [v[cells] for v in values], kept, rank[cells], scale, n_samples,
                torch.float64 if id_tolerance < _PRECISE_BELOW else torch.float32,
            )  # fmt: skip
            pruned.shapes.append(shape)
            pruned.networks.append(networks)
            pruned.cells.append(cells)
    return pruned


def _influence(
    parents: NetworkBatch,
    values: list[torch.Tensor],
    n_samples: int,
    scale: torch.Tensor,
    seed: int,
) -> list[torch.Tensor]:
    """Return how much the field changes with each neuron, each (n_cells, 1, n_neurons).

    Root mean squares, over some samples, of the derivatives of the field with respect to
    activations, by one backward pass. Outputs are added with random signs: what the squares
    of their sum are on average are the sums of their squares.
    """
    some = slice(0, n_samples, _SAMPLES_PER_DERIVATIVE)
    last = parents.layers[-1]
    generator = torch.Generator().manual_seed(seed)
    z = values[-1][:, some]
    signs = torch.randint(0, 2, z.shape[1:], generator=generator).to(z.device)
    g = ((2 * signs - 1) / (scale * len(scale) ** 0.5)).to(z.dtype) * last.activation.derivative(z)
    influence = []
    for layer, before, z in zip(
        parents.layers[:0:-1], parents.layers[-2::-1], values[-2::-1], strict=True
    ):
        g = _products(g, layer.weight.mT)
        influence.append(g.square().mean(dim=1, keepdim=True).sqrt())
        g = g * before.activation.derivative(z[:, some])
    return influence[::-1]


def _products(rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return rows times weights, which are those of all cells or of one network for all."""
    if len(weight) == len(rows):
        return torch.bmm(rows, weight)
    n_cells, n, k = rows.shape
    return torch.mm(rows.reshape(-1, k), weight[0]).reshape(n_cells, n, -1)


def _pivots(
    parents: NetworkBatch,
    values: list[torch.Tensor],
    influence: list[torch.Tensor],
    n_samples: int,
    id_tolerance: float,
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return the pivots of every hidden layer, and ranks."""
    pivots, ranks = [], []
    for layer, z, weight in zip(parents.layers[:-1], values, influence, strict=False):
        a = layer.activation(z[:, :n_samples])
        a = (a - a.mean(dim=1, keepdim=True)) * weight
        a = a.double() if id_tolerance < _PRECISE_BELOW else a
        gram = torch.bmm(a.mT, a).double()
        threshold = gram.new_full((len(gram),), n_samples * id_tolerance**2)
        order, rank = pivots_of(gram, threshold)
        pivots.append(order)
        ranks.append(rank)
    return pivots, torch.stack(ranks, dim=1)


def _fit(
    parents: NetworkBatch,
    points: torch.Tensor,
    values: list[torch.Tensor],
    kept: list[torch.Tensor],
    rank: torch.Tensor,
    scale: torch.Tensor,
    n_samples: int,
    dtype: torch.dtype,
) -> tuple[NetworkBatch, torch.Tensor]:
    """Return networks of the kept neurons, and their errors at the points after the samples."""
    n_cells = len(points)
    layers: list[BatchLayer] = []
    h, mask = points, None
    for i, (layer, z) in enumerate(zip(parents.layers, values, strict=True)):
        mask_before, columns = mask, None
        if i < len(kept):
            columns = kept[i]
            mask = torch.arange(columns.shape[1], device=rank.device) < rank[:, i, None]
            mask = mask[:, None, :].float()
            z = z.gather(2, columns[:, None, :].expand(-1, z.shape[1], -1)) * mask
        skip = _columns(layer.input_weight, columns, mask, n_cells)
        if i == 0:
            weight = _columns(layer.weight, columns, mask, n_cells)
            bias = _columns(layer.bias, columns, mask, n_cells)
        else:
            wanted = z if skip is None else z - torch.bmm(points, skip)
            weight, bias = _least_squares(
                h[:, :n_samples].to(dtype), wanted[:, :n_samples].to(dtype), mask_before
            )
        layers.append(BatchLayer(weight, bias, layer.activation, skip))
        h = layer.activation.apply_(layers[-1].linear(h, points))
    exact = parents.layers[-1].activation(values[-1][:, n_samples:])
    difference = (h[:, n_samples:] - exact).double() / scale
    return NetworkBatch(tuple(layers)), difference.square().mean(dim=(1, 2)).sqrt()


def _columns(
    weight: torch.Tensor | None, columns: torch.Tensor | None, mask: torch.Tensor, n_cells: int
) -> torch.Tensor | None:
    """Return the weights of kept neurons, (n_cells, n_previous, n_kept); all if none are kept."""
    if weight is None:
        return None
    weight = weight.expand(n_cells, -1, -1)
    if columns is None:
        return weight.contiguous()
    return weight.gather(2, columns[:, None, :].expand(-1, weight.shape[1], -1)) * mask


def _least_squares(
    h: torch.Tensor, wanted: torch.Tensor, mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weight and bias that minimise ||h weight + bias - wanted|| in every cell.

    The normal equations of centred columns scaled to unit length: pivots leave them independent
    enough. The solution is float64; products are as precise as the arguments.
    """
    mean, mean_wanted = h.mean(dim=1, keepdim=True), wanted.mean(dim=1, keepdim=True)
    centred = (h - mean) * mask
    gram = torch.bmm(centred.mT, centred).double()
    right = torch.bmm(centred.mT, wanted - mean_wanted).double()
    diagonal = torch.diagonal(gram, dim1=1, dim2=2)
    inverse = torch.where(diagonal > 0, diagonal.clamp(min=1e-300).rsqrt(), 0.0)
    gram = gram * inverse[:, :, None] * inverse[:, None, :]
    torch.diagonal(gram, dim1=1, dim2=2).add_(torch.where(inverse > 0, _RIDGE[h.dtype], 1.0))
    factor, failed = torch.linalg.cholesky_ex(gram)
    weight = torch.cholesky_solve(right * inverse[:, :, None], factor) * inverse[:, :, None]
    if failed.any() and h.dtype == torch.float32:
        again = torch.nonzero(failed)[:, 0]
        precise = _least_squares(h[again].double(), wanted[again].double(), mask[again])
        weight = weight.index_copy(0, again, precise[0].double())
    elif failed.any():
        weight = weight.masked_fill((failed > 0)[:, None, None], math.nan)
    bias = mean_wanted.double() - torch.bmm(mean.double(), weight)
    return weight.float(), bias.float()


@cache
def _design(count: int, dimension: int, device: torch.device) -> torch.Tensor:
    """Return the sample points in every cell, (count, dimension), in local coordinates."""
    zero = torch.zeros((1, dimension), dtype=torch.long, device=device)
    even = lattice_in_cells(zero[:, 0], zero, count, 0, 0)[0]
    arc_sine = (1.0 - torch.cos(math.pi * even)) / 2.0
    return even + _BOUNDARY_WEIGHT * (arc_sine - even)


def _padded(pivots: torch.Tensor, width: int) -> torch.Tensor:
    """Return pivots with zeros appended."""
    return torch.nn.functional.pad(pivots, (0, width - pivots.shape[1]))


def _aligned(width: int) -> int:
    return -(-width // ALIGNMENT) * ALIGNMENT
