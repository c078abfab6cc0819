"""Contour the 4-D sample in ParaView, from the network itself; write a picture and the surface.

Run with ``build/bin/pvpython examples/contour_ct.py [--output FOLDER]``.
"""

import argparse
import time
from pathlib import Path

from paraview import simple

CHECKPOINT = Path(__file__).resolve().parent.parent / "sample_data" / "dynamic_ct_4d.pt"
TIME = 0.5
VALUE = 0.55  # above the container wall, so that one can look inside
VIEW_SIZE = (1200, 700)


def main() -> None:
    """Open, contour, draw and save; say what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output/contour_ct"))
    parser.add_argument("--tolerance", type=float, default=0.001)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)

    reader = simple.OpenDataFile(str(CHECKPOINT))
    reader.UpdatePipelineInformation()
    contour = simple.INRContour(Input=reader, Values=[VALUE], Tolerance=options.tolerance)
    started = time.perf_counter()
    contour.UpdatePipeline(TIME)
    seconds = time.perf_counter() - started
    triangles = contour.GetDataInformation().GetNumberOfCells()
    print(f"{triangles} triangles in {seconds:.1f} s")
    contour.UpdatePropertyInformation()
    print(contour.GetPropertyValue("Summary"))

    view = simple.CreateView("RenderView")
    view.ViewSize, view.ViewTime = VIEW_SIZE, TIME
    view.OrientationAxesVisibility = 0
    display = simple.Show(contour, view)
    display.DiffuseColor = [0.85, 0.72, 0.5]
    display.Specular = 0.4
    view.CameraPosition, view.CameraViewUp = [2.0, -3.6, 2.6], [0.0, 0.0, 1.0]
    view.CameraFocalPoint = [0.0, 0.0, 0.0]
    view.CameraViewAngle = 26
    picture, surface = options.output / "contour_ct.png", options.output / "contour_ct.vtp"
    simple.SaveScreenshot(str(picture), view)
    simple.SaveData(str(surface), proxy=contour, DataMode="Binary")
    print(f"t = {TIME:g}: {picture.name} and {surface.name}")


if __name__ == "__main__":
    main()
