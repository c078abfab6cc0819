"""Data saved by ParaView's own writers are read back by ParaView."""

from __future__ import annotations

import pytest
from harness import Run, assert_went_well, run_script

NAMES = ("mesh.htg", "mesh.vthb", "mesh.vtu")


@pytest.fixture(scope="module")
def saved(new_folder) -> Run:
    return run_script("save_data", new_folder("saved"))


@pytest.fixture(scope="module")
def opened(saved, new_folder) -> Run:
    request = {"folder": str(saved.folder), "names": NAMES}
    return run_script("open_data", new_folder("opened"), request=request)


def test_it_went_well(saved, opened):
    assert_went_well(saved)
    assert_went_well(opened)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_is_read_back(name, saved, opened):
    before, after = saved.answer[name], opened.answer[name]
    assert before["cells"] > 512
    assert before["levels"][1] == 2
    assert before["range"][1] - before["range"][0] > 0.9
    assert after["cells"] == before["cells"]
    assert after["levels"] == before["levels"]
    assert after["bounds"] == pytest.approx(before["bounds"])
    assert after["range"] == pytest.approx(before["range"], abs=1e-6)
