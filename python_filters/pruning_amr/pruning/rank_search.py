"""How far every layer of a network can be pruned while its field stays within an error.

A smaller rank keeps a prefix of the same pivots in every hidden layer. A pruned network is
therefore one rank per layer, and what is searched is a path through the ranks, from all
independent neurons downwards, along which the *measured* error of the field is known. The
tolerance of a decomposition says little about that error (arXiv 2512.02967 sets it by hand), and
layers differ in how much of it they pass on.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from ..inr.chain import Chain, Layer, Skip
from .decomposition.interpolative import pivoted_factors
from .options import MIN_TOLERANCE

_LARGEST_STEP = 1 / 16
"""Share of a layer's neurons that one step removes at most."""

_ERROR_GROWTH = 1.25
"""A step that lets the error grow by more than this factor is halved."""

_NEGLIGIBLE_ERROR = 1e-7
"""Relative errors below this are the rounding of float32 networks."""

_RIDGE = 1e-12
"""Added to the unit diagonal of the normal equations: far below any error that is measured."""


@dataclass(frozen=True)
class PrunedChain:
    """A pruned network and how large its error was at the points of the search.

    Attributes
    ----------
    ranks : tuple of int
        Kept neurons of each hidden layer.
    n_parameters : int
    error : float
        Relative L2 error.
    """

    ranks: tuple[int, ...]
    n_parameters: int
    error: float


@dataclass(frozen=True)
class _Stage:
    """One pruned hidden layer and what leaves it.

    `values` (n_samples, k) are its activations in the pruned network, `transfer` (k, m) the
    matrix T that turns them into those of the original layer, `checked` (n_points, k) its
    activations at the points where errors are measured.
    """

    layer: Layer
    values: torch.Tensor
    transfer: torch.Tensor
    checked: torch.Tensor


class RankedPruning:
    """All networks that keep, in every hidden layer, the first pivots of its decomposition.

    The published construction (arXiv 2512.02967, section 3) takes T_i from the decomposition of
    the original activations A_i ≈ A_i[:, P_i] T_i. Here T_i is fitted by least squares to the
    activations B_i the neurons P_i have in the network whose layers before i are already
    pruned: min ||B_i T_i - A_i||. What earlier layers do wrong is so made good as far as later
    ones can; without errors the two are the same. Nothing is trained.

    Parameters
    ----------
    chain : Chain
    samples : torch.Tensor, shape (n_samples, n_inputs), float64
        Points at which the activations are decomposed and fitted.
    points : torch.Tensor, shape (n_points, n_inputs), float64
        Other points, at which errors are measured.
    """

    def __init__(self, chain: Chain, samples: torch.Tensor, points: torch.Tensor) -> None:
        self.chain = chain.to(samples.device, torch.float64)
        self._samples, self._points = samples, points.float()
        self._exact = chain.to(samples.device)(self._points).double()
        self._activations = self.chain.activations(samples)
        self._columns: list[torch.Tensor] = []
        self.tolerances: list[torch.Tensor] = []
        for values in self._activations:
            factors = pivoted_factors(values[None], MIN_TOLERANCE)
            # A layer whose activations all vanish keeps one neuron, with zero weights after it.
            self._columns.append(factors.order[0])
            self.tolerances.append(factors.tolerances[0])

    def ranks_at(self, id_tolerances: Sequence[float]) -> tuple[int, ...]:
        """Return the rank of every layer at given tolerances; a vanishing layer keeps one."""
        pairs = zip(self.tolerances, id_tolerances, strict=True)
        return tuple(max(int((kept >= wanted).sum()), 1) for kept, wanted in pairs)

    def tolerances_at(self, ranks: Sequence[int]) -> tuple[float, ...]:
        """Return the largest tolerance at which every layer keeps so many neurons."""
        return tuple(float(t[k - 1]) for t, k in zip(self.tolerances, ranks, strict=True))

    def n_parameters(self, ranks: Sequence[int]) -> int:
        """Return the weights and biases of the network with given ranks."""
        total, before = 0, self.chain.n_inputs
        for layer, width in zip(self.chain.layers, (*ranks, self.chain.n_outputs), strict=True):
            skip = 0 if layer.input_weight is None else self.chain.n_inputs
            skip += sum(ranks[s.source] for s in layer.skips)
            total += width * (before + skip + 1)
            before = width
        return total

    def network(self, ranks: Sequence[int]) -> Chain:
        """Return the pruned network, float32."""
        stages = self.stages(ranks)
        layers = (*(stage.layer for stage in stages), self._output(stages))
        return Chain(layers).to(self._samples.device)

    def stages(self, ranks: Sequence[int], before: Sequence[_Stage] = ()) -> list[_Stage]:
        """Prune layer after layer, continuing after the layers in `before`."""
        stages = list(before)
        for i in range(len(stages), len(ranks)):
            stages.append(self._stage(i, ranks[i], stages))
        return stages

    def error(self, stages: Sequence[_Stage]) -> float:
        """Return the relative L2 error of the network that ends with these stages."""
        checked = [stage.checked for stage in stages]
        approximate = _apply(self._output(stages), checked[-1], self._points, checked)
        return relative_l2(approximate.double(), self._exact)

    def _stage(self, i: int, rank: int, stages: Sequence[_Stage]) -> _Stage:
        source, columns = self.chain.layers[i], self._columns[i][:rank]
        weight, skip = source.weight[columns], source.input_weight
        values, checked = self._samples, self._points
        if stages:
            weight = weight @ stages[-1].transfer.T
            values, checked = stages[-1].values, stages[-1].checked
        skip = None if skip is None else skip[columns]
        skips = tuple(replace(s, weight=s.weight[columns]) for s in source.skips)
        skips = _absorbed(skips, stages)
        layer = Layer(weight, source.bias[columns], source.activation, skip, skips)
        values = _apply(layer, values, self._samples, [stage.values for stage in stages])
        transfer = _least_squares(values, self._activations[i])
        checked = _apply(layer, checked, self._points, [stage.checked for stage in stages])
        return _Stage(layer, values, transfer, checked)

    def _output(self, stages: Sequence[_Stage]) -> Layer:
        """Return the output layer, which keeps all its neurons and absorbs T."""
        last = self.chain.layers[-1]
        weight = last.weight @ stages[-1].transfer.T
        skips = _absorbed(last.skips, stages)
        return Layer(weight, last.bias, last.activation, last.input_weight, skips)


def search(pruning: RankedPruning, tolerance: float) -> list[PrunedChain]:
    """Prune step by step until the error exceeds a tolerance.

    Every step takes neurons from the layer that gives up most parameters for the squared error
    it adds. Layers are compared lazily: what a step in a layer costs is measured again only
    when the layer leads, as errors of layers hardly interact. No step depends on `tolerance`,
    only the end does: the networks of a tighter tolerance are the first of those of a looser
    one, which therefore never keeps more.

    Returns
    -------
    list of PrunedChain
        In the order they were visited: fewer and fewer parameters.
    """
    ranks = pruning.ranks_at([MIN_TOLERANCE] * len(pruning.tolerances))
    stages = pruning.stages(ranks)
    path = [PrunedChain(ranks, pruning.n_parameters(ranks), pruning.error(stages))]
    steps = [1] * len(ranks)
    # Entries: minus the gain, the layer, and the length of the path when it was measured.
    queue = [(-float("inf"), i, -1) for i in range(len(ranks))]
    measured: dict[int, tuple[PrunedChain, list[_Stage]]] = {}
    while queue and path[-1].error <= tolerance:
        _, i, when = heapq.heappop(queue)
        now = path[-1]
        if when == len(path):
            found, stages = measured[i]
            path.append(found)
            measured.clear()
            easy = found.error <= _allowed_growth(now.error, _ERROR_GROWTH**0.5)
            steps[i] = min(2 * steps[i] if easy else steps[i], _largest_step(found.ranks[i]))
            heapq.heappush(queue, (-_gain(now, found), i, -1))
            continue
        if now.ranks[i] > 1:
            measured[i], steps[i] = _measure(pruning, now, stages, i, steps[i])
            heapq.heappush(queue, (-_gain(now, measured[i][0]), i, len(path)))
    return path


def _measure(
    pruning: RankedPruning, now: PrunedChain, stages: list[_Stage], i: int, step: int
) -> tuple[tuple[PrunedChain, list[_Stage]], int]:
    """Take `step` neurons from layer i, or fewer if the error grows too much; return also that."""
    while True:
        step = min(step, now.ranks[i] - 1)
        ranks = (*now.ranks[:i], now.ranks[i] - step, *now.ranks[i + 1 :])
        shorter = pruning.stages(ranks, stages[:i])
        error = pruning.error(shorter)
        if step == 1 or error <= _allowed_growth(now.error):
            return (PrunedChain(ranks, pruning.n_parameters(ranks), error), shorter), step
        step = max(step // 2, 1)


def _gain(now: PrunedChain, found: PrunedChain) -> float:
    """Return the parameters given up per squared error added."""
    added = found.error**2 - now.error**2
    return (now.n_parameters - found.n_parameters) / max(added, _NEGLIGIBLE_ERROR**2)


def _allowed_growth(error: float, factor: float = _ERROR_GROWTH) -> float:
    return factor * max(error, _NEGLIGIBLE_ERROR)


def _largest_step(rank: int) -> int:
    return max(int(rank * _LARGEST_STEP), 1)


def relative_l2(approximate: torch.Tensor, exact: torch.Tensor) -> float:
    """Return the L2 norm of the error relative to that of the exact values.

    An error that is not a number counts as infinite.
    """
    norm = exact.norm().clamp(min=torch.finfo(exact.dtype).tiny)
    error = float((approximate - exact).norm() / norm)
    return error if error == error else float("inf")


def _least_squares(values: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return the T that minimises ||values T - wanted||.

    The normal equations of columns scaled to unit length: the pivots leave them independent
    enough for float64. Columns that vanish get zeros.
    """
    length = values.norm(dim=0)
    scale = torch.where(length > 0, 1 / length.clamp(min=1e-150), 0.0)
    scaled = values * scale
    gram = scaled.T @ scaled
    gram.diagonal().add_(_RIDGE).masked_fill_(length == 0, 1.0)
    solution = torch.cholesky_solve(scaled.T @ wanted, torch.linalg.cholesky(gram))
    return solution * scale[:, None]


def _absorbed(skips: Sequence[Skip], stages: Sequence[_Stage]) -> tuple[Skip, ...]:
    """Return skip connections from pruned layers: they absorb T of the layer they come from."""
    return tuple(replace(s, weight=s.weight @ stages[s.source].transfer.T) for s in skips)


def _apply(
    layer: Layer, h: torch.Tensor, x: torch.Tensor, earlier: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Apply a float64 layer in the precision of `h`; `earlier` are outputs of hidden layers."""
    return layer.to(h.device, h.dtype)(h, x, earlier)
