"""Everyday filters on what is handed over, and proof that the sweep of all filters sees a crash."""

from __future__ import annotations

import pytest
from sweep import sweep

EVERYDAY = {
    "hyper tree grid": ["Calculator", "Clip", "Contour", "Cut", "ProbeLine", "Threshold"],
    "overlapping AMR": ["Calculator", "CellCenters", "Clip", "Cut", "GeometryFilter", "Threshold"],
    "unstructured grid": ["Calculator", "Clip", "Contour", "Cut", "GeometryFilter", "Glyph"],
}


@pytest.mark.parametrize("kind", EVERYDAY)
def test_everyday_filters_go_well(kind, tmp_path):
    swept = sweep(kind, tmp_path, EVERYDAY[kind])
    assert not swept.faults
    assert not swept.changed
    assert list(swept.results) == EVERYDAY[kind]
    assert all(sum(result["size"]) for result in swept.results.values())


def test_a_crash_is_seen_and_the_next_filter_is_tried(tmp_path):
    # ParaView's own fault, as its own source shows.
    swept = sweep("hyper tree grid", tmp_path, ["ComputeQuartiles", "Calculator"], control=True)
    assert swept.faults == {"ComputeQuartiles": "crash"}
    assert list(swept.results) == ["Calculator"]
