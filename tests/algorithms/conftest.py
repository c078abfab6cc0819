"""A reader and a filter, and what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from _helpers.vtk_reading import walk
from pruning_amr import refinement
from pruning_amr.algorithms import INRReader, PruningAMR
from pruning_amr.algorithms.pipeline import property_name
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkOutputWindow, vtkStringOutputWindow

from algorithms.bad_inputs import write_good

TYPES = ("Hyper Tree Grid", "Overlapping AMR", "Unstructured Grid")


@pytest.fixture
def said():
    """Return the function that returns what VTK's message window was given since last asked."""
    texts: list[str] = []

    def hear(_window, _event, text: str) -> None:
        texts.append(text)

    def take() -> str:
        text = "".join(texts)
        texts.clear()
        return text

    hear.CallDataType = "string0"
    before = vtkOutputWindow.GetInstance()
    # Of its own kind, so that nothing is printed or opened.
    window = vtkStringOutputWindow()
    for event in ("ErrorEvent", "WarningEvent", "MessageEvent"):
        window.AddObserver(event, hear)
    vtkOutputWindow.SetInstance(window)
    yield take
    vtkOutputWindow.SetInstance(before)


@pytest.fixture
def good_file(tmp_path) -> Path:
    """A checkpoint of a static 2-D field."""
    return write_good(tmp_path)


def set_properties(algorithm, values: dict) -> None:
    """Set properties by their Python names, as ParaView does."""
    for name, value in values.items():
        setter = getattr(algorithm, f"Set{property_name(name)}")
        setter(*value) if isinstance(value, tuple) else setter(value)


def leaf_centers_and_values(output, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Cell centres and cell values of a hyper tree grid, read by VTK's cursor."""
    found = walk(output)
    values = vtk_to_numpy(output.GetCellData().GetScalars())
    return found.box.mean(axis=2)[:, :dimension], values[found.number]


@pytest.fixture
def make_pipeline(said):
    """Return the function that makes a reader and a filter of it; it fails if they complain.

    Meshes are small: at most two refinements of 4 root cells along the longest axis.
    """

    def make(path: Path, reader: dict | None = None, **refinement):
        source = INRReader()
        set_properties(source, {"file_name": str(path), "preview_resolution": 5, **(reader or {})})
        mesher = PruningAMR()
        mesher.SetInputConnection(source.GetOutputPort())
        small = {"min_depth": 0, "max_depth": 2, "error_samples": 8, "device": "cpu"}
        set_properties(mesher, {**small, **refinement})
        return source, mesher

    return make


@pytest.fixture
def refined(monkeypatch) -> list[float]:
    """Times at which a mesh was refined, in order."""
    times = []
    build = refinement.build_mesh

    def counted(inr, parameters, time=None, *rest, **more):
        times.append(time)
        return build(inr, parameters, time, *rest, **more)

    monkeypatch.setattr(refinement, "build_mesh", counted)
    return times


@pytest.fixture
def dynamic_ct(sample_data):
    return sample_data / "dynamic_ct_4d.pt"


@pytest.fixture
def beltrami(sample_data):
    return sample_data / "beltrami_4d.pt"
