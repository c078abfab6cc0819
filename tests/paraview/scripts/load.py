"""Use the plugin, which nothing has loaded but the program's start; in parallel, too."""

import inspect
import sys

from common import (
    ROUGH,
    SMALL,
    TYPES,
    answer,
    colour,
    local_cells,
    new_view,
    open_sample,
    save_picture,
    simple,
    time_of,
    type_name,
)
from paraview.servermanager import vtkProcessModule

rank = vtkProcessModule.GetProcessModule().GetPartitionId()
result = {
    "rank": rank,
    "processes": vtkProcessModule.GetProcessModule().GetNumberOfLocalPartitions(),
    "getargspec": hasattr(inspect, "getargspec"),
    "customized": "usercustomize" in sys.modules,
    "types": {},
}
reader = open_sample()
time = time_of(reader)
mesh = simple.PruningAMR(Input=reader, **SMALL)
for output_type in TYPES:
    mesh.OutputType = output_type
    mesh.UpdatePipeline(time)
    result["types"][output_type] = {"class": type_name(mesh), "cells": local_cells(mesh)}

sphere = simple.Sphere(Radius=0.6, ThetaResolution=32, PhiResolution=32)
field = simple.INREvaluate(INR=reader, Points=sphere, Device="cpu")
field.UpdatePipeline(time)
points = field.GetClientSideObject().GetOutputDataObject(0)
values = points.GetPointData().GetArray("attenuation")
result["evaluated"] = {"cells": points.GetNumberOfCells(), "range": values.GetRange()}
surface = simple.INRContour(Input=reader, Values=[0.5], **ROUGH)
surface.UpdatePipeline(time)
result["surface"] = local_cells(surface)
mesh.OutputType = TYPES[0]
mesh.UpdatePipeline(time)
cut = simple.Slice(Input=mesh)
cut.HyperTreeGridSlicer.Origin = [0.0, 1e-3, 0.0]
cut.HyperTreeGridSlicer.Normal = [0.0, 1.0, 0.0]
view = new_view({"CameraPosition": [0.0, -4.3, 0.0], "CameraViewUp": [0.0, 0.0, 1.0]})
view.ViewTime = time
colour(simple.Show(cut, view), "CELLS", "attenuation", 0.0, 1.0)
save_picture(view, "slice")
simple.Hide(cut, view)
simple.Show(surface, view)
save_picture(view, "surface")
answer(result, rank)
