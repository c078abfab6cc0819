"""INR Evaluate in ParaView: points of several kinds, a picture, and a state."""

from __future__ import annotations

import numpy as np
import pytest
from harness import (
    SAME_PICTURE,
    Run,
    assert_same_picture,
    assert_shows_something,
    assert_went_well,
    picture_difference,
    read_picture,
    run_example,
    run_script,
)


@pytest.fixture(scope="module")
def evaluated(new_folder) -> Run:
    return run_script("evaluate", new_folder("evaluate"))


@pytest.fixture(scope="module")
def opened(evaluated, new_folder) -> Run:
    request = {"states": str(evaluated.folder), "properties": ["Values", "Gradient"]}
    return run_script("load_state", new_folder("load"), request=request)


def test_it_went_well(evaluated, opened):
    assert_went_well(evaluated)
    assert_went_well(opened)
    assert evaluated.answer["times"] == 64


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("line", "vtkPolyData"),
        ("image", "vtkImageData"),
        ("group", "vtkMultiBlockDataSet"),
        ("table", "vtkTable"),
    ],
)
def test_points_of_every_kind(name, kind, evaluated):
    found = evaluated.answer["types"][name]
    assert found["class"] == kind
    low, high = found["ranges"]["attenuation"]
    assert -0.1 < low < high < 1
    # All but the corners of the domain lie on the walls of the pipe.
    assert high > (0.005 if name == "image" else 0.5)
    assert "attenuation_gradient" in found["ranges"]
    assert found["ranges"]["vtkValidPointMask"] == [float(name == "image"), 1]


def test_a_surface_shows_the_field_and_ends_with_the_domain(evaluated):
    assert_shows_something(evaluated.picture("shown"))


def test_an_opened_state_shows_the_same(evaluated, opened):
    assert_same_picture(evaluated.picture("shown"), opened.picture("shown"))
    found = opened.answer["shown"]
    assert found["time"] > 0
    assert (found["Values"], found["Gradient"]) == ("'Exact'", "0")


def test_another_time_would_be_another_picture(evaluated, opened):
    """The control: a state that forgets its time fails the comparison."""
    first = evaluated.picture("first")
    assert picture_difference(first, opened.picture("shown")) > SAME_PICTURE


def test_the_example_plots_lines(tmp_path):
    run_example("line_plot", tmp_path)
    first, later = (read_picture(tmp_path / f"line_plot_step_{step:02d}.png") for step in (0, 32))
    for picture in (first, later):
        # A curve in each half, black and red, on white.
        upper, lower = np.split(picture, 2)
        assert (upper.max(axis=2) < 0.7).mean() > 2e-3
        assert (lower[..., 0] - lower[..., 1] > 0.2).mean() > 2e-3
    assert np.abs(first - later).max() > 0.3
    table = np.genfromtxt(tmp_path / "line_plot.csv", delimiter=",", names=True)
    assert len(table) == 1001 and np.isfinite(table["attenuation"]).sum() == 833
