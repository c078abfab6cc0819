"""Time steps: announced, different, and animated."""

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


@pytest.fixture(scope="module")
def times(new_folder) -> Run:
    return run_script("times", new_folder("times"))


def test_it_went_well(times):
    assert_went_well(times)


def test_the_sample_has_64_time_steps(times):
    expected = np.linspace(0, 1, 64)
    np.testing.assert_allclose(times.answer["steps"], expected)
    np.testing.assert_allclose(times.answer["scene"], expected)


def test_each_time_step_has_data_of_its_own(times):
    data = times.answer["data"]
    for entry in data:
        assert entry["told"] == pytest.approx(entry["asked"])
    for one, other in itertools.combinations(data, 2):
        assert one["range"] != other["range"]
        assert one["cells"] != other["cells"]


def test_frames_of_an_animation_differ(times):
    frames = times.answer["frames"]
    assert len(frames) == 3
    paths = [times.folder / name for name in frames]
    for path in paths:
        assert_shows_something(path)
    for one, other in itertools.pairwise(paths):
        assert picture_difference(one, other) > SAME_PICTURE / 2
