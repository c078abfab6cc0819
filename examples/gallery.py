"""Draw the pictures of the README: what the filters show of the sample checkpoints.

Run with ``build/bin/pvpython examples/gallery.py [--output FOLDER] [--only NAME ...]``.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from paraview import servermanager, simple

SAMPLES = Path(__file__).resolve().parent.parent / "sample_data"
CT, FIELD = SAMPLES / "dynamic_ct_4d.pt", "attenuation"
RINGS = SAMPLES / "oscillation_2d.pt"
TIME = 0.5
VALUE = 0.55  # above the container wall, so that one can look inside
TILE = (560, 520)


def main() -> None:
    """Draw all pictures, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output/gallery"))
    parser.add_argument("--only", nargs="+", choices=PICTURES, default=list(PICTURES))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        layout = PICTURES[name]()
        simple.SaveScreenshot(str(options.output / f"{name}.png"), layout)
        print(f"{name}.png")
        simple.ResetSession()


def slice_and_contour():
    """Show an oblique slice and a contour, both of the network itself."""
    reader = _open(CT)
    cut = simple.INRSlice(Input=reader, Normal=[0.5, -1.0, 0.7], Tolerance=0.005)
    surface = simple.INRContour(Input=reader, Values=[VALUE], Tolerance=0.001)
    left, right = _views(2)
    _color(_show(cut, left), FIELD, (0.0, 1.0))
    _plain(_show(surface, right))
    for view in (left, right):
        _outline(reader, view)
        _look(view, [2.4, -4.4, 2.4])
    return _layout([left, right])


def mesh_with_edges():
    """Show a mesh cut open: cells are small where walls are."""
    reader = _open(CT)
    mesh = simple.PruningAMR(Input=reader, Tolerance=0.04, OutputType="Unstructured Grid")
    clip = simple.Clip(Input=mesh, ClipType="Plane")
    clip.ClipType.Origin, clip.ClipType.Normal = [0.0, 0.013, 0.0], [0.0, -1.0, 0.0]
    clip.Crinkleclip = 1
    (view,) = _views(1)
    display = _show(clip, view)
    display.SetRepresentationType("Surface With Edges")
    display.EdgeColor = [0.25, 0.25, 0.25]
    _color(display, FIELD, (0.0, 1.0), lit=True)
    _look(view, [1.6, -4.4, 1.9])
    return _layout([view], (700, 640))


def error_map():
    """Show what a mesh of 2 % of the range misses, at the points of a fine slice."""
    reader = _open(CT)
    mesh = simple.PruningAMR(Input=reader, Tolerance=0.02, OutputType="Unstructured Grid")
    cut = simple.INRSlice(Input=reader, Normal=[0.0, 0.0, 1.0], Tolerance=0.002)
    shown = simple.ResampleWithDataset(SourceDataArrays=mesh, DestinationMesh=cut)
    error = simple.INREvaluate(INR=reader, Points=shown)
    left, right = _views(2)
    _color(_show(shown, left), FIELD, (0.0, 1.0))
    _color(_show(error, right), f"{FIELD}_error", (0.0, 0.1), "Inferno (matplotlib)")
    for view in (left, right):
        _look(view, [0.0, 0.0, 5.0], up=[0.0, 1.0, 0.0], closer=1.25)
    return _layout([left, right])


def time_strip():
    """Show the contour at four times, cut open: a ball climbs, a crack widens."""
    reader = _open(CT)
    surface = simple.INRContour(Input=reader, Values=[VALUE], Tolerance=0.002)
    surface = simple.Clip(Input=surface, ClipType="Plane")
    surface.ClipType.Origin, surface.ClipType.Normal = [0.0, -0.3, 0.0], [0.0, -1.0, 0.0]
    views = _views(4)
    for number, view in enumerate(views):
        view.ViewTime = number / (len(views) - 1)
        _plain(_show(surface, view))
        _look(view, [2.4, -4.4, 2.4])
    return _layout(views, (300, 320))


def uniform_and_adaptive():
    """Show a uniform grid of the 2-D sample, and the mesh that takes its memory."""
    reader = _open(RINGS)
    mesh = simple.PruningAMR(Input=reader, Reconstruction="Cell Constant", Tolerance=0.03)
    mesh.UpdatePipeline()
    data = servermanager.Fetch(mesh)
    # Without the network that every output carries.
    kibibytes = data.GetActualMemorySize() - data.GetFieldData().GetActualMemorySize()
    # An image holds one number of four bytes a cell, and nothing else.
    cells = round((1024 * kibibytes / 4) ** 0.5)
    uniform = simple.PruningAMR(Input=reader, Criterion="Uniform", MinDepth=1, MaxDepth=1)
    uniform.RootResolution = [cells // 2, cells // 2, 1]
    print(f"{data.GetNumberOfLeaves()} leaves in {kibibytes} KiB, or {cells} x {cells} values")
    views = _views(2)
    for view, shown in zip(views, (uniform, mesh), strict=True):
        view.CameraParallelProjection = 1
        _color(_show(shown, view), "oscillation", None, association="CELLS")
        _look(view, [0.66, 0.38, 3.0], up=[0.0, 1.0, 0.0], at=[0.66, 0.38, 0.0])
        view.CameraParallelScale = 0.25
    return _layout(views)


def _open(checkpoint: Path):
    reader = simple.OpenDataFile(str(checkpoint))
    reader.UpdatePipelineInformation()
    return reader


def _views(count: int) -> list:
    views = []
    for _ in range(count):
        view = simple.CreateView("RenderView")
        view.ViewTime = TIME
        view.UseColorPaletteForBackground = 0
        view.Background = [1.0, 1.0, 1.0]
        view.OrientationAxesVisibility = 0
        views.append(view)
    return views


def _layout(views: list, tile: tuple[int, int] = TILE):
    """Put views side by side."""
    layout = simple.CreateLayout("Gallery")
    cell = 0
    for number, view in enumerate(views):
        rest = len(views) - number
        if rest > 1:
            layout.SplitHorizontal(cell, 1.0 / rest)
            layout.AssignView(2 * cell + 1, view)
            cell = 2 * cell + 2
        else:
            layout.AssignView(cell, view)
    layout.SetSize(tile[0] * len(views), tile[1])
    return layout


def _show(source, view):
    source.UpdatePipeline(view.ViewTime)
    display = simple.Show(source, view)
    display.SetScalarBarVisibility(view, False)
    return display


def _color(display, array, limits, preset="", lit=False, association="POINTS") -> None:
    """Colour by an array, between limits if given; without light unless told."""
    simple.ColorBy(display, (association, array))
    function = simple.GetColorTransferFunction(array)
    if preset:
        function.ApplyPreset(preset, True)
    if limits:
        function.RescaleTransferFunction(*limits)
    if not lit:
        display.Interpolation, display.Ambient, display.Diffuse = "Flat", 1.0, 0.0
    else:
        display.Ambient, display.Diffuse = 0.4, 0.7


def _plain(display) -> None:
    """Show a surface by its shape alone."""
    display.ColorArrayName = ["POINTS", ""]
    display.DiffuseColor = [0.85, 0.72, 0.5]
    display.Specular = 0.4


def _outline(reader, view) -> None:
    outline = simple.Show(reader, view, "UniformGridRepresentation")
    outline.SetRepresentationType("Outline")
    outline.ColorArrayName = ["POINTS", ""]
    outline.AmbientColor = outline.DiffuseColor = [0.2, 0.2, 0.2]


def _look(view, position, up=(0.0, 0.0, 1.0), closer=1.0, at=(0.0, 0.0, 0.0)) -> None:
    view.CameraPosition, view.CameraViewUp = position, list(up)
    view.CameraFocalPoint = list(at)
    view.CameraViewAngle = 30.0 / closer


PICTURES: dict[str, Callable] = {
    function.__name__: function
    for function in (
        slice_and_contour,
        mesh_with_edges,
        error_map,
        time_strip,
        uniform_and_adaptive,
    )
}

if __name__ == "__main__":
    main()
