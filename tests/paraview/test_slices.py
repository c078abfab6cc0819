"""INR Slice in ParaView: what it proposes, a picture, and a state."""

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
def sliced(new_folder) -> Run:
    return run_script("slices", new_folder("slices"))


@pytest.fixture(scope="module")
def opened(sliced, new_folder) -> Run:
    request = {"states": str(sliced.folder), "properties": ["Offsets", "Tolerance", "ErrorNorm"]}
    return run_script("load_state", new_folder("load"), request=request)


def test_what_is_proposed(sliced):
    assert_went_well(sliced)
    found = sliced.answer
    # Through the centre of the domain, which is not that of space.
    assert found["origin"] == [0.5, 0.5, 0.0] and found["normal"] == [0.0, 0.0, 1.0]
    # A field of two dimensions is cut along a line all the same.
    assert found["line"] == [0.5, 0.5, 0.0, 1.0, 0.0, 0.0]
    assert found["proposed"] == ["'Surface'", "POINTS", "attenuation"]
    assert found["times"] == 64 and found["cells"] > 1000


def test_planes_show_the_field(sliced):
    assert_shows_something(sliced.picture("shown"))


def test_an_opened_state_shows_the_same(sliced, opened):
    assert_went_well(opened)
    assert_same_picture(sliced.picture("shown"), opened.picture("shown"))
    found = opened.answer["shown"]
    assert (found["Offsets"], found["Tolerance"]) == ("[-0.05, 0.3]", "0.03")
    assert found["class"] == "vtkPolyData" and found["ErrorNorm"] == "'RMS'"


def test_another_time_would_be_another_picture(sliced, opened):
    """The control: a state that forgets its time fails the comparison."""
    first = sliced.picture("first")
    assert picture_difference(first, opened.picture("shown")) > SAME_PICTURE


def test_the_example_shows_two_planes(tmp_path):
    run_example("slices", tmp_path)
    for half in np.split(read_picture(tmp_path / "slices.png"), 2, axis=1):
        red, blue = half[..., 0] - half[..., 2], half[..., 2] - half[..., 0]
        assert (red > 0.4).mean() > 2e-3
        assert (blue > 0.4).mean() > 0.05
