"""Make every output in one session, at a time that is not the first; save it as states."""

from common import FOLDER, SMALL, answer, open_sample, simple, time_of
from contents import contents
from paraview import smstate

KINDS = ("Hyper Tree Grid", "Overlapping AMR", "Unstructured Grid", "Image Data")

reader = open_sample("beltrami_4d.pt")
time = time_of(reader, 3)
sources = {"preview": reader}
for kind in KINDS:
    sources[kind.replace(" ", "_").lower()] = simple.PruningAMR(
        Input=reader, OutputType=kind, ImageResolution=9, **SMALL
    )
sources["slice"] = simple.INRSlice(Input=reader, Normal=[1, 1, 0], Tolerance=0.1)
sources["contour"] = simple.INRContour(
    Input=reader, Output="pressure", Values=[-0.5], Tolerance=0.3
)
sources["points"] = simple.INREvaluate(INR=reader, Points=simple.Sphere(Radius=0.5), Gradient=1)
scene = simple.GetAnimationScene()
scene.UpdateAnimationUsingDataTimeSteps()
scene.AnimationTime = time
found = {}
for name, source in sources.items():
    simple.RenameSource(name, source)
    source.UpdatePipeline(time)
    found[name] = contents(source)
simple.SaveState(str(FOLDER / "outputs.pvsm"))
# As the GUI saves a state by the name of a script.
(FOLDER / "outputs.py").write_text(smstate.get_state())
answer({"time": time, "outputs": found})
