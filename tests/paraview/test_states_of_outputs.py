"""States of every output open in another process, and in later versions."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import ROOT, Run, assert_went_well, run_script

OUTPUTS = (
    "preview",
    "hyper_tree_grid",
    "overlapping_amr",
    "unstructured_grid",
    "image_data",
    "slice",
    "contour",
    "points",
)
OLD = Path(__file__).resolve().parent / "states" / "every_output_2026_11.pvsm"
"""Saved by the version of November 2026, but for the folder of the samples."""
STATES = ("outputs.pvsm", "outputs.py", OLD.name)


@pytest.fixture(scope="module")
def saved(new_folder) -> Run:
    return run_script("save_outputs", new_folder("save"))


@pytest.fixture(scope="module")
def opened(saved, new_folder) -> Run:
    samples = str(ROOT / "sample_data")
    (saved.folder / OLD.name).write_text(OLD.read_text().replace("@SAMPLES@", samples))
    request = {
        "states": [str(saved.folder / name) for name in STATES],
        "names": OUTPUTS,
        "time": saved.answer["time"],
    }
    return run_script("load_outputs", new_folder("load"), request=request)


def test_saving_and_opening_went_well(saved, opened):
    assert_went_well(saved)
    assert_went_well(opened)
    assert set(saved.answer["outputs"]) == set(OUTPUTS)


@pytest.mark.parametrize("state", STATES[:2])
@pytest.mark.parametrize("name", OUTPUTS)
def test_the_same_cells_and_values_are_made_again(name, state, saved, opened):
    written = saved.answer["outputs"][name]
    assert written["cells"] > 32
    assert opened.answer[state]["outputs"][name] == written


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_state_of_an_earlier_version_opens(name, saved, opened):
    """Meshes may have become better since; they are of the same kind and hold the same arrays."""
    found, today = opened.answer[OLD.name]["outputs"][name], saved.answer["outputs"][name]
    assert found["class"] == today["class"]
    assert 0.5 < found["cells"] / today["cells"] < 2
    for kind in ("arrays", "points"):
        assert set(found.get(kind, ())) >= {a for a in today.get(kind, ()) if a in KEPT}
    assert "INR" in found["field"] or name == "points"


KEPT = {"velocity", "pressure", "level", "velocity_gradient"}


@pytest.mark.parametrize("state", STATES)
def test_properties_and_times_are_kept(state, saved, opened):
    found = opened.answer[state]
    assert {n: t.strip("'").lower().replace(" ", "_") for n, t in found["types"].items()} == {
        name: name for name in OUTPUTS[1:5]
    }
    if state.endswith(".pvsm"):
        assert found["time"] == pytest.approx(saved.answer["time"])
