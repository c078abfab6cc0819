"""Play all time steps of one mesh for all times in the GUI."""

import resource
import time
from pathlib import Path

from common import FOLDER, REQUEST, answer, open_sample, simple


def resident_mib() -> float:
    """Return the memory of this process, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


reader = open_sample()
started = time.perf_counter()
mesh = simple.PruningAMR(
    Input=reader,
    TimeMode="Space Time",
    Tolerance=REQUEST["tolerance"],
    MaxCells=10_000_000,
    Device="cpu",
)
mesh.UpdatePipeline(reader.TimestepValues[0])
making = time.perf_counter() - started
view = simple.GetActiveViewOrCreate("RenderView")
cut = simple.Slice(Input=mesh)
cut.HyperTreeGridSlicer.Origin, cut.HyperTreeGridSlicer.Normal = [0, 0, 1e-3], [0, 0, 1]
display = simple.Show(cut, view)
display.Representation = "Surface With Edges"
simple.ColorBy(display, ("CELLS", "attenuation"))
view.CameraPosition, view.CameraFocalPoint = [0.0, 0.0, 5.0], [0.0, 0.0, 0.0]
simple.ResetCamera(view)
scene = simple.GetAnimationScene()
scene.UpdateAnimationUsingDataTimeSteps()
simple.Render(view)
(FOLDER / "shown").touch()
passes, memory = [], []
for _ in range(REQUEST["passes"]):
    scene.GoToFirst()
    started = time.perf_counter()
    scene.Play()
    passes.append(time.perf_counter() - started)
    memory.append(resident_mib())
answer(
    {
        "making": making,
        "steps": len(reader.TimestepValues),
        "passes": passes,
        "memory": memory,
        "cells": mesh.GetDataInformation().GetNumberOfCells(),
        "last": scene.AnimationTime,
    }
)
