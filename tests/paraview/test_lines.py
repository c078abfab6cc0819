"""A field of one spatial input is a curve that can be seen, in a state too."""

from __future__ import annotations

import numpy as np
import pytest
from _helpers.reference import evaluate
from algorithms.bad_inputs import network, write_good, write_line
from harness import Run, assert_went_well, picture_difference, read_picture, run_script

SCALE = 1 / 32
"""Makes the curve about as high as wide."""


@pytest.fixture(scope="module")
def drawn(new_folder) -> Run:
    folder = new_folder("lines")
    path = write_line(folder, output_scale=SCALE)
    request = {"file": str(path), "plane": str(write_good(folder))}
    return run_script("lines", folder / "run", request=request)


def test_the_filter_makes_a_curve_of_true_heights(drawn):
    assert_went_well(drawn)
    assert drawn.answer["class"] == "vtkPolyData"
    values = SCALE * evaluate(network(1), np.linspace(-1, 1, 5001)[:, None])
    low, high = drawn.answer["bounds"][2:4]
    assert drawn.answer["bounds"][:2] == [-1, 1]
    np.testing.assert_allclose([low, high], [values.min(), values.max()], atol=np.ptp(values) / 20)


def test_the_same_filter_takes_a_plane_next(drawn):
    assert drawn.answer["class_of_plane"] == "vtkUnstructuredGrid"


@pytest.mark.parametrize("name", ["curve", "preview"])
def test_the_line_is_seen_coloured_by_its_values(name, drawn):
    picture = read_picture(drawn.picture(name))
    seen = np.abs(picture - 1).max(axis=2) > 0.2
    # Through most of the width of the picture, or of its height.
    assert max(seen.any(axis=0).mean(), seen.any(axis=1).mean()) > 0.5
    assert picture[seen].std(axis=0).max() > 0.1, "nothing but one colour"


def test_a_state_shows_the_same_curve(drawn, new_folder):
    opened = run_script("load_state", new_folder("load"), request={"states": str(drawn.folder)})
    assert opened.code == 0, opened.text
    assert opened.answer["curve"]["class"] == "vtkPolyData"
    assert picture_difference(drawn.picture("curve"), opened.picture("curve")) < 0.02
