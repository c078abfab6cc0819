"""Work on a server that has the plugin, from a client that has neither plugin nor package."""

import importlib.util
import os
import time as clock

from common import (
    REQUEST,
    ROUGH,
    SMALL,
    TYPES,
    answer,
    colour,
    new_view,
    open_sample,
    save_picture,
    simple,
    time_of,
    type_name,
    value_range,
)


def connect():
    """Connect to the server, which may not listen yet."""
    for _ in range(100):
        connection = simple.Connect("localhost", REQUEST["port"])
        if connection is not None:
            return connection
        clock.sleep(0.3)
    raise SystemExit("the server does not answer")


result = {
    "package_found": importlib.util.find_spec("pruning_amr") is not None,
    "configured": "PV_PLUGIN_CONFIG_FILE" in os.environ,
    "known_before": hasattr(simple, "PruningAMR"),
    "types": {},
}
connect()
reader = open_sample()
time = time_of(reader)
mesh = simple.PruningAMR(Input=reader, **SMALL)
for output_type in TYPES:
    mesh.OutputType = output_type
    mesh.UpdatePipeline(time)
    information = mesh.GetDataInformation()
    association = "POINTS" if output_type == "Unstructured Grid" else "CELLS"
    result["types"][output_type] = {
        "class": type_name(mesh),
        "cells": information.GetNumberOfCells(),
        "bounds": list(information.GetBounds()),
        "range": value_range(mesh, association, "attenuation"),
    }
field = simple.INREvaluate(
    INR=reader, Points=simple.Line(Point1=[-1, -0.2, 0.1], Resolution=1000), Gradient=1
)
field.UpdatePipeline(time)
result["line"] = {
    "class": type_name(field),
    "points": field.GetDataInformation().GetNumberOfPoints(),
    "range": value_range(field, "POINTS", "attenuation"),
}
surface = simple.INRContour(Input=reader, Values=[0.5], **ROUGH)
surface.UpdatePipeline(time)
surface.UpdatePropertyInformation()
result["surface"] = {
    "class": type_name(surface),
    "cells": surface.GetDataInformation().GetNumberOfCells(),
    "arrays": list(surface.PointData.keys()),
    "summary": surface.GetPropertyValue("Summary"),
}
result["network"] = reader.GetPropertyValue("Network")
mesh.OutputType = TYPES[0]
view = new_view()
view.ViewTime = time
display = simple.Show(mesh, view)
display.SetRepresentationType("Surface With Edges")
colour(display, "CELLS", "level", 0, 3)
save_picture(view, "remote")
simple.Hide(mesh, view)
simple.Show(surface, view)
save_picture(view, "surface")
# The last word, so that it is known where an error comes from.
surface.Tolerance = 0.0
surface.UpdatePipeline(time)
result["cells_of_mistake"] = surface.GetDataInformation().GetNumberOfCells()
answer(result)
simple.Disconnect()
