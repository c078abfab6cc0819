"""What a user does in the GUI, step by step, while its window lives.

A timer of the render window takes one step at a time, so that panels and pictures are drawn
between them. A step is written to ``step.json``: keys to press (a file to open, a filter to launch,
*Apply*), and what its picture has to be. The caller, who looks at the window, removes the file.
"""

import json

from common import FOLDER, REQUEST, SAMPLES, answer, simple

SMALL = {"Tolerance": 0.06, "Device": "cpu"}
FLAT = {"coloured": False}
WAITING = []
"""Filters that a script has made, each with its input, until they are shown."""
HTG, AMR, GRID, IMAGE = "Hyper Tree Grid", "Overlapping AMR", "Unstructured Grid", "Image Data"


def launched(label: str, source):
    """Launch a filter on a source as the menu does; return it, or None if it is not offered."""
    for _ in range(3):
        simple.SetActiveSource(source)
        yield {"launch": label}
        product = simple.GetActiveSource()
        if product.SMProxy.GetXMLLabel() == label:
            return product
        # Keys that a busy window missed may have chosen another one.
        if product != source:
            simple.Delete(product)
    return made_by_script(label, source)


def made_by_script(label: str, source):
    """Return a filter that the list of quick launch does not begin with; None if there is none.

    *Apply* does nothing for what a script has made: `shown` shows it.
    """
    if label == "Probe Location":
        return None
    product = getattr(simple, simple.paraview.make_name_valid(label))(Input=source)
    WAITING.append((product, source))
    return product


def opened(name: str):
    """Open a sample as the menu does; return its reader."""
    for _ in range(3):
        simple.SetActiveSource(None)
        yield {"open": str(SAMPLES / name)}
        if reader := simple.GetActiveSource():
            return reader
    return None


def shown(name: str, apply: bool = True, **expected) -> dict:
    """Return the step whose picture is looked at."""
    if view := simple.GetActiveView():
        # Colour bars of what a script has deleted stay.
        simple.HideUnusedScalarBars(view)
    while WAITING:
        product, source = WAITING.pop()
        simple.Show(product)
        simple.Hide(source)
    return {"name": name, "apply": apply, **expected}


def label_of(kind: str) -> str:
    """Return the filter that makes meshes of a kind."""
    return "Pruning AMR" if kind == HTG else f"Pruning AMR ({kind})"


def association_of(kind: str) -> str:
    return "POINTS" if kind in (GRID, IMAGE) else "CELLS"


def look(array: tuple[str, str] | None = None, *hidden) -> None:
    """Look at everything from one side; colour the active source."""
    view = simple.GetActiveView()
    for proxy in hidden:
        simple.Hide(proxy, view)
    if array:
        simple.ColorBy(simple.GetDisplayProperties(simple.GetActiveSource()), array)
    view.CameraPosition, view.CameraFocalPoint = [2.9, -5.2, 2.7], [0.0, 0.0, 0.0]
    view.CameraViewUp = [0.0, 0.0, 1.0]
    simple.Render()


def slice_(product, kind: str) -> None:
    plane = product.HyperTreeGridSlicer if kind == HTG else product.SliceType
    plane.Origin, plane.Normal = [0.01, 0.02, 0.03], [0.0, 0.0, 1.0]


def clip(product, kind: str) -> None:
    plane = product.HyperTreeGridClipper if kind == HTG else product.ClipType
    plane.Origin, plane.Normal = [0.01, 0.0, 0.0], [0.0, -1.0, 0.0]


def threshold(product, kind: str) -> None:
    product.Scalars = [association_of(kind), "attenuation"]
    product.LowerThreshold, product.UpperThreshold = 0.1, 9.0


def contour(product, kind: str) -> None:
    product.ContourBy, product.Isosurfaces = [association_of(kind), "attenuation"], [0.5]


def filters_of(mesh, kind: str):
    """Yield what is done with a mesh by ParaView's own filters."""
    for label, prepare in (
        ("Slice", slice_),
        ("Clip", clip),
        ("Threshold", threshold),
        ("Contour", contour),
    ):
        if label in ("Clip", "Threshold") and not REQUEST["long"]:
            continue
        if label == "Contour" and kind == AMR:
            # The menu does not enable it: ParaView wants point data of an overlapping AMR.
            continue
        product = yield from launched(label, mesh)
        prepare(product, kind)
        # Contours are of one colour.
        yield shown(f"{kind}: {label}", **(FLAT if label == "Contour" else {}))
        simple.Delete(product)
        simple.SetActiveSource(mesh)
        simple.Show(mesh)


def plots_of(mesh, kind: str):
    """Yield a plot over a line and a probe: in views of their own, which are closed again."""
    view = simple.GetActiveView()
    for label in ("Plot Over Line", "Probe Location"):
        product = yield from launched(label, mesh)
        if product is None:
            yield shown(f"{kind}: {label} is not offered", apply=False, drawn=False)
            continue
        yield shown(f"{kind}: {label}", drawn=False)
        simple.Delete(product)
        for other in simple.GetViews():
            if other.SMProxy.GetXMLName() != "RenderView":
                layout = simple.GetLayout(other)
                place = layout.GetViewLocation(other)
                simple.Delete(other)
                layout.Collapse(place)
        simple.SetActiveView(view)
        simple.SetActiveSource(mesh)
        simple.Show(mesh, view)


def meshes(reader):
    """Yield a mesh of each kind, and what is done with it."""
    for kind in REQUEST["parts"]:
        if kind in ("views", "samples"):
            continue
        mesh = yield from launched(label_of(kind), reader)
        for name, value in (SMALL if kind != IMAGE else {"ImageResolution": 32}).items():
            setattr(mesh, name, value)
        yield shown(f"{kind}: mesh", coloured=False)
        simple.GetDisplayProperties(mesh).SetRepresentationType("Surface With Edges")
        look((association_of(kind), "attenuation"), reader)
        # The outside of the scan is air: its slices and insides have the colours.
        yield shown(f"{kind}: coloured, with edges", apply=False, coloured=False)
        if kind != HTG:
            simple.GetDisplayProperties(mesh).SetRepresentationType("Volume")
            look((association_of(kind), "attenuation"))
            yield shown(f"{kind}: volume", apply=False, coloured=kind != AMR)
        simple.GetDisplayProperties(mesh).SetRepresentationType("Surface")
        yield from filters_of(mesh, kind)
        yield from times(reader, mesh, kind)
        if REQUEST["long"]:
            yield from plots_of(mesh, kind)
        simple.Delete(mesh)


def times(reader, mesh, kind: str):
    """Yield slices at other time steps."""
    product = yield from launched("Slice", mesh)
    slice_(product, kind)
    for step in (20, 40) if REQUEST["long"] else (40,):
        simple.GetAnimationScene().AnimationTime = reader.TimestepValues[step]
        yield shown(f"{kind}: Slice at time step {step}")
    simple.Delete(product)
    simple.SetActiveSource(mesh)


def views(reader):
    """Yield the filters that need no mesh."""
    for label, expected in (("INR Slice", {}), ("INR Contour", FLAT))[: 1 + REQUEST["long"]]:
        product = yield from launched(label, reader)
        if label == "INR Contour":
            product.SmallestFeature = 0.05
        yield shown(label, **expected)
        simple.Delete(product)
        simple.Hide(reader)
    sphere = simple.Sphere(Radius=0.7, ThetaResolution=64, PhiResolution=64)
    product = simple.INREvaluate(INR=reader, Points=sphere)
    simple.Show(product)
    look(("POINTS", "attenuation"), sphere, reader)
    yield shown("INR Evaluate", apply=False)
    for proxy in (product, sphere):
        simple.Delete(proxy)


def scan():
    """Yield the steps with the scan."""
    reader = yield from opened("dynamic_ct_4d.pt")
    yield shown("dynamic_ct_4d: open", **FLAT)
    yield from meshes(reader)
    if "views" in REQUEST["parts"]:
        yield from views(reader)
    simple.Delete(reader)


def other_samples():
    """Yield the steps with the other samples."""
    for name, output in (("oscillation_2d", "oscillation"), ("beltrami_4d", "velocity")):
        reader = yield from opened(f"{name}.pt")
        yield shown(f"{name}: open", **FLAT)
        for kind in (HTG, GRID):
            mesh = yield from launched(label_of(kind), reader)
            yield shown(f"{name}: {kind}", **FLAT)
            simple.ColorBy(simple.GetDisplayProperties(mesh), (association_of(kind), output))
            simple.Hide(reader)
            simple.ResetCamera()
            yield shown(f"{name}: {kind}, coloured", apply=False)
            simple.Delete(mesh)
        simple.Delete(reader)


def session():
    """Yield all steps; the last is a picture of one colour, which has to be noticed."""
    if REQUEST["parts"] != ["samples"]:
        yield from scan()
    if "samples" in REQUEST["parts"]:
        yield from other_samples()
    simple.Show(simple.Sphere())
    simple.ResetCamera()
    yield shown("control: grey", apply=False)


def is_shown(source) -> bool:
    """Tell whether a view has a representation of a source, as it has after its *Apply*."""
    shows = (each for view in simple.GetViews() for each in view.Representations)
    return any(getattr(each, "Input", None) == source for each in shows)


class Stepper:
    """Takes one step after another, from the event loop of the window.

    A step whose *Apply* a busy window has missed is taken again: its picture is of what was there.
    """

    def __init__(self) -> None:
        self.steps, self.waits = session(), FOLDER / "step.json"
        self.step, self.tries = {}, 0
        # A view that no step deletes.
        self.interactor = simple.GetActiveViewOrCreate("RenderView").GetInteractor()
        self.observer = self.interactor.AddObserver("TimerEvent", self.take)
        self.interactor.CreateRepeatingTimer(200)
        self.busy = self.over = False

    def take(self, *_) -> None:
        if self.busy or self.over or self.waits.exists():
            return
        self.busy = True
        try:
            self.next()
            self.waits.with_suffix(".part").write_text(json.dumps(self.step))
            self.waits.with_suffix(".part").rename(self.waits)
        except StopIteration:
            self.over = True
            answer({"over": True})
        except Exception as error:
            self.over = True
            answer({"over": False, "error": f"{type(error).__name__}: {error}"})
            raise
        finally:
            self.busy = False

    def next(self) -> None:
        """Go to the next step, or to the same again."""
        missed = self.step.get("apply") and not is_shown(simple.GetActiveSource())
        if missed and self.tries == 3:
            raise RuntimeError(f"{self.step['name']}: Apply shows nothing")
        self.tries = self.tries + 1 if missed else 1
        self.step = self.step if missed else next(self.steps)


stepper = Stepper()
