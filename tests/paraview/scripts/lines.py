"""Draw the curve of a field of one spatial input, and save it as a state."""

from common import FOLDER, REQUEST, answer, new_view, save_picture, simple, type_name

reader = simple.OpenDataFile(REQUEST["file"])
mesh = simple.PruningAMR(Input=reader, MaxDepth=6, Device="cpu")
view = new_view({"CameraPosition": [0.0, 0.0, 1.0], "CameraViewUp": [0.0, 1.0, 0.0]})
display = simple.Show(mesh, view)
simple.ColorBy(display, ("POINTS", "value"))
display.LineWidth = 5
simple.ResetCamera(view)
save_picture(view, "curve")
result = {"class": type_name(mesh), "bounds": list(mesh.GetDataInformation().GetBounds())}
simple.SaveState(str(FOLDER / "curve.pvsm"))

# The preview, as a line; ParaView's own choice for flat images cannot draw it.
simple.Hide(mesh, view)
display = simple.GetRepresentation(reader, view)
display.Representation = "Surface"
display.LineWidth = 5
simple.ColorBy(display, ("POINTS", "value"))
simple.Show(reader, view)
simple.ResetCamera(view)
save_picture(view, "preview")

# As the same filter shows another file.
mesh.OutputType = "Unstructured Grid"
other = simple.OpenDataFile(REQUEST["plane"])
mesh.Input = other
mesh.UpdatePipeline()
result["class_of_plane"] = type_name(mesh)
answer(result)
