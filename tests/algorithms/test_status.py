"""The status block of the panel: of what is shown now, and of nothing when nothing is."""

from __future__ import annotations

import pruning_amr.algorithms.pruning_amr as filters
import pytest
from pruning_amr.algorithms import INRContour, INRSlice

from algorithms.conftest import set_properties

SMALL = {"tolerance": 0.05, "device": "cpu"}


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        (INRSlice, {"max_depth": 4}, ["1 plane", "RMS error as shown", "asked 5 %"]),
        (INRContour, {"smallest_feature": 0.2}, ["triangles", "99.9 % within", "asked 5 %: met"]),
    ],
)
def test_views_say_what_they_are_worth(kind, values, words, beltrami, make_pipeline):
    reader, _ = make_pipeline(beltrami)
    shown = kind()
    shown.SetInputConnection(reader.GetOutputPort())
    set_properties(shown, {**SMALL, **values})
    assert shown.GetStatus() == ""
    shown.Update()
    text = shown.GetStatus()
    assert all(word in text for word in words), text
    assert text.endswith(" s") and max(map(len, text.splitlines())) <= 34


def test_the_mesh_of_each_output_type(good_file, make_pipeline, said):
    _, mesher = make_pipeline(good_file, tolerance=0.5)
    texts = []
    for kind in ("Hyper Tree Grid", "Unstructured Grid", "Image Data"):
        mesher.SetOutputType(kind)
        mesher.Update()
        texts.append(mesher.GetStatus())
    assert "RMS error as shown" in texts[0] and "RMS error as shown" in texts[1]
    assert texts[0] != texts[1] and "points, without refinement" in texts[2]
    assert "RMS error as shown" in texts[2] and max(map(len, texts[2].splitlines())) <= 34
    mesher.SetOutputType("Hyper Tree Grid")
    mesher.SetMaxCells(-1)
    mesher.Update()
    assert mesher.GetStatus() == "" and "max_cells" in said()


def test_what_the_status_compares_with_is_asked_for_when_it_is_read(
    sample_data, make_pipeline, monkeypatch
):
    asked = []
    compare = filters.uniform_grid_as_good
    monkeypatch.setattr(filters, "uniform_grid_as_good", lambda *a: asked.append(a) or compare(*a))
    _, mesher = make_pipeline(
        sample_data / "beltrami_4d.pt", {"time_steps": 4}, tolerance=0.5, time_mode="Space Time"
    )
    texts = []
    for time in (0.0, 1 / 3, 2 / 3):
        mesher.UpdateTimeStep(time)
        texts.append(mesher.GetStatus() if time else "")
    # Never without a reader, and once for all times.
    assert len(asked) == 1 and all("uniform grid as good" in text for text in texts[1:])
    mesher.SetTimeMode("Per Time Step")
    for time in (0.0, 1 / 3):
        mesher.UpdateTimeStep(time)
        assert mesher.GetStatus() == mesher.GetStatus()
    assert len(asked) == 3
    # What is shown no longer is not described either.
    mesher.SetMaxCells(-1)
    mesher.Update()
    assert mesher.GetStatus() == ""


@pytest.mark.parametrize(
    ("kind", "number", "values"),
    [
        (INRSlice, "tolerance", {}),
        (INRContour, "smallest_feature", {"tolerance": 0.01}),
    ],
)
def test_views_have_presets(kind, number, values, good_file, make_pipeline, said):
    reader, _ = make_pipeline(good_file)
    shown = kind()
    shown.SetInputConnection(reader.GetOutputPort())

    def cells(**more) -> int:
        set_properties(shown, {"device": "cpu", **values, **more})
        shown.Update()
        return shown.GetOutputDataObject(0).GetNumberOfCells()

    custom = cells()
    assert cells(preset="Balanced", **shown._presets["balanced"]) >= custom > 0
    assert 0 < cells(preset="Preview") <= custom <= cells(preset="Accurate")
    said()
    cells(preset="Preview", **{number: 0.015})
    assert f"{number} 0.015 is not used: preset preview means" in said()
    cells(preset="Best")
    assert 'preset is "best"' in said()
