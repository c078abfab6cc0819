"""Save each output type to a file."""

from common import FOLDER, SMALL, TYPES, answer, open_sample, simple, time_of, value_range

FILES = dict(zip(TYPES, ("mesh.htg", "mesh.vthb", "mesh.vtu"), strict=True))

reader = open_sample()
time = time_of(reader)
saved = {}
for output_type, name in FILES.items():
    mesh = simple.PruningAMR(Input=reader, OutputType=output_type, **SMALL)
    mesh.UpdatePipeline(time)
    association = "POINTS" if name.endswith(".vtu") else "CELLS"
    saved[name] = {
        "cells": mesh.GetDataInformation().GetNumberOfCells(),
        "bounds": list(mesh.GetDataInformation().GetBounds()),
        "range": value_range(mesh, association, "attenuation"),
        "levels": value_range(mesh, "CELLS", "level"),
    }
    simple.SaveData(str(FOLDER / name), proxy=mesh, DataMode="Binary")
answer(saved)
