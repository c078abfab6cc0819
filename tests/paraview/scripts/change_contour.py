"""Change the value of a contour in the GUI, then its time; note how long each picture takes."""

import time

from common import FOLDER, REQUEST, answer, open_sample, simple, time_of

simple.LoadPalette("WhiteBackground")
reader = open_sample()
scene = simple.GetAnimationScene()
scene.UpdateAnimationUsingDataTimeSteps()
view = simple.GetActiveViewOrCreate("RenderView")
view.CameraPosition, view.CameraFocalPoint = [2.9, -5.2, 2.7], [0.0, 0.0, 0.0]
view.CameraViewUp = [0.0, 0.0, 1.0]
scene.AnimationTime = time_of(reader)
contour = simple.INRContour(Input=reader, **REQUEST["properties"])
found = {"values": [], "steps": [], "triangles": [], "statuses": []}


def draw(kind: str, change) -> None:
    """Change something; draw what comes of it, and leave it on the screen for a moment."""
    started = time.perf_counter()
    change()
    simple.Render(view)
    found[kind].append(time.perf_counter() - started)
    found["triangles"].append(contour.GetDataInformation().GetNumberOfCells())
    contour.UpdatePropertyInformation()
    found["statuses"].append(contour.GetPropertyValue("Status"))
    time.sleep(REQUEST["pause"])


def to_value(value: float) -> None:
    contour.Values = [value]


def to_step(step: int) -> None:
    scene.AnimationTime = time_of(reader, step)


def show() -> None:
    to_value(REQUEST["values"][0])
    simple.Show(contour, view)
    simple.ResetCamera(view)


draw("values", show)
(FOLDER / "shown").touch()
for value in REQUEST["values"][1:]:
    draw("values", lambda value=value: to_value(value))
for step in REQUEST["steps"]:
    draw("steps", lambda step=step: to_step(step))
answer(found)
