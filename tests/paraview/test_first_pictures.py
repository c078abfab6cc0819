"""What is seen after the first Apply, without a click more: the field in colours."""

from __future__ import annotations

import pytest
from harness import Run, assert_shows_something, error_lines, read_picture, run_script

MESH = "Surface With Edges"
SHOWN = {
    "dynamic_ct_4d.pt": {
        "INRReader": ["Volume", "POINTS"],
        "PruningAMR": [MESH, "CELLS"],
        "PruningAMROverlappingAMR": ["Volume", "CELLS"],
        "PruningAMRUnstructuredGrid": [MESH, "POINTS"],
        "PruningAMRImageData": ["Volume", "POINTS"],
        "INRSlice": ["Surface", "POINTS"],
        "INRContour": ["Surface", "POINTS"],
    },
    "beltrami_4d.pt": {
        "INRReader": ["Volume", "POINTS"],
        "PruningAMR": [MESH, "CELLS"],
        "INRSlice": ["Surface", "POINTS"],
    },
    "oscillation_2d.pt": {
        "INRReader": ["Volume", "POINTS"],
        "PruningAMR": [MESH, "CELLS"],
        "PruningAMRUnstructuredGrid": [MESH, "POINTS"],
        "PruningAMRImageData": ["Volume", "POINTS"],
    },
}
FIRST_OUTPUT = {
    "dynamic_ct_4d.pt": "attenuation",
    "beltrami_4d.pt": "velocity",
    "oscillation_2d.pt": "oscillation",
}
CASES = [(sample, name) for sample, filters in SHOWN.items() for name in filters]


@pytest.fixture(scope="module")
def shown(new_folder) -> Run:
    request = {
        sample: [name for name in filters if name != "INRReader"]
        for sample, filters in SHOWN.items()
    }
    return run_script("first_pictures", new_folder("first_pictures"), request=request)


@pytest.mark.parametrize(("sample", "name"), CASES)
def test_the_first_picture_is_proposed_well(sample, name, shown):
    # Meshes are kept small, whatever their error: that is said, and nothing else.
    assert shown.code == 0, shown.text
    assert all("missed" in line or "asked" in line for line in error_lines(shown.text)), shown.text
    kind, association, array = shown.answer[f"{sample} {name}"]
    assert [kind.strip("'"), association] == SHOWN[sample][name]
    # Volumes have the colours of the first array in the order of names, whatever the data propose.
    if kind.strip("'") != "Volume":
        assert array == FIRST_OUTPUT[sample]


@pytest.mark.parametrize(("sample", "name"), CASES)
def test_the_first_picture_shows_something(sample, name, shown):
    picture = shown.picture(f"{sample}_{name}")
    if sample == "dynamic_ct_4d.pt" and SHOWN[sample][name][0] == MESH:
        # There is nothing but air on the surface of the scan: cells in one colour.
        assert read_picture(picture).std(axis=(0, 1)).max() > 0.03
    else:
        assert_shows_something(picture)
