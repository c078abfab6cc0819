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
    volume_of,
)


def shown_of(mesh, output_type: str) -> tuple:
    """Return what shows an output type, its representation, and where it has values."""
    if output_type == "Overlapping AMR":
        volume, association = volume_of(mesh)
        return volume, "Volume", association
    cut = simple.Slice(Input=mesh)
    # Hyper tree grids have planes of their own.
    grids = output_type == "Hyper Tree Grid"
    plane = cut.HyperTreeGridSlicer if grids else cut.SliceType
    plane.Origin, plane.Normal = [0.0, 1e-3, 0.0], [0.0, 1.0, 0.0]
    return cut, "Surface", "CELLS" if grids else "POINTS"


def show(output_type: str, name: str) -> float:
    """Draw one output type at two times, and save the state at the second."""
    reader = open_sample()
    mesh = simple.PruningAMR(Input=reader, OutputType=output_type, **SMALL)
    scene = simple.GetAnimationScene()
    scene.UpdateAnimationUsingDataTimeSteps()
    time = time_of(reader)
    shown, representation, association = shown_of(mesh, output_type)
    view = new_view()
    for when, suffix in ((0.0, "_first"), (time, "")):
        scene.AnimationTime = when
        shown.UpdatePipeline(when)
        display = simple.Show(shown, view)
        display.SetRepresentationType(representation)
        colour(display, association, "attenuation", 0.0, 1.0)
        save_picture(view, name + suffix)
    simple.SaveState(str(FOLDER / f"{name}.pvsm"))
    return time


times = {}
for output_type in TYPES:
    name = output_type.replace(" ", "_").lower()
    times[name] = show(output_type, name)
    simple.ResetSession()
answer({"times": times})
