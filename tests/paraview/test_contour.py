"""INR Contour in ParaView: a smooth surface at the first Apply, in a state too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from _helpers.files import save_checkpoint, sequential_state
from _helpers.level_sets import Bump, bump_network
from harness import Run, picture_difference, read_picture, run_script
from PIL import Image


@pytest.fixture(scope="module")
def drawn(new_folder) -> Run:
    folder = new_folder("contour")
    network = bump_network([Bump((0.0, 0.0, 0.0), 0.6)])
    metadata = {"activation": ["silu", "elu"], "bounds": [[-1, 1]] * 3}
    path = save_checkpoint(folder / "ball.pt", sequential_state(network), metadata)
    return run_script("contour", folder / "run", request={"file": str(path)})


def jump(path: Path) -> float:
    """By how much neighbouring pixels of the surface differ at most, 98 of 100 times."""
    with Image.open(path) as image:
        picture = np.asarray(image.convert("RGB"), dtype=float).mean(axis=2) / 255
    seen = np.abs(read_picture(path) - 1).max(axis=2) > 0.3
    both = seen[:, 1:] & seen[:, :-1]
    return float(np.quantile(np.abs(np.diff(picture, axis=1))[both], 0.98))


def test_the_output_and_the_middle_of_its_range_are_offered(drawn):
    assert drawn.code == 0, drawn.text
    assert drawn.answer["output"] == ["POINTS", "value"]
    assert 0.3 < drawn.answer["values"][0] < 0.6
    assert drawn.answer["class"] == "vtkPolyData"
    assert drawn.answer["colour"] in ("", None)
    assert "99.9 % within" in drawn.answer["summary"]
    np.testing.assert_allclose(np.abs(drawn.answer["bounds"]), 0.6, atol=0.1)


def test_a_state_of_what_was_never_updated_takes_the_middle_too(drawn):
    np.testing.assert_allclose(np.abs(drawn.answer["bounds_not_updated"]), 0.6, atol=0.1)


def test_it_is_shaded_smoothly(drawn):
    picture = read_picture(drawn.picture("contour"))
    seen = np.abs(picture - 1).max(axis=2) > 0.05
    assert 0.05 < seen.mean() < 0.9
    assert picture[seen].std(axis=0).max() > 0.05
    # The control: triangles of one colour each.
    assert jump(drawn.picture("contour")) < 0.5 * jump(drawn.picture("flat"))


def test_a_state_shows_the_same_surface(drawn, new_folder):
    opened = run_script(
        "load_state", new_folder("load"), request={"states": str(drawn.folder), "properties": []}
    )
    assert opened.code == 0, opened.text
    assert opened.answer["contour"]["class"] == "vtkPolyData"
    assert picture_difference(drawn.picture("contour"), opened.picture("contour")) < 0.02


def test_a_mistake_is_one_red_line_and_an_empty_output(drawn):
    assert drawn.answer["cells_of_mistake"] == 0
    assert drawn.text == "INR Contour: tolerance is 0.0; expected a number above 0.\n"
