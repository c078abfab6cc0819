"""Time steps of one mesh for all times in ParaView, shown one after another.

    build/bin/pvpython tests/benchmarks/space_time_paraview.py FOLDER --tolerance 0.02

Prints, for each pass through all time steps, the median time of making the data set of a step and
of showing it, and the memory of the process. Saves a picture of every eighth step into FOLDER.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

from paraview import simple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _helpers.memory import resident_mib

SAMPLE = Path(__file__).resolve().parents[2] / "sample_data" / "dynamic_ct_4d.pt"


def main() -> None:
    """Make the mesh, then go through its time steps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tolerance", type=float, default=0.06)
    parser.add_argument("--max-cells", type=int, default=10_000_000)
    parser.add_argument("--output-type", default="Hyper Tree Grid")
    parser.add_argument("--passes", type=int, default=3)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    reader = simple.OpenDataFile(str(SAMPLE))
    mesh = simple.PruningAMR(
        Input=reader,
        TimeMode="Space Time",
        Tolerance=options.tolerance,
        MaxCells=options.max_cells,
        OutputType=options.output_type,
    )
    steps = list(reader.TimestepValues)
    started = time.perf_counter()
    mesh.UpdatePipeline(steps[0])
    print(f"the mesh: {time.perf_counter() - started:.1f} s", flush=True)
    scene, view = show(mesh, options.output_type)
    for number in range(options.passes):
        made, shown = [], []
        for i, step in enumerate(steps):
            started = time.perf_counter()
            mesh.UpdatePipeline(step)
            made.append(time.perf_counter() - started)
            scene.AnimationTime = step
            simple.Render(view)
            shown.append(time.perf_counter() - started)
            if number == 0 and i % 8 == 4:
                simple.SaveScreenshot(str(options.folder / f"step_{i:02d}.png"), view)
        print(
            f"pass {number + 1}: {mesh.GetDataInformation().GetNumberOfCells():,} cells, data set "
            f"{1e3 * statistics.median(made):.0f} ms, with the picture "
            f"{1e3 * statistics.median(shown):.0f} ms (medians), "
            f"{resident_mib():,.0f} MiB",
            flush=True,
        )


def show(mesh, output_type: str):
    """Show a slice of the mesh; return the animation and the view."""
    scene = simple.GetAnimationScene()
    scene.UpdateAnimationUsingDataTimeSteps()
    view = simple.CreateView("RenderView")
    view.ViewSize = [800, 600]
    cut = simple.Slice(Input=mesh)
    plane = cut.HyperTreeGridSlicer if output_type == "Hyper Tree Grid" else cut.SliceType
    plane.Origin, plane.Normal = [0.0, 0.0, 1e-3], [0.0, 0.0, 1.0]
    display = simple.Show(cut, view)
    display.Representation = "Surface With Edges"
    simple.ColorBy(display, ("CELLS", "attenuation"))
    if output_type == "Unstructured Grid":
        simple.ColorBy(display, ("POINTS", "attenuation"))
    view.CameraPosition, view.CameraFocalPoint = [0.0, 0.0, 5.0], [0.0, 0.0, 0.0]
    simple.ResetCamera(view)
    return scene, view


if __name__ == "__main__":
    main()
