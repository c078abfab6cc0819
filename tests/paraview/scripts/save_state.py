"""Make a view of each output type at a time that is not the first; save each as a state."""

from common import (
    FOLDER,
    SMALL,
    TYPES,
    answer,
    colour,
    new_view,
    open_sample,
    save_picture,
    simple,
    time_of,
)

# Representation, and the array that colours it with its range.
KINDS = {
    "Hyper Tree Grid": ("Surface", ("CELLS", "attenuation", 0.0, 1.0)),
    "Overlapping AMR": ("Volume", ("CELLS", "attenuation", 0.0, 1.0)),
    "Unstructured Grid": ("Surface", ("POINTS", "attenuation", 0.0, 1.0)),
}


def show(output_type: str, name: str) -> float:
    """Draw one output type at two times, and save the state at the second."""
    representation, array = KINDS[output_type]
    reader = open_sample()
    mesh = simple.PruningAMR(Input=reader, OutputType=output_type, **SMALL)
    scene = simple.GetAnimationScene()
    scene.UpdateAnimationUsingDataTimeSteps()
    time = time_of(reader)
    shown = mesh
    if output_type != "Overlapping AMR":
        shown = simple.Slice(Input=mesh)
        # Hyper tree grids have planes of their own.
        grids = output_type == "Hyper Tree Grid"
        plane = shown.HyperTreeGridSlicer if grids else shown.SliceType
        plane.Origin, plane.Normal = [0.0, 1e-3, 0.0], [0.0, 1.0, 0.0]
    view = new_view()
    for when, suffix in ((0.0, "_first"), (time, "")):
        scene.AnimationTime = when
        shown.UpdatePipeline(when)
        display = simple.Show(shown, view)
        display.SetRepresentationType(representation)
        colour(display, *array)
        save_picture(view, name + suffix)
    simple.SaveState(str(FOLDER / f"{name}.pvsm"))
    return time


times = {}
for output_type in TYPES:
    name = output_type.replace(" ", "_").lower()
    times[name] = show(output_type, name)
    simple.ResetSession()
answer({"times": times})
