"""Time steps of one mesh for all times in ParaView, shown one after another.

    build/bin/pvpython tests/benchmarks/space_time_paraview.py FOLDER --tolerance 0.02
    build/bin/pvpython tests/benchmarks/space_time_paraview.py FOLDER --tolerance 0.02 --contour 0.5

Prints, for each pass through all time steps, the median time of making the data set of a step and
of showing it, what share that is of the first picture, and the memory of the process. Shown is a
slice, with ``--contour`` ParaView's Contour. Saves a picture of every eighth step into FOLDER.
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
    parser.add_argument("--contour", type=float, help="show the contour at this value")
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
    # What any first use of a network loads is none of the mesh.
    reader.UpdatePipeline()
    steps = list(reader.TimestepValues)
    clock, worked = time.perf_counter(), time.process_time()
    mesh.UpdatePipeline(steps[0])
    print(f"the mesh: {time.perf_counter() - clock:.1f} s", flush=True)
    scene, view = show(mesh, options.output_type, options.contour)
    simple.Render(view)
    first = time.perf_counter() - clock, time.process_time() - worked
    print(f"the first picture: {first[0]:.1f} s, {first[1]:.1f} s of processors", flush=True)
    for number in range(options.passes):
        made, shown, work = [], [], []
        for i, step in enumerate(steps):
            if number == 0 and i == 0:
                # It is shown.
                continue
            clock, worked = time.perf_counter(), time.process_time()
            mesh.UpdatePipeline(step)
            made.append(time.perf_counter() - clock)
            scene.AnimationTime = step
            simple.Render(view)
            shown.append(time.perf_counter() - clock)
            work.append(time.process_time() - worked)
            if number == 0 and i % 8 == 4:
                simple.SaveScreenshot(str(options.folder / f"step_{i:02d}.png"), view)
        print(
            f"pass {number + 1}: {mesh.GetDataInformation().GetNumberOfCells():,} cells, data set "
            f"{1e3 * statistics.median(made):.0f} ms, with the picture "
            f"{1e3 * statistics.median(shown):.0f} ms (medians): "
            f"{statistics.median(shown) / first[0]:.3f} of the first picture's time, "
            f"{statistics.median(work) / first[1]:.3f} of its processors', "
            f"{resident_mib():,.0f} MiB",
            flush=True,
        )


def show(mesh, output_type: str, value: float | None):
    """Show a slice of the mesh, or a contour; return the animation and the view."""
    scene = simple.GetAnimationScene()
    scene.UpdateAnimationUsingDataTimeSteps()
    view = simple.CreateView("RenderView")
    view.ViewSize = [800, 600]
    association = "POINTS" if output_type == "Unstructured Grid" else "CELLS"
    if value is not None:
        surface = simple.Contour(Input=mesh, ContourBy=[association, "attenuation"])
        surface.Isosurfaces = [value]
        simple.Show(surface, view)
        view.CameraPosition, view.CameraFocalPoint = [3.0, -4.0, 3.0], [0.0, 0.0, 0.0]
        view.CameraViewUp = [0.0, 0.0, 1.0]
    else:
        cut = simple.Slice(Input=mesh)
        plane = cut.HyperTreeGridSlicer if output_type == "Hyper Tree Grid" else cut.SliceType
        plane.Origin, plane.Normal = [0.0, 0.0, 1e-3], [0.0, 0.0, 1.0]
        display = simple.Show(cut, view)
        display.Representation = "Surface With Edges"
        simple.ColorBy(display, (association, "attenuation"))
        view.CameraPosition, view.CameraFocalPoint = [0.0, 0.0, 5.0], [0.0, 0.0, 0.0]
    simple.ResetCamera(view)
    return scene, view


if __name__ == "__main__":
    main()
