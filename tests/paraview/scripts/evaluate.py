"""Evaluate a sample on a surface, a line, an image and a table, and save a state of it."""

from common import (
    FOLDER,
    answer,
    colour,
    new_view,
    open_sample,
    save_picture,
    simple,
    time_of,
    type_name,
)

result = {"types": {}}
reader = open_sample()
time = time_of(reader)
table = FOLDER / "points.csv"
table.write_text("x,y,z\n" + "".join(f"{x / 10},-0.2,0.1\n" for x in range(-12, 13)))
line = simple.Line(Point1=[-1.5, -0.2, 0.1], Point2=[1.5, -0.2, 0.1], Resolution=300)
places = {
    "line": line,
    "image": simple.FastUniformGrid(WholeExtent=[-1, 1, -1, 1, -1, 1]),
    "group": simple.GroupDatasets(Input=[line, simple.Box()]),
    "table": simple.CSVReader(FileName=[str(table)]),
}
for name, points in places.items():
    field = simple.INREvaluate(INR=reader, Points=points, Gradient=1, Device="cpu")
    field.UpdatePipeline(time)
    information = field.GetDataInformation().DataInformation
    kind = "Row" if name == "table" else "Point"
    rows = getattr(information, f"Get{kind}DataInformation")()
    arrays = [rows.GetArrayInformation(i) for i in range(rows.GetNumberOfArrays())]
    ranges = {a.GetName(): a.GetComponentRange(0) for a in arrays}
    result["types"][name] = {"class": type_name(field), "ranges": ranges}
plane = simple.Plane(
    Origin=[-1.3, 0, -1.3], Point1=[1.3, 0, -1.3], Point2=[-1.3, 0, 1.3], XResolution=150
)
plane.YResolution = 150
field = simple.INREvaluate(INR=reader, Points=plane, Values="Exact", Device="cpu")
scene = simple.GetAnimationScene()
scene.UpdateAnimationUsingDataTimeSteps()
view = new_view({"CameraPosition": [0.0, -5.5, 0.0], "CameraViewUp": [0.0, 0.0, 1.0]})
for when, name in ((0.0, "first"), (time, "shown")):
    scene.AnimationTime = when
    field.UpdatePipeline(when)
    display = simple.Show(field, view)
    colour(display, "POINTS", "attenuation", 0.0, 1.0)
    save_picture(view, name)
simple.SaveState(str(FOLDER / "shown.pvsm"))
result["times"] = len(scene.TimeKeeper.TimestepValues)
answer(result)
