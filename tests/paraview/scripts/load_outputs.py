"""Open states that other processes have saved, one after the other; tell what they hold."""

from pathlib import Path

from common import REQUEST, answer, simple
from contents import contents

found = {}
for path in map(Path, REQUEST["states"]):
    if path.suffix == ".py":
        exec(compile(path.read_text(), str(path), "exec"), {"__name__": "state"})
    else:
        simple.LoadState(str(path))
    sources = {name: source for (name, _), source in simple.GetSources().items()}
    # States that are scripts do not say the time.
    outputs = {}
    for name in REQUEST["names"]:
        sources[name].UpdatePipeline(REQUEST["time"])
        outputs[name] = contents(sources[name])
    meshes = {n: str(s.OutputType) for n, s in sources.items() if s.GetXMLName() == "PruningAMR"}
    time = simple.GetAnimationScene().AnimationTime
    found[path.name] = {"outputs": outputs, "types": meshes, "time": time}
    simple.ResetSession()
answer(found)
