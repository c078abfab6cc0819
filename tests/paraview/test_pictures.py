"""Pictures against baselines, and proof that a wrong picture is noticed.

To make the baselines anew, run with PRUNING_AMR_NEW_BASELINES=1 and look at each.
"""

from __future__ import annotations

import itertools
import os
import shutil

import pytest
from harness import (
    BASELINES,
    SAME_PICTURE,
    Run,
    assert_same_picture,
    assert_shows_something,
    assert_went_well,
    picture_difference,
    run_script,
)
from PIL import Image, ImageFilter

PICTURES = ("htg_surface", "htg_slice", "htg_clip", "amr_volume", "contour", "image_slice", "plane")
SHOWS_TIME = ("htg_slice", "htg_clip", "amr_volume", "contour", "image_slice")
STEP, OTHER_STEP = 30, 63


@pytest.fixture(scope="module")
def drawn(new_folder) -> Run:
    run = run_script("pictures", new_folder("pictures"), request={"step": STEP})
    if os.environ.get("PRUNING_AMR_NEW_BASELINES"):
        for name in PICTURES:
            shutil.copy(run.picture(name), BASELINES)
    return run


@pytest.fixture(scope="module")
def drawn_later(new_folder) -> Run:
    request = {"step": OTHER_STEP, "plane": False}
    return run_script("pictures", new_folder("later"), request=request)


def baseline(name: str):
    return BASELINES / f"{name}.png"


def test_drawing_went_well(drawn):
    assert_went_well(drawn)
    assert drawn.answer["pictures"] == sorted(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_picture_is_that_of_the_baseline(name, drawn):
    assert_same_picture(drawn.picture(name), baseline(name))


@pytest.mark.parametrize("name", SHOWS_TIME)
def test_another_time_step_is_another_picture(name, drawn_later):
    """The control: the comparison fails where the data are not those of the baseline."""
    assert_shows_something(drawn_later.picture(name))
    assert picture_difference(drawn_later.picture(name), baseline(name)) > SAME_PICTURE
    with pytest.raises(AssertionError, match="differ by"):
        assert_same_picture(drawn_later.picture(name), baseline(name))


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(PICTURES, 2)))
def test_every_baseline_is_another_picture(one, other):
    assert picture_difference(baseline(one), baseline(other)) > 2 * SAME_PICTURE


@pytest.mark.parametrize("name", PICTURES)
def test_an_empty_view_is_noticed(name, tmp_path):
    empty = tmp_path / "empty.png"
    with Image.open(baseline(name)) as image:
        Image.new("RGB", image.size, "white").save(empty)
    assert picture_difference(empty, baseline(name)) > 2 * SAME_PICTURE
    with pytest.raises(AssertionError, match="is drawn"):
        assert_same_picture(empty, baseline(name))


@pytest.mark.parametrize("name", PICTURES)
def test_a_little_smoothing_is_forgiven(name, tmp_path):
    """What another rasteriser may do at edges is not taken for another picture."""
    smoothed = tmp_path / "smoothed.png"
    with Image.open(baseline(name)) as image:
        image.convert("RGB").filter(ImageFilter.GaussianBlur(0.6)).save(smoothed)
    assert picture_difference(smoothed, baseline(name)) < SAME_PICTURE
