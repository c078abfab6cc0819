"""Pruning a whole network by interpolative decomposition."""

from __future__ import annotations

import numbers
from dataclasses import dataclass

import torch

from ..errors import ParameterError
from ..inr import INR, Chain, Layer
from ..inr.evaluation import resolve_device
from .cells import prune_in_cells
from .interpolative import MIN_TOLERANCE

DEFAULT_SAMPLES = 8192


@dataclass(frozen=True)
class PruneReport:
    """What pruning a network did.

    Attributes
    ----------
    widths_before, widths_after : tuple of int
        Neurons of each hidden layer.
    parameters_before, parameters_after : int
        Weights and biases.
    relative_l2, max_error : float
        Error against the network at fresh random points of the domain; the L2 error relative
        to the L2 norm of the field, the maximum in units of the field.
    """

    widths_before: tuple[int, ...]
    widths_after: tuple[int, ...]
    parameters_before: int
    parameters_after: int
    relative_l2: float
    max_error: float


def check_id_tolerance(tolerance: float, name: str = "tolerance", others: str = "") -> None:
    """Raise `ParameterError` unless `tolerance` is one the decomposition can work to.

    `others` is put before what the message says is expected.
    """
    if not isinstance(tolerance, numbers.Real) or not MIN_TOLERANCE <= tolerance < 1:
        raise ParameterError(
            f"{name} is {tolerance!r}; expected {others}a relative tolerance from {MIN_TOLERANCE:g} to "
            "below 1, like 1e-3."
        )


def prune(
    inr: INR,
    tolerance: float = 1e-3,
    samples: int = DEFAULT_SAMPLES,
    seed: int = 0,
    device: str = "auto",
) -> tuple[INR, PruneReport]:
    """Prune a whole network over its domain (and all times).

    Parameters
    ----------
    inr : INR
    tolerance : float
        Relative tolerance of the interpolative decomposition of every hidden layer. The error
        of the field is usually 10 to 50 times this; the report states it.
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
        If the tolerance or the number of samples make no sense.
    """
    check_id_tolerance(tolerance)
    widest = max((*inr.chain.hidden_widths, 1))
    if samples < 2 * widest:
        raise ParameterError(
            f"samples is {samples}; expected at least {2 * widest}, twice the widest layer."
        )
    target = resolve_device(device)
    chain = inr.chain.to(target)
    generator = torch.Generator().manual_seed(seed)
    bounds = torch.from_numpy(inr.checked_bounds())
    points, fresh = (
        (
            bounds[:, 0]
            + torch.rand(samples, len(bounds), generator=generator, dtype=torch.float64)
            * (bounds[:, 1] - bounds[:, 0])
        ).to(target, torch.float32)
        for _ in range(2)
    )
    with torch.inference_mode():
        pruned = _single(prune_in_cells(chain, points[None], tolerance))
        exact, approximate = chain(fresh).double(), pruned.to(target)(fresh).double()
    error = approximate - exact
    report = PruneReport(
        chain.hidden_widths,
        pruned.hidden_widths,
        chain.n_parameters,
        pruned.n_parameters,
        float(error.norm() / exact.norm().clamp(min=torch.finfo(torch.float64).tiny)),
        float(error.abs().max()),
    )
    return inr.with_chain(pruned.to("cpu")), report


def _single(networks) -> Chain:
    """Return the only network of a batch of one, without padding."""
    kept = [int(k) for k in networks.rank[0]] + [networks.layers[-1].bias.shape[1]]
    # A layer whose activations all vanish keeps one neuron with zero weights after it.
    kept = [max(k, 1) for k in kept]
    layers, before = [], networks.layers[0].weight.shape[2]
    for layer, k in zip(networks.layers, kept, strict=True):
        skip = None if layer.input_weight is None else layer.input_weight[0, :k].clone()
        layers.append(
            Layer(
                layer.weight[0, :k, :before].clone(),
                layer.bias[0, :k].clone(),
                layer.activation,
                skip,
            )
        )
        before = k
    return Chain(tuple(layers)).to(networks.rank.device)
