"""Save each output type to a file, with the options ParaView offers by default."""

from common import FOLDER, REQUEST, SMALL, answer, open_sample, simple, time_of
from contents import contents

FILES = {
    "htg": "Hyper Tree Grid",
    "vthb": "Overlapping AMR",
    "vtu": "Unstructured Grid",
    "vti": "Image Data",
}


def save(source, name: str, time: float | None = None) -> None:
    source.UpdatePipeline() if time is None else source.UpdatePipeline(time)
    saved[name] = contents(source)
    simple.SaveData(str(FOLDER / name), proxy=source)


saved = {}
for name in REQUEST["names"]:
    sample, _, suffix = name.partition(".")
    reader = open_sample(f"{sample}.pt")
    mesh = simple.PruningAMR(Input=reader, OutputType=FILES[suffix], ImageResolution=17, **SMALL)
    time = time_of(reader, 3) if len(reader.TimestepValues) else None
    if time is not None:
        simple.GetAnimationScene().AnimationTime = time
    save(mesh, name, time)

# Cells that a filter hides, and a hyper tree grid of ParaView itself.
reader = open_sample("oscillation_2d.pt")
mesh = simple.PruningAMR(Input=reader, **SMALL)
part = simple.Threshold(Input=mesh, Scalars=["CELLS", "oscillation"], UpperThreshold=0.5)
part.LowerThreshold = 0.0
save(part, "masked.htg")
save(simple.HyperTreeGridRandom(), "random.htg")

# All time steps.
reader = open_sample("beltrami_4d.pt", TimeStepValues="0 0.25 0.5")
mesh = simple.PruningAMR(Input=reader, **SMALL)
simple.SaveData(str(FOLDER / "flow.htg"), proxy=mesh, Writetimestepsasfileseries=1)
steps = []
for time in reader.TimestepValues:
    mesh.UpdatePipeline(time)
    steps.append(contents(mesh))
answer({"files": saved, "times": list(reader.TimestepValues), "steps": steps})
