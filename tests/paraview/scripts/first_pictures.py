"""Show samples and filters as Apply does at first, by what ParaView proposes, from in front."""

from common import FINE, REQUEST, answer, new_view, open_sample, save_picture, simple

CAMERA = {"CameraPosition": [0.0, 0.0, 6.5], "CameraViewUp": [0.0, 1.0, 0.0]}
SMALL = {
    **dict.fromkeys(("PruningAMR", "PruningAMRUnstructuredGrid", "PruningAMROverlappingAMR"), FINE),
    "PruningAMRImageData": {"ImageResolution": 24},
    "INRSlice": {"Tolerance": 0.03},
    "INRContour": {"Tolerance": 0.01, "SmallestFeature": 0.1},
}

found = {}
for sample, filters in REQUEST.items():
    reader = open_sample(sample)
    # As Apply does: the arrays are known.
    reader.UpdatePipeline()
    for name in ("INRReader", *filters):
        view = new_view(CAMERA)
        shown = reader
        if name != "INRReader":
            simple.Show(reader, view)
            shown = getattr(simple, name)(Input=reader, **SMALL[name])
            simple.Hide(reader, view)
        display = simple.Show(shown, view)
        view.ResetCamera()
        found[f"{sample} {name}"] = [str(display.Representation), *map(str, display.ColorArrayName)]
        save_picture(view, f"{sample}_{name}")
        simple.Delete(view)
answer(found)
