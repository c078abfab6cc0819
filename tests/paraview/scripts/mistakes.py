"""Make one mistake after another in one process; after each, do the same without it.

Everything that is said lies between the printed marks ``[[name]]`` and ``[[good]]``.
"""

import sys

from common import REQUEST, answer, simple

# On the processor: what is tried here takes no time.
SMALL = {"MinDepth": 0, "MaxDepth": 2, "ErrorSamples": 8, "Device": "cpu"}


def mark(name: str) -> None:
    sys.stderr.flush()
    print(f"[[{name}]]", flush=True)


def cells_of(case: dict) -> int:
    """Open and mesh as asked for; return the number of cells."""
    reader = simple.INRReader(FileName=case["file"], **case["reader"])
    mesh = simple.PruningAMR(Input=reader, **{**SMALL, **case["refinement"]})
    mesh.UpdatePipeline()
    cells = mesh.GetDataInformation().GetNumberOfCells()
    view = simple.CreateView("RenderView")
    simple.Show(mesh, view)
    simple.Render(view)
    for proxy in (view, mesh, reader):
        simple.Delete(proxy)
    return cells


answers = {}
good = {"file": REQUEST["good"], "reader": {}, "refinement": {}}
for name, case in REQUEST["cases"].items():
    mark(name)
    bad_cells = cells_of(case)
    mark("good")
    answers[name] = {"bad": bad_cells, "good": cells_of(good)}
mark("end")
answer(answers)
