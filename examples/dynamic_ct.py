"""Mesh the 4-D sample at several time steps in ParaView; write pictures and data.

Run with ``build/bin/pvpython examples/dynamic_ct.py [--output FOLDER]``.
"""

import argparse
import time
from pathlib import Path

from paraview import simple

CHECKPOINT = Path(__file__).resolve().parent.parent / "sample_data" / "dynamic_ct_4d.pt"
FIELD = "attenuation"
TIME_STEPS = (0, 32, 63)
VIEW_SIZE = (1400, 700)
ISOVALUE = 0.55  # above the container wall, so that one can look inside


def main() -> None:
    """Open, mesh, draw and save; say what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output/dynamic_ct"))
    parser.add_argument("--max-depth", type=int, default=6)
    parser.add_argument("--tolerance", type=float, default=0.02)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)

    reader = simple.OpenDataFile(str(CHECKPOINT))
    reader.UpdatePipelineInformation()
    print(f"Opened {CHECKPOINT.name}:\n{reader.GetPropertyValue('Network')}\n")
    mesh = simple.PruningAMR(Input=reader, MaxDepth=options.max_depth, Tolerance=options.tolerance)
    views = None
    for step in TIME_STEPS:
        when = reader.TimestepValues[step]
        started = time.perf_counter()
        mesh.UpdatePipeline(when)
        seconds = time.perf_counter() - started
        views = views or _make_views(mesh)
        files = _save_time_step(mesh, views, step, when, options.output)
        nodes = mesh.GetDataInformation().GetNumberOfCells()
        print(
            f"time step {step:2d} (t = {when:.3f}): meshed in {seconds:5.1f} s, {nodes} cells on "
            f"all levels -> {' and '.join(files)}"
        )
    _show_other_output_types(mesh, when, options.output)


def _make_views(mesh) -> tuple:
    """Lay out two views: a contour, and a slice with the edges of the cells."""
    layout = simple.CreateLayout("Demo")
    left = simple.CreateView("RenderView")
    right = simple.CreateView("RenderView")
    simple.AssignViewToLayout(left, layout)
    layout.SplitHorizontal(0, 0.5)
    layout.AssignView(2, right)
    layout.SetSize(*VIEW_SIZE)
    contour = simple.Contour(Input=mesh, ContourBy=["CELLS", FIELD], Isosurfaces=[ISOVALUE])
    # Off the grid's vertices, where the slicer of hyper tree grids leaves holes.
    cut = simple.Slice(Input=mesh)
    cut.HyperTreeGridSlicer.Origin = [0.0, 1e-3, 0.0]
    cut.HyperTreeGridSlicer.Normal = [0.0, 1.0, 0.0]
    simple.ColorBy(simple.Show(contour, left), None)
    display = simple.Show(cut, right)
    display.SetRepresentationType("Surface With Edges")
    simple.ColorBy(display, ("CELLS", FIELD))
    display.SetScalarBarVisibility(right, True)
    simple.GetColorTransferFunction(FIELD).RescaleTransferFunction(0.0, 1.0)
    left.CameraPosition, right.CameraPosition = [2.0, -3.6, 2.6], [0.0, -4.3, 0.0]
    for view in (left, right):
        view.CameraFocalPoint, view.CameraViewUp = [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]
    return layout, left, right


def _save_time_step(mesh, views: tuple, step: int, when: float, output: Path) -> list[str]:
    """Write the picture and the data of one time step; return the names of the files."""
    layout, *shown = views
    for view in shown:
        view.ViewTime = when
    picture = output / f"dynamic_ct_step_{step:02d}.png"
    simple.SaveScreenshot(str(picture), layout)
    data = output / f"dynamic_ct_step_{step:02d}.htg"
    simple.SaveData(str(data), proxy=mesh, DataMode="Binary")
    return [picture.name, data.name]


def _show_other_output_types(mesh, when: float, output: Path) -> None:
    """Show what each of the other output types is for: volume rendering and contours."""
    # Not an overlapping AMR: ParaView 5.13 and newer draw volumes of those wrong.
    mesh.OutputType, mesh.ImageResolution = "Image Data", 64
    volume = output / "dynamic_ct_volume.png"
    _draw(mesh, when, ("POINTS", FIELD), "Volume", volume)
    mesh.OutputType = "Unstructured Grid"
    contour = simple.Contour(Input=mesh, ContourBy=["POINTS", FIELD], Isosurfaces=[ISOVALUE])
    surface = output / "dynamic_ct_contour.png"
    _draw(contour, when, ("POINTS", None), "Surface", surface)
    print(f"t = {when:.3f}: volume rendering -> {volume.name}, contour -> {surface.name}")


def _draw(source, when: float, array: tuple, representation: str, picture: Path) -> None:
    view = simple.CreateView("RenderView")
    view.ViewSize = [VIEW_SIZE[0] // 2, VIEW_SIZE[1]]
    view.ViewTime = when
    source.UpdatePipeline(when)
    display = simple.Show(source, view)
    display.SetRepresentationType(representation)
    simple.ColorBy(display, array if array[1] else None)
    view.CameraPosition, view.CameraViewUp = [2.4, -4.6, 2.4], [0.0, 0.0, 1.0]
    view.CameraFocalPoint = [0.0, 0.0, 0.0]
    simple.SaveScreenshot(str(picture), view)
    simple.Delete(view)


if __name__ == "__main__":
    main()
