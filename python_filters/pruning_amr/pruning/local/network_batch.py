"""Many small networks of one shape, evaluated together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from ...inr.activations import Activation
from ...inr.chain import Chain, Skip, keep_used, last_uses
from ...inr.products import add_product_, affine
from .shapes import ALIGNMENT, Shape, n_products

_WORKING_VALUES = 1 << 22
"""Activations of one batch of cells that are pruned together (16 MiB)."""

_CACHED_VALUES = 1 << 17
"""Activations held at once (512 KiB), so that they stay in the cache of a core."""

_CUDA_VALUES = 1 << 27
"""A GPU wants large batches instead."""


@dataclass(frozen=True)
class BatchLayer:
    """One dense layer of every network.

    Attributes
    ----------
    weight : torch.Tensor, shape (n_networks, n_previous, n_neurons), float32
    bias : torch.Tensor, shape (n_networks, 1, n_neurons), float32
    activation : Activation
    input_weight : torch.Tensor or None, shape (n_networks, n_inputs, n_neurons), float32
    skips : tuple of Skip
        With weights of shape (n_networks, width of the earlier layer, n_neurons), float32.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    activation: Activation
    input_weight: torch.Tensor | None = None
    skips: tuple[Skip, ...] = ()

    @property
    def tensors(self) -> list[torch.Tensor]:
        """Weights and biases."""
        own = (self.weight, self.bias, self.input_weight, *(s.weight for s in self.skips))
        return [t for t in own if t is not None]

    def mapped(self, function: Callable[..., torch.Tensor], *others: BatchLayer) -> BatchLayer:
        """Return the layer with a function applied to each tensor (and those of other layers)."""
        names = ("weight", "bias", "input_weight")
        tensors = {n: [getattr(layer, n) for layer in (self, *others)] for n in names}
        found = {n: function(*t) for n, t in tensors.items() if t[0] is not None}
        skips = zip(self.skips, *(layer.skips for layer in others), strict=True)
        found["skips"] = tuple(
            replace(own, weight=function(own.weight, *(s.weight for s in other)))
            for own, *other in skips
        )
        return replace(self, **found)

    def linear(
        self,
        h: torch.Tensor,
        x: torch.Tensor,
        earlier: Mapping[int, torch.Tensor] | Sequence[torch.Tensor],
    ) -> torch.Tensor:
        """Return the pre-activation values at inputs `h` and coordinates `x`.

        `earlier` holds the outputs of those hidden layers by their index that skips come from.
        """
        single, layer = self.weight.shape[2] == 1, self
        if single:
            # The product with one column of one network rounds differently from that of many.
            layer = self.mapped(lambda w: torch.nn.functional.pad(w, (0, ALIGNMENT - 1)))
        z = affine(layer.bias, h, layer.weight)
        if layer.input_weight is not None:
            add_product_(z, x, layer.input_weight)
        for skip in layer.skips:
            add_product_(z, earlier[skip.source], skip.weight)
        return z[..., :1].contiguous() if single else z


@dataclass(frozen=True)
class NetworkBatch:
    """Networks of one shape; narrower ones are padded with neurons that nothing depends on.

    Attributes
    ----------
    layers : tuple of BatchLayer
    """

    layers: tuple[BatchLayer, ...]

    @classmethod
    def of(cls, chain: Chain) -> NetworkBatch:
        """Return a batch of one network; widths are not padded."""
        return cls(
            tuple(
                BatchLayer(
                    layer.weight.T[None].contiguous(),
                    layer.bias[None, None],
                    layer.activation,
                    None if layer.input_weight is None else layer.input_weight.T[None].contiguous(),
                    tuple(replace(s, weight=s.weight.T[None].contiguous()) for s in layer.skips),
                )
                for layer in chain.layers
            )
        )

    @classmethod
    def concatenated(cls, batches: list[NetworkBatch]) -> NetworkBatch:
        """Return the networks of several batches of the same shape."""
        if len(batches) == 1:
            return batches[0]
        layers = zip(*(b.layers for b in batches), strict=True)
        return cls(tuple(own[0].mapped(lambda *w: torch.cat(w), *own[1:]) for own in layers))

    def __len__(self) -> int:
        return len(self.layers[0].weight)

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """Padded neurons of each hidden layer."""
        return tuple(layer.weight.shape[2] for layer in self.layers[:-1])

    @property
    def n_products(self) -> int:
        """About how many products one of the networks takes for a point (see `n_products`)."""
        return int(n_products(torch.tensor(self.hidden_widths, dtype=torch.long)))

    def cells_at_once(self, n_samples: int) -> int:
        """Return in how many cells such networks are pruned together."""
        values = n_samples * sum(self.hidden_widths) + self.nbytes // (4 * len(self))
        return max(1, _WORKING_VALUES // max(values, 1))

    @property
    def nbytes(self) -> int:
        """Memory of the weights, in bytes."""
        tensors = (t for layer in self.layers for t in layer.tensors)
        return sum(t.numel() * t.element_size() for t in tensors)

    def take(self, networks: torch.Tensor | slice) -> NetworkBatch:
        """Return some of the networks, in the order of their indices."""
        return NetworkBatch(tuple(layer.mapped(lambda w: w[networks]) for layer in self.layers))

    def to(self, dtype: torch.dtype) -> NetworkBatch:
        """Return the networks in another precision."""
        return NetworkBatch(tuple(layer.mapped(lambda w: w.to(dtype)) for layer in self.layers))

    def trimmed(self, widths: Shape) -> NetworkBatch:
        """Return the networks with the first neurons of each hidden layer only."""
        layers, before = [], self.layers[0].weight.shape[1]
        for layer, width in zip(self.layers, (*widths, None), strict=True):
            kept = layer.mapped(lambda w, width=width: w[..., :width].contiguous())
            skips = tuple(
                replace(s, weight=s.weight[:, : widths[s.source]].contiguous()) for s in kept.skips
            )
            weight = kept.weight[:, :before].contiguous()
            layers.append(replace(kept, weight=weight, skips=skips))
            before = width
        return NetworkBatch(tuple(layers))

    def __call__(self, points: torch.Tensor, slot: torch.Tensor | None = None) -> torch.Tensor:
        """Evaluate every network at points of its own, a few at a time.

        Parameters
        ----------
        points : torch.Tensor, shape (n_cells, n_points, n_inputs), float32
            `n_points` is a multiple of `ALIGNMENT`.
        slot : torch.Tensor, optional, shape (n_cells,), int64
            Which network is evaluated where; by default each once, in their order.

        Returns
        -------
        torch.Tensor, shape (n_cells, n_points, n_outputs), float32
        """
        n, rows, _ = points.shape
        # The weights of those at once stay in the cache too.
        values = _CACHED_VALUES if points.device.type == "cpu" else _CUDA_VALUES
        size = max(1, values // (rows * max((*self.hidden_widths, 1))))
        if slot is None and size >= n:
            return self._evaluate(points)
        parts = [slice(i, i + size) for i in range(0, n, size)]
        return torch.cat(
            [self.take(p if slot is None else slot[p])._evaluate(points[p]) for p in parts]
        )

    def _evaluate(self, points: torch.Tensor) -> torch.Tensor:
        h, kept, uses = points, {}, last_uses(self.layers)
        for i, layer in enumerate(self.layers):
            h = layer.activation.apply_(layer.linear(h, points, kept))
            keep_used(kept, uses, i, h)
        return h

    def hidden_values(self, points: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return what enters the activation of every layer, and what leaves that of hidden ones.

        Each (n_networks, n_points, width). Arguments are those of a call; a single network may
        have points of many.
        """
        many, (n, rows, d) = len(self), points.shape
        # One network at all points: one large product instead of many.
        x = points if many == n else points.reshape(1, n * rows, d)
        h, outputs, before, after = x, [], [], []
        for layer in self.layers:
            z = layer.linear(h, x, outputs)
            before.append(z.reshape(n, rows, -1))
            if layer is not self.layers[-1]:
                h = layer.activation.apply_(z.clone())
                outputs.append(h)
                after.append(h.reshape(n, rows, -1))
        return before, after


def columns_of(weight: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Return the weights of some neurons of each network.

    Parameters
    ----------
    weight : torch.Tensor, shape (n_networks or 1, n_previous, n_neurons)
    columns : torch.Tensor, shape (n_networks, n_kept), int64
    """
    n_networks, n_previous = len(columns), weight.shape[1]
    weight = weight.expand(n_networks, -1, -1)
    return weight.gather(2, columns[:, None, :].expand(-1, n_previous, -1))
