"""Whole modules and TorchScript: what a network's objects say, without their code."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from _helpers import pickled
from pruning_amr.files.formats import read_checkpoint
from pruning_amr.files.modules import Module, as_module
from pruning_amr.files.records import Record
from torch import nn

ACTIVATIONS = [
    nn.ReLU(),
    nn.Tanh(),
    nn.SiLU(),
    nn.Softplus(beta=100),
    nn.Softplus(beta=2.5, threshold=10.0),
    nn.Softplus(),
    nn.LeakyReLU(0.2),
    nn.LeakyReLU(),
    nn.ELU(0.5),
    nn.CELU(2.0),
    nn.SELU(),
    nn.GELU("tanh"),
    nn.GELU(),
    nn.Hardtanh(-2.0, 2.0),
    nn.Softshrink(0.3),
    nn.PReLU(),
]
PARAMETERS = ("beta", "threshold", "negative_slope", "alpha", "approximate", "min_val", "lambd")


class Sine(nn.Module):
    """A layer whose frequency is a plain attribute."""

    def __init__(self, inputs: int, outputs: int, omega_0: float):
        super().__init__()
        self.omega_0, self.linear = omega_0, nn.Linear(inputs, outputs)

    def forward(self, x):
        return torch.sin(self.omega_0 * self.linear(x))


class Net(nn.Module):
    """A network with parts of every kind."""

    def __init__(self):
        super().__init__()
        self.register_buffer("low", torch.tensor([-1.0, 0.0]))
        self.register_buffer("nothing", None)
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.first = Sine(2, 8, 30.0)
        self.hidden = nn.Sequential(*[m for a in ACTIVATIONS for m in (nn.Linear(8, 8), a)])
        self.last = nn.Linear(8, 1, bias=False)
        self.kind, self.widths = "sine", [8, 8]

    def forward(self, x):
        return self.scale * self.last(self.hidden(self.first(x - self.low)))


WAYS = {
    "zip": lambda net, path: torch.save(net, path),
    "legacy": lambda net, path: torch.save(net, path, _use_new_zipfile_serialization=False),
    "pickle": lambda net, path: path.write_bytes(pickle.dumps(net)),
    "scripted": lambda net, path: torch.jit.script(net).save(str(path)),
    "traced": lambda net, path: torch.jit.trace(net, torch.zeros(3, 2)).save(str(path)),
}


@pytest.fixture(params=WAYS)
def way(request) -> str:
    return request.param


@pytest.fixture
def stored(tmp_path, way) -> tuple[Module, nn.Module]:
    torch.manual_seed(1)
    net = Net()
    WAYS[way](net, tmp_path / "net.pt")
    return as_module(read_checkpoint(tmp_path / "net.pt").content), net


def tree(module: Module, prefix: str = "") -> dict[str, np.ndarray]:
    """Return all parameters and buffers, named as in a state dict."""
    found = {f"{prefix}{name}": value for name, value in module.parameters.items()}
    for name, child in module.children.items():
        found |= tree(child, f"{prefix}{name}.")
    return found


def test_parameters_are_those_of_the_state_dict_in_its_order(stored):
    module, net = stored
    state, found = net.state_dict(), tree(module)
    # TorchScript and state dicts agree on parameters before buffers.
    assert list(found) == list(state)
    for key, value in state.items():
        np.testing.assert_array_equal(found[key], value.numpy())


def test_classes_and_children_are_named_as_in_python(stored, way):
    module, net = stored
    names = dict(net.named_modules())

    def walk(module: Module, path: str) -> None:
        expected = type(names[path])
        said = f"{expected.__module__}.{expected.__qualname__}"
        assert module.kind == said
        children = [name for name, _ in names[path].named_children()]
        assert list(module.children) == children
        for name, child in module.children.items():
            walk(child, f"{path}.{name}".lstrip("."))

    walk(module, "")


def test_attributes_that_shape_the_function(stored, way):
    module, net = stored
    assert module.children["first"].attributes["omega_0"] == 30.0
    if way != "traced":
        assert module.attributes["kind"] == "sine"
        assert module.attributes["widths"] == [8, 8]
    assert not [key for key in module.attributes if key.startswith("_")]
    for child, theirs in zip(module.children["hidden"].children.values(), net.hidden, strict=True):
        for key in PARAMETERS:
            if hasattr(theirs, key) and not isinstance(theirs, nn.SELU | nn.PReLU):
                assert child.attributes[key] == getattr(theirs, key), (child.kind, key)


@pytest.mark.parametrize("way", ["scripted", "traced"], indirect=True)
def test_functions_that_torchscript_calls(stored):
    module, _ = stored
    assert module.children["first"].functions == ("mul", "sin")
    assert module.children["first"].children["linear"].functions == ("linear",)


class Functional(nn.Module):
    """Activations as functions, with arguments."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(2, 4), nn.Linear(4, 4), nn.Linear(4, 1)

    def forward(self, x):
        x = nn.functional.leaky_relu(self.a(x), 0.3)
        return self.c(nn.functional.softplus(self.b(x), beta=100))


@pytest.mark.parametrize("way", ["scripted", "traced"], indirect=True)
def test_arguments_of_functions(tmp_path, way):
    WAYS[way](Functional(), tmp_path / "net.pt")
    module = as_module(read_checkpoint(tmp_path / "net.pt").content)
    assert module.attributes["negative_slope"] == 0.3
    assert module.attributes["beta"] == 100
    assert {"leaky_relu", "softplus"} <= set(module.functions)


class TwoSlopes(nn.Module):
    """An activation with two arguments: neither is that of the class."""

    def forward(self, x):
        return nn.functional.leaky_relu(nn.functional.leaky_relu(x, 0.3), 0.4)


@pytest.mark.parametrize("way", ["scripted", "traced"], indirect=True)
def test_arguments_that_differ_are_left_out(tmp_path, way):
    WAYS[way](TwoSlopes(), tmp_path / "net.pt")
    module = as_module(read_checkpoint(tmp_path / "net.pt").content)
    assert "negative_slope" not in module.attributes


def test_functions_of_torch_as_attributes_of_a_pickled_module(tmp_path):
    net = nn.Linear(2, 2)
    net.activation, net.other = torch.sin, torch.nn.functional.gelu
    torch.save(net, tmp_path / "net.pt")
    attributes = as_module(read_checkpoint(tmp_path / "net.pt").content).attributes
    assert attributes["activation"].kind == "torch.sin"
    assert attributes["other"].kind == "torch._C._nn.gelu"
    assert attributes["in_features"] == 2


def test_lists_of_parameters_and_dicts_of_modules(tmp_path):
    content = {
        "weights": nn.ParameterList([torch.ones(2, 2), torch.zeros(1)]),
        "parts": nn.ModuleDict({"one": nn.Linear(2, 1)}),
    }
    torch.save(content, tmp_path / "net.pt")
    found = read_checkpoint(tmp_path / "net.pt").content
    assert list(as_module(found["weights"]).parameters) == ["0", "1"]
    assert list(as_module(found["parts"]).children["one"].parameters) == ["weight", "bias"]


def test_module_that_knows_its_parent(tmp_path):
    net = nn.Sequential(nn.Linear(2, 1))
    net[0].parents = [net]
    torch.save(net, tmp_path / "net.pt")
    module = as_module(read_checkpoint(tmp_path / "net.pt").content)
    (parent,) = module.children["0"].attributes["parents"]
    assert (parent.kind, parent.state) == ("torch.nn.modules.container.Sequential", None)


def test_shared_layers_are_shared(tmp_path):
    layer = nn.Linear(2, 2)
    torch.save(nn.Sequential(layer, nn.Tanh(), layer), tmp_path / "net.pt")
    one, _, other = as_module(read_checkpoint(tmp_path / "net.pt").content).children.values()
    assert one.parameters["weight"] is other.parameters["weight"]


@pytest.mark.parametrize("value", [None, 5, {}, {"state_dict": {}}, Record("a.B"), [1]])
def test_what_is_no_module(value):
    assert as_module(value) is None


def test_class_that_torchscript_does_not_call_a_module(tmp_path):
    path = tmp_path / "net.pt"
    made = pickled.name("__torch__", "Box") + b")\x81}" + pickled.text("a") + b"K\x01sb."
    pickled.as_torchscript(path, made, "class Box:\n  a : int\n")
    content = read_checkpoint(path).content
    assert (content.kind, content.state) == ("Box", {"a": 1})
    assert as_module(content) is None


def test_torchscript_whose_text_is_missing(tmp_path):
    path = tmp_path / "net.pt"
    state = b"}" + pickled.text("w") + pickled.tensor("0", 1, (1,), (1,)) + b"sb."
    made = pickled.name("__torch__.lost", "Net") + b")\x81" + state
    pickled.as_torchscript(path, made, **{"0": b"\0\0\x80?"})
    module = as_module(read_checkpoint(path).content)
    assert module.kind == "lost.Net"
    assert module.parameters["w"] == [1.0]
