"""Where networks are pruned: a few cells are tried, and what they show is weighed up.

Ranks fall with the size of the cells, but pruning costs samples: it pays on a level if the points
evaluated there are many. On paths of cells from coarse to fine, the networks are pruned on
every level; from their ranks the cost model finds the levels that together cost least.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import torch

from ...cells import Boxes
from ...inr import DEFAULT_MEMORY_MB
from ...inr.chain import Chain
from ...inr.threads import parallel_map
from .cost_model import evaluation_cost, pruning_cost
from .network_batch import NetworkBatch
from .plan import DEFAULT_POLICY, PRECISE_BELOW, Plan, Policy, Step
from .prune import Limits, prune_networks, samples_for_rank
from .reference import Reference
from .shapes import ALIGNMENT, Shape, aligned

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

_MAX_LEVEL = 12


class Trial(NamedTuple):
    """What pruning cells of one level showed: about what ranks their layers have."""

    level: int
    typical: list[float]


def make_plan(
    reference: Reference,
    allowed: float,
    n_points: float,
    piecemeal: bool = False,
    policy: Policy = DEFAULT_POLICY,
) -> Plan:
    """Return the plan that costs least for points spread evenly over the domain.

    Parameters
    ----------
    reference : Reference
    allowed : float
        Root mean square of the relative error the networks may have.
    n_points : float
        How many points will be evaluated.
    piecemeal : bool
        Whether cells will be pruned in small batches, as their points are asked for.
    policy : Policy
    """
    # Cells with fewer points than samples can never pay.
    domain, chain = reference.domain, reference.evaluator.chain
    most = max(n_points / math.prod(domain.root_resolution) / 32, 1.0)
    max_level = min(_MAX_LEVEL, int(math.log2(most) / domain.dimension)) if n_points > 0 else -1
    id_tolerance = clamped(allowed / _ERROR_PER_TOLERANCE)
    steps: tuple[Step, ...] = ()
    whole = n_points * evaluation_cost(domain.dimension, chain.hidden_widths)
    if chain.hidden_widths and max_level >= 0 and whole > policy.least_cost:
        trials = _Pilot(reference).run(id_tolerance, max_level)
        steps = _cheapest(chain, trials, n_points, domain.root_resolution, piecemeal)
    return Plan(domain.root_resolution, steps, id_tolerance, allowed)


def clamped(id_tolerance: float) -> float:
    """Return the nearest ID tolerance that makes sense."""
    return min(max(id_tolerance, MIN_ID_TOLERANCE), MAX_ID_TOLERANCE)


class _Pilot:
    """Prunes a few cells on every level."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._root = torch.tensor(reference.domain.root_resolution, device=reference.device)
        generator = torch.Generator().manual_seed(reference.seed)
        shape = (_LEVELS, max(_FOLLOWED), reference.domain.dimension)
        # Points of the unit cube, other ones for every level.
        self._unit = torch.rand(shape, generator=generator).double().to(reference.device)

    def run(self, id_tolerance: float, max_level: int) -> list[Trial]:
        """Return the trials of the levels from the first one on which pruning pays."""
        trials: list[Trial] = []
        networks, around = self._reference.network, None
        before = networks.hidden_widths
        for level in range(min(max_level, _LEVELS - 1) + 1):
            if around is None:
                index = (self._unit[0, : _FOLLOWED[0]] * (self._root * 2**level)).long()
                found, rank = self._prune(level, index[:_TRIED], networks, before, id_tolerance)
                if evaluation_cost(3, _mean(rank)) > _PAYS * evaluation_cost(3, before):
                    continue
            else:
                count = _FOLLOWED[min(len(trials), len(_FOLLOWED) - 1)]
                parent = torch.arange(count, device=around.device) % len(around)
                index = 2 * around[parent] + (2 * self._unit[level, :count]).long()
            found, rank = self._prune(level, index, networks, before, id_tolerance)
            trials.append(Trial(level, _mean(rank)))
            networks, around = found, index
            before = tuple(int(k) for k in rank.amax(dim=0).clamp(min=1))
            if max(_mean(rank)) <= _SMALLEST_RANK:
                break
        return trials

    def _prune(
        self,
        level: int,
        index: torch.Tensor,
        networks: NetworkBatch,
        before: Shape,
        tolerance: float,
    ) -> tuple[NetworkBatch, torch.Tensor]:
        """Prune in cells; cell i starts from network i modulo their number."""
        boxes = self._reference.domain.boxes(level, index)
        shape, precise = tuple(map(aligned, before)), tolerance < PRECISE_BELOW
        n_samples = samples_for_rank(max(before) / 4)
        while True:
            limits = Limits(n_samples, precise, shape=shape)
            found = self._pruned_with(limits, boxes, networks, tolerance)
            needed = samples_for_rank(max(_mean(found[1])))
            if needed <= 1.25 * n_samples or not len(found[1]):
                return found
            n_samples = needed

    def _pruned_with(
        self, limits: Limits, boxes: Boxes, networks: NetworkBatch, tolerance: float
    ) -> tuple[NetworkBatch, torch.Tensor]:
        cells = torch.arange(len(boxes), device=self._reference.device)
        scale, seed = self._reference.scale, self._reference.seed

        def work(part: torch.Tensor) -> tuple[NetworkBatch, torch.Tensor]:
            start = part % len(networks)
            found = prune_networks(
                networks, start, boxes.take(part), tolerance, scale, limits, seed
            )
            return found.networks[0], found.rank

        parts = [*parallel_map(work, cells.split(2), cells.device)]
        rank = torch.cat([p[1] for p in parts])
        # Padded no further than the widest needs.
        widths = tuple(aligned(max(int(k), 1)) for k in rank.amax(dim=0))
        return NetworkBatch.concatenated([p[0] for p in parts]).trimmed(widths), rank


def _mean(rank: torch.Tensor) -> list[float]:
    return rank.double().mean(dim=0).tolist()


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
