"""Open the states that another process has saved; draw what they show."""

from pathlib import Path

from common import REQUEST, SIZE, answer, save_picture, simple, type_name

found = {}
for path in sorted(Path(REQUEST["states"]).glob("*.pvsm")):
    simple.LoadState(str(path))
    view = simple.GetActiveViewOrCreate("RenderView")
    view.ViewSize = SIZE
    save_picture(view, path.stem)
    mesh = next(s for s in simple.GetSources().values() if s.GetXMLName() == "PruningAMR")
    found[path.stem] = {
        "time": view.ViewTime,
        "class": type_name(mesh),
        "output_type": str(mesh.OutputType),
        "max_depth": int(mesh.MaxDepth),
    }
    simple.ResetSession()
answer(found)
