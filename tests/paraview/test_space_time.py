"""One mesh for all times in ParaView: time steps, vectors, animations, saved series."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from harness import (
    SAME_PICTURE,
    Run,
    assert_shows_something,
    assert_went_well,
    picture_difference,
    run_script,
)
from pruning_amr import cli


@pytest.fixture(scope="module")
def shown(new_folder, sample_data) -> Run:
    folder = new_folder("space_time")
    arguments = ["mesh", sample_data / "beltrami_4d.pt", "-o", folder / "series.htg"]
    arguments += ["--time", "all", "--time-steps", 5, "--time-mode", "space_time"]
    arguments += ["--tolerance", 0.02, "--device", "cpu"]
    assert cli.main([str(a) for a in arguments]) == 0
    return run_script("space_time", folder, request={"series": str(folder / "series.pvd")})


def test_it_went_well(shown):
    assert_went_well(shown)


def test_a_time_step_is_the_same_whenever_it_is_shown(shown):
    walked = shown.answer["walked"]
    forth, back = walked[:5], walked[6:][::-1]
    assert forth == back
    assert len({entry["cells"] for entry in forth}) > 1
    assert walked[5]["time"] == 0.3


def test_what_is_told_about_it(shown):
    for entry in shown.answer["walked"]:
        assert {"change_pressure", "change_velocity", "pressure", "velocity"} <= {*entry["arrays"]}
        assert entry["components"] == 3
        assert entry["unchanged"] == entry["unchanged_array"]
        assert 0 < entry["reconstruction_error"] <= 0.003
        # That of this time alone, as it is shown.
        assert 0 < entry["achieved_error"] <= 0.006
    first, second = shown.answer["walked"][:2]
    assert first["unchanged"] == 1.0
    # All of the flow decays: at first every cell is new, in the end none.
    assert second["unchanged"] < 1.0
    assert shown.answer["walked"][4]["unchanged"] == 1.0
    assert first["change"] == [0.0, 0.0]
    assert second["change"][1] > 0.1


def test_the_flow_decays_as_the_exact_solution(shown):
    fastest = [entry["speed"][1] for entry in shown.answer["walked"][:5]]
    expected = np.exp(-((np.pi / 2) ** 2) * np.array(shown.answer["steps"]))
    np.testing.assert_allclose(np.array(fastest) / fastest[0], expected, atol=0.02)


def test_streamlines_and_glyphs_are_drawn(shown):
    assert shown.answer["lines"] > 50
    assert shown.answer["arrows"] > 1000
    assert_shows_something(shown.picture("flow"))
    frames = [shown.folder / name for name in shown.answer["frames"]]
    assert len(frames) == 5
    for one, other in itertools.pairwise(frames):
        assert picture_difference(one, other) > SAME_PICTURE / 2


def test_paraview_saves_all_time_steps(shown):
    assert len([name for name in shown.answer["saved"] if name.endswith(".vtu")]) == 5


def test_a_series_of_the_command_line_opens_with_its_times(shown):
    assert shown.answer["reopened_steps"] == pytest.approx(shown.answer["steps"])
    assert min(shown.answer["reopened"]) > 0
