"""What the scripts share; each runs in ParaView's Python with a folder as its only argument.

The folder holds ``request.json``; the script leaves ``answer.json`` and pictures there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from paraview import simple

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "sample_data"
FOLDER = Path(sys.argv[1])
REQUEST = json.loads((FOLDER / "request.json").read_text())

TYPES = ("Hyper Tree Grid", "Overlapping AMR", "Unstructured Grid")
SIZE = [400, 300]
STEP = 30
"""Time step that is shown, not the first."""

SMALL = {"MinDepth": 1, "MaxDepth": 2, "ErrorSamples": 16, "Tolerance": 0.03, "Device": "cpu"}
FINE = {**SMALL, "MaxDepth": 3}
ROUGH = {"SmallestFeature": 1 / 24, "Tolerance": 0.02, "Device": "cpu"}
"""Of contours that are quick."""


def answer(values: dict, rank: int | None = None) -> None:
    """Leave an answer for the test."""
    name = "answer.json" if rank is None else f"answer_{rank}.json"
    (FOLDER / name).write_text(json.dumps(values))


def open_sample(name: str = "dynamic_ct_4d.pt", **properties):
    """Open a sample by its file name, as ParaView opens any file."""
    reader = simple.OpenDataFile(str(SAMPLES / name))
    reader.PreviewResolution = 8
    for key, value in properties.items():
        setattr(reader, key, value)
    reader.UpdatePipelineInformation()
    return reader


def time_of(reader, step: int = STEP) -> float:
    return reader.TimestepValues[step]


def type_name(source) -> str:
    """Return the class of a source's output."""
    information = source.GetDataInformation().DataInformation
    if information.GetCompositeDataSetType() >= 0:
        return information.GetCompositeDataClassName()
    return information.GetDataClassName()


def local_cells(source) -> int:
    """Return the visible cells this process itself holds."""
    output = source.GetClientSideObject().GetOutputDataObject(0)
    if output.IsA("vtkHyperTreeGrid"):
        return output.GetNumberOfLeaves()
    if not output.IsA("vtkOverlappingAMR"):
        return output.GetNumberOfCells()
    from vtkmodules.util.numpy_support import vtk_to_numpy

    count = 0
    blocks = output.NewIterator()
    while not blocks.IsDoneWithTraversal():
        ghosts = blocks.GetCurrentDataObject().GetCellData().GetArray("vtkGhostType")
        count += int((vtk_to_numpy(ghosts) & 8 == 0).sum())
        blocks.GoToNextItem()
    return count


def value_range(source, association: str, name: str) -> list[float]:
    data = source.PointData if association == "POINTS" else source.CellData
    return list(data[name].GetRange())


def volume_of(blocks) -> tuple:
    """Return what draws an overlapping AMR as a volume, and where that has the cells' values.

    ParaView 5.13 and newer resample an AMR into an image whose ghost array they do not initialize,
    and leave out the cells that the garbage there hides. For them a filter resamples, at the points
    that older versions draw.
    """
    if simple.GetParaViewVersion() < (5, 13):
        return blocks, "CELLS"
    image = simple.ResampleToImage(Input=blocks, UseInputBounds=0)
    last = 1 - 1 / 32
    image.SamplingBounds = [-last, last] * 3
    image.SamplingDimensions = [32, 32, 32]
    return image, "POINTS"


def new_view(camera: dict | None = None):
    """Return a render view that looks the same whatever the user's settings are."""
    view = simple.CreateView("RenderView")
    view.ViewSize = SIZE
    view.OrientationAxesVisibility = 0
    view.UseColorPaletteForBackground = 0
    view.BackgroundColorMode = "Single Color"
    view.Background = [1.0, 1.0, 1.0]
    camera = camera or {"CameraPosition": [2.9, -5.2, 2.7], "CameraViewUp": [0.0, 0.0, 1.0]}
    view.CameraFocalPoint = [0.0, 0.0, 0.0]
    for key, value in camera.items():
        setattr(view, key, value)
    return view


def colour(display, association: str, name: str, low: float, high: float) -> None:
    """Colour by an array over a fixed range; volumes hide its lower third."""
    simple.ColorBy(display, (association, name))
    table = simple.GetColorTransferFunction(name)
    table.ApplyPreset("Cool to Warm", True)
    table.AutomaticRescaleRangeMode = "Never"
    table.RescaleTransferFunction(low, high)
    hidden, seen = low + 0.3 * (high - low), low + 0.5 * (high - low)
    points = [low, 0.0, 0.5, 0.0, hidden, 0.0, 0.5, 0.0, seen, 0.5, 0.5, 0.0, high, 1.0, 0.5, 0.0]
    simple.GetOpacityTransferFunction(name).Points = points


def save_picture(view, name: str) -> None:
    simple.SaveScreenshot(str(FOLDER / f"{name}.png"), view, ImageResolution=SIZE)
