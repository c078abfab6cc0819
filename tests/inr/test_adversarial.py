"""Odd metadata and odd modules: the right field, a warning, or one clear sentence."""

from __future__ import annotations

import json
import math
import warnings

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.errors import one_clear_sentence
from structure_checks import evaluated, random_points
from structure_networks import Sine, mlp
from structures import BY_NAME, values
from torch import nn

BOUNDS = [[-1, 1]] * 3

BAD = {
    "state dict": [
        {"head": 5},
        {"head": ["a"]},
        {"head": "nothing"},
        {"network": ""},
        {"network": "."},
        {"network": 3},
        {"network": "nothing"},
        {"chain": []},
        {"chain": "0"},
        {"chain": ["0", 2]},
        {"chain": ["nothing"]},
        {"chain": ["4", "0"]},
        {"residual": []},
        {"residual": ["nothing"]},
        {"residual": ["0"]},
        {"residual": {"a": 1}},
        {"residual": "2", "residual_activation": "sometimes"},
        {"activation": {"name": "relu", "beta": 2}},
        {"activation": {"name": "silu", "beta": 2}},
        {"activation": {"name": "softplus", "alpha": 2}},
        {"activation": {"name": "softplus", "beta": 0}},
        {"activation": {"name": "softplus", "beta": -3}},
        {"activation": {"name": "softplus", "beta": "100"}},
        {"activation": {"name": "softplus", "beta": float("nan")}},
        {"activation": {"name": "softplus", "beta": 10**400}},
        {"activation": {"name": None}},
        {"activation": {"beta": 1}},
        {"activation": [None, "tanh"]},
        {"activation": ["tanh"]},
        {"activation": []},
        {"activation": 5},
        {"activation": True},
        {"activation_slope": "nothing"},
        {"activation_slope": []},
        {"activation_slope": 3},
        {"input_range": "lb_ub"},
        {"input_range": 4},
        {"input_range": ["lb", "ub"]},
        {"input_mean": [float("nan"), 0]},
        {"input_std": [0, 1]},
        {"input_mean": {"x": 1}},
        {"skip_order": 3},
        {"skip_scale": "half"},
        {"omega_0": 0, "activation": "sin"},
        {"omega_0": float("nan"), "activation": "sin"},
        {"encoding": 7},
        {"encoding": {}},
        {"encoding": {"levels": 10**9, "order": "sin_cos"}},
        {"encoding": {"levels": -1, "order": "sin_cos"}},
        {"encoding": {"levels": 2.5, "order": "sin_cos"}},
        {"encoding": {"levels": 2}},
        {"encoding": {"levels": 2, "order": "sin_cos"}},
        {"encoding": {"levels": 2, "order": ["sin_cos"]}},
        {"encoding": {"levels": 2, "order": "sin_cos", "wave": 1}},
        {"encoding": {"levels": 2, "order": "sin_cos", "base": float("inf")}},
        {"encoding": {"levels": 2, "order": "sin_cos", "base": "e"}},
        {"encoding": {"levels": 2, "order": "sin_cos", "factor": 10**400}},
        {"encoding": {"levels": 2, "order": "sin_cos", "include_input": "perhaps"}},
        {"latent": 3},
        {"latent": {}},
        {"latent": {"vector": []}},
        {"latent": {"vector": ["a"]}},
        {"latent": {"vector": [float("nan")]}},
        {"latent": {"vector": [0.1] * 5000}},
        {"latent": {"vector": [0.1], "file": "a.pt"}},
        {"latent": {"file": "../x", "index": 0}},
        {"latent": {"file": "/etc/passwd", "index": 0}},
        {"latent": {"file": 5}},
        {"latent": {"file": "missing.pth", "index": 0}},
        {"latent": {"vector": [0.1], "position": "middle"}},
        {"parts": []},
        {"parts": {}},
        {"parts": [1]},
        {"parts": [{"parts": [{}]}]},
        {"parts": [{"file": "../x.pt"}]},
        {"parts": [{"file": "missing.pt"}]},
        {"parts": [{"inputs": ["y", "x"]}, {}]},
        {"parts": [{}, {"fixed": {"x": 1}}]},
        {"parts": [{}, {"activation": "relu"}]},
        {"parts": [{}, {"outputs": []}]},
        {"layout": 5},
        {"layout": "unheard of"},
        {"bounds": [[0, float("nan")], [0, 1]]},
    ],
    "DeepSDF, weight norm, latent file": [
        {"latent": {"file": "latent.pth"}},
        {"latent": {"file": "latent.pth", "index": 99}},
        {"latent": {"file": "latent.pth", "index": True}},
        {"latent": {"file": "latent.pth", "index": "3"}},
        {"latent": {"file": "network.pth", "index": 0}},
        {"latent": None},
    ],
    "two networks, one by network": [
        {"network": "net_"},
        {"network": "net_u.7"},
        {"head": "net_u"},
    ],
    "TensorFlow codes, pickle of [[W, …], [b, …]]": [{"chain": ["0.0"]}, {"network": "0"}],
}
CASES = [(name, keys) for name, many in BAD.items() for keys in many]


@pytest.mark.parametrize(("name", "keys"), CASES, ids=lambda v: str(v)[:70])
def test_wrong_metadata_are_refused_in_one_sentence(tmp_path, name, keys):
    path, _ = BY_NAME[name].write(tmp_path)
    path.with_suffix(".json").write_text(json.dumps({**BY_NAME[name].metadata, **keys}))
    with one_clear_sentence(pa.PruningAMRError):
        pa.load(path)


def test_vectors_that_are_not_finite_scale_nothing_in_silence(tmp_path):
    state = mlp([2, 8, 1]).state_dict()
    state |= {"lb": torch.tensor([0.0, math.nan]), "ub": torch.ones(2)}
    torch.save(state, tmp_path / "a.pt")
    with one_clear_sentence(pa.PruningAMRError, "lb"):
        pa.load(tmp_path / "a.pt", activation="tanh")


# --- odd modules --------------------------------------------------------------------------


class MySine(nn.Module):
    def forward(self, x):
        return torch.sin(3 * x)


class Swish(nn.Module):
    """Its number is a part of the function."""

    def __init__(self):
        super().__init__()
        self.beta = 3.0

    def forward(self, x):
        return x * torch.sigmoid(self.beta * x)


class Backwards(nn.Module):
    """Children in another order than they are applied."""

    def __init__(self):
        super().__init__()
        self.out, self.mid, self.inp = nn.Linear(8, 1), nn.Linear(8, 8), nn.Linear(3, 8)
        self.act = nn.Tanh()

    def forward(self, x):
        return self.out(self.act(self.mid(self.act(self.inp(x)))))


class Lists(nn.Module):
    """Weights in ParameterLists."""

    def __init__(self):
        super().__init__()
        self.w = nn.ParameterList([torch.randn(8, 3), torch.randn(1, 8)])
        self.b = nn.ParameterList([torch.randn(8), torch.randn(1)])


class Inner(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.fc, self.act = nn.Linear(a, b), nn.ELU(0.7)

    def forward(self, x):
        return self.act(self.fc(x))


class Outer(nn.Module):
    """Own classes in own classes, an activation of the output, and a scale in the code."""

    def __init__(self):
        super().__init__()
        self.scale = 0.5
        self.body = nn.Sequential(Inner(3, 8), Inner(8, 8))
        self.tail, self.last_act = nn.Linear(8, 1), nn.Sigmoid()

    def forward(self, x):
        return self.last_act(self.tail(self.body(x)))


def tied():
    torch.manual_seed(0)
    layer = nn.Linear(3, 3)
    return nn.Sequential(layer, nn.Tanh(), layer, nn.Tanh(), nn.Linear(3, 1))


def dense(*between):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), *between, nn.Linear(8, 1))


RIGHT = {
    "tied weights": tied,
    "no bias": lambda: nn.Sequential(nn.Linear(3, 8, bias=False), nn.GELU(), nn.Linear(8, 1)),
    "dropout and identity": lambda: dense(nn.Tanh(), nn.Dropout(0.5), nn.Identity()),
    "identity first": lambda: nn.Sequential(nn.Identity(), *dense(nn.SiLU())),
    "no activation": lambda: dense(),
    "one layer": lambda: nn.Sequential(nn.Linear(3, 2)),
    "a layer alone": lambda: nn.Linear(3, 2),
    "nested sequences": lambda: nn.Sequential(
        nn.Sequential(nn.Linear(3, 8), nn.Tanh()), nn.Sequential(nn.Linear(8, 1), nn.Softplus(3))
    ),
    "an activation over the edge": lambda: nn.Sequential(
        nn.Sequential(nn.Linear(3, 8)), nn.Sequential(nn.ReLU(), nn.Linear(8, 1))
    ),
    "sine with a frequency": lambda: dense(Sine(4.0)),
    "children in another order": Backwards,
    "own classes in own classes": Outer,
    "relu and tanh": lambda: nn.Sequential(
        nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1)
    ),
    "no sequence, hidden layer without activation": lambda: nn.Sequential(
        nn.Linear(3, 8), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1)
    ),
}


@pytest.mark.parametrize("state", [False, True], ids=["module", "ddp"])
@pytest.mark.parametrize("name", RIGHT)
def test_odd_modules_that_give_the_right_field(tmp_path, name, state):
    torch.manual_seed(1)
    network = RIGHT[name]().eval()
    torch.save({"net": network, "epoch": 3} if state else network, tmp_path / "a.pt")
    inr = pa.load(tmp_path / "a.pt", bounds=BOUNDS, warn=lambda _: None)
    points = random_points(BOUNDS, 500)
    expected = values(network, points, torch.float64)
    error = np.abs(evaluated(inr, points).reshape(expected.shape) - expected).max()
    assert error < 1e-5 * np.ptp(expected)


REFUSED = {
    "empty": (lambda: nn.Sequential(), ()),
    "batch normalisation without weights": (
        lambda: dense(nn.BatchNorm1d(8, affine=False), nn.Tanh()),
        ("BatchNorm1d",),
    ),
    "layer normalisation without weights": (
        lambda: dense(nn.LayerNorm(8, elementwise_affine=False), nn.Tanh()),
        ("LayerNorm",),
    ),
    "convolution": (
        lambda: nn.Sequential(nn.Conv1d(3, 8, 1), nn.Tanh(), nn.Linear(8, 1)),
        ("Conv1d",),
    ),
    "softmax": (lambda: dense(nn.Tanh(), nn.Softmax(-1)), ("Softmax",)),
    "two activations": (lambda: dense(nn.Tanh(), nn.Sigmoid()), ("sigmoid",)),
    "activation first": (lambda: nn.Sequential(nn.Tanh(), *dense(nn.Tanh())), ("tanh",)),
    "sine without frequency": (lambda: dense(MySine()), ("activation",)),
    "own function with a number": (lambda: dense(Swish()), ("activation",)),
    "own function beside a known one": (
        lambda: nn.Sequential(*dense(MySine())[:2], nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1)),
        ("activation",),
    ),
    "parameter lists": (Lists, ()),
    "PReLU of each neuron": (lambda: dense(nn.PReLU(8)), ("PReLU",)),
    "hard tanh": (lambda: dense(nn.Hardtanh()), ("Hardtanh",)),
    "tanh-approximated GELU": (lambda: dense(nn.GELU(approximate="tanh")), ("approximate",)),
    "embedding": (lambda: nn.Sequential(nn.Embedding(3, 8), nn.Linear(8, 1)), ("Embedding",)),
    "recurrent": (lambda: nn.Sequential(nn.GRU(3, 8), nn.Linear(8, 1)), ("GRU",)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_odd_modules_that_are_refused(tmp_path, name):
    make, named = REFUSED[name]
    torch.save(make(), tmp_path / "a.pt")
    with one_clear_sentence(pa.PruningAMRError, *named):
        pa.load(tmp_path / "a.pt", bounds=BOUNDS)


def warned(path, **metadata) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pa.load(path, bounds=BOUNDS, **metadata)
    return " ".join(str(w.message) for w in caught)


def test_what_a_users_class_may_do_besides_is_said(tmp_path):
    torch.save(Outer(), tmp_path / "a.pt")
    said = warned(tmp_path / "a.pt")
    assert "scale" in said and "sigmoid after the last" in said and "elu" in said


def test_stated_activations_and_frequencies_against_the_file_are_said(tmp_path):
    torch.save(dense(Sine(4.0)), tmp_path / "a.pt")
    assert "frequency 4" in warned(tmp_path / "a.pt", omega_0=30)
    torch.save(dense(nn.Tanh()), tmp_path / "b.pt")
    assert "tanh" in warned(tmp_path / "b.pt", activation="relu")


def test_an_output_activation_of_the_file_stays_when_one_is_stated(tmp_path):
    network = nn.Sequential(*dense(MySine()), nn.Sigmoid())
    torch.save(network, tmp_path / "a.pt")
    inr = pa.load(
        tmp_path / "a.pt", bounds=BOUNDS, activation="sin", omega_0=3, warn=lambda _: None
    )
    points = random_points(BOUNDS, 500)
    expected = values(network, points, torch.float64)
    assert np.abs(evaluated(inr, points).reshape(expected.shape) - expected).max() < 1e-5


def test_a_square_fourier_matrix_is_said(tmp_path):
    state = {"B": torch.randn(3, 3), **mlp([6, 8, 1]).state_dict()}
    torch.save(state, tmp_path / "a.pt")
    said = warned(tmp_path / "a.pt", activation="tanh", fourier_scale=1, fourier_order="sin_cos")
    assert "square" in said


def test_gates_are_refused_when_all_widths_are_equal(tmp_path):
    state = {
        f"{n}.{k}": v
        for n in ("U", "V", "l.0", "l.1")
        for k, v in nn.Linear(3, 3).state_dict().items()
    }
    torch.save(state, tmp_path / "a.pt")
    with one_clear_sentence(pa.PruningAMRError, "U and V"):
        pa.load(tmp_path / "a.pt", activation="tanh")


def test_settings_beside_the_network_do_not_hide_it(tmp_path):
    network = mlp([3, 8, 1])
    content = {"params": {"lr": 0.1}, "network": {"hidden": 8}, "mlp": network.state_dict()}
    torch.save(content, tmp_path / "a.pt")
    inr = pa.load(tmp_path / "a.pt", bounds=BOUNDS, activation="tanh")
    points = random_points(BOUNDS, 200)
    expected = values(network, points, torch.float64)
    assert np.abs(evaluated(inr, points).reshape(expected.shape) - expected).max() < 1e-5


def test_scalings_beside_a_network_are_said(tmp_path):
    content = {"model": mlp([3, 8, 1]).state_dict(), "y_mean": 2.0, "y_std": torch.tensor([3.0])}
    torch.save({**content, "loss_min": 0.1, "max_epochs": 9}, tmp_path / "a.pt")
    said = warned(tmp_path / "a.pt", activation="tanh")
    assert "y_mean, y_std beside" in said and "loss_min" not in said and "epochs" not in said


def test_slopes_of_prelu_are_not_taken_for_trained_slopes(tmp_path):
    network = dense(nn.PReLU(init=0.3))
    path = tmp_path / "a.pt"
    torch.save(network.state_dict(), path)
    with one_clear_sentence(pa.MetadataError, "PReLU", "1.weight", "negative_slope"):
        pa.load(path, activation="leaky_relu", activation_slope="1.weight")
    activation = [{"name": "leaky_relu", "negative_slope": 0.3}]
    inr = pa.load(path, activation=activation, activation_slope="none", bounds=BOUNDS)
    points = random_points(BOUNDS, 200)
    expected = values(network, points, torch.float64)
    assert np.abs(evaluated(inr, points).reshape(expected.shape) - expected).max() < 1e-5


def test_an_order_that_nothing_tells_is_said(tmp_path):
    sizes = {"a": (3, 8), "blue": (8, 8), "green": (8, 8), "z": (8, 1)}
    state = {f"{n}.{k}": v for n, s in sizes.items() for k, v in nn.Linear(*s).state_dict().items()}
    arrays = {k: v.numpy() for k, v in sorted(state.items())}
    np.savez(tmp_path / "a.npz", **arrays)
    assert "blue, green" in warned(tmp_path / "a.npz", activation="tanh")


class TwoHeads(nn.Module):
    """The sigmoid is of the colour."""

    def __init__(self):
        super().__init__()
        self.body = nn.ModuleList([nn.Linear(3, 8), nn.Linear(8, 8)])
        self.act = nn.ReLU()
        self.alpha, self.rgb = nn.Linear(8, 1), nn.Linear(8, 3)
        self.squash = nn.Sigmoid()

    def forward(self, x):
        for layer in self.body:
            x = self.act(layer(x))
        return self.alpha(x)


def test_an_activation_of_another_head_is_not_applied(tmp_path):
    torch.manual_seed(0)
    network = TwoHeads()
    torch.save(network, tmp_path / "a.pt")
    with one_clear_sentence(pa.MetadataError, '"head"'):
        pa.load(tmp_path / "a.pt")
    stated = {"head": "alpha", "activation": "relu", "bounds": BOUNDS}
    inr = pa.load(tmp_path / "a.pt", **stated, warn=lambda _: None)
    points = random_points(BOUNDS, 200)
    expected = values(network, points, torch.float64)
    assert np.abs(evaluated(inr, points).reshape(expected.shape) - expected).max() < 1e-5


class Holder(nn.Module):
    """Its layers stand under a name that wraps often have."""

    def __init__(self, name):
        super().__init__()
        setattr(self, name, nn.Sequential(*dense(nn.Tanh()), nn.Sigmoid()))

    def forward(self, x):
        return next(self.children())(x)


@pytest.mark.parametrize("name", ["module", "model", "network", "_orig_mod", "net", "params"])
def test_modules_under_the_names_of_wraps_keep_their_activations(tmp_path, name):
    network = Holder(name)
    torch.save(network, tmp_path / "a.pt")
    inr = pa.load(tmp_path / "a.pt", bounds=BOUNDS, warn=lambda _: None)
    points = random_points(BOUNDS, 200)
    expected = values(network, points, torch.float64)
    error = np.abs(evaluated(inr, points).reshape(expected.shape) - expected).max()
    assert error < 1e-5 * np.ptp(expected)


class PlainMatrix(nn.Module):
    """Fourier features whose matrix is no buffer."""

    def __init__(self):
        super().__init__()
        self.B, self.net = torch.randn(3, 8), mlp([16, 8, 1])

    def forward(self, x):
        z = x @ self.B.to(x.dtype)
        return self.net(torch.cat([torch.sin(z), torch.cos(z)], -1))


def test_a_fourier_matrix_that_is_no_buffer_is_found(tmp_path):
    torch.manual_seed(0)
    network = PlainMatrix()
    torch.save(network, tmp_path / "a.pt")
    with one_clear_sentence(pa.MetadataError, "fourier_scale", "fourier_order"):
        pa.load(tmp_path / "a.pt", bounds=BOUNDS)
    stated = {"fourier_scale": 1.0, "fourier_order": "sin_cos", "bounds": BOUNDS}
    inr = pa.load(tmp_path / "a.pt", **stated, warn=lambda _: None)
    points = random_points(BOUNDS, 200)
    expected = values(network, points, torch.float64)
    error = np.abs(evaluated(inr, points).reshape(expected.shape) - expected).max()
    assert error < 1e-5 * np.ptp(expected)


class LastLayer(nn.Module):
    """A sine layer that is linear where it is the last."""

    def __init__(self, a, b, is_last=False):
        super().__init__()
        self.omega_0, self.is_last, self.linear = 5.0, is_last, nn.Linear(a, b)

    def forward(self, x):
        return self.linear(x) if self.is_last else torch.sin(self.omega_0 * self.linear(x))


class FinerLayer(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.omega_0, self.linear = 5.0, nn.Linear(a, b)


@pytest.mark.parametrize("how", ["pickled", "scripted"])
def test_a_sine_layer_that_says_it_is_the_last_is_linear(tmp_path, how):
    torch.manual_seed(0)
    network = nn.Sequential(LastLayer(3, 8), LastLayer(8, 8), LastLayer(8, 1, True))
    if how == "pickled":
        torch.save(network, tmp_path / "a.pt")
    else:
        torch.jit.script(network).save(str(tmp_path / "a.pt"))
    inr = pa.load(tmp_path / "a.pt", bounds=BOUNDS, warn=lambda _: None)
    points = random_points(BOUNDS, 200)
    expected = values(network, points, torch.float64)
    error = np.abs(evaluated(inr, points).reshape(expected.shape) - expected).max()
    assert error < 1e-5 * np.ptp(expected)


def test_finer_is_refused(tmp_path):
    torch.save(nn.Sequential(FinerLayer(3, 8), nn.Linear(8, 1)), tmp_path / "a.pt")
    with one_clear_sentence(pa.CheckpointError, "FINER"):
        pa.load(tmp_path / "a.pt")
