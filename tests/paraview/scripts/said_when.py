"""Make what is wrong or incomplete in a script; marks are printed around what is said about it."""

import sys

from common import REQUEST, SMALL, answer, open_sample, simple


def mark(name: str) -> None:
    sys.stderr.flush()
    print(f"[[{name}]]", flush=True)


facts = {"Activation": "silu", "Bounds": "-1 1 0 1"}
mark("facts given")
reader = simple.INRReader(FileName=REQUEST["bare"], **facts)
reader.UpdatePipeline()
mark("facts missing")
simple.OpenDataFile(REQUEST["bare"])
mark("facts missing, made")
simple.INRReader(FileName=REQUEST["bare"])

mark("fine")
mesh = simple.PruningAMR(Input=open_sample("oscillation_2d.pt"), **SMALL)
view = simple.CreateView("RenderView")
simple.Show(mesh, view)
simple.Render(view)
static = mesh.GetDataInformation().DataInformation.GetHasTime()
mark("set")
mesh.OutputType = "nonsense"
mark("updated")
mesh.UpdatePipeline()
cells = mesh.GetDataInformation().GetNumberOfCells()
mark("end")
answer({"points": reader.GetDataInformation().GetNumberOfPoints(), "time": static, "cells": cells})
