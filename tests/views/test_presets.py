"""Presets of meshes, slices and contours: one set of names, in Python and on the command line."""

from __future__ import annotations

from argparse import Namespace

import pruning_amr as pa
import pytest
from pruning_amr.cli_arguments import given, make_parser
from pruning_amr.refinement import RefinementParameters
from pruning_amr.refinement.presets import (
    CUSTOM,
    PRESETS,
    make_mesh_parameters,
    make_with_preset,
)
from pruning_amr.views import ContourParameters, SliceParameters
from pruning_amr.views.presets import CONTOUR_PRESETS, SLICE_PRESETS

KINDS = {
    "mesh": (RefinementParameters, PRESETS),
    "slice": (SliceParameters, SLICE_PRESETS),
    "contour": (ContourParameters, CONTOUR_PRESETS),
}


@pytest.mark.parametrize("kind", KINDS)
def test_presets_go_from_coarse_to_fine_over_the_defaults(kind):
    parameters, presets = KINDS[kind]
    assert list(presets) == [CUSTOM, "preview", "balanced", "accurate"]
    made = [make_with_preset(parameters, presets, preset=name) for name in presets]
    assert made[0] == made[2] == parameters()
    assert made[1].tolerance > made[2].tolerance > made[3].tolerance
    # What is given in numbers beside it wins.
    beside = make_with_preset(parameters, presets, preset="accurate", max_cells=77)
    assert (beside.max_cells, beside.tolerance) == (77, made[3].tolerance)


def typed(kind: str, *flags: str) -> Namespace:
    commands = dict.fromkeys(("info", "prune", "compare", "evaluate", "paraview-plugin", *KINDS))
    values = ["--values", "0"] if kind == "contour" else []
    return make_parser(commands).parse_args([kind, "a.pt", "-o", "b", *values, *flags])


@pytest.mark.parametrize("kind", KINDS)
def test_presets_on_the_command_line(kind):
    parameters, presets = KINDS[kind]

    def made(*flags: str):
        return make_with_preset(parameters, presets, **given(typed(kind, *flags), parameters))

    assert made() == parameters()
    for name in presets:
        assert made("--preset", name) == make_with_preset(parameters, presets, preset=name)
    # A flag wins, also with the number that it has by default.
    default = str(parameters().tolerance)
    assert made("--preset", "preview", "--tolerance", default).tolerance == parameters().tolerance


@pytest.mark.filterwarnings("ignore::pruning_amr.ToleranceWarning")
def test_presets_in_python(sample_data):
    inr = pa.load(sample_data / "oscillation_2d.pt")
    mesh = pa.refine(inr, preset="preview", device="cpu")
    assert mesh.parameters.tolerance == PRESETS["preview"]["tolerance"]
    line = pa.slice(inr, preset="preview", device="cpu")
    assert line.asked_error == SLICE_PRESETS["preview"]["tolerance"]
    value = float(inr.value_range.mean())
    contours = [pa.contour(inr, value, preset=n, device="cpu") for n in ("preview", CUSTOM)]
    coarse, fine = (contour.report.values_evaluated for contour in contours)
    assert 0 < coarse < fine


@pytest.mark.parametrize("look", [pa.refine, pa.slice, lambda inr, **p: pa.contour(inr, 0.0, **p)])
def test_a_preset_that_is_none_is_refused(look, sample_data):
    inr = pa.load(sample_data / "oscillation_2d.pt")
    with pytest.raises(
        pa.ParameterError, match='preset is "best"; expected one of custom, preview'
    ):
        look(inr, preset="best")


def test_a_preset_is_for_the_target_error():
    with pytest.raises(pa.ParameterError, match="preset is preview, but criterion uniform has"):
        make_mesh_parameters(criterion="uniform", preset="preview")
    assert make_mesh_parameters(criterion="uniform").criterion == "uniform"
