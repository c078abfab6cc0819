"""Networks as people write them, in PyTorch: what is saved, and the formula of the field."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import nn

Formula = Callable[[torch.Tensor], torch.Tensor]


def mlp(widths: Sequence[int], activation: Callable[[], nn.Module] = nn.Tanh) -> nn.Sequential:
    """Dense layers with an activation between two of them, lively enough to be no plane."""
    layers = []
    for a, b in itertools.pairwise(widths):
        layer = nn.Linear(a, b)
        nn.init.normal_(layer.weight, std=1.5 / math.sqrt(a))
        nn.init.normal_(layer.bias, std=0.5)
        layers += [layer, activation()]
    return nn.Sequential(*layers[:-1])


class Of(nn.Module):
    """A formula around a network: formula(network, x)."""

    def __init__(self, network: nn.Module, formula: Callable) -> None:
        super().__init__()
        self.network, self.formula = network, formula

    def forward(self, x):
        return self.formula(self.network, x)


class Net(nn.Module):
    """A user's own class, its activation between two layers."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.act = nn.Linear(3, 16), nn.Linear(16, 16), nn.SiLU()
        self.fc3 = nn.Linear(16, 2)

    def forward(self, x):
        return self.fc3(self.act(self.fc2(self.act(self.fc1(x)))))


class ActivationLast(nn.Module):
    """The activation is defined after the output layer, and is none of it."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(3, 16), nn.Linear(16, 16), nn.Linear(16, 1)
        self.act = nn.Tanh()

    def forward(self, x):
        return self.fc3(self.act(self.fc2(self.act(self.fc1(x)))))


class Functional(nn.Module):
    """No activation is a module."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.ModuleList([nn.Linear(3, 16), nn.Linear(16, 16)])
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.relu(layer(x))
        return self.out(x)


class SineLayer(nn.Module):
    """SIREN layer with its frequency as a plain attribute."""

    def __init__(self, a, b, omega_0):
        super().__init__()
        self.omega_0, self.linear = omega_0, nn.Linear(a, b)
        bound = math.sqrt(6 / a) / omega_0 if a > 3 else 1 / a
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x):
        return torch.sin(self.omega_0 * self.linear(x))


class Siren(nn.Module):
    """SIREN whose omega_0 stands only in the pickle."""

    def __init__(self, first=12.0, others=9.0):
        super().__init__()
        self.net = nn.Sequential(
            SineLayer(3, 16, first), SineLayer(16, 16, others), nn.Linear(16, 1)
        )

    def forward(self, x):
        return self.net(x)


class Sine(nn.Module):
    """As siren-pytorch has it."""

    def __init__(self, w0=1.0):
        super().__init__()
        self.w0 = w0

    def forward(self, x):
        return torch.sin(self.w0 * x)


class SirenPytorchLayer(nn.Module):
    """As siren-pytorch has it: weight and bias of its own, then an activation."""

    def __init__(self, a, b, w0, activation=None):
        super().__init__()
        bound = 1 / a if a <= 3 else math.sqrt(6 / a) / w0
        self.weight = nn.Parameter(torch.empty(b, a).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(b).uniform_(-bound, bound))
        self.activation = Sine(w0) if activation is None else activation
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        return self.dropout(self.activation(nn.functional.linear(x, self.weight, self.bias)))


class SirenNet(nn.Module):
    """As siren-pytorch has it."""

    def __init__(self, w0=7.0, w0_initial=11.0):
        super().__init__()
        self.layers = nn.ModuleList(
            [SirenPytorchLayer(2, 16, w0_initial), SirenPytorchLayer(16, 16, w0)]
        )
        self.last_layer = SirenPytorchLayer(16, 1, w0, nn.Identity())

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.last_layer(x)


class Blocks(nn.Module):
    """Residual blocks; `place` says where the activation of their last layer is."""

    def __init__(self, place, act=torch.tanh, n_blocks=1):
        super().__init__()
        self.place, self.act = place, act
        self.first, self.last = nn.Linear(3, 8), nn.Linear(8, 1)
        for k in range(n_blocks):
            block = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8))
            setattr(self, f"block{k + 1}", block)

    def forward(self, x):
        act, x = self.act, self.act(self.first(x))
        for name, block in self.named_children():
            if not name.startswith("block"):
                continue
            z = block[2](act(block[0](x)))
            if self.place == "none":
                x = x + z
            else:
                x = x + act(z) if self.place == "before" else act(x + z)
        return self.last(x)


class Frequencies(nn.Module):
    """A positional encoding: sin(factor base^k x) and cos, in every order that people write."""

    def __init__(
        self, levels, order, include=True, factor=1.0, linear=False, major="level", base=2.0
    ):
        super().__init__()
        self.order, self.include, self.major = order, include, major
        bands = base ** torch.arange(levels, dtype=torch.float64)
        if linear:
            bands = torch.linspace(1, base ** (levels - 1), levels, dtype=torch.float64)
        self.bands = (factor * bands).tolist()

    def forward(self, x):
        first = (torch.sin, torch.cos) if self.order.startswith("sin") else (torch.cos, torch.sin)
        columns = [x] if self.major == "level" else [x[:, a : a + 1] for a in range(x.shape[1])]
        if self.order.endswith("first"):
            parts = [f(b * c) for f in first for c in columns for b in self.bands]
        elif self.major == "level":
            parts = [f(b * x) for b in self.bands for f in first]
        else:
            parts = [f(b * c) for c in columns for b in self.bands for f in first]
        if self.include == "last":
            parts = [*parts, x]
        elif self.include:
            parts = [x, *parts]
        return torch.cat(parts, -1)


class Nerf(nn.Module):
    """Trunk behind an encoding with a skip at layer 2, and two heads."""

    def __init__(self, encoding, n_inputs=3):
        super().__init__()
        self.encode = encoding
        n = encoding(torch.zeros(1, n_inputs)).shape[1]
        self.pts_linears = nn.ModuleList(
            [nn.Linear(n, 16), nn.Linear(16, 16), nn.Linear(16 + n, 16)]
        )
        self.alpha_linear, self.rgb_linear = nn.Linear(16, 1), nn.Linear(16, 3)

    def forward(self, p):
        e = self.encode(p)
        h = torch.relu(self.pts_linears[1](torch.relu(self.pts_linears[0](e))))
        h = torch.relu(self.pts_linears[2](torch.cat([e, h], -1)))
        return self.alpha_linear(h)


class Fourier(nn.Module):
    """Fourier features of a matrix, then dense layers."""

    def __init__(self, name, scale=2 * math.pi, order="sin_cos", transposed=False):
        super().__init__()
        matrix = 0.5 * torch.randn(2, 10)
        self.register_buffer(name, matrix.T.contiguous() if transposed else matrix)
        self.name, self.scale, self.order, self.transposed = name, scale, order, transposed
        self.net = mlp([20, 16, 1], nn.SiLU)

    def forward(self, x):
        matrix = getattr(self, self.name)
        z = self.scale * x @ (matrix.T if self.transposed else matrix)
        halves = [torch.sin(z), torch.cos(z)]
        return self.net(torch.cat(halves if self.order == "sin_cos" else halves[::-1], -1))


class ImplicitNet(nn.Module):
    """IGR, IDR and NeuS: Softplus(100), a skip of the inputs divided by sqrt(2), an encoding."""

    def __init__(self, encoding=None, n_inputs=3, width=24, weight_norm=False):
        super().__init__()
        self.encode = encoding or nn.Identity()
        n = self.encode(torch.zeros(1, n_inputs)).shape[1]
        sizes = [(n, width), (width, width - n), (width, width), (width, 1)]
        for k, (a, b) in enumerate(sizes):
            layer = nn.Linear(a, b)
            nn.init.normal_(layer.weight, std=1.5 / math.sqrt(a))
            setattr(self, f"lin{k}", nn.utils.weight_norm(layer) if weight_norm else layer)
        self.softplus = nn.Softplus(beta=100)

    def forward(self, x):
        x = e = self.encode(x)
        for k in range(4):
            if k == 2:
                x = torch.cat([x, e], -1) / math.sqrt(2)
            x = getattr(self, f"lin{k}")(x)
            x = self.softplus(x) if k < 3 else x
        return x


class DeepSdf(nn.Module):
    """Decoder of a latent code and coordinates, weight normalised, with a skip at layer 2."""

    def __init__(self, normalise, n_latent=4, width=24, last=False):
        super().__init__()
        n, self.last = n_latent + 3, last
        sizes = [(n, width), (width, width - n), (width, width), (width, 1)]
        for k, (a, b) in enumerate(sizes):
            layer = normalise(nn.Linear(a, b))
            setattr(self, f"lin{k}", layer)
        for p in self.parameters():
            p.data.mul_(1.3)
        self.code = torch.randn(n_latent).tolist()

    def forward(self, x):
        code = torch.tensor(self.code, dtype=x.dtype).expand(len(x), -1)
        h = given = torch.cat([x, code] if self.last else [code, x], -1)
        for k in range(4):
            if k == 2:
                h = torch.cat([h, given], -1)
            h = getattr(self, f"lin{k}")(h)
            h = torch.relu(h) if k < 3 else h
        return h


class Modified(nn.Module):
    """The 'modified MLP' of PINN codes: gates U and V."""

    def __init__(self):
        super().__init__()
        self.U, self.V = nn.Linear(2, 8), nn.Linear(2, 8)
        self.l = nn.ModuleList([nn.Linear(2, 8), nn.Linear(8, 8), nn.Linear(8, 1)])
