"""The one form every supported network is brought to: a chain of dense layers.

Frequencies, Fourier features, input and output scalings are all folded into weights and
biases on loading, so that nothing after this module needs to know where a network came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from . import activation_functions  # noqa: F401  before several threads call them at once
from .activations import Activation
from .products import add_product_, affine

if TYPE_CHECKING:
    from .array_layers import ArrayLayer


@dataclass(frozen=True)
class Skip:
    """A skip connection from an earlier hidden layer.

    Attributes
    ----------
    source : int
        Index of that layer. It lies before the one whose output the layer takes anyway.
    weight : torch.Tensor, shape (n_neurons, width of that layer)
        Acts on the output of that layer: the identity matrix in a residual block.
    """

    source: int
    weight: torch.Tensor


@dataclass(frozen=True)
class Layer:
    """One dense layer: ``activation(weight @ h + input_weight @ x + skips + bias)``.

    Attributes
    ----------
    weight : torch.Tensor, shape (n_neurons, n_previous)
        Acts on the output of the layer before (the coordinates, for the first layer).
    bias : torch.Tensor, shape (n_neurons,)
    activation : Activation
    input_weight : torch.Tensor or None, shape (n_neurons, n_inputs)
        A skip connection from the coordinates. A layer that concatenates the coordinates to
        its input is this, with its weight matrix cut in two.
    skips : tuple of Skip
        Skip connections from earlier layers, at most one from each. A layer that concatenates
        their outputs to its input is this, with its weight matrix cut.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    activation: Activation
    input_weight: torch.Tensor | None = None
    skips: tuple[Skip, ...] = ()

    @property
    def width(self) -> int:
        """Number of neurons."""
        return self.weight.shape[0]

    @property
    def n_parameters(self) -> int:
        """Number of weights and biases."""
        skip = 0 if self.input_weight is None else self.input_weight.numel()
        skip += sum(s.weight.numel() for s in self.skips)
        return self.weight.numel() + self.bias.numel() + skip

    def __call__(
        self,
        h: torch.Tensor,
        x: torch.Tensor,
        earlier: Mapping[int, torch.Tensor] | Sequence[torch.Tensor] = (),
    ) -> torch.Tensor:
        """Apply the layer.

        Parameters
        ----------
        h : torch.Tensor, shape (n_points, n_previous)
            Output of the layer before.
        x : torch.Tensor, shape (n_points, n_inputs)
        earlier : mapping or sequence of torch.Tensor
            Outputs of hidden layers by their index, at least of those that skips come from.
        """
        return self.activation(self.preactivation(h, x, earlier))

    def preactivation(
        self,
        h: torch.Tensor,
        x: torch.Tensor,
        earlier: Mapping[int, torch.Tensor] | Sequence[torch.Tensor] = (),
    ) -> torch.Tensor:
        """Return what the activation is applied to, in memory of its own.

        The arguments are those of a call.
        """
        z = affine(self.bias, h, self.weight.T)
        if self.input_weight is not None:
            add_product_(z, x, self.input_weight.T)
        for skip in self.skips:
            add_product_(z, earlier[skip.source], skip.weight.T)
        return z

    def to(self, device: torch.device, dtype: torch.dtype) -> Layer:
        """Return the layer with its tensors on `device` in `dtype`."""
        skip = self.input_weight
        return replace(
            self,
            weight=self.weight.to(device, dtype),
            bias=self.bias.to(device, dtype),
            input_weight=None if skip is None else skip.to(device, dtype),
            skips=tuple(replace(s, weight=s.weight.to(device, dtype)) for s in self.skips),
        )


@dataclass(frozen=True, repr=False)
class Chain:
    """A network f: R^n_inputs -> R^n_outputs as a sequence of dense layers.

    Attributes
    ----------
    layers : tuple of Layer
        The last one is the output layer; those before it are the hidden layers.
    """

    layers: tuple[Layer, ...]

    def __repr__(self) -> str:
        """Return the widths of its layers, not their weights."""
        widths = (self.n_inputs, *self.hidden_widths, self.n_outputs)
        return f"<Chain {' -> '.join(map(str, widths))}>"

    @property
    def n_inputs(self) -> int:
        """Number of coordinates."""
        return self.layers[0].weight.shape[1]

    @property
    def n_outputs(self) -> int:
        """Number of output channels."""
        return self.layers[-1].width

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """Neurons of each hidden layer."""
        return tuple(layer.width for layer in self.layers[:-1])

    @property
    def n_parameters(self) -> int:
        """Number of weights and biases of all layers."""
        return sum(layer.n_parameters for layer in self.layers)

    @property
    def kept_width(self) -> int:
        """Neurons of the layers whose outputs are kept for skip connections."""
        return sum(self.layers[source].width for source in self._last_uses)

    @cached_property
    def _last_uses(self) -> dict[int, int]:
        return last_uses(self.layers)

    def to(self, device: torch.device | str, dtype: torch.dtype = torch.float32) -> Chain:
        """Return the chain with its tensors on `device` in `dtype`."""
        device = torch.device(device)
        return Chain(tuple(layer.to(device, dtype) for layer in self.layers))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Evaluate at points `x`, shape (n_points, n_inputs) -> (n_points, n_outputs)."""
        h, kept = x, {}
        for i, layer in enumerate(self.layers):
            h = layer(h, x, kept)
            keep_used(kept, self._last_uses, i, h)
        return h

    def fused(self, x: torch.Tensor) -> torch.Tensor:
        """Evaluate at points as a call does, by the fastest operations (`Activation.apply_`).

        On the CPU rows depend on nothing but themselves if their number is a multiple of 64 and
        one thread works on them.
        """
        h, kept = x, {}
        for i, layer in enumerate(self.layers):
            h = layer.activation.apply_(layer.preactivation(h, x, kept))
            keep_used(kept, self._last_uses, i, h)
        return h

    def activations(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the post-activation values of every hidden layer at points `x`.

        Parameters
        ----------
        x : torch.Tensor, shape (n_points, n_inputs)

        Returns
        -------
        list of torch.Tensor, each of shape (n_points, n_neurons)
        """
        h, kept = x, []
        for layer in self.layers[:-1]:
            h = layer(h, x, kept)
            kept.append(h)
        return kept

    def fix_inputs(self, axes: Sequence[int], values: Sequence[float]) -> Chain:
        """Hold some coordinates constant by folding them into the biases.

        Parameters
        ----------
        axes : sequence of int
            Input columns to remove.
        values : sequence of float
            The value each is held at.

        Returns
        -------
        Chain
            A network of the remaining inputs, in their order.
        """
        if not axes:
            return self
        fixed = torch.as_tensor(list(axes), dtype=torch.long)
        free = torch.as_tensor([a for a in range(self.n_inputs) if a not in set(axes)])
        value = torch.as_tensor(list(values), dtype=torch.float64)
        first = self.layers[0]
        layers = [
            replace(
                first,
                weight=first.weight[:, free].contiguous(),
                bias=_fold(first.bias, first.weight[:, fixed], value),
            )
        ]
        for layer in self.layers[1:]:
            if layer.input_weight is not None:
                layer = replace(
                    layer,
                    bias=_fold(layer.bias, layer.input_weight[:, fixed], value),
                    input_weight=layer.input_weight[:, free].contiguous(),
                )
            layers.append(layer)
        return Chain(tuple(layers))

    def rescaled_input(self, axis: int, scale: float, offset: float) -> Chain:
        """Return the network of a coordinate ``scale * old + offset`` in place of the old one."""
        shift = torch.tensor([-offset / scale], dtype=torch.float64)
        layers = []
        for i, layer in enumerate(self.layers):
            name = "weight" if i == 0 else "input_weight"
            weight = getattr(layer, name)
            if weight is not None:
                column = weight[:, axis : axis + 1].double()
                weight = weight.clone()
                weight[:, axis] = (column[:, 0] / scale).to(weight.dtype)
                layer = replace(layer, bias=_fold(layer.bias, column, shift), **{name: weight})
            layers.append(layer)
        return Chain(tuple(layers))

    def restricted(self, origin: np.ndarray, directions: np.ndarray) -> Chain:
        """Return the network on an affine subspace, as a network of coordinates in it.

        At v it gives what this network gives at ``origin + directions @ v``: with every weight
        matrix W that acts on the coordinates, ``W (o + E v) + b = (W E) v + (W o + b)``.

        Parameters
        ----------
        origin : array_like, shape (n_inputs,)
        directions : array_like, shape (n_inputs, n)

        Returns
        -------
        Chain
            A network of n inputs. Sums are taken in float64 and rounded once.
        """
        start = torch.as_tensor(np.asarray(origin, np.float64))
        along = torch.as_tensor(np.asarray(directions, np.float64))
        layers = []
        for i, layer in enumerate(self.layers):
            name = "weight" if i == 0 else "input_weight"
            weight = getattr(layer, name)
            if weight is not None:
                folded = (weight.double() @ along.to(weight.device)).to(weight.dtype)
                bias = _fold(layer.bias, weight, start)
                layer = replace(layer, bias=bias, **{name: folded.contiguous()})
            layers.append(layer)
        return Chain(tuple(layers))

    def reordered(self, order: Sequence[int]) -> Chain:
        """Return the same network with its coordinates in another order.

        Parameters
        ----------
        order : sequence of int
            Input column that becomes the first, the second, and so on.
        """
        columns = torch.as_tensor(list(order), dtype=torch.long)
        first = self.layers[0]
        layers = [replace(first, weight=first.weight[:, columns].contiguous())]
        for layer in self.layers[1:]:
            if layer.input_weight is not None:
                layer = replace(layer, input_weight=layer.input_weight[:, columns].contiguous())
            layers.append(layer)
        return Chain(tuple(layers))

    def with_outputs(self, channels: Sequence[int]) -> Chain:
        """Return the network of some of the output channels, in the order given."""
        last, rows = self.layers[-1], torch.as_tensor(list(channels), dtype=torch.long)
        skip = None if last.input_weight is None else last.input_weight[rows].contiguous()
        weight, bias = last.weight[rows].contiguous(), last.bias[rows].contiguous()
        skips = tuple(replace(s, weight=s.weight[rows].contiguous()) for s in last.skips)
        shown = replace(last, weight=weight, bias=bias, input_weight=skip, skips=skips)
        return Chain((*self.layers[:-1], shown))


def last_uses(layers: Sequence[Any]) -> dict[int, int]:
    """Return the last layer that the output of each layer enters by a skip connection."""
    return {skip.source: i for i, layer in enumerate(layers) for skip in layer.skips}


def keep_used(kept: dict[int, Any], uses: Mapping[int, int], i: int, output: Any) -> None:
    """Keep the output of layer i while skip connections need it, and none for longer.

    Parameters
    ----------
    kept : dict
        Outputs by the index of their layer; changed in place.
    uses : mapping of int to int
        See `last_uses`.
    i : int
    output : torch.Tensor, or whatever belongs to one
    """
    if not uses:
        return
    for source in [s for s in kept if uses[s] <= i]:
        del kept[source]
    if i in uses:
        kept[i] = output


def check_layers(layers: Sequence[Layer]) -> None:
    """Check that layers connect, skip connections included.

    Raises
    ------
    ValueError
        If they do not.
    """
    if not layers:
        raise ValueError("there are no layers")
    taken = layers[0].weight.shape[-1]
    for i, layer in enumerate(layers):
        width = len(layer.weight)
        shapes = [(layer.weight, (width, taken)), (layer.bias, (width,))]
        if layer.input_weight is not None:
            shapes.append((layer.input_weight, (width, layers[0].weight.shape[-1])))
        for tensor, expected in shapes:
            if tuple(tensor.shape) != expected or not tensor.is_floating_point():
                raise ValueError(
                    f"layer {i} holds {tensor.dtype} of shape {tuple(tensor.shape)}; expected "
                    f"floating-point numbers of shape {expected}"
                )
        taken = width
    check_skips(layers)


def check_skips(layers: Sequence[Layer]) -> None:
    """Check that skip connections come from earlier layers, and that their shapes connect.

    Raises
    ------
    ValueError
        If one does not.
    """
    for i, layer in enumerate(layers):
        sources = [skip.source for skip in layer.skips]
        for source, skip in zip(sources, layer.skips, strict=True):
            if not 0 <= source < i - 1 or sources.count(source) > 1:
                allowed = f"at most one from each of layers 0 to {i - 2}" if i > 1 else "none"
                raise ValueError(
                    f"skip connections enter layer {i} from layers {sources}; expected {allowed}"
                )
            expected = (layer.width, layers[source].width)
            if tuple(skip.weight.shape) != expected:
                raise ValueError(
                    f"the skip connection from layer {source} to layer {i} has the shape "
                    f"{tuple(skip.weight.shape)}; expected {expected}"
                )


def _fold(bias: torch.Tensor, columns: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Return ``bias + columns @ value``, summed in float64 and rounded once."""
    total = bias.double() + columns.double() @ value.to(bias.device)
    return total.to(bias.dtype)


def chain_of(layers: Sequence[ArrayLayer]) -> Chain:
    """Return dense layers as a network of float32 tensors."""
    return Chain(tuple(_layer_of(layer) for layer in layers))


def _layer_of(layer: ArrayLayer) -> Layer:
    skip = layer.input_weight
    return Layer(
        _float32(layer.weight),
        _float32(layer.bias),
        layer.activation,
        None if skip is None else _float32(skip),
        tuple(Skip(source, _float32(w)) for source, w in sorted(layer.skips.items())),
    )


def _float32(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).float()
