"""Values of a chain with their derivatives with respect to its inputs.

The chain rule is applied from the outputs back to the inputs, at one product of matrices per layer
and output, or forward, at one per layer and input, whichever are fewer (Griewank and Walther:
Evaluating Derivatives, 2008, chapter 3). Written out, not left to autograd: layers add to their
sums in place, and the products have to be those whose rows round alike
(`pruning_amr.inr.products`).
"""

from __future__ import annotations

import torch

from .chain import Chain, keep_used, last_uses
from .products import product


def values_and_gradients(chain: Chain, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Evaluate a network and its derivatives.

    Parameters
    ----------
    chain : Chain
    points : torch.Tensor, shape (n_points, n_inputs)
        On the device and of the type of the chain. All are taken at once: `Evaluator` does so in
        chunks.

    Returns
    -------
    values : torch.Tensor, shape (n_points, n_outputs)
        Those of ``chain.fused(points)``, to the last bit.
    gradients : torch.Tensor, shape (n_points, n_outputs, n_inputs)
        ``gradients[p, k, i]`` is the derivative of output k by input i at point p. At the kink of
        an activation, that of its left side.
    """
    if chain.n_outputs >= chain.n_inputs:
        return _forward(chain, points)
    values, slopes = _values_and_slopes(chain, points)
    return values, _backward(chain, slopes)


def _forward(chain: Chain, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return values and gradients, which go through the layers side by side."""
    kept: dict[int, torch.Tensor] = {}
    kept_derivatives: dict[int, torch.Tensor] = {}
    uses, h = last_uses(chain.layers), points
    one = torch.eye(chain.n_inputs, dtype=points.dtype, device=points.device)
    # Derivatives of what a layer gives by each input, (n_inputs, n_points, n_neurons).
    by_input = one[:, None, :].expand(-1, len(points), -1)
    for i, layer in enumerate(chain.layers):
        z = layer.preactivation(h, points, kept)
        by_input = _times(by_input, layer.weight.T)
        if layer.input_weight is not None:
            by_input += layer.input_weight.T[:, None, :]
        for skip in layer.skips:
            by_input += _times(kept_derivatives[skip.source], skip.weight.T)
        by_input *= layer.activation.derivative(z)
        h = layer.activation.apply_(z)
        keep_used(kept, uses, i, h)
        keep_used(kept_derivatives, uses, i, by_input)
    return h, by_input.permute(1, 2, 0).contiguous()


def _values_and_slopes(
    chain: Chain, points: torch.Tensor
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Return values, and the derivative of the activation of every layer where it is applied."""
    kept: dict[int, torch.Tensor] = {}
    uses, slopes, h = last_uses(chain.layers), [], points
    for i, layer in enumerate(chain.layers):
        z = layer.preactivation(h, points, kept)
        slopes.append(layer.activation.derivative(z))
        h = layer.activation.apply_(z)
        keep_used(kept, uses, i, h)
    return h, slopes


def _backward(chain: Chain, slopes: list[torch.Tensor]) -> torch.Tensor:
    """Return the gradients, shape (n_points, n_outputs, n_inputs)."""
    n_points, n_outputs = slopes[-1].shape
    one = torch.eye(n_outputs, dtype=slopes[-1].dtype, device=slopes[-1].device)
    last = len(chain.layers) - 1
    # Derivatives of each output by what a layer gives, (n_outputs, n_points, n_neurons); by the
    # inputs, which come before the first, under -1.
    by_layer = {last: one[:, None, :].expand(-1, n_points, -1)}
    for i in range(last, -1, -1):
        layer, own = chain.layers[i], by_layer.pop(i) * slopes[i]
        taken = [(i - 1, layer.weight), *((s.source, s.weight) for s in layer.skips)]
        if layer.input_weight is not None:
            taken.append((-1, layer.input_weight))
        for source, weight in taken:
            share = _times(own, weight)
            by_layer[source] = by_layer[source].add_(share) if source in by_layer else share
    return by_layer[-1].transpose(0, 1).contiguous()


def _times(rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return ``rows @ weight`` for each output, or input."""
    # In memory the weight lies as it does in a layer's own product: that is what was tried.
    lying = weight.T.contiguous().T
    return product(rows.reshape(-1, rows.shape[-1]), lying).reshape(*rows.shape[:-1], -1)
