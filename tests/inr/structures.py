"""Checkpoints in the structures people have, each with the formula its field must follow.

A structure writes its file into a folder and returns its path and a torch module, whose values in
float64 are the truth. Weights are random, with a seed made of the structure's name.
"""

from __future__ import annotations

import argparse
import collections
import json
import math
import pickle
import types
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from structure_networks import (
    ActivationLast,
    Blocks,
    DeepSdf,
    Fourier,
    Frequencies,
    Functional,
    ImplicitNet,
    Modified,
    Nerf,
    Net,
    Of,
    Siren,
    SirenNet,
    mlp,
)
from torch import nn

X = {"inputs": ["x"], "bounds": [[0, 1]]}
XY = {"inputs": ["x", "y"], "bounds": [[0, 1], [0, 1]]}
XYZ = {"inputs": ["x", "y", "z"], "bounds": [[-1, 1]] * 3}
TANH = {**XY, "activation": "tanh"}
RELU = {**XYZ, "activation": "relu"}


@dataclass(frozen=True)
class Structure:
    """A structure: how a file of it is written, and what has to come of it.

    `refused` are words of the sentence that refuses it; none if it has to load.
    """

    name: str
    metadata: dict[str, Any]
    make: Callable[[Path], tuple[Path, nn.Module | None]]
    refused: tuple[str, ...] = ()

    def write(self, folder: Path) -> tuple[Path, nn.Module | None]:
        """Write the checkpoint and the JSON file beside it."""
        torch.manual_seed(zlib.crc32(self.name.encode()))
        path, formula = self.make(folder)
        path.with_suffix(".json").write_text(json.dumps(self.metadata))
        return path, formula


STRUCTURES: list[Structure] = []


def _add(
    name: str, metadata: dict[str, Any], make: Callable, refused: tuple[str, ...] = ()
) -> None:
    STRUCTURES.append(Structure(name, metadata, make, refused))


def _saved(folder: Path, content: Any, extension: str = ".pt", **options: Any) -> Path:
    path = folder / f"network{extension}"
    torch.save(content, path, **options)
    return path


def values(formula: nn.Module, points: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    """Values of a formula in plain PyTorch."""
    with torch.no_grad():
        module = formula.to(dtype).eval()  # From float32 to float64 and back nothing is lost.
        return module(torch.from_numpy(points).to(dtype)).double().numpy()


# --- whole modules ------------------------------------------------------------------------


def _whole(name: str, metadata: dict[str, Any], make: Callable[[], nn.Module], **options) -> None:
    def write(folder):
        network = make()
        return _saved(folder, network, **options), network

    _add(name, metadata, write)


OLD = {"_use_new_zipfile_serialization": False}
_whole("whole nn.Sequential", XY, lambda: mlp([2, 8, 8, 1]))
_whole("whole nn.Sequential, before PyTorch 1.6", XY, lambda: mlp([2, 8, 8, 1]), **OLD)
_whole("whole module of an own class", XYZ, Net)
_whole("whole module, activation defined after the last layer", XYZ, ActivationLast)
_whole("whole module, activations in its code only", RELU, Functional)
_whole("whole SIREN, omega_0 an attribute", XYZ, Siren)
_whole("whole SIREN, before PyTorch 1.6", XYZ, Siren, **OLD)
_whole("whole siren-pytorch", XY, SirenNet)
_whole("whole module with PReLU", XY, lambda: mlp([2, 12, 12, 1], lambda: nn.PReLU(init=0.3)))
_whole(
    "whole module, output activation",
    XY,
    lambda: nn.Sequential(*mlp([2, 12, 1]), nn.Sigmoid()),
)
_whole(
    "whole module, two linear layers in a row, Identity, Dropout",
    XY,
    lambda: nn.Sequential(
        nn.Linear(2, 8), nn.Identity(), nn.Linear(8, 8), nn.Tanh(), nn.Dropout(), nn.Linear(8, 1)
    ),
)


def _script(name: str, activation: Callable[[], nn.Module], *, traced: bool = False) -> None:
    def write(folder):
        network = mlp([3, 16, 16, 1], activation)
        path = folder / "network.pt"
        made = torch.jit.trace(network, torch.zeros(4, 3)) if traced else torch.jit.script(network)
        made.save(str(path))
        return path, network

    _add(f"TorchScript, {'traced' if traced else 'scripted'}, {name}", XYZ, write)


for _traced in (False, True):
    _script("Softplus(beta=100)", lambda: nn.Softplus(beta=100), traced=_traced)
    _script("Softplus()", nn.Softplus, traced=_traced)
    _script("ELU(0.5)", lambda: nn.ELU(0.5), traced=_traced)
    _script("LeakyReLU(0.2)", lambda: nn.LeakyReLU(0.2), traced=_traced)


# --- state dicts with company -------------------------------------------------------------


def _company(name: str, around: Callable[[nn.Module, dict], Any], extension: str = ".pt") -> None:
    def write(folder):
        network = mlp([2, 8, 8, 1])
        return _saved(folder, around(network, network.state_dict()), extension), network

    _add(name, TANH, write)


_company("state dict", lambda _, s: s)
_company(
    "state dict and a numpy scalar", lambda _, s: {"model_state_dict": s, "best": np.float64(1)}
)
_company("state dict and a numpy history", lambda _, s: {"model": s, "history": np.arange(9.0)})
_company(
    "state dict and optimizer",
    lambda n, s: {
        "model_state_dict": s,
        "optimizer_state_dict": torch.optim.Adam(n.parameters()).state_dict(),
        "epoch": 7,
    },
)
_company(
    "Lightning checkpoint",
    lambda n, s: {
        "epoch": 3,
        "global_step": 120,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": {f"net.{k}": v for k, v in s.items()},
        "optimizer_states": [torch.optim.Adam(n.parameters()).state_dict()],
        "lr_schedulers": [],
        "hyper_parameters": {"hidden": 8, "lr": 1e-3},
    },
    ".ckpt",
)
_company(
    "state dict and argparse.Namespace",
    lambda _, s: {"args": argparse.Namespace(width=8, lr=0.1), "net": s},
)
_company("state dict as .tar", lambda _, s: {"network_fn_state_dict": s, "global_step": 5}, ".tar")
_company("state dict as .pkl", lambda _, s: s, ".pkl")
_company("state dict as .model", lambda _, s: s, ".model")
_company("state dict without extension", lambda _, s: s, "")
_company("state dict nested twice", lambda _, s: {"checkpoint": {"nn_model": {"state_dict": s}}})
_company("state dict and a coefficient", lambda _, s: {**s, "lambda_1": torch.ones(1)})
_company(
    "state dict beside an EMA copy",
    lambda _, s: {"model": s, "ema": {k: 2 * v for k, v in s.items()}},
)


def _plain_pickle(folder: Path):
    network = mlp([2, 8, 8, 1])
    path = folder / "network.pkl"
    path.write_bytes(pickle.dumps({k: v.numpy() for k, v in network.state_dict().items()}))
    return path, network


_add("plain pickle of a state dict of arrays", TANH, _plain_pickle)


def _pickled_tensors(folder: Path):
    network = mlp([2, 8, 8, 1])
    path = folder / "network.pkl"
    path.write_bytes(pickle.dumps(network.state_dict()))
    return path, network


_add("plain pickle of a state dict of tensors", TANH, _pickled_tensors)


# --- scalings and slopes ------------------------------------------------------------------

LOW, HIGH = [-0.5, 0.0], [1.0, 2.0]
SCALED = {"inputs": ["x", "y"], "bounds": [[-0.5, 1], [0, 2]], "activation": "tanh"}


def _scaled(name: str, key: str, names: tuple[str, str], beside: bool, formula: Callable) -> None:
    def write(folder):
        network = mlp([2, 8, 8, 1])
        extra = {names[0]: torch.tensor(LOW), names[1]: torch.tensor(HIGH)}
        state = network.state_dict()
        content = {"model": state, **extra} if beside else {**state, **extra}
        return _saved(folder, content), Of(network, formula)

    _add(name, {**SCALED, "input_range": key}, write)


def _to_unit(network, p):
    low, high = (torch.tensor(v, dtype=p.dtype) for v in (LOW, HIGH))
    return network(2 * (p - low) / (high - low) - 1)


def _standardised(network, p):
    return network((p - torch.tensor(LOW, dtype=p.dtype)) / torch.tensor([1.0, 2.0], dtype=p.dtype))


_scaled("lb and ub in the state dict", "lb_ub", ("lb", "ub"), False, _to_unit)
_scaled("lb and ub beside the state dict", "lb_ub", ("lb", "ub"), True, _to_unit)


def _mean_std(folder: Path):
    network = mlp([2, 8, 8, 1])
    extra = {"X_mean": torch.tensor(LOW), "X_std": torch.tensor([1.0, 2.0])}
    return _saved(folder, {**network.state_dict(), **extra}), Of(network, _standardised)


_add("X_mean and X_std", {**SCALED, "input_range": "X_mean_X_std"}, _mean_std)
_add(
    "lb and ub that do not matter",
    {**SCALED, "input_range": "none"},
    lambda folder: (
        _saved(
            folder,
            {**(n := mlp([2, 8, 1])).state_dict(), "lb": torch.zeros(2), "ub": torch.ones(2)},
        ),
        n,
    ),
)


def _sloped(slopes: list[float], act: Callable) -> Callable:
    def formula(network, p):
        *hidden, last = [m for m in network if isinstance(m, nn.Linear)]
        for slope, layer in zip(slopes, hidden, strict=True):
            p = act(slope * layer(p))
        return last(p)

    return formula


def _one_slope(folder: Path):
    network = mlp([2, 8, 8, 1])
    a = {"a": torch.tensor(1.3)}
    return _saved(folder, {**network.state_dict(), **a}), Of(
        network, _sloped([1.3] * 2, torch.tanh)
    )


def _slopes(folder: Path):
    network = mlp([2, 8, 8, 1])
    a = {"a.0": torch.tensor([1.3]), "a.1": torch.tensor([0.7])}
    return _saved(folder, {**network.state_dict(), **a}), Of(
        network, _sloped([1.3, 0.7], torch.tanh)
    )


_add("one trained slope", {**TANH, "activation_slope": "a"}, _one_slope)
_add("a trained slope per layer", {**TANH, "activation_slope": ["a.0", "a.1"]}, _slopes)
_add("trained slopes by what their keys begin with", {**TANH, "activation_slope": "a"}, _slopes)


# --- several networks ---------------------------------------------------------------------


def _prefixed(**networks: nn.Module) -> dict[str, torch.Tensor]:
    return {f"{n}.{k}": v for n, net in networks.items() for k, v in net.state_dict().items()}


def _two(folder: Path):
    u, s = mlp([2, 8, 2]), mlp([2, 8, 3])
    return _saved(folder, _prefixed(net_u=u, net_s=s)), s


def _coarse_fine(folder: Path):
    coarse, fine = mlp([3, 8, 8, 3], nn.ReLU), mlp([3, 8, 8, 3], nn.ReLU)
    return _saved(folder, _prefixed(coarse=coarse, fine=fine)), fine


def _two_dicts(folder: Path):
    u, p = mlp([2, 8, 2]), mlp([2, 8, 1])
    return _saved(folder, {"u": u.state_dict(), "p": p.state_dict(), "epoch": 4}), p


def _stacked(networks, x):
    return torch.cat([network(x) for network in networks], -1)


def _parts(folder: Path):
    nets = nn.ModuleList([mlp([2, 8, 8, 1]) for _ in "uvp"])
    u, v, p = nets
    return _saved(folder, _prefixed(u=u, v=v, p=p)), Of(nets, _stacked)


def _part_files(folder: Path):
    nets = nn.ModuleList([mlp([2, 8, 8, n]) for n in (2, 1)])
    torch.save({"state_dict": nets[1].state_dict()}, folder / "p.pt")
    return _saved(folder, nets[0].state_dict()), Of(nets, _stacked)


def _two_whole(folder: Path):
    both = nn.ModuleDict({"net_u": mlp([2, 8, 2]), "net_s": mlp([2, 8, 3], nn.ReLU)})
    return _saved(folder, both), both["net_s"]


_add("two networks, one by network", {**TANH, "network": "net_s"}, _two)
_add("coarse and fine, one by network", {**RELU, "network": "fine"}, _coarse_fine)
_add("two state dicts in one file", {**TANH, "network": "p"}, _two_dicts)
_add("two networks in a whole module", {**XY, "network": "net_s"}, _two_whole)
_add("parts u, v, p of one file", {**TANH, "parts": [{"network": n} for n in "uvp"]}, _parts)
_add("parts from several files", {**TANH, "parts": [{}, {"file": "p.pt"}]}, _part_files)


# --- residual blocks ----------------------------------------------------------------------


def _residual(place: str, act: Callable = torch.tanh, *, whole: bool = False, **extra: Any) -> None:
    def write(folder):
        network = Blocks(place, act, 2)
        if whole:
            network.act = None
            path = _saved(folder, network)
            network.act = act
        else:
            path = _saved(folder, network.state_dict())
        return path, network

    metadata = {**XYZ, "residual": ["block1", "block2"], "residual_activation": place}
    what = ("whole module" if whole else "state dict") + (", softplus" if extra else "")
    metadata |= extra or ({} if whole else {"activation": "tanh"})
    _add(f"residual blocks, {what}, activation {place}", metadata, write)


for _place in ("none", "before", "after"):
    _residual(_place)
    _residual(_place, whole=True)
    _residual(_place, nn.Softplus(beta=10), activation={"name": "softplus", "beta": 10})


def _sine_residual(place: str) -> None:
    def write(folder):
        network = Blocks(place, lambda z: torch.sin(5.0 * z))
        return _saved(folder, network.state_dict()), network

    metadata = {**XYZ, "residual": ["block1"], "residual_activation": place}
    _add(
        f"residual blocks, sine of a frequency, activation {place}",
        {**metadata, "activation": "sin", "omega_0": 5.0},
        write,
    )


for _place in ("none", "before", "after"):
    _sine_residual(_place)


class _FirstBlock(nn.Module):
    """A residual block that takes encoded coordinates."""

    def __init__(self):
        super().__init__()
        self.encode = Frequencies(2, "sin_cos")
        self.block = nn.Sequential(nn.Linear(15, 15), nn.Tanh(), nn.Linear(15, 15))
        self.last = nn.Linear(15, 1)

    def forward(self, x):
        e = self.encode(x)
        return self.last(e + self.block(e))


def _first_block(folder: Path):
    network = _FirstBlock()
    return _saved(folder, network.state_dict()), network


_add(
    "residual block of an encoding",
    {
        **XYZ,
        "activation": "tanh",
        "residual": ["block"],
        "encoding": {"levels": 2, "order": "sin_cos"},
    },
    _first_block,
)


# --- encodings ----------------------------------------------------------------------------


def _nerf(name: str, stated: dict[str, Any], **encoding: Any) -> None:
    def write(folder):
        network = Nerf(Frequencies(4, **encoding))
        return _saved(folder, {"network_fn_state_dict": network.state_dict()}), network

    stated = {"levels": 4, "order": encoding["order"], **stated}
    metadata = {**RELU, "head": "alpha_linear", "skip_order": "input_first", "encoding": stated}
    _add(f"NeRF density with skip, {name}", metadata, write)


for _order in ("sin_cos", "cos_sin", "sin_first", "cos_first"):
    _nerf(_order, {}, order=_order)
    _nerf(f"{_order}, by coordinate", {"major": "coordinate"}, order=_order, major="coordinate")
_nerf("without input", {"include_input": False}, order="sin_cos", include=False)
_nerf("input last", {"include_input": "last"}, order="sin_cos", include="last")
_nerf("linear bands", {"bands": "linear"}, order="sin_cos", linear=True)
_nerf("factor pi", {"factor": "pi"}, order="sin_cos", factor=math.pi)
_nerf("base 1.5", {"base": 1.5}, order="sin_cos", base=1.5)


def _fourier(name: str, **options: Any) -> None:
    def write(folder):
        network = Fourier(name, **options)
        return _saved(folder, network.state_dict()), network

    what = ", ".join([name, *(k if v is True else f"{k} {v}" for k, v in options.items())])
    metadata = {
        **XY,
        "activation": "silu",
        "fourier_scale": options.get("scale", 2 * math.pi),
        "fourier_order": options.get("order", "sin_cos"),
    }
    _add(f"Fourier features, {what}", metadata, write)


for _name in ("B", "gauss", "B_gauss", "_B", "b_matrix", "gaussian_matrix"):
    _fourier(_name)
_fourier("B", order="cos_sin")
_fourier("B", scale=1.0)
_fourier("B", transposed=True)


# --- signed distances ---------------------------------------------------------------------

SOFTPLUS = {**XYZ, "activation": {"name": "softplus", "beta": 100}}
SQRT_HALF = {"skip_order": "hidden_first", "skip_scale": math.sqrt(0.5)}


def _implicit(name: str, metadata: dict[str, Any], make: Callable, whole: bool = False) -> None:
    def write(folder):
        network = make()
        return _saved(folder, network if whole else network.state_dict()), network

    _add(name, metadata, write)


_implicit("IGR: Softplus(100), skip over sqrt(2)", {**SOFTPLUS, **SQRT_HALF}, ImplicitNet)
_implicit("IGR as a whole module", {**XYZ, **SQRT_HALF}, ImplicitNet, True)
_implicit(
    "NeuS: encoding, weight norm, Softplus(100), skip over sqrt(2)",
    {**SOFTPLUS, **SQRT_HALF, "encoding": {"levels": 2, "order": "sin_cos"}},
    lambda: ImplicitNet(Frequencies(2, "sin_cos"), weight_norm=True),
)


def _deep_sdf(name: str, normalise: Callable, latent: str, last: bool = False) -> None:
    def write(folder):
        network = DeepSdf(normalise, last=last)
        table = torch.randn(5, 4)
        table[3] = torch.tensor(network.code)
        torch.save({"epoch": 9, "latent_codes": {"weight": table}}, folder / "latent.pth")
        path = _saved(folder, {"model_state_dict": network.state_dict()}, ".pth")
        return path, network

    torch.manual_seed(zlib.crc32(f"DeepSDF, {name}".encode()))
    stated: dict[str, Any] = {"file": "latent.pth", "index": 3}
    if latent == "vector":
        stated = {"vector": DeepSdf(normalise, last=last).code}
    if last:
        stated["position"] = "last"
    _add(f"DeepSDF, {name}", {**RELU, "skip_order": "hidden_first", "latent": stated}, write)


_new_norm = nn.utils.parametrizations.weight_norm
_deep_sdf("weight norm, latent file", nn.utils.weight_norm, "file")
_deep_sdf("weight norm as a parametrization, latent file", _new_norm, "file")
_deep_sdf("latent vector", nn.utils.weight_norm, "vector")
_deep_sdf("latent code after the coordinates", nn.utils.weight_norm, "file", last=True)


def _state(name: str, metadata: dict[str, Any], make: Callable[[], nn.Module]) -> None:
    def write(folder):
        network = make()
        return _saved(folder, network.state_dict()), network

    _add(name, metadata, write)


def _beta_mlp():
    return mlp([2, 8, 8, 1], lambda: nn.Softplus(beta=100))


_state(
    "Softplus(100) by metadata", {**XY, "activation": {"name": "softplus", "beta": 100}}, _beta_mlp
)
_state(
    "LeakyReLU(0.2) by metadata",
    {**XY, "activation": {"name": "leaky_relu", "negative_slope": 0.2}},
    lambda: mlp([2, 8, 8, 1], lambda: nn.LeakyReLU(0.2)),
)
_state(
    "ELU(0.5) by metadata",
    {**XY, "activation": {"name": "elu", "alpha": 0.5}},
    lambda: mlp([2, 8, 8, 1], lambda: nn.ELU(0.5)),
)
_state("one spatial input", {**X, "activation": "tanh"}, lambda: mlp([1, 8, 1]))
_state(
    "x and t",
    {"inputs": ["x", "t"], "bounds": [[-1, 1], [0, 1]], "activation": "tanh"},
    lambda: mlp([2, 16, 1]),
)


# --- other programs -----------------------------------------------------------------------


def _kernels(network: nn.Sequential) -> list[tuple[np.ndarray, np.ndarray]]:
    dense = [m for m in network if isinstance(m, nn.Linear)]
    return [(m.weight.detach().numpy().T.copy(), m.bias.detach().numpy()) for m in dense]


def _flax(folder: Path):
    network, path = mlp([2, 8, 8, 1]), folder / "network.npz"
    arrays = {
        f"params/Dense_{k}/{name}": v
        for k, pair in enumerate(_kernels(network))
        for name, v in zip(("kernel", "bias"), pair, strict=True)
    }
    np.savez(path, **arrays)
    return path, network


def _tensorflow(folder: Path):
    network, path = mlp([2, 8, 8, 1]), folder / "network.pickle"
    pairs = _kernels(network)
    path.write_bytes(pickle.dumps([[w for w, _ in pairs], [b[None] for _, b in pairs]]))
    return path, network


_add("Flax, .npz", TANH, _flax)
_add("TensorFlow codes, pickle of [[W, …], [b, …]]", TANH, _tensorflow)


# --- refused ------------------------------------------------------------------------------


def _wire(folder: Path):
    state = collections.OrderedDict()
    for k, (a, b, kind) in enumerate([(2, 8, torch.float32), (8, 8, torch.cfloat)]):
        state[f"net.{k}.linear.weight"] = torch.randn(b, a, dtype=kind)
        state[f"net.{k}.linear.bias"] = torch.randn(b, dtype=kind)
    state |= {"net.2.weight": torch.randn(1, 8), "net.2.bias": torch.randn(1)}
    return _saved(folder, state), None


def _modified(folder: Path):
    return _saved(folder, Modified().state_dict()), None


def _batch_norm(folder: Path):
    network = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1))
    return _saved(folder, network), None


def _mish(folder: Path):
    return _saved(folder, mlp([2, 8, 8, 1], nn.Mish)), None


_add("WIRE, complex", {**XY, "activation": "sin", "omega_0": 30}, _wire, ("complex",))
_add("modified MLP", TANH, _modified, ("U", "V"))
_add("BatchNorm", XY, _batch_norm, ("BatchNorm1d",))
_add("Mish", XY, _mish, ("Mish",))

BY_NAME = types.MappingProxyType({s.name: s for s in STRUCTURES})
if len(BY_NAME) != len(STRUCTURES):
    raise AssertionError("two structures have one name")
