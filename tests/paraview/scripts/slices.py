"""Slice samples as a user does, by what ParaView proposes; save a state of an oblique slice."""

from common import FOLDER, answer, colour, new_view, open_sample, save_picture, simple, time_of

reader = open_sample("oscillation_2d.pt")
# As Apply does: bounds are known.
reader.UpdatePipeline()
plane = simple.INRSlice(Input=reader)
result = {"origin": list(plane.Origin), "normal": list(plane.Normal)}
plane.UpdatePipeline()
result["line"] = list(plane.GetDataInformation().GetBounds())
reader = open_sample()
time = time_of(reader)
shown = simple.INRSlice(Input=reader, Normal=[0.1, 1.0, 0.1], Tolerance=0.03, Device="cpu")
shown.Offsets = [-0.05, 0.3]
scene = simple.GetAnimationScene()
scene.UpdateAnimationUsingDataTimeSteps()
view = new_view({"CameraPosition": [0.0, -5.5, 0.0], "CameraViewUp": [0.0, 0.0, 1.0]})
for when, name in ((0.0, "first"), (time, "shown")):
    scene.AnimationTime = when
    display = simple.Show(shown, view)
    result["proposed"] = [str(display.Representation), *map(str, display.ColorArrayName)]
    colour(display, "POINTS", "attenuation", 0.0, 1.0)
    save_picture(view, name)
result["cells"] = shown.GetDataInformation().GetNumberOfCells()
simple.SaveState(str(FOLDER / "shown.pvsm"))
result["times"] = len(scene.TimeKeeper.TimestepValues)
answer(result)
