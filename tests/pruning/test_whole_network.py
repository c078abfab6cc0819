"""Pruning a whole network: smaller, as accurate as reported, and never by surprise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.errors import one_clear_sentence
from _helpers.reference import Dense, duplicated, evaluate, random_network, to_inr


def test_redundant_neurons_go_and_the_field_stays(rng):
    small = random_network(rng, (3, 10, 10, 2), "tanh", gain=2)
    inr = to_inr(duplicated(small, 4), [[-1, 1]] * 3)
    pruned = pa.prune(inr, tolerance=1e-5)
    assert pruned.chain.hidden_widths == (10, 10)
    assert pruned.report.widths_before == (40, 40)
    assert pruned.report.widths_after == (10, 10)
    assert pruned.report.parameters_before == (3 * 40 + 40) + (40 * 40 + 40) + (40 * 2 + 2)
    assert pruned.report.parameters_after == (3 * 10 + 10) + (10 * 10 + 10) + (10 * 2 + 2)
    x = rng.uniform(-1, 1, (1000, 3)).astype(np.float32)
    np.testing.assert_allclose(pruned.evaluate(x), evaluate(small, x), atol=2e-4)


@pytest.mark.parametrize("options", [{"tolerance": 1e-2}, {"id_tolerance": 1e-2}])
@pytest.mark.parametrize("skip_at", [None, 2])
def test_reported_error_is_the_error(rng, options, skip_at):
    network = random_network(rng, (2, 24, 24, 24, 1), "silu", 2, skip_at)
    bounds = np.array([[-1.0, 1.0], [0.0, 3.0]])
    pruned = pa.prune(to_inr(network, bounds), samples=4096, **options)
    x = rng.uniform(bounds[:, 0], bounds[:, 1], (200_000, 2)).astype(np.float32)
    truth = evaluate(network, x)
    error = pruned.evaluate(x) - truth
    relative = np.linalg.norm(error) / np.linalg.norm(truth)
    assert pruned.report.parameters_after < pruned.report.parameters_before
    assert pruned.report.relative_l2 == pytest.approx(relative, rel=0.1, abs=1e-6)
    assert pruned.report.rmse == pytest.approx(np.sqrt(np.mean(error**2)), rel=0.1, abs=1e-6)
    assert pruned.report.samples == 4 * 4096
    assert pruned.report.max_error <= 1.01 * np.abs(error).max() + 1e-5
    assert pruned.report.max_error >= 0.5 * np.abs(error).max()


def test_a_smaller_id_tolerance_keeps_more_and_errs_less(inr_2d):
    reports = [pa.prune(inr_2d, id_tolerance=e).report for e in (1e-1, 1e-2, 1e-3, 1e-5)]
    assert [sum(r.widths_after) for r in reports] == sorted(sum(r.widths_after) for r in reports)
    assert reports[0].relative_l2 > reports[1].relative_l2 > reports[3].relative_l2
    assert sum(reports[0].widths_after) < sum(reports[0].widths_before)


def test_id_tolerances_of_the_report_give_the_same_network(inr_2d, rng):
    found = pa.prune(inr_2d, 3e-2)
    again = pa.prune(inr_2d, id_tolerance=found.report.id_tolerances)
    assert again.report == found.report
    x = rng.uniform([-1, 0], [1, 3], (100, 2))
    assert np.array_equal(again.evaluate(x), found.evaluate(x))


def test_every_layer_has_its_own_id_tolerance(inr_2d):
    one, two = (pa.prune(inr_2d, id_tolerance=e).report.widths_after for e in (1e-1, 1e-2))
    mixed = pa.prune(inr_2d, id_tolerance=[1e-1, 1e-2]).report.widths_after
    assert mixed == (one[0], two[1])


def test_time_is_part_of_what_is_pruned(rng):
    network = random_network(rng, (4, 8, 8, 1), "tanh", gain=2)
    inr = to_inr(duplicated(network, 3), [[-1, 1]] * 3 + [[0, 1]])
    pruned = pa.prune(inr, tolerance=1e-5)
    assert pruned.inputs == inr.inputs
    np.testing.assert_array_equal(pruned.times, inr.times)
    assert pruned.chain.hidden_widths == (8, 8)
    x = rng.uniform([-1, -1, -1, 0], 1, (500, 4)).astype(np.float32)
    np.testing.assert_allclose(pruned.evaluate(x), evaluate(network, x), atol=5e-4)


def test_a_dead_network_becomes_its_constant(rng):
    network = random_network(rng, (2, 8, 8, 1), "relu")
    network[1].bias[:] = -1000.0
    pruned = pa.prune(to_inr(network), samples=256)
    assert pruned.report.max_error < 1e-5
    x = rng.random((50, 2))
    np.testing.assert_allclose(pruned.evaluate(x), network[-1].bias[0], atol=1e-5)


def test_same_seed_same_network_other_seed_other_samples(inr_2d, rng):
    x = rng.uniform([-1, 0], [1, 3], (100, 2))
    one, again, other = (pa.prune(inr_2d, 3e-2, seed=s).evaluate(x) for s in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_pruned_inr_can_be_meshed(inr_2d):
    pruned = pa.prune(inr_2d, tolerance=1e-2)
    assert isinstance(pruned, pa.INR)
    assert pa.refine(pruned, max_depth=3, min_depth=1).at().n_cells > 4


@pytest.mark.parametrize("tolerance", [0, -1e-3, 1.0, 2.0, 1e-12, float("nan"), float("inf")])
def test_tolerance_out_of_range_is_refused(inr_2d, tolerance):
    with one_clear_sentence(pa.ParameterError, "tolerance", f"{tolerance:g}"):
        pa.prune(inr_2d, tolerance=tolerance)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (-1e-3, ("id_tolerance", "-0.001")),
        (1.0, ("id_tolerance", "1.0")),
        (float("nan"), ("id_tolerance", "nan")),
        ("coarse", ("id_tolerance", "'c'")),
        (None, ("id_tolerance", "None")),
        ([1e-3] * 3, ("id_tolerance", "3 values", "2 hidden layers")),
        ([1e-3, 2.0], ("id_tolerance", "2.0")),
    ],
)
def test_id_tolerances_that_make_no_sense_are_refused(inr_2d, wanted, words):
    with one_clear_sentence(pa.ParameterError, *words):
        pa.prune(inr_2d, id_tolerance=wanted)


@pytest.mark.parametrize("samples", [0, -1, 47])
def test_too_few_samples_are_refused(inr_2d, samples):
    with one_clear_sentence(pa.ParameterError, "samples", samples, "48"):
        pa.prune(inr_2d, samples=samples)


def test_unknown_device_is_refused(inr_2d):
    with one_clear_sentence(pa.ParameterError, "device", "gpu"):
        pa.prune(inr_2d, device="gpu")


# --- plain PyTorch ----------------------------------------------------------------------------


class Saved(torch.nn.Module):
    """What the documentation of `save_inr` shows, for any saved network."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.state = torch.load(path, weights_only=True)
        self.names = json.loads(path.with_suffix(".json").read_text())["activation"]

    def forward(self, x):
        h, outputs = x, []
        for i, name in enumerate(self.names):
            h = h @ self.state[f"{2 * i}.weight"].T + self.state[f"{2 * i}.bias"]
            if f"{2 * i}.input_weight" in self.state:
                h = h + x @ self.state[f"{2 * i}.input_weight"].T
            for source, output in enumerate(outputs):
                if f"{2 * i}.skip_{source}" in self.state:
                    h = h + output @ self.state[f"{2 * i}.skip_{source}"].T
            if name != "identity":
                h = getattr(torch if hasattr(torch, name) else torch.nn.functional, name)(h)
            outputs.append(h)
        return h


class Sine(torch.nn.Module):
    def forward(self, x):
        return torch.sin(x)


def assert_module_gives(module, pruned, rng) -> None:
    low, high = pruned.bounds.T
    x = rng.uniform(low, high, (500, len(low))).astype(np.float32)
    with torch.no_grad():
        values = module(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(values, pruned.evaluate(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dimension", [2, 4])
@pytest.mark.parametrize(("activation", "module"), [("relu", torch.nn.ReLU), ("sin", Sine)])
def test_a_plain_sequential_loads_the_file(rng, tmp_path, activation, module, dimension):
    inr = to_inr(duplicated(random_network(rng, (dimension, 9, 8, 2), activation), 3))
    pruned = pa.prune(inr, 1e-4)
    assert pruned.report.parameters_after < pruned.report.parameters_before / 3
    pruned.save(tmp_path / "small.pt")
    state = torch.load(tmp_path / "small.pt", weights_only=True)
    modules = []
    for i in range(0, len(state), 2):
        n_out, n_in = state[f"{i}.weight"].shape
        modules += [torch.nn.Linear(n_in, n_out), module()]
    network = torch.nn.Sequential(*modules[:-1])
    network.load_state_dict(state)
    assert_module_gives(network, pruned, rng)
    assert_module_gives(Saved(tmp_path / "small.pt"), pruned, rng)
    again = pa.load(tmp_path / "small.pt")
    x = rng.random((100, dimension))
    assert np.array_equal(again.evaluate(x), pruned.evaluate(x))


@pytest.mark.parametrize("dimension", [2, 4])
@pytest.mark.parametrize("activation", ["silu", "elu", "tanh"])
def test_fourier_features_and_skips_in_plain_pytorch(rng, tmp_path, activation, dimension):
    network = random_network(rng, (dimension, 12, 24, 24, 1), activation, 2.0, skip_at=2)
    # Fourier features: a first layer of sines; cosines are sines with a phase.
    frequencies = 3 * rng.normal(size=(6, dimension)).astype(np.float32)
    phases = np.repeat([0, np.pi / 2], 6).astype(np.float32)
    network[0] = Dense(np.vstack([frequencies] * 2), phases, "sin")
    pruned = pa.prune(to_inr(network), 1e-1)
    assert pruned.report.parameters_after < pruned.report.parameters_before
    pruned.save(tmp_path / "small.pt")
    assert_module_gives(Saved(tmp_path / "small.pt"), pruned, rng)
    x = rng.random((100, dimension))
    assert np.array_equal(pa.load(tmp_path / "small.pt").evaluate(x), pruned.evaluate(x))
