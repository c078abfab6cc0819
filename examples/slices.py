"""Show the 4-D sample on a plane along axes and on an oblique one; no mesh of its volume is made.

Run with ``build/bin/pvpython examples/slices.py [--output FOLDER]``.
"""

import argparse
from pathlib import Path

from paraview import simple

CHECKPOINT = Path(__file__).resolve().parent.parent / "sample_data" / "dynamic_ct_4d.pt"
TIME_STEP = 32
PLANES = {"axial": [0.0, 0.0, 1.0], "oblique": [0.5, -1.0, 0.7]}


def main() -> None:
    """Open, slice twice, and save a picture with each slice beside the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output/slices"))
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)

    reader = simple.OpenDataFile(str(CHECKPOINT))
    reader.UpdatePipelineInformation()
    layout = simple.CreateLayout("Slices")
    views = []
    for number, (name, normal) in enumerate(PLANES.items()):
        shown = simple.INRSlice(Input=reader, Normal=normal, Tolerance=0.005)
        views.append(_view(reader, shown, reader.TimestepValues[TIME_STEP]))
        simple.AssignViewToLayout(views[-1], layout, number)
        if number == 0:
            layout.SplitHorizontal(0, 0.5)
        facts = shown.GetDataInformation()
        print(f"{name}: {facts.GetNumberOfCells()} cells, {facts.GetNumberOfPoints()} points")
    layout.SetSize(1100, 520)
    for view in views:
        simple.ResetCamera(view)
        view.CameraParallelScale *= 0.9
    picture = output / "slices.png"
    simple.SaveScreenshot(str(picture), layout)
    print(f"t = {views[0].ViewTime:.3f} -> {picture}")


def _view(reader, shown, time: float):
    """Return a view of a slice in the outline of its domain."""
    view = simple.CreateView("RenderView")
    view.ViewTime = time
    view.UseColorPaletteForBackground = 0
    view.Background = [1.0, 1.0, 1.0]
    view.OrientationAxesLabelColor = [0.0, 0.0, 0.0]
    view.CameraPosition, view.CameraViewUp = [3.0, -5.0, 3.0], [0.0, 0.0, 1.0]
    view.CameraParallelProjection = 1
    outline = simple.Show(reader, view, "UniformGridRepresentation")
    outline.Representation = "Outline"
    outline.AmbientColor = outline.DiffuseColor = [0.2, 0.2, 0.2]
    simple.ColorBy(outline, None)
    display = simple.Show(shown, view, "GeometryRepresentation")
    simple.ColorBy(display, ("POINTS", "attenuation"))
    display.SetScalarBarVisibility(view, False)
    # The field as it is, without light.
    display.Interpolation, display.Ambient, display.Diffuse = "Flat", 1.0, 0.0
    return view


if __name__ == "__main__":
    main()
