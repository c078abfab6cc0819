"""Pruning a whole network by interpolative decomposition."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..errors import ParameterError
from ..inr import INR
from ..inr.chain import Chain
from ..inr.evaluation import resolve_device
from .options import DEFAULT_SAMPLES, check_id_tolerance
from .rank_search import RankedPruning, relative_l2, search

_REPORT_FACTOR = 4
"""Points at which the reported error is measured, per sample of the decomposition."""

_AIM = 0.95
"""Share of the tolerance the search may use up: the error at other points scatters."""


@dataclass(frozen=True)
class PruneReport:
    """What pruning a network did.

    Attributes
    ----------
    widths_before, widths_after : tuple of int
        Neurons of each hidden layer.
    parameters_before, parameters_after : int
        Weights and biases.
    id_tolerances : tuple of float
        Tolerance of the decomposition of each hidden layer; empty if the network was left as
        it is.
    relative_l2, rmse, max_error : float
        Error against the network at random points of the domain that played no part in the
        pruning; the L2 error relative to the L2 norm of the field, the others in units of the
        field.
    samples : int
        Number of those points.
    note : str
        A sentence if something is worth knowing, else empty.
    """

    widths_before: tuple[int, ...]
    widths_after: tuple[int, ...]
    parameters_before: int
    parameters_after: int
    id_tolerances: tuple[float, ...]
    relative_l2: float
    rmse: float
    max_error: float
    samples: int
    note: str = ""


def prune(
    inr: INR,
    tolerance: float = 1e-3,
    *,
    id_tolerance: float | Sequence[float] = 0.0,
    samples: int = DEFAULT_SAMPLES,
    seed: int = 0,
    device: str = "auto",
) -> tuple[INR, PruneReport]:
    """Prune a whole network over its domain (and all times) to a wanted error of its field.

    The error of every pruned network is measured, at points other than those it was pruned
    at, and the smallest network within `tolerance` is kept (see `pruning_amr.pruning.rank_search`).
    Its error is then measured again at fresh points; if it is too large there, the next larger
    network is tried. Many trained networks have no neurons to spare: they come back unchanged,
    and the report says so.

    Parameters
    ----------
    inr : INR
    tolerance : float
        Wanted relative L2 error of the pruned network against the original.
    id_tolerance : float or sequence of float
        0: found automatically. Otherwise the relative tolerance of the interpolative
        decomposition of every hidden layer, or one for each; whatever error follows from it
        is reported, and `tolerance` is not heeded.
    samples : int
        Random points of the domain the activations are taken at, at least twice the widest
        layer.
    seed : int
    device : str

    Returns
    -------
    pruned : INR
    report : PruneReport

    Raises
    ------
    ParameterError
        If a tolerance or the number of samples make no sense.
    """
    check_id_tolerance(tolerance)
    by_hand = _check_id_tolerances(id_tolerance, len(inr.chain.hidden_widths))
    widest = max((*inr.chain.hidden_widths, 1))
    if samples < 2 * widest:
        raise ParameterError(
            f"samples is {samples}; expected at least {2 * widest}, twice the widest layer."
        )
    target = resolve_device(device)
    chain = inr.chain.to(target)
    decomposed, searched, fresh = (p.to(target) for p in _random_points(inr, samples, seed))
    with torch.inference_mode():
        if not chain.hidden_widths:
            return _unchanged(inr, len(fresh), "The network has no hidden layers to prune.")
        pruning = RankedPruning(chain, decomposed, searched)
        if by_hand:
            candidates = [pruning.ranks_at(by_hand)]
        else:
            path = search(pruning, _AIM * tolerance)
            within = [p for p in path if p.error <= _AIM * tolerance]
            candidates = [p.ranks for p in sorted(within, key=lambda p: p.n_parameters)]
        for ranks in candidates:
            if ranks == chain.hidden_widths:
                break
            pruned = pruning.network(ranks)
            report = _report(chain, pruned, pruning.tolerances_at(ranks), fresh)
            if by_hand or report.relative_l2 <= tolerance:
                return inr.with_chain(pruned.to("cpu")), report
    wanted = "these ID tolerances" if by_hand else f"a relative L2 error of {tolerance:g}"
    return _unchanged(inr, len(fresh), f"No neuron can be pruned within {wanted}.")


def _check_id_tolerances(wanted: float | Sequence[float], n_hidden: int) -> tuple[float, ...]:
    """Return one tolerance for each hidden layer, or none if they are to be found."""
    if not isinstance(wanted, Sequence):
        if isinstance(wanted, numbers.Real) and wanted == 0:
            return ()
        wanted = [wanted]
    values = tuple(wanted)
    if all(isinstance(v, numbers.Real) and v == 0 for v in values):
        return ()
    for value in values:
        check_id_tolerance(value, "id_tolerance", "0 for automatic, or ")
    if len(values) == 1:
        return values * n_hidden
    if len(values) != n_hidden:
        raise ParameterError(
            f"id_tolerance has {len(values)} values; expected one, or one for each of the "
            f"{n_hidden} hidden layers."
        )
    return values


def _random_points(inr: INR, samples: int, seed: int) -> list[torch.Tensor]:
    """Return points to decompose at, to search at and to report at; exact in float32."""
    generator = torch.Generator().manual_seed(seed)
    low, high = torch.from_numpy(inr.checked_bounds()).T
    counts = (samples, samples, _REPORT_FACTOR * samples)
    unit = [torch.rand(n, len(low), generator=generator, dtype=torch.float64) for n in counts]
    return [(low + u * (high - low)).float().double() for u in unit]


def _report(
    chain: Chain, pruned: Chain, id_tolerances: tuple[float, ...], points: torch.Tensor
) -> PruneReport:
    exact, approximate = (network(points.float()).double() for network in (chain, pruned))
    error = approximate - exact
    widths, sizes = zip(*((c.hidden_widths, c.n_parameters) for c in (chain, pruned)), strict=True)
    rmse, largest = float(error.square().mean().sqrt()), float(error.abs().max())
    measured = relative_l2(approximate, exact), rmse, largest, len(points)
    return PruneReport(*widths, *sizes, id_tolerances, *measured)


def _unchanged(inr: INR, samples: int, note: str) -> tuple[INR, PruneReport]:
    widths, n = inr.chain.hidden_widths, inr.chain.n_parameters
    return inr, PruneReport(widths, widths, n, n, (), 0.0, 0.0, 0.0, samples, note)
