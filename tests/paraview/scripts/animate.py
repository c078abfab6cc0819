"""Play all time steps of one mesh for all times in the GUI."""

import sys
import time

from common import FOLDER, REQUEST, ROOT, answer, open_sample, simple

sys.path.insert(0, str(ROOT / "tests"))
from _helpers.memory import resident_mib

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
