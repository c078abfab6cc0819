"""Open the files that another process has saved, as ParaView opens any file."""

import sys
from pathlib import Path

from common import REQUEST, answer, simple
from contents import contents

folder = Path(REQUEST["folder"])


def opened(*names: str) -> dict:
    reader = simple.OpenDataFile([str(folder / name) for name in names])
    reader.UpdatePipeline()
    return contents(reader)


files = {name: opened(name) for name in REQUEST["names"]}
networks = {}
for name in REQUEST["networks"]:
    reader = simple.OpenDataFile(str(folder / name))
    reader.PreviewResolution = 8
    reader.UpdatePipeline()
    networks[name] = contents(reader)

steps = {}
for name in REQUEST["series"]:
    stem, _, suffix = name.partition(".")
    several = [name] if suffix == "pvd" else [f"{stem}_{i}.{suffix}" for i in range(3)]
    reader = simple.OpenDataFile([str(folder / one) for one in several])
    reader.UpdatePipelineInformation()
    steps[name] = {}
    for time in reader.TimestepValues:
        reader.UpdatePipeline(time)
        steps[name][str(time)] = contents(reader)

# What is broken is told in many lines.
print("OWN WRITERS", file=sys.stderr, flush=True)
own = {}
for name in ("own.htg", "own.csv"):
    try:
        own[name] = opened(name)
    except (RuntimeError, AttributeError) as error:
        own[name] = {"error": str(error)}
is_old = simple.GetParaViewVersion() < (5, 12)
answer({"files": files, "networks": networks, "steps": steps, "own": own, "is_old": is_old})
