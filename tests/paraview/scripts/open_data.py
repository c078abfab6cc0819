"""Open the files that another process has saved, as ParaView opens any file."""

from pathlib import Path

from common import REQUEST, answer, simple
from contents import contents

folder = Path(REQUEST["folder"])
opened = {}
for name in REQUEST["names"]:
    reader = simple.OpenDataFile(str(folder / name))
    reader.UpdatePipeline()
    opened[name] = contents(reader)

reader = simple.OpenDataFile([str(path) for path in sorted(folder.glob("flow_*.htg"))])
reader.UpdatePipelineInformation()
steps = []
for time in reader.TimestepValues:
    reader.UpdatePipeline(time)
    steps.append(contents(reader))
answer({"files": opened, "times": list(reader.TimestepValues), "steps": steps})
