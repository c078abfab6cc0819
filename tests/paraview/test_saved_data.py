"""What ParaView saves with its default options, another ParaView opens with its own."""

from __future__ import annotations

import pytest
from harness import Run, assert_went_well, run_script

SAMPLES = ("oscillation_2d", "dynamic_ct_4d", "beltrami_4d")
NAMES = [f"{sample}.{suffix}" for sample in SAMPLES for suffix in ("htg", "vthb", "vtu", "vti")]
OTHERS = ["random.htg", "masked.htg"]


@pytest.fixture(scope="module")
def saved(new_folder) -> Run:
    return run_script("save_data", new_folder("saved"), request={"names": NAMES})


@pytest.fixture(scope="module")
def opened(saved, new_folder) -> Run:
    request = {"folder": str(saved.folder), "names": [*NAMES, *OTHERS]}
    return run_script("open_data", new_folder("opened"), request=request)


def assert_same_arrays(found: dict, written: dict) -> None:
    assert set(found) == set(written)
    for name, levels in written.items():
        assert set(found[name]) == set(levels), name
        for level, numbers in levels.items():
            for mine, theirs in zip(found[name][level], numbers, strict=True):
                assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-9), (name, level)


def assert_same_contents(found: dict, written: dict) -> None:
    """Assert that two data sets hold the same cells and values at all levels."""
    for key in ("class", "blocks", "cells"):
        assert found[key] == written[key], key
    assert found["bounds"] == pytest.approx(written["bounds"])
    for key in {"arrays", "shown", "points"} & set(written):
        assert_same_arrays(found[key], written[key])


def test_it_went_well(saved, opened):
    assert_went_well(saved)
    assert_went_well(opened)


@pytest.mark.parametrize("name", [*NAMES, "random.htg"])
def test_the_same_is_read_back(name, saved, opened):
    assert_same_contents(opened.answer["files"][name], saved.answer["files"][name])


def test_hidden_cells_stay_hidden(saved, opened):
    written = saved.answer["files"]["masked.htg"]["shown"]
    assert_same_arrays(opened.answer["files"]["masked.htg"]["shown"], written)
    whole = saved.answer["files"]["oscillation_2d.htg"]["shown"]
    shown, cells = (sum(k[0][0] for k in s["oscillation"].values()) for s in (written, whole))
    assert 0 < shown < cells


def test_what_is_compared_is_not_nothing(saved):
    files = saved.answer["files"]
    assert set(files["dynamic_ct_4d.vthb"]["arrays"]["attenuation"]) == {"0", "1", "2"}
    assert len(files["beltrami_4d.htg"]["arrays"]["velocity"]["1"][1]) == 3
    assert files["dynamic_ct_4d.vthb"]["cells"] > 1000
    assert all(files[name]["points"] for name in NAMES if name.endswith((".vtu", ".vti")))


@pytest.mark.parametrize("name", NAMES)
def test_the_inr_is_read_back(name, saved, opened):
    assert "INR" in saved.answer["files"][name]["field"]
    found = opened.answer["files"][name]["field"]
    if name.endswith(".htg") and not found:
        assert b'Name="INR"' in (saved.folder / name).read_bytes()
        pytest.skip("the hyper tree grid reader of this VTK leaves out the field data of a file")
    assert "INR" in found


def test_all_time_steps_of_a_hyper_tree_grid_are_read_back(saved, opened):
    assert opened.answer["times"] == pytest.approx(saved.answer["times"])
    assert len(saved.answer["steps"]) == 3
    for found, written in zip(opened.answer["steps"], saved.answer["steps"], strict=True):
        assert_same_contents(found, written)
