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
from dataclasses import dataclass, replace
from functools import cache

import torch

from ...cells import Boxes, Stream, lattice_in_cells
from ...inr.chain import Skip, keep_used, last_uses
from ...inr.products import product
from ..decomposition.interpolative import gram_of, pivots_of, solved_rows
from .network_batch import BatchLayer, NetworkBatch, columns_of
from .shapes import Shape, aligned, n_products, widths_for

_BOUNDARY_WEIGHT = 0.5
"""Samples lie half way between even and Chebyshev's arc sine distribution."""

_MARGIN, _MARGIN_4D = 0.03, 0.1
"""Samples reach beyond the cell by this share of its edges: in a box of four dimensions most
points lie beside a face, where a network fitted inside errs by up to half of the range."""

_RIDGE = {torch.float32: 1e-7, torch.float64: 1e-12}
"""Added to the unit diagonal of normal equations: what rounding of products leaves uncertain."""

_SAMPLES_PER_RANK = 4.5

_LEAST_SAMPLES = 48

_FRESH = 32
"""Fresh points in a cell, at which the error is measured."""

_SAMPLES_PER_DERIVATIVE = 8
"""Influences are averages; a part of the samples is enough."""


@dataclass(frozen=True)
class Pruned:
    """What pruning networks in cells gave.

    Attributes
    ----------
    networks : list of NetworkBatch
        Each of one shape.
    cells : list of torch.Tensor
        The cells of each batch, int64.
    rank : torch.Tensor, shape (n_cells, n_hidden), int64
    error : torch.Tensor, shape (n_cells,), float64
        Root mean square of the relative error against the network that was pruned, at fresh
        points; infinite for cells that have no network of their own.
    """

    networks: list[NetworkBatch]
    cells: list[torch.Tensor]
    rank: torch.Tensor
    error: torch.Tensor


def samples_for_rank(rank: float) -> int:
    """Return how many samples networks of about a rank are pruned on: some four times as many.

    With the fresh points they are a multiple of 64 where there are many: one network at the
    points of many cells is one product then, whose rows round alike.
    """
    wanted = max(_LEAST_SAMPLES, aligned(math.ceil(_SAMPLES_PER_RANK * rank)))
    return wanted if wanted < 192 else max(round((wanted + _FRESH) / 64), 4) * 64 - _FRESH


@dataclass(frozen=True)
class Limits:
    """How networks are pruned, and which results are wanted.

    Attributes
    ----------
    n_samples : int
        Points in each cell, a multiple of `ALIGNMENT`.
    precise : bool
        Whether products of activations are float64.
    most_rank : float
        Cells with a larger rank are left without a network.
    most_products : float
        So are those whose network would take more products for a point (see `n_products`).
    shape : Shape or None
        Widths that all networks are padded to; by default each by its own ranks, to `widths_for`.
    """

    n_samples: int
    precise: bool = False
    most_rank: float = math.inf
    most_products: float = math.inf
    shape: Shape | None = None


def prune_networks(
    parents: NetworkBatch,
    parent_of: torch.Tensor,
    boxes: Boxes,
    id_tolerance: float | torch.Tensor,
    scale: torch.Tensor,
    limits: Limits,
    seed: int = 0,
) -> Pruned:
    """Prune, in each cell, the network that holds in a larger cell around it.

    Parameters
    ----------
    parents : NetworkBatch
    parent_of : torch.Tensor, shape (n_cells,), int64
        Which of `parents` each cell starts from.
    boxes : Boxes
    id_tolerance : float or torch.Tensor, shape (n_cells,)
        Neurons are kept while what is left of their activations changes the field by more than
        this, relative to `scale`, root mean square over the cell.
    scale : torch.Tensor, shape (n_outputs,), float64
        What errors of each output are divided by.
    limits : Limits
    seed : int

    Returns
    -------
    Pruned
    """
    n_samples = limits.n_samples
    samples = boxes.at(_design(n_samples, boxes.index.shape[1], boxes.index.device)[None]).float()
    fresh = boxes.random_points(_FRESH, Stream.NETWORK_ERROR, seed)
    points = torch.cat([samples, fresh], dim=1)
    if len(parents) > 1:
        parents = parents.take(parent_of)
    dtype = torch.float64 if limits.precise else torch.float32
    values, activations = parents.hidden_values(points)
    influence = _influence(parents, values, n_samples, scale, seed)
    tolerance = torch.as_tensor(id_tolerance, dtype=torch.float64, device=points.device)
    threshold = n_samples * tolerance.square().expand(len(boxes))
    pivots, rank = _pivots(activations, influence, threshold, n_samples, dtype)
    shape = limits.shape
    widths = widths_for(rank) if shape is None else rank.new_tensor(shape).expand_as(rank)
    wanted = (rank <= limits.most_rank).all(dim=1)
    wanted &= n_products(widths) <= limits.most_products
    error = torch.full((len(boxes),), math.inf, dtype=torch.float64, device=rank.device)
    pruned = Pruned([], [], rank, error)
    shapes, number = widths.unique(dim=0, return_inverse=True)
    for i, own_shape in enumerate(shapes.tolist()):
        cells = torch.nonzero((number == i) & wanted)[:, 0]
        if len(cells):
            kept = [_padded(p[cells, :k], k) for p, k in zip(pivots, own_shape, strict=True)]
            own = parents if len(parents) == 1 else parents.take(cells)
            networks, error[cells] = _fit(
                own, points[cells], [v[cells] for v in values], kept, rank[cells], scale,
                n_samples, dtype,
            )  # fmt: skip
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
    # What reaches the output of an earlier layer past the layers between.
    past: dict[int, torch.Tensor] = {}
    for i in range(len(parents.layers) - 1, 0, -1):
        layer, before = parents.layers[i], parents.layers[i - 1]
        for skip in layer.skips:
            more = _products(g, skip.weight.mT)
            past[skip.source] = past[skip.source] + more if skip.source in past else more
        g = _products(g, layer.weight.mT)
        if i - 1 in past:
            g = g + past.pop(i - 1)
        influence.append(g.square().mean(dim=1, keepdim=True).sqrt())
        g = g * before.activation.derivative(values[i - 1][:, some])
    return influence[::-1]


def _products(rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return rows times weights, which are those of all cells or of one network for all."""
    if len(weight) == len(rows):
        return product(rows, weight)
    n_cells, n, k = rows.shape
    return product(rows.reshape(-1, k), weight[0]).reshape(n_cells, n, -1)


def _pivots(
    activations: list[torch.Tensor],
    influence: list[torch.Tensor],
    threshold: torch.Tensor,
    n_samples: int,
    dtype: torch.dtype,
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return the pivots of every hidden layer, and ranks."""
    pivots, ranks = [], []
    for all_values, weight in zip(activations, influence, strict=True):
        a = all_values[:, :n_samples]
        a = (a - a.mean(dim=1, keepdim=True)).mul_(weight)
        order, rank = pivots_of(gram_of(a.to(dtype)).double(), threshold)
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
    h, mask, uses = points, None, last_uses(parents.layers)
    earlier: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    for i, (layer, z) in enumerate(zip(parents.layers, values, strict=True)):
        given, columns = [(h, mask), *(earlier[s.source] for s in layer.skips)], None
        if i < len(kept):
            columns = kept[i]
            mask = torch.arange(columns.shape[1], device=rank.device) < rank[:, i, None]
            mask = mask[:, None, :].float()
            z = z.gather(2, columns[:, None, :].expand(-1, z.shape[1], -1)) * mask
        skip, skips = _kept(layer.input_weight, columns, mask, n_cells), ()
        if i == 0:
            weight = _kept(layer.weight, columns, mask, n_cells)
            bias = _kept(layer.bias, columns, mask, n_cells)
        else:
            wanted = z if skip is None else z - product(points, skip)
            sampled = [(output[:, :n_samples], own) for output, own in given]
            weight, bias, skips = _fitted(layer, sampled, wanted[:, :n_samples], dtype)
        layers.append(BatchLayer(weight, bias, layer.activation, skip, skips))
        outputs = {source: output for source, (output, _) in earlier.items()}
        h = layer.activation.apply_(layers[-1].linear(h, points, outputs))
        keep_used(earlier, uses, i, (h, mask))
    exact = parents.layers[-1].activation(values[-1][:, n_samples:])
    difference = (h[:, n_samples:] - exact).double() / scale
    return NetworkBatch(tuple(layers)), difference.square().mean(dim=(1, 2)).sqrt()


def _kept(
    weight: torch.Tensor | None, columns: torch.Tensor | None, mask: torch.Tensor, n_cells: int
) -> torch.Tensor | None:
    """Return the weights of kept neurons, (n_cells, n_previous, n_kept); all if none are kept."""
    if weight is None:
        return None
    if columns is None:
        return weight.expand(n_cells, -1, -1).contiguous()
    return columns_of(weight, columns) * mask


def _fitted(
    layer: BatchLayer,
    given: list[tuple[torch.Tensor, torch.Tensor]],
    wanted: torch.Tensor,
    dtype: torch.dtype,
) -> tuple[torch.Tensor, torch.Tensor, tuple[Skip, ...]]:
    """Return weight, bias and skip connections of a layer, all fitted together.

    `given` are the outputs, with their masks, of the pruned layers that the layer takes: of the
    one before, and of those that its skip connections come from.
    """
    h, mask = given[0]
    if layer.skips:
        h, mask = (torch.cat(parts, dim=2) for parts in zip(*given, strict=True))
    weight, bias = _least_squares(h.to(dtype), wanted.to(dtype), mask)
    if not layer.skips:
        return weight, bias, ()
    sizes = [output.shape[2] for output, _ in given]
    weight, *others = (part.contiguous() for part in weight.split(sizes, dim=1))
    skips = zip(layer.skips, others, strict=True)
    return weight, bias, tuple(replace(skip, weight=w) for skip, w in skips)


def _least_squares(
    h: torch.Tensor, wanted: torch.Tensor, mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weight and bias that minimise ||h weight + bias - wanted|| in every cell.

    The normal equations of centred columns scaled to unit length: pivots leave them independent
    enough. The solution is float64; products are as precise as the arguments.
    """
    mean, mean_wanted = h.mean(dim=1, keepdim=True), wanted.mean(dim=1, keepdim=True)
    centred = (h - mean) * mask
    gram = gram_of(centred).double()
    right = product((wanted - mean_wanted).mT, centred).double()
    diagonal = torch.diagonal(gram, dim1=1, dim2=2)
    inverse = torch.where(diagonal > 0, diagonal.clamp(min=1e-300).rsqrt(), 0.0)
    gram.mul_(inverse[:, :, None]).mul_(inverse[:, None, :])
    torch.diagonal(gram, dim1=1, dim2=2).add_(torch.where(inverse > 0, _RIDGE[h.dtype], 1.0))
    weight, failed = solved_rows(gram, right.mul_(inverse[:, None, :]))
    weight.mul_(inverse[:, None, :])
    if failed.any() and h.dtype == torch.float32:
        again = torch.nonzero(failed)[:, 0]
        precise = _least_squares(h[again].double(), wanted[again].double(), mask[again])
        weight[again] = precise[0].mT.double()
    elif failed.any():
        weight.masked_fill_(failed[:, None, None], math.nan)
    # A sum for each output: the BLAS rounds one such product unlike many.
    bias = mean_wanted.double() - (weight * mean.double()).sum(dim=2)[:, None, :]
    return weight.float().mT.contiguous(), bias.float()


@cache
def _design(count: int, dimension: int, device: torch.device) -> torch.Tensor:
    """Return the sample points in and just around every cell, (count, dimension), local."""
    zero = torch.zeros((1, dimension), dtype=torch.long, device=device)
    even = lattice_in_cells(zero[:, 0], zero, count, Stream.NETWORK_SAMPLES, 0)[0]
    arc_sine = (1.0 - torch.cos(math.pi * even)) / 2.0
    margin = _MARGIN if dimension < 4 else _MARGIN_4D
    return (even + _BOUNDARY_WEIGHT * (arc_sine - even) - 0.5) * (1.0 + 2.0 * margin) + 0.5


def _padded(pivots: torch.Tensor, width: int) -> torch.Tensor:
    """Return pivots with zeros appended."""
    return torch.nn.functional.pad(pivots, (0, width - pivots.shape[1]))
