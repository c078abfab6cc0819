"""Walk through the time steps of the sample, and save an animation."""

from common import FOLDER, SIZE, SMALL, answer, colour, new_view, open_sample, simple, value_range

reader = open_sample()
mesh = simple.PruningAMR(Input=reader, **SMALL)
steps = list(reader.TimestepValues)
data = []
for step in (0, 30, 63):
    mesh.UpdatePipeline(steps[step])
    information = mesh.GetDataInformation()
    data.append(
        {
            "asked": steps[step],
            "told": information.DataInformation.GetTime(),
            "cells": information.GetNumberOfCells(),
            "range": value_range(mesh, "CELLS", "attenuation"),
        }
    )

scene = simple.GetAnimationScene()
scene.UpdateAnimationUsingDataTimeSteps()
view = new_view({"CameraPosition": [0.0, -4.0, 0.0], "CameraViewUp": [0.0, 0.0, 1.0]})
cut = simple.Slice(Input=mesh)
cut.HyperTreeGridSlicer.Origin = [0.0, 1e-3, 0.0]
cut.HyperTreeGridSlicer.Normal = [0.0, 1.0, 0.0]
colour(simple.Show(cut, view), "CELLS", "attenuation", 0.0, 1.0)
simple.SaveAnimation(str(FOLDER / "frame.png"), view, FrameWindow=[34, 36], ImageResolution=SIZE)
answer(
    {
        "steps": steps,
        "scene": list(scene.TimeKeeper.TimestepValues),
        "data": data,
        "frames": sorted(path.name for path in FOLDER.glob("frame*.png")),
    }
)
