"""Contour a field from its network, draw it, save it as a state; and what goes wrong."""

from common import FOLDER, REQUEST, answer, new_view, save_picture, simple, type_name

reader = simple.OpenDataFile(REQUEST["file"])
reader.PreviewResolution = 8
reader.UpdatePipeline()
contour = simple.INRContour(Input=reader, SmallestFeature=1 / 12, Tolerance=0.02, Device="cpu")
result = {"output": list(contour.Output), "values": list(contour.Values)}
contour.UpdatePipeline()
result |= {
    "class": type_name(contour),
    "bounds": list(contour.GetDataInformation().GetBounds()),
    "cells": contour.GetDataInformation().GetNumberOfCells(),
}
contour.UpdatePropertyInformation()
result["summary"] = contour.GetPropertyValue("Summary")
view = new_view({"CameraPosition": [0.0, -3.0, 0.0], "CameraViewUp": [0.0, 0.0, 1.0]})
display = simple.Show(contour, view)
result["colour"] = display.ColorArrayName[1]
save_picture(view, "contour")
simple.SaveState(str(FOLDER / "contour.pvsm"))
# What a surface without normals would look like.
display.Interpolation = "Flat"
save_picture(view, "flat")

contour.Tolerance = 0.0
contour.UpdatePipeline()
result["cells_of_mistake"] = contour.GetDataInformation().GetNumberOfCells()

# Made and saved before anything is read.
simple.ResetSession()
reader = simple.OpenDataFile(REQUEST["file"])
simple.INRContour(Input=reader, SmallestFeature=1 / 12, Tolerance=0.02, Device="cpu")
simple.SaveState(str(FOLDER / "not_updated.pvsm"))
simple.ResetSession()
simple.LoadState(str(FOLDER / "not_updated.pvsm"))
contour = next(s for s in simple.GetSources().values() if s.GetXMLName() == "INRContour")
contour.UpdatePipeline()
result["bounds_not_updated"] = list(contour.GetDataInformation().GetBounds())
answer(result)
