"""Open the states that another process has saved; draw what they show."""

from pathlib import Path

from common import REQUEST, SIZE, answer, save_picture, simple, type_name

found = {}
for path in sorted(Path(REQUEST["states"]).glob("*.pvsm")):
    simple.LoadState(str(path))
    view = simple.GetActiveViewOrCreate("RenderView")
    view.ViewSize = SIZE
    save_picture(view, path.stem)
    sources = {s.GetXMLName(): s for s in simple.GetSources().values()}
    kinds = ("PruningAMR", "INRSlice", "INREvaluate", "INRContour")
    shown = next(sources[n] for n in kinds if n in sources)
    names = [n for n in REQUEST.get("properties", ()) if hasattr(shown, n)]
    found[path.stem] = {
        "time": view.ViewTime,
        "class": type_name(shown),
        **{name: str(getattr(shown, name)) for name in names},
    }
    simple.ResetSession()
answer(found)
