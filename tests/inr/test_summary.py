"""The summary of a network: every layer with its key, what was left out, what was assumed."""

from __future__ import annotations

import pruning_amr as pa
import torch
from structure_networks import mlp
from structures import BY_NAME


def summary(tmp_path, name: str) -> str:
    path, _ = BY_NAME[name].write(tmp_path)
    return pa.load(path, warn=lambda _: None).summary


def test_each_layer_has_its_shape_activation_and_key(tmp_path):
    text = summary(tmp_path, "state dict and a coefficient")
    rows = text.splitlines()
    assert rows[0].startswith("file") and "network.pt, torch zip" in rows[0]
    assert [row.split() for row in rows[2:4]] == [
        ["1", "8", "->", "8", "tanh", "2"],
        ["2", "8", "->", "1", "4"],
    ]
    assert "left out    lambda_1" in text and "assumed     lambda_1" in text


def test_encodings_skips_and_heads_are_seen(tmp_path):
    text = summary(tmp_path, "NeRF density with skip, sin_cos")
    assert "positional encoding, 4 levels" in text
    assert "pts_linears.2, takes the inputs and layer 0 too" in text
    assert "alpha_linear" in text and "rgb_linear" in text.split("left out")[1]


def test_residual_sums_are_seen(tmp_path):
    text = summary(tmp_path, "residual blocks, state dict, activation before")
    assert "sum after block1.2, takes layer 0 too" in text


def test_the_network_of_several_is_named(tmp_path):
    text = summary(tmp_path, "two networks, one by network")
    assert "net_s.0" in text and "left out    net_u" in text


def test_parameters_of_activations_are_shown(tmp_path):
    assert "leaky_relu(0.2)" in summary(tmp_path, "LeakyReLU(0.2) by metadata")


def test_assumptions_of_a_users_class_are_said(tmp_path):
    text = summary(tmp_path, "whole module, activation defined after the last layer")
    assert "assumed" in text and "ActivationLast" in text
    assert "tanh after each hidden one and none after the last" in text


def test_long_networks_are_shortened(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "deep.pt"
    torch.save(mlp([2, *[3] * 60, 1]), path)
    text = pa.load(path).summary
    assert "21 layers" in text and len(text.splitlines()) < 50
