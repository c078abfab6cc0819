"""A state saved by one process shows the same in another."""

from __future__ import annotations

import pytest
from harness import (
    SAME_PICTURE,
    Run,
    assert_same_picture,
    assert_went_well,
    picture_difference,
    run_script,
)

STATES = ("hyper_tree_grid", "overlapping_amr", "unstructured_grid")


@pytest.fixture(scope="module")
def saved(new_folder) -> Run:
    return run_script("save_state", new_folder("save"))


@pytest.fixture(scope="module")
def opened(saved, new_folder) -> Run:
    return run_script(
        "load_state",
        new_folder("load"),
        request={"states": str(saved.folder), "properties": ["OutputType", "MaxDepth"]},
    )


def test_saving_and_opening_went_well(saved, opened):
    assert_went_well(saved)
    assert opened.code == 0, opened.text


@pytest.mark.parametrize("name", STATES)
def test_an_opened_state_shows_the_same(name, saved, opened):
    assert_same_picture(saved.picture(name), opened.picture(name))


@pytest.mark.parametrize("name", STATES)
def test_an_opened_state_has_its_time_and_properties(name, saved, opened):
    found = opened.answer[name]
    assert found["time"] == pytest.approx(saved.answer["times"][name])
    assert found["time"] > 0
    assert found["class"].lower() == "vtk" + name.replace("_", "")
    assert found["OutputType"].replace(" ", "_").lower() in f"['{name}']"
    assert found["MaxDepth"] == "2"


@pytest.mark.parametrize("name", STATES)
def test_the_first_time_step_would_be_another_picture(name, saved, opened):
    """The control: a state that forgets its time fails the comparison."""
    first = saved.picture(f"{name}_first")
    assert picture_difference(first, opened.picture(name)) > SAME_PICTURE
