"""Skip connections between hidden layers: evaluated, transformed, saved and read as they are."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.errors import one_clear_sentence
from _helpers.files import save_checkpoint, sequential_state
from _helpers.reference import (
    assert_close_to_range,
    evaluate,
    hidden_values,
    random_network,
    residual_network,
    to_chain,
    to_inr,
)
from pruning_amr.inr import Evaluator, Layer, inr_from_bytes, inr_to_bytes, save_inr
from pruning_amr.inr.chain import keep_used, last_uses
from torch.nn.functional import linear

DENSE = ((2, 0), (3, 0), (3, 1))
"""Every layer takes the outputs of all before it."""


def features(rng, dimension: int = 3):
    """A network whose first layer of sines enters layer 3 again."""
    network = random_network(
        rng, (dimension, 16, 20, 20, 20, 2), "silu", skip_at=2, skips=((3, 0),)
    )
    return [replace(network[0], activation="sin"), *network[1:]]


def networks(rng, dimension: int = 3):
    yield residual_network(rng, dimension, 32)
    yield features(rng, dimension)
    yield random_network(rng, (dimension, 9, 14, 11, 2), "gelu", skips=DENSE)


def state_of(network) -> dict[str, torch.Tensor]:
    state = sequential_state(network)
    for i, layer in enumerate(network):
        for source, weight in layer.skips.items():
            state[f"{2 * i}.skip_{source}"] = torch.from_numpy(weight.copy())
    return state


# --- evaluation -------------------------------------------------------------------------------


def test_residual_blocks_are_a_plain_formula(rng):
    network = residual_network(rng, 3, 32)
    w, b = ([torch.from_numpy(getattr(la, n)) for la in network] for n in ("weight", "bias"))
    x = torch.from_numpy(rng.uniform(-1, 1, (200, 3)).astype(np.float32))
    h = torch.tanh(linear(x, w[0], b[0]))
    for i in (1, 3):
        h = h + linear(torch.tanh(linear(h, w[i], b[i])), w[i + 1], b[i + 1])
    torch.testing.assert_close(to_chain(network)(x), linear(h, w[5], b[5]))


def test_a_layer_that_concatenates_is_one_with_its_matrix_cut(rng):
    network = features(rng)
    w, b = ([torch.from_numpy(getattr(la, n)) for la in network] for n in ("weight", "bias"))
    x = torch.from_numpy(rng.uniform(-1, 1, (200, 3)).astype(np.float32))
    silu = torch.nn.functional.silu
    first = torch.sin(linear(x, w[0], b[0]))
    h = silu(linear(first, w[1], b[1]))
    h = silu(linear(h, w[2], b[2]) + x @ torch.from_numpy(network[2].input_weight).T)
    both = torch.cat([h, first], dim=1)
    h = silu(linear(both, torch.cat([w[3], torch.from_numpy(network[3].skips[0])], dim=1), b[3]))
    torch.testing.assert_close(to_chain(network)(x), linear(h, w[4], b[4]))


def test_values_equal_an_independent_evaluation(rng):
    x = rng.uniform(-1, 1, (500, 3)).astype(np.float32)
    for network in networks(rng):
        assert_close_to_range(Evaluator(to_chain(network), "cpu").numpy(x), evaluate(network, x))
        found = to_chain(network).activations(torch.from_numpy(x))
        for ours, theirs in zip(found, hidden_values(network, x), strict=False):
            assert_close_to_range(ours.numpy(), theirs)
        precise = to_chain(network).to("cpu", torch.float64)(torch.from_numpy(x).double())
        np.testing.assert_allclose(precise.numpy(), evaluate(network, x), rtol=1e-9, atol=1e-12)


def test_values_depend_on_no_chunk(rng):
    x = rng.uniform(-1, 1, (3001, 3))
    for network in networks(rng):
        whole = Evaluator(to_chain(network), "cpu").numpy(x)
        for memory_mb in (1e-6, 0.2):
            assert np.array_equal(Evaluator(to_chain(network), "cpu", memory_mb).numpy(x), whole)
        assert np.array_equal(Evaluator(to_chain(network), "cpu").numpy(x[77:500]), whole[77:500])


def test_outputs_are_kept_while_they_are_used(rng, monkeypatch):
    seen, apply = [], Layer.__call__

    def watched(layer, h, x, earlier=()):
        seen.append(sorted(earlier))
        return apply(layer, h, x, earlier)

    monkeypatch.setattr(Layer, "__call__", watched)
    x = torch.zeros(5, 3)
    to_chain(random_network(rng, (3, 8, 8, 8, 1)))(x)
    assert seen == [[]] * 4
    seen.clear()
    residual, dense = residual_network(rng, 3, 8), random_network(rng, (3, 8, 8, 8, 1), skips=DENSE)
    to_chain(residual)(x)
    assert seen == [[], [0], [0], [2], [2], []]
    seen.clear()
    to_chain(dense)(x)
    assert seen == [[], [0], [0, 1], [0, 1]]
    assert [to_chain(n).kept_width for n in (residual, dense)] == [16, 16]


def test_last_uses_and_what_is_kept_of_them(rng):
    uses = last_uses(
        to_chain(random_network(rng, (2, 4, 4, 4, 4, 1), skips=((2, 0), (4, 0)))).layers
    )
    assert uses == {0: 4}
    kept: dict[int, str] = {}
    held = []
    for i in range(5):
        keep_used(kept, uses, i, f"output {i}")
        held.append(dict(kept))
    assert held == [{0: "output 0"}] * 4 + [{}]


# --- other forms of the same network ------------------------------------------------------------


def test_networks_of_other_coordinates_and_outputs(rng):
    network = features(rng, 4)
    chain = to_chain(network)
    x = rng.uniform(-1, 1, (100, 4)).astype(np.float32)
    expected, points = evaluate(network, x), torch.from_numpy(x)
    some = chain.with_outputs([1])(points).numpy()
    assert_close_to_range(some, expected[:, 1:])
    order = [2, 0, 3, 1]
    assert_close_to_range(chain.reordered(order)(points[:, order]).numpy(), expected)
    scaled = points.clone()
    scaled[:, 3] = 4.0 * points[:, 3] - 1.0
    assert_close_to_range(chain.rescaled_input(3, 4.0, -1.0)(scaled).numpy(), expected)
    x[:, 1] = 0.25
    fixed = chain.fix_inputs([1], [0.25])(points[:, [0, 2, 3]]).numpy()
    assert_close_to_range(fixed, evaluate(network, x))


def test_outputs_of_a_last_layer_with_skips(rng):
    network = random_network(rng, (2, 9, 8, 3), skips=((2, 0),))
    x = rng.uniform(-1, 1, (100, 2)).astype(np.float32)
    found = to_chain(network).with_outputs([2, 0])(torch.from_numpy(x)).numpy()
    assert_close_to_range(found, evaluate(network, x)[:, [2, 0]])


def test_skips_count_as_parameters_and_are_named(rng):
    chain = to_chain(random_network(rng, (2, 9, 14, 11, 1), skips=DENSE))
    plain = to_chain(random_network(rng, (2, 9, 14, 11, 1)))
    assert chain.n_parameters - plain.n_parameters == 11 * 9 + 1 * 9 + 1 * 14
    text = to_inr(residual_network(rng, 2, 8)).describe()
    assert "skips       from layer 0 to 2, 2 to 4\n" in text


# --- bytes and files --------------------------------------------------------------------------


def test_bytes_round_trip(rng):
    x = rng.uniform(0, 1, (300, 3))
    for network in networks(rng):
        inr = to_inr(network)
        found = inr_from_bytes(inr_to_bytes(inr))
        assert np.array_equal(found.evaluate(x), inr.evaluate(x))
        assert inr_to_bytes(found) == inr_to_bytes(inr)


def test_programs_that_know_no_skips_refuse_bytes_with_them(rng):
    def header(network) -> dict:
        with np.load(io.BytesIO(inr_to_bytes(to_inr(network)))) as archive:
            return json.loads(archive["header"].tobytes())

    plain, residual = header(random_network(rng, (3, 8, 1))), header(residual_network(rng, 3, 8))
    assert plain["format"] == "pruning_amr.inr/1" and "skips" not in plain
    assert residual["format"] == "pruning_amr.inr/2"
    assert residual["skips"] == [[], [], [0], [], [2], []]


def changed_bytes(inr, change) -> bytes:
    """Bytes of an INR whose header and arrays were changed."""
    with np.load(io.BytesIO(inr_to_bytes(inr))) as archive:
        arrays = dict(archive)
    header = json.loads(arrays["header"].tobytes())
    change(header, arrays)
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def from_layer(source):
    def change(header, arrays):
        header["skips"][2] = [source]
        arrays[f"2.skip_{source}"] = arrays["2.skip_0"]

    return change


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (from_layer(1), "enter layer 2 from layers [1]"),
        (from_layer(2), "enter layer 2 from layers [2]"),
        (from_layer(4), "enter layer 2 from layers [4]"),
        (from_layer(-1), "enter layer 2 from layers [-1]"),
        (lambda h, a: h["skips"].__setitem__(2, [0, 0]), "at most one from each of layers 0 to 0"),
        (lambda h, a: h["skips"].__setitem__(4, [1]), "4.skip_1"),
        (lambda h, a: a.__setitem__("2.skip_0", a["2.skip_0"][:, :5]), "(8, 5); expected (8, 8)"),
        (lambda h, a: a.__setitem__("2.skip_0", a["2.skip_0"][0]), "(8,); expected (8, 8)"),
        (lambda h, a: a.pop("4.skip_2"), "4.skip_2"),
    ],
)
def test_bytes_with_impossible_skips_are_refused(rng, change, word):
    inr = to_inr(residual_network(rng, 3, 8))
    unchanged = changed_bytes(inr, lambda header, arrays: None)
    assert inr_from_bytes(unchanged).chain.layers[2].skips
    with one_clear_sentence(pa.CheckpointError, "field data", word):
        inr_from_bytes(changed_bytes(inr, change))


def test_two_skips_from_one_layer_are_not_written(rng, tmp_path):
    chain = to_chain(residual_network(rng, 3, 8))
    layers = list(chain.layers)
    layers[2] = replace(layers[2], skips=layers[2].skips * 2)
    inr = to_inr(residual_network(rng, 3, 8)).with_chain(replace(chain, layers=tuple(layers)))
    with pytest.raises(ValueError, match="at most one from each"):
        save_inr(inr, tmp_path / "saved.pt")
    assert not list(tmp_path.iterdir())


def test_file_round_trip(rng, tmp_path):
    x = rng.uniform(0, 1, (300, 3))
    for network in networks(rng):
        inr = to_inr(network)
        save_inr(inr, tmp_path / "saved.pt")
        found = pa.load(tmp_path / "saved.pt")
        assert np.array_equal(found.evaluate(x), inr.evaluate(x))
        for ours, theirs in zip(found.chain.layers, inr.chain.layers, strict=True):
            assert [s.source for s in ours.skips] == [s.source for s in theirs.skips]


def test_more_than_ten_layers_in_any_order_of_keys(rng, tmp_path):
    network = random_network(rng, (3, *[9] * 12, 1), "tanh", skips=((11, 2), (12, 10)))
    state = state_of(network)
    x = rng.uniform(0, 1, (100, 3)).astype(np.float32)
    for i, keys in enumerate((list(state), sorted(state))):
        path = save_checkpoint(tmp_path / f"{i}.pt", {k: state[k] for k in keys})
        found = pa.load(path, activation="tanh").evaluate(x)
        assert_close_to_range(found, evaluate(network, x), 1e-4)


def test_facts_of_the_metadata_reach_the_skips(rng, tmp_path):
    network = random_network(rng, (2, 9, 8, 8, 1), "sin", 1.0, skips=((2, 0), (3, 0)))
    path = save_checkpoint(tmp_path / "sine.pt", state_of(network))
    inr = pa.load(
        path, activation="sin", omega_0=3.0, input_std=2.0, output_scale=5.0, output_offset=1.0
    )
    x = rng.uniform(-1, 1, (200, 2))
    # sin(3 z) = sin of a layer whose weights are three times as large.
    for i, layer in enumerate(network):
        factor = 3.0 if i < 3 else 1.0
        skips = {s: factor * w for s, w in layer.skips.items()}
        network[i] = replace(
            layer, weight=factor * layer.weight, bias=factor * layer.bias, skips=skips
        )
    assert_close_to_range(inr.evaluate(x), 5.0 * evaluate(network, x / 2.0) + 1.0)


def test_skips_count_layers_after_fourier_features(rng, tmp_path):
    network = random_network(rng, (12, 9, 8, 1), "tanh", skips=((2, 0),))
    matrix = rng.normal(size=(3, 6)).astype(np.float32)
    path = save_checkpoint(
        tmp_path / "fourier.pt", state_of(network) | {"B": torch.from_numpy(matrix)}
    )
    facts = {"activation": "tanh", "omega_0": 1.0}
    inr = pa.load(path, fourier_scale=1.0, fourier_order="sin_cos", **facts)
    x = rng.uniform(-1, 1, (200, 3))
    z = x @ matrix
    assert_close_to_range(inr.evaluate(x), evaluate(network, np.hstack([np.sin(z), np.cos(z)])))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("4.skip_1", torch.ones(8, 8), "enter layer 2 from layers [0, 1]"),
        ("4.skip_7", torch.ones(8, 8), "enter layer 2 from layers [0, 7]"),
        ("4.skip_0", torch.ones(8, 7), "(8, 7); expected (8, 8)"),
        ("4.skip_0", torch.full((8, 8), np.nan), "the skip weights from layer 0 to layer 2"),
        ("4.skip_0", torch.full((8, 8), 1e300, dtype=torch.float64), "too large for float32"),
        ("4.skip_0", torch.eye(8, dtype=torch.int64), "4.skip_0 holds int64"),
        ("5.skip_0", torch.ones(8, 8), "layout this program does not know"),
        ("4.skip_00", torch.ones(8, 8), "layout this program does not know"),
        ("4.skip_0", torch.ones(8), "no layer uses 4.skip_0 of shape (8,)"),
    ],
)
def test_files_with_impossible_skips_are_refused(rng, tmp_path, key, value, words):
    state = state_of(residual_network(rng, 3, 8))
    facts = {"activation": ["tanh", "tanh", "identity", "tanh", "identity"]}
    assert pa.load(save_checkpoint(tmp_path / "good.pt", state), **facts).chain.layers[2].skips
    path = save_checkpoint(tmp_path / "bad.pt", state | {key: value})
    with one_clear_sentence(pa.CheckpointError, "bad.pt", words):
        pa.load(path, **facts)
