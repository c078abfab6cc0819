"""Save every output to a file, with the options ParaView offers by default."""

from common import FOLDER, REQUEST, SAMPLES, SMALL, answer, open_sample, simple, time_of
from contents import contents
from outputs import other_outputs, series

FILES = {
    "htg": "Hyper Tree Grid",
    "vthb": "Overlapping AMR",
    "vtu": "Unstructured Grid",
    "vti": "Image Data",
}


def save(source, name: str, time: float | None = None) -> None:
    if time is not None:
        simple.GetAnimationScene().AnimationTime = time
    source.UpdatePipeline() if time is None else source.UpdatePipeline(time)
    saved[name] = contents(source)
    simple.SaveData(str(FOLDER / name), proxy=source)


saved = {}
for name in REQUEST["names"]:
    sample, _, suffix = name.partition(".")
    reader = open_sample(f"{sample}.pt")
    mesh = simple.PruningAMR(Input=reader, OutputType=FILES[suffix], ImageResolution=17, **SMALL)
    save(mesh, name, time_of(reader, 3) if len(reader.TimestepValues) else None)
for name, (source, time) in other_outputs(FOLDER, REQUEST["line"]).items():
    save(source, name, time)

# Cells that a filter hides, and a hyper tree grid of ParaView itself.
reader = open_sample("oscillation_2d.pt")
mesh = simple.PruningAMR(Input=reader, **SMALL)
part = simple.Threshold(Input=mesh, Scalars=["CELLS", "oscillation"], UpperThreshold=0.5)
part.LowerThreshold = 0.0
save(part, "masked.htg")
save(simple.HyperTreeGridRandom(), "random.htg")

# All time steps.
steps = {}
for name, source in series(FOLDER).items():
    all_steps = "WriteTimeSteps" if name.endswith(".pvd") else "Writetimestepsasfileseries"
    simple.SaveData(str(FOLDER / name), proxy=source, **{all_steps: 1})
    steps[name] = {}
    for time in (0.0, 0.25, 0.5):
        source.UpdatePipeline(time)
        steps[name][str(time)] = contents(source)

# Networks: as they are opened, pruned, and with facts that only the properties hold.
networks = {}
for name in ("oscillation_2d.pt", REQUEST["pruned"]):
    reader = open_sample(name)
    reader.UpdatePipeline()
    target = FOLDER / f"network_{len(networks)}.pt"
    simple.SaveData(str(target), proxy=reader)
    networks[target.name] = contents(reader)
bare = FOLDER / "bare.pt"
bare.write_bytes((SAMPLES / "oscillation_2d.pt").read_bytes())
facts = (SAMPLES / "oscillation_2d.json").read_text()
reader = open_sample(str(bare), Metadata=facts)
reader.SMProxy.InvokeCommand("WriteJSON")
reader.UpdatePipeline()
networks[bare.name] = contents(reader)

# What ParaView's own writers make of the same.
reader = open_sample("beltrami_4d.pt")
mesh = simple.PruningAMR(Input=reader, **SMALL)
save(mesh, "control.htg")
simple.HyperTreeGridWriter(FileName=str(FOLDER / "own.htg"), Input=mesh).UpdatePipeline()
rows = simple.CSVReader(FileName=[str(FOLDER / "points.csv")])
save(rows, "control.csv")
simple.CSVWriter(FileName=str(FOLDER / "own.csv"), Input=rows).UpdatePipeline()
answer({"files": saved, "steps": steps, "networks": networks})
