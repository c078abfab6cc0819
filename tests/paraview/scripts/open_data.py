"""Open the files that another process has saved."""

from pathlib import Path

from common import REQUEST, answer, simple, value_range

opened = {}
for name in REQUEST["names"]:
    reader = simple.OpenDataFile(str(Path(REQUEST["folder"]) / name))
    if name.endswith(".vthb"):
        reader.DefaultNumberOfLevels = 0
    reader.UpdatePipeline()
    association = "POINTS" if name.endswith(".vtu") else "CELLS"
    opened[name] = {
        "cells": reader.GetDataInformation().GetNumberOfCells(),
        "bounds": list(reader.GetDataInformation().GetBounds()),
        "range": value_range(reader, association, "attenuation"),
        "levels": value_range(reader, "CELLS", "level"),
    }
answer(opened)
