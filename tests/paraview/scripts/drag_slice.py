"""Show a slice in the GUI with its plane to be dragged, and note when it is made and drawn."""

import time

from common import FOLDER, REQUEST, answer, open_sample, simple, time_of

simple.LoadPalette("WhiteBackground")
reader = open_sample()
view = simple.GetActiveViewOrCreate("RenderView")
view.CameraPosition, view.CameraFocalPoint = [3.0, -5.0, 3.0], [0.0, 0.0, 0.0]
view.CameraViewUp = [0.0, 0.0, 1.0]
scene = simple.GetAnimationScene()
scene.UpdateAnimationUsingDataTimeSteps()
scene.AnimationTime = time_of(reader)
plane = simple.INRSlice(Input=reader, Normal=[0.0, 0.0, 1.0], Tolerance=REQUEST["tolerance"])
display = simple.Show(plane, view)
simple.ColorBy(display, ("POINTS", "attenuation"))
simple.ResetCamera(view)
simple.SetActiveSource(plane)
simple.Render(view)


def note(what):
    """Write what has ended, when, and where the plane is then."""
    facts = [what, time.time(), *plane.Origin, *plane.Normal]
    facts.append(plane.GetClientSideObject().GetOutputDataObject(0).GetNumberOfCells())
    with (FOLDER / "events").open("a") as file:
        print(*facts, file=file, flush=True)


algorithm = plane.GetClientSideObject()
algorithm.AddObserver("StartEvent", lambda *_: note("started"))
algorithm.AddObserver("EndEvent", lambda *_: note("made"))
view.GetRenderWindow().AddObserver("EndEvent", lambda *_: note("drawn"))
answer({"shown": time.time()})
