"""Pictures before anything is meshed: previews, and the fields that a file could hold."""

from __future__ import annotations

import json
import math

import numpy as np
import pruning_amr as pa
import pytest
import torch
from pruning_amr import cli
from pruning_amr.quick_look import candidates, preview

pytest.importorskip("matplotlib")


def picture(path) -> np.ndarray:
    from matplotlib.image import imread

    return imread(path)


def assert_drawn(path) -> None:
    pixels = picture(path)
    assert min(pixels.shape[:2]) > 100
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 50


@pytest.fixture(scope="module")
def siren(tmp_path_factory):
    """A SIREN fitted to a smooth field; the file does not tell that it is one."""
    torch.manual_seed(0)
    omega = 20.0
    sizes = [(2, 32), (32, 32), (32, 1)]
    layers = [torch.nn.Linear(*s) for s in sizes]
    for k, layer in enumerate(layers):
        n = layer.in_features
        bound = 1 / n if k == 0 else math.sqrt(6 / n) / omega
        torch.nn.init.uniform_(layer.weight, -bound, bound)
    network = torch.nn.Sequential(*layers)

    def field(x):
        for layer in layers[:-1]:
            x = torch.sin(omega * layer(x))
        return layers[-1](x)

    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    x = torch.rand(1024, 2) * 2 - 1
    target = torch.sin(2 * x[:, :1]) * torch.exp(-(x[:, 1:] ** 2))
    for _ in range(300):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(field(x), target)
        loss.backward()
        optimizer.step()
    assert loss < 1e-2
    path = tmp_path_factory.mktemp("siren") / "siren.pt"
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.parametrize("n_inputs", [1, 2, 3])
def test_a_preview_shows_the_field(tmp_path, n_inputs):
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(n_inputs, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)
    )
    torch.save(network, tmp_path / "field.pt")
    inr = pa.load(tmp_path / "field.pt", bounds=[[-1, 1]] * n_inputs)
    preview(inr, tmp_path / "field.png")
    assert_drawn(tmp_path / "field.png")


def test_a_preview_shows_several_times(tmp_path):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    torch.save(network, tmp_path / "field.pt")
    bounds = {"inputs": ["x", "y", "t"], "bounds": [[-1, 1]] * 2 + [[0, 1]]}
    (tmp_path / "field.json").write_text(json.dumps(bounds))
    assert cli.main(["info", str(tmp_path / "field.pt"), "--preview", str(tmp_path / "p.png")]) == 0
    assert_drawn(tmp_path / "p.png")


def test_a_preview_without_bounds_is_refused(siren, tmp_path):
    inr = pa.load(siren, activation="sin", omega_0=20.0)
    with pytest.raises(pa.MetadataError, match="bounds"):
        preview(inr, tmp_path / "p.png")


def test_the_right_candidates_are_among_the_first(siren, tmp_path):
    found, _ = candidates(siren, {}, tmp_path / "c.png")
    assert_drawn(tmp_path / "c.png")
    right = {"activation": "sin", "omega_0": 20}
    assert right in found
    sines = [f for f in found if f.get("activation") == "sin"]
    # Fields of too low a frequency are as smooth: it is the eye that chooses.
    assert sines.index(right) < 5
    assert not list(siren.parent.glob("*.json"))


def test_each_candidate_loads(siren, tmp_path):
    for answers in candidates(siren, {}, tmp_path / "c.png")[0][:5]:
        pa.load(siren, **answers)


def test_candidates_of_a_file_that_tells_all_are_refused(siren, tmp_path):
    with pytest.raises(pa.ParameterError, match="all that is needed"):
        candidates(siren, {"activation": "tanh"}, tmp_path / "c.png")


def test_candidates_of_a_nerf_are_drawn(tmp_path):
    torch.manual_seed(0)
    state = {}
    for name, size in {
        "pts.0": (27, 16),
        "pts.1": (16, 16),
        "alpha": (16, 1),
        "rgb": (16, 3),
    }.items():
        layer = torch.nn.Linear(*size)
        state[f"{name}.weight"], state[f"{name}.bias"] = layer.weight.data, layer.bias.data
    torch.save(state, tmp_path / "nerf.pt")
    known = {"inputs": ["x", "y", "z"], "activation": "relu", "bounds": [[-1, 1]] * 3}
    found, _ = candidates(tmp_path / "nerf.pt", known, tmp_path / "c.png")
    assert {f["head"] for f in found} == {"alpha", "rgb"}
    assert {f["encoding"]["order"] for f in found} >= {"sin_cos", "cos_sin"}
    assert_drawn(tmp_path / "c.png")
