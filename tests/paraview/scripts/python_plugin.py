"""Load PruningAMR.py as any Python plugin is loaded, from a folder of its own repository."""

import inspect
import os
import sys

# Debian's ParaView 5.11 calls a function that its Python 3.11 no longer has; newer ones do not.
if not hasattr(inspect, "getargspec"):
    inspect.getargspec = inspect.getfullargspec

from common import REQUEST, ROOT, SMALL, answer, open_sample, simple, time_of, type_name

before = hasattr(simple, "PruningAMR")
simple.LoadPlugin(str(ROOT / "plugin" / REQUEST["file"]), remote=False)
reader = open_sample()
mesh = simple.PruningAMR(Input=reader, OutputType="Unstructured Grid", **SMALL)
mesh.UpdatePipeline(time_of(reader))
answer(
    {
        "before": before,
        "configured": "PV_PLUGIN_CONFIG_FILE" in os.environ,
        "class": type_name(mesh),
        "cells": mesh.GetDataInformation().GetNumberOfCells(),
        "package": sys.modules["pruning_amr"].__file__,
    }
)
