"""Walk through the time steps of one mesh for all times; glyphs, streamlines, a saved series."""

from common import (
    FOLDER,
    REQUEST,
    SIZE,
    answer,
    colour,
    new_view,
    open_sample,
    save_picture,
    simple,
)

FILTER = {
    "MinDepth": 0,
    "MaxDepth": 4,
    "Tolerance": 0.003,
    "Device": "cpu",
    "TimeMode": "Space Time",
    "OutputType": "Unstructured Grid",
    "Change": 1,
}

reader = open_sample("beltrami_4d.pt", TimeSteps=5)
mesh = simple.PruningAMR(Input=reader, **FILTER)
steps = list(reader.TimestepValues)
walked = []
for time in [*steps, 0.3, *reversed(steps)]:
    mesh.UpdatePipeline(time)
    mesh.UpdatePropertyInformation()
    facts = mesh.GetClientSideObject().GetOutputDataObject(0).GetFieldData()
    walked.append(
        {
            "time": time,
            "cells": mesh.GetDataInformation().GetNumberOfCells(),
            "points": mesh.GetDataInformation().GetNumberOfPoints(),
            "arrays": sorted(mesh.PointData.keys()),
            "components": mesh.PointData["velocity"].GetNumberOfComponents(),
            "speed": list(mesh.PointData["velocity"].GetRange(-1)),
            "change": list(mesh.PointData["change_pressure"].GetRange()),
            "unchanged": mesh.GetPropertyValue("UnchangedFraction"),
            "unchanged_array": facts.GetArray("unchanged_fraction").GetValue(0),
            "reconstruction_error": facts.GetArray("reconstruction_error").GetValue(0),
            "achieved_error": facts.GetArray("achieved_error").GetValue(0),
        }
    )

scene = simple.GetAnimationScene()
scene.UpdateAnimationUsingDataTimeSteps()
scene.AnimationTime = steps[1]
view = new_view()
lines = simple.StreamTracer(Input=mesh, SeedType="Point Cloud")
lines.Vectors = ["POINTS", "velocity"]
lines.SeedType.Center = [0.0, 0.0, 0.0]
lines.SeedType.Radius = 0.9
lines.SeedType.NumberOfPoints = 60
lines.MaximumStreamlineLength = 4.0
display = simple.Show(simple.Tube(Input=lines, Radius=0.01), view)
colour(display, "POINTS", "velocity", 0.0, 2.0)
glyphs = simple.Glyph(Input=mesh, GlyphType="Arrow")
glyphs.OrientationArray = ["POINTS", "velocity"]
glyphs.ScaleArray = ["POINTS", "velocity"]
glyphs.ScaleFactor = 0.15
glyphs.MaximumNumberOfSamplePoints = 400
colour(simple.Show(glyphs, view), "POINTS", "velocity", 0.0, 2.0)
simple.Render(view)
save_picture(view, "flow")
simple.SaveAnimation(str(FOLDER / "frame.png"), view, FrameWindow=[0, 4], ImageResolution=SIZE)

series = {"Writetimestepsasfileseries": 1, "DataMode": "Binary"}
simple.SaveData(str(FOLDER / "saved.vtu"), proxy=mesh, **series)
again = simple.OpenDataFile(REQUEST["series"])
reopened = []
for time in steps:
    again.UpdatePipeline(time)
    reopened.append(again.GetDataInformation().GetNumberOfCells())
answer(
    {
        "steps": steps,
        "walked": walked,
        "lines": lines.GetDataInformation().GetNumberOfCells(),
        "arrows": glyphs.GetDataInformation().GetNumberOfCells(),
        "frames": sorted(path.name for path in FOLDER.glob("frame*.png")),
        "reopened_steps": list(again.TimestepValues),
        "reopened": reopened,
        "saved": sorted(path.name for path in FOLDER.glob("saved*")),
    }
)
