"""Where networks are pruned: a few cells are tried, and what they show is weighed up.

Ranks fall with the size of the cells, but pruning costs samples: it pays on a level if the points
evaluated there are many. On paths of cells from coarse to fine, the networks are pruned on
every level; from their ranks the cost model finds the levels that together cost least.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..inr import DEFAULT_MEMORY_MB
from ..inr.chain import Chain
from ..inr.threads import parallel_map
from .cost_model import evaluation_cost, pruning_cost
from .local import CellBoxes, Shape, prune_networks, samples_for_rank
from .nested import PRECISE_BELOW, Plan, Step
from .network_batch import ALIGNMENT, NetworkBatch

MAX_ID_TOLERANCE, MIN_ID_TOLERANCE = 0.03, 1e-7

_ERROR_PER_TOLERANCE = 20.0
"""About how many times the ID tolerance the error is: what the pilot starts from."""

_TRIED = 2
"""Cells tried on levels where little can be pruned yet."""

_FOLLOWED = (8, 16, 32)
"""Cells followed from there on, level by level."""

_PAYS = 0.25
"""Pruning is worth following where the pruned network costs at most this share of a larger one."""

_SMALLEST_RANK = 10
"""Networks this narrow cost as much in overhead as in work."""

_MAX_STEPS = 4
_MORE_BEFORE = 1.2
"""Steps before the last keep so many times the ranks of the trial (see `Plan.share`)."""

_KEPT_BYTES = DEFAULT_MEMORY_MB * 2**20 / 2
"""Networks that are pruned piecemeal are kept up to this, with the default memory budget: plans,
and with them values, must not depend on another."""

_PASSES = 8.0
"""How often cells are pruned again whose networks cannot all be kept."""

_LEVELS = 24

_WORTH_A_PILOT = 4e9
"""What the original network must cost for a pilot to pay, in the nanoseconds of the cost model."""


@dataclass(frozen=True)
class Trial:
    """What pruning cells of one level showed.

    Attributes
    ----------
    level : int
    rank : torch.Tensor, shape (n_cells, n_hidden)
    """

    level: int
    rank: torch.Tensor

    @property
    def typical(self) -> list[float]:
        """Mean ranks of the layers."""
        return self.rank.double().mean(dim=0).tolist()


def make_plan(
    chain: Chain,
    boxes: Callable[[int, torch.Tensor], CellBoxes],
    root_resolution: tuple[int, ...],
    scale: torch.Tensor,
    allowed: float,
    n_points: float,
    max_level: int,
    seed: int = 0,
    piecemeal: bool = False,
) -> Plan:
    """Return the plan that costs least for points spread evenly over the domain.

    Parameters
    ----------
    chain : Chain
    boxes : callable
        Cells of a level, by index (see `Nesting.boxes`).
    root_resolution : tuple of int
    scale : torch.Tensor, shape (n_outputs,), float64
    allowed : float
        Root mean square of the relative error the networks may have.
    n_points : float
        How many points will be evaluated.
    max_level : int
    seed : int
    piecemeal : bool
        Whether cells will be pruned in small batches, as their points are asked for.
    """
    pilot = _Pilot(chain, boxes, root_resolution, scale, seed)
    # Cells with fewer points than samples can never pay.
    d = len(root_resolution)
    most = max(n_points / math.prod(root_resolution) / 32, 1.0)
    max_level = min(max_level, int(math.log2(most) / d)) if n_points > 0 else -1
    id_tolerance = clamped(allowed / _ERROR_PER_TOLERANCE)
    steps: tuple[Step, ...] = ()
    whole = n_points * evaluation_cost(d, chain.hidden_widths)
    if chain.hidden_widths and max_level >= 0 and whole > _WORTH_A_PILOT:
        trials = pilot.run(id_tolerance, max_level)
        steps = _cheapest(chain, trials, n_points, root_resolution, piecemeal)
    return Plan(root_resolution, steps, id_tolerance, allowed)


def clamped(id_tolerance: float) -> float:
    """Return the nearest ID tolerance that makes sense."""
    return min(max(id_tolerance, MIN_ID_TOLERANCE), MAX_ID_TOLERANCE)


class _Pilot:
    """Prunes a few cells on every level."""

    def __init__(
        self,
        chain: Chain,
        boxes: Callable[[int, torch.Tensor], CellBoxes],
        root_resolution: tuple[int, ...],
        scale: torch.Tensor,
        seed: int,
    ) -> None:
        self._network = NetworkBatch.of(chain)
        self._boxes, self._scale = boxes, scale
        self._root, self._seed = torch.tensor(root_resolution, device=scale.device), seed
        generator = torch.Generator().manual_seed(seed)
        shape = (_LEVELS, max(_FOLLOWED), len(root_resolution))
        # Points of the unit cube, other ones for every level.
        self._unit = torch.rand(shape, generator=generator).double().to(scale.device)

    def run(self, id_tolerance: float, max_level: int) -> list[Trial]:
        """Return the trials of the levels from the first one on which pruning pays."""
        trials: list[Trial] = []
        networks, before, around = self._network, self._network.hidden_widths, None
        for level in range(min(max_level, _LEVELS - 1) + 1):
            if around is None:
                index = (self._unit[0, : _FOLLOWED[0]] * (self._root * 2**level)).long()
                found, rank = self._prune(level, index[:_TRIED], networks, before, id_tolerance)
                if _cost(rank) > _PAYS * evaluation_cost(3, before):
                    continue
            else:
                count = _FOLLOWED[min(len(trials), len(_FOLLOWED) - 1)]
                parent = torch.arange(count, device=around.device) % len(around)
                index = 2 * around[parent] + (2 * self._unit[level, :count]).long()
            found, rank = self._prune(level, index, networks, before, id_tolerance)
            trials.append(Trial(level, rank))
            networks, around = found, index
            before = tuple(int(k) for k in rank.amax(dim=0).clamp(min=1))
            if rank.double().mean(dim=0).max() <= _SMALLEST_RANK:
                break
        return trials

    def _prune(
        self,
        level: int,
        index: torch.Tensor,
        networks: NetworkBatch,
        before: Shape,
        id_tolerance: float,
    ) -> tuple[NetworkBatch, torch.Tensor]:
        """Prune in cells; cell i starts from network i modulo their number."""
        n_samples = samples_for_rank(max(before) / 4)
        while True:
            found = self._pruned_with(n_samples, level, index, networks, before, id_tolerance)
            needed = samples_for_rank(float(found[1].double().mean(dim=0).max()))
            if needed <= 1.25 * n_samples or not len(found[1]):
                return found
            n_samples = needed

    def _pruned_with(
        self,
        n_samples: int,
        level: int,
        index: torch.Tensor,
        networks: NetworkBatch,
        before: Shape,
        id_tolerance: float,
    ) -> tuple[NetworkBatch, torch.Tensor]:
        cells = torch.arange(len(index), device=index.device)

        def work(part: torch.Tensor) -> tuple[NetworkBatch, torch.Tensor]:
            boxes = self._boxes(level, index[part])
            found = prune_networks(
                networks,
                part % len(networks),
                boxes,
                id_tolerance,
                self._scale,
                n_samples,
                shape=tuple(-(-w // ALIGNMENT) * ALIGNMENT for w in before),
                precise=id_tolerance < PRECISE_BELOW,
                seed=self._seed,
            )
            return found.networks[0], found.rank

        parts = [*parallel_map(work, cells.split(2), index.device)]
        rank = torch.cat([p[1] for p in parts])
        return _trimmed(NetworkBatch.concatenated([p[0] for p in parts]), rank), rank


def _trimmed(networks: NetworkBatch, rank: torch.Tensor) -> NetworkBatch:
    """Return the networks padded no further than the widest needs."""
    widths = [-(-max(int(k), 1) // ALIGNMENT) * ALIGNMENT for k in rank.amax(dim=0)]
    layers, before = [], networks.layers[0].weight.shape[1]
    for layer, width in zip(networks.layers, (*widths, None), strict=True):
        skip = layer.input_weight
        layers.append(
            type(layer)(
                layer.weight[:, :before, :width].contiguous(),
                layer.bias[:, :, :width].contiguous(),
                layer.activation,
                None if skip is None else skip[:, :, :width].contiguous(),
            )
        )
        before = width
    return NetworkBatch(tuple(layers))


def _cost(rank: torch.Tensor) -> float:
    return evaluation_cost(3, rank.double().mean(dim=0).tolist())


def _cheapest(
    chain: Chain,
    trials: list[Trial],
    n_points: float,
    root_resolution: tuple[int, ...],
    piecemeal: bool,
) -> tuple[Step, ...]:
    """Return the levels whose pruning and evaluation cost least."""
    d = len(root_resolution)
    best: tuple[float, tuple[Trial, ...]] = (n_points * evaluation_cost(d, chain.hidden_widths), ())
    for number in range(1, _MAX_STEPS + 1):
        for chosen in itertools.combinations(trials, number):
            cost, before = 0.0, [float(w) for w in chain.hidden_widths]
            for trial in chosen:
                cells = math.prod(root_resolution) * 2.0 ** (d * trial.level)
                samples = samples_for_rank(max(trial.typical))
                pruning = cells * pruning_cost(d, before, trial.typical, samples, piecemeal)
                before = _padded(trial.typical)
                kept = not piecemeal or cells * _bytes(d, before) <= _KEPT_BYTES
                cost += pruning if kept else _PASSES * pruning
            cost += n_points * evaluation_cost(d, before)
            if cost < best[0]:
                best = cost, chosen
    steps, before = [], [float(w) for w in chain.hidden_widths]
    for i, trial in enumerate(best[1]):
        # Early steps keep more than the trial did (see `Plan.share`).
        more = 1.0 if i == len(best[1]) - 1 else _MORE_BEFORE
        samples = samples_for_rank(more * max(trial.typical))
        saved = evaluation_cost(d, before) - evaluation_cost(d, _padded(trial.typical))
        least = pruning_cost(d, before, trial.typical, samples, piecemeal) / max(saved, 1.0)
        typical = tuple(map(math.ceil, before := _padded(trial.typical)))
        steps.append(Step(trial.level, samples, typical, math.ceil(least)))
    return tuple(steps)


def _bytes(n_inputs: int, shape: list[float]) -> float:
    """Return the memory of a network's weights, about."""
    return 4.0 * sum(a * b for a, b in itertools.pairwise((n_inputs + 1, *shape, 1)))


def _padded(rank: list[float]) -> list[float]:
    """Return what networks of typical ranks are padded to on average."""
    return [k + ALIGNMENT / 2 for k in rank]
