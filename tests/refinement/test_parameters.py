"""Parameters: what is out of range is refused in one clear sentence."""

from __future__ import annotations

import re

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.errors import one_clear_sentence
from _helpers.reference import linear_network, to_inr
from pruning_amr.refinement import (
    CRITERIA,
    PARAMETER_NAMES,
    RefinementParameters,
    make_parameters,
    suited_to_output,
)

NAN, INF = float("nan"), float("inf")

BAD = {
    "criterion": ["", "magic", "Paper", None, 3],
    "error_formula": ["", "relative", None],
    "tolerance": [0, -1, -1e-9, NAN, INF, "0.1", None, [0.1]],
    "pruning_tolerance": [0, -1e-3, NAN, INF, "1e-3", None],
    "max_kept_fraction": [0, -0.2, NAN, INF, "half", None],
    "id_tolerance": [-1e-3, 1e-12, 1, 2, NAN, INF, "1e-3", None],
    "id_samples": [0, -1, 2.5, NAN, "256", None, True],
    "error_samples": [-1, 0.5, "32", None, False],
    "min_depth": [-1, 1.5, "2", None],
    "max_depth": [0, -1, 2.5, INF, "6", None, True],
    "max_cells": [0, -5, 1e5, INF, "many", None],
    "time_limit": [-1, NAN, INF, "10", None],
    "seed": [-1, 0.5, "a", None, 2**63, 2**70],
    "memory_mb": [0, -1, NAN, INF, "1GB", None],
}
MISTAKES = [(name, value) for name, values in BAD.items() for value in values]


@pytest.fixture
def inr():
    return to_inr(linear_network([1.0, 2.0]), [[0, 1], [0, 1]])


@pytest.mark.parametrize(("name", "value"), MISTAKES, ids=[f"{n}={v}" for n, v in MISTAKES])
def test_values_out_of_range_are_refused_by_name(inr, name, value):
    with one_clear_sentence(pa.ParameterError, name):
        pa.refine(inr, **{name: value})


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("device", ["gpu", "", "cpu0", "mps"])
def test_unknown_devices_are_refused(inr, criterion, device):
    with one_clear_sentence(pa.ParameterError, "device"):
        values = [1.0] if criterion == "isosurface" else []
        pa.refine(inr, criterion=criterion, isovalues=values, device=device, max_depth=1)


def test_a_missing_gpu_is_said(inr, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with one_clear_sentence(pa.ParameterError, "device", "GPU", '"cpu"'):
        pa.refine(inr, device="cuda")


@pytest.mark.parametrize(
    "roots",
    [(0, 4), (-1, 4), (4,), (4, 4, 4), (4, 4, 4, 4), "ab", "44", (2.5, 2), (NAN, 2), (None, 2), 5],
)
def test_impossible_root_resolutions_are_refused(inr, roots):
    with one_clear_sentence(pa.ParameterError, "root_resolution"):
        pa.refine(inr, root_resolution=roots)


@pytest.mark.parametrize("roots", [(3, 5), [3, 5], (3, 5, 1), (3, 5, 0), np.array([3, 5])])
def test_root_resolution_of_a_plane_may_have_a_third_number(inr, roots):
    mesh = pa.refine(inr, root_resolution=roots, max_depth=1, min_depth=0)
    assert mesh.at().tree.root_resolution == (3, 5)


def test_a_budget_below_the_root_grid_is_refused(inr):
    for max_cells in (1, 15):
        with one_clear_sentence(pa.ParameterError, "max_cells", max_cells, "4 x 4", "16"):
            pa.refine(inr, max_cells=max_cells)
    assert pa.refine(inr, max_cells=16).at().n_cells == 16


@pytest.mark.parametrize("roots", [(4, 4), (7, 3), (1, 1, 1), (4, 4, 4), (1000, 3, 20)])
@pytest.mark.parametrize("too_deep", [40, 100, 5000])
def test_the_depth_proposed_for_one_that_is_too_large_is_the_largest_possible(roots, too_deep):
    bounds = np.array([[0.0, 1.0]] * len(roots))

    def grid(depth: int):
        parameters = RefinementParameters(root_resolution=roots, max_depth=depth, max_cells=10**9)
        return parameters.root_grid(bounds)

    with pytest.raises(pa.ParameterError, match="max_depth") as caught:
        grid(too_deep)
    proposed = int(re.search(r"at most (\d+)", str(caught.value))[1])
    assert grid(proposed) == roots
    with pytest.raises(pa.ParameterError):
        grid(proposed + 1)


def test_unknown_parameters_are_refused_with_the_known_ones(inr):
    with one_clear_sentence(pa.ParameterError, "tolerence", "tolerance", "max_depth"):
        pa.refine(inr, tolerence=0.1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_depth", np.int64(2)),
        ("max_cells", np.int32(100)),
        ("tolerance", np.float64(0.1)),
        ("tolerance", np.float32(0.1)),
        ("time_limit", 60),
        ("memory_mb", np.int64(64)),
    ],
)
def test_numpy_numbers_are_numbers(inr, name, value):
    assert pa.refine(inr, **{"max_depth": 2, name: value}).at().n_cells >= 16


def test_a_gpu_that_is_not_there_is_said(inr, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with one_clear_sentence(pa.ParameterError, '"cuda:2"', "only 2 GPUs"):
        pa.refine(inr, device="cuda:2")


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"memory_mb": 64, "change": True, "image_resolution": 9}, True),
        ({"hanging_nodes": "constrained"}, True),
        ({"hanging_nodes": "free"}, True),
        ({"balance": "faces"}, False),
        ({"tolerance": 0.5}, False),
    ],
)
def test_which_parameters_lead_to_the_same_cells(changed, same):
    assert make_parameters(**changed).same_cells(make_parameters()) == same


@pytest.mark.parametrize(
    ("hanging_nodes", "same"), [("split", True), ("free", False), ("constrained", False)]
)
def test_cells_at_an_isosurface_depend_on_whether_leaves_are_split(hanging_nodes, same):
    wanted = {"criterion": "isosurface", "isovalues": 0.5}
    other = make_parameters(**wanted, hanging_nodes=hanging_nodes)
    assert other.same_cells(make_parameters(**wanted)) == same
    assert make_parameters(**wanted).same_cells(other) == same


@pytest.mark.parametrize(
    ("criterion", "output_type", "given", "suited"),
    [
        ("isosurface", "unstructured_grid", "split", "split"),
        ("isosurface", "hyper_tree_grid", "split", "free"),
        ("isosurface", "overlapping_amr", "split", "free"),
        ("isosurface", "hyper_tree_grid", "constrained", "constrained"),
        ("target_error", "hyper_tree_grid", "split", "split"),
    ],
)
def test_data_sets_of_whole_leaves_have_one_level_at_an_isosurface(
    criterion, output_type, given, suited
):
    values = {"isovalues": 0.5} if criterion == "isosurface" else {}
    parameters = make_parameters(criterion=criterion, hanging_nodes=given, **values)
    assert suited_to_output(parameters, output_type).hanging_nodes == suited


def test_feature_map_names_the_tolerance_that_is_wrong():
    with pytest.raises(pa.ParameterError, match=r"pruning_tolerance is 1\.5"):
        make_parameters(criterion="feature_map", pruning_tolerance=1.5)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"tolerance": 2}, "tolerance is 2, which is 200 % of the range of the field"),
        ({"criterion": "feature_map", "tolerance": 1}, "write 0.01 for 1 %"),
        ({"criterion": "isosurface", "isovalues": 1, "tolerance": 2}, "of the diagonal of the"),
        ({"region": (0, 1), "region_tolerance": 5}, "region_tolerance is 5, which is 500 %"),
    ],
)
def test_per_cent_are_told_from_parts_of_the_range(values, words):
    with one_clear_sentence(pa.ParameterError, words):
        make_parameters(**values)
    # Units of the field are no parts.
    if "isovalues" not in values:
        assert make_parameters(**values, error_formula="absolute")


def test_roots_are_nearly_cubic():
    grid = RefinementParameters().root_grid
    assert grid(np.array([[0.0, 1.0], [0.0, 1.0]])) == (4, 4)
    assert grid(np.array([[0.0, 4.0], [0.0, 1.0], [0.0, 2.0]])) == (4, 1, 2)
    assert grid(np.array([[0.0, 100.0], [0.0, 1.0]])) == (4, 1)


def test_every_parameter_has_a_help_text():
    for name in PARAMETER_NAMES:
        assert len(RefinementParameters.__dataclass_fields__[name].metadata["help"]) > 20
