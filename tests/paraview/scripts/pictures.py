"""Draw every kind of picture that has a baseline, at the time step asked for."""

from common import (
    FINE,
    FOLDER,
    REQUEST,
    answer,
    colour,
    new_view,
    open_sample,
    save_picture,
    simple,
    time_of,
    volume_of,
)

FIELD = "attenuation"
STRAIGHT = {"CameraPosition": [0.0, -4.0, 0.0], "CameraViewUp": [0.0, 0.0, 1.0]}


def picture(name: str, source, time, representation="Surface", array=None, camera=None) -> None:
    """Draw one source alone."""
    view = new_view(camera)
    if time is not None:
        view.ViewTime = time
        source.UpdatePipeline(time)
    display = simple.Show(source, view)
    display.SetRepresentationType(representation)
    if array:
        colour(display, *array)
    else:
        simple.ColorBy(display, None)
    save_picture(view, name)
    simple.Delete(view)


def draw_scan() -> None:
    """Draw the 4-D sample: as hyper tree grid, as AMR, as unstructured grid."""
    reader = open_sample()
    time = time_of(reader, REQUEST["step"])
    mesh = simple.PruningAMR(Input=reader, **FINE)
    cells = ("CELLS", FIELD, 0.0, 1.0)
    picture("htg_surface", mesh, time, "Surface With Edges", ("CELLS", "level", 0, 3))
    cut = simple.Slice(Input=mesh)
    # Hyper tree grids have planes of their own.
    plane = cut.HyperTreeGridSlicer
    plane.Origin, plane.Normal = [0.0, 1e-3, 0.0], [0.0, 1.0, 0.0]
    picture("htg_slice", cut, time, "Surface With Edges", cells, STRAIGHT)
    clip = simple.Clip(Input=mesh)
    plane = clip.HyperTreeGridClipper
    plane.Origin, plane.Normal = [0.0, 0.0, 0.0], [0.0, -1.0, 0.0]
    picture("htg_clip", clip, time, "Surface", cells)
    for proxy in (clip, cut):
        simple.Delete(proxy)

    blocks = simple.PruningAMR(Input=reader, OutputType="Overlapping AMR", **FINE)
    volume, association = volume_of(blocks)
    picture("amr_volume", volume, time, "Volume", (association, FIELD, 0.0, 1.0))
    grid = simple.PruningAMR(Input=reader, OutputType="Unstructured Grid", **FINE)
    contour = simple.Contour(Input=grid, ContourBy=["POINTS", FIELD], Isosurfaces=[0.55])
    picture("contour", contour, time)
    image = simple.PruningAMR(Input=reader, OutputType="Image Data", ImageResolution=48)
    cut = simple.Slice(Input=image)
    cut.SliceType.Origin, cut.SliceType.Normal = [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]
    picture("image_slice", cut, time, "Surface", ("POINTS", FIELD, 0.0, 1.0), STRAIGHT)


def draw_oscillation() -> None:
    """Draw the 2-D sample."""
    reader = open_sample("oscillation_2d.pt")
    mesh = simple.PruningAMR(Input=reader, MinDepth=1, MaxDepth=4, Tolerance=0.02, Device="cpu")
    camera = {"CameraPosition": [0.5, 0.5, 2.0], "CameraFocalPoint": [0.5, 0.5, 0.0]}
    camera["CameraViewUp"] = [0.0, 1.0, 0.0]
    array = ("CELLS", "oscillation", -0.6, 0.6)
    picture("plane", mesh, None, "Surface With Edges", array, camera)


draw_scan()
if REQUEST.get("plane", True):
    draw_oscillation()
answer({"pictures": sorted(path.stem for path in FOLDER.glob("*.png"))})
