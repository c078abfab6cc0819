"""Apply every filter that ParaView's menu enables to one kind of output, one after another.

The request names the kind, and perhaps filters to apply alone; ``journal.jsonl`` in the folder says
what began and how it ended, so that the caller knows which filter a crash ended, and goes on.
"""

import json

from common import FOLDER, REQUEST, SMALL, open_sample, simple, time_of
from paraview import servermanager
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkOutputWindow, vtkStringOutputWindow

JOURNAL = FOLDER / "journal.jsonl"
MESHES = {
    "hyper tree grid": "Hyper Tree Grid",
    "overlapping AMR": "Overlapping AMR",
    "unstructured grid": "Unstructured Grid",
    "image data": "Image Data",
}


def note(**what) -> None:
    with JOURNAL.open("a") as file:
        file.write(json.dumps(what) + "\n")


def of_ours(kind: str):
    """Return a source of ours."""
    reader = open_sample()
    time = time_of(reader)
    simple.GetAnimationScene().AnimationTime = time
    if kind == "preview":
        return reader
    if kind == "slice":
        return simple.INRSlice(Input=reader, Tolerance=0.05)
    if kind == "contour":
        return simple.INRContour(Input=reader, Tolerance=0.02, SmallestFeature=0.1)
    return simple.PruningAMR(Input=reader, OutputType=MESHES[kind], ImageResolution=17, **SMALL)


def of_paraview(kind: str):
    """Return ParaView's own source of the same kind, with time steps: the control."""
    steps = simple.GenerateTimeSteps(Input=_of_paraview(kind))
    steps.TimeStepValues = [0.0, 0.5, 1.0]
    return steps


def _of_paraview(kind: str):
    if kind == "hyper tree grid":
        return simple.HyperTreeGridRandom()
    if kind == "overlapping AMR":
        return simple.AMRGaussianPulseSource(Dimension=3)
    if kind == "unstructured grid":
        return simple.AppendDatasets(Input=simple.Wavelet(WholeExtent=[-4, 4] * 3))
    if kind in ("image data", "preview"):
        return simple.Wavelet(WholeExtent=[-4, 4] * 3)
    return simple.Elevation(Input=simple.Sphere())


def leaves_of(data) -> list:
    """Return the data sets in a data object."""
    if data is None:
        return []
    if not data.IsA("vtkCompositeDataSet"):
        return [data]
    found, blocks = [], data.NewIterator()
    while not blocks.IsDoneWithTraversal():
        found.append(blocks.GetCurrentDataObject())
        blocks.GoToNextItem()
    return found


def arrays_of(data) -> dict:
    """Return what a data object holds: sums of its arrays by association and name."""
    found = {}
    for leaf in leaves_of(data):
        for association, attributes in (
            ("point", leaf.GetPointData() if hasattr(leaf, "GetPointData") else None),
            ("cell", leaf.GetCellData() if hasattr(leaf, "GetCellData") else None),
            ("row", leaf.GetRowData() if hasattr(leaf, "GetRowData") else None),
            ("field", leaf.GetFieldData()),
        ):
            for k in range(attributes.GetNumberOfArrays() if attributes else 0):
                array = attributes.GetArray(k)
                if array is None:
                    continue
                values = vtk_to_numpy(array).astype(float)
                key = f"{association} {array.GetName()}"
                known = found.get(key, [0, 0.0])
                found[key] = [known[0] + values.size, known[1] + float(values.sum())]
    return found


def size_of(data) -> list[int]:
    """Return the points and cells (or rows) of a data object."""
    points = cells = 0
    for leaf in leaves_of(data):
        if hasattr(leaf, "GetNumberOfRows"):
            cells += leaf.GetNumberOfRows()
            continue
        points += leaf.GetNumberOfPoints() if hasattr(leaf, "GetNumberOfPoints") else 0
        cells += leaf.GetNumberOfCells() if hasattr(leaf, "GetNumberOfCells") else 0
    return [points, cells]


def inputs_of(proxy) -> list[str]:
    """Return the names of the inputs of a proxy."""
    found, properties = [], proxy.NewPropertyIterator()
    properties.Begin()
    while not properties.IsAtEnd():
        if properties.GetProperty().IsA("vtkSMInputProperty"):
            found.append(properties.GetKey())
        properties.Next()
    return found


def enabled_filters(source) -> list[str]:
    """Return the filters that the menu would enable, by the domains of their inputs."""
    manager = servermanager.ProxyManager().SMProxyManager
    definitions = manager.GetProxyDefinitionManager().NewSingleGroupIterator("filters")
    found = []
    definitions.InitTraversal()
    while not definitions.IsDoneWithTraversal():
        name = definitions.GetProxyName()
        definitions.GoToNextItem()
        if name.startswith(("INR", "PruningAMR")):
            # Of this project: they have tests of their own.
            continue
        proxy = manager.GetPrototypeProxy("filters", name)
        names = inputs_of(proxy) if proxy else []
        if not names:
            continue
        first = proxy.GetProperty("Input") or proxy.GetProperty(names[0])
        first.AddUncheckedInputConnection(source.SMProxy, 0)
        if first.IsInDomains():
            found.append(name)
        first.ClearUncheckedElements()
    return sorted(found)


def apply(name: str, source) -> dict:
    """Apply a filter with its default properties; return what came out."""
    prototype = servermanager.ProxyManager().SMProxyManager.GetPrototypeProxy("filters", name)
    names = inputs_of(prototype)
    first = "Input" if "Input" in names else names[0]
    label = simple.paraview.make_name_valid(prototype.GetXMLLabel())
    product = getattr(simple, label)(**{first: source})
    for other in names:
        wanted = product.SMProxy.GetProperty(other)
        if wanted is not None and not wanted.GetNumberOfProxies():
            wanted.AddInputConnection(source.SMProxy, 0)
    product.SMProxy.UpdateVTKObjects()
    product.UpdatePipeline(time=simple.GetAnimationScene().AnimationTime)
    data = product.GetClientSideObject().GetOutputDataObject(0)
    result = {"class": data.GetClassName() if data else None, "size": size_of(data)}
    simple.Delete(product)
    return result


window = vtkStringOutputWindow()
vtkOutputWindow.SetInstance(window)
source = (of_paraview if REQUEST.get("control") else of_ours)(REQUEST["kind"])
source.UpdatePipeline(time=simple.GetAnimationScene().AnimationTime)
before = arrays_of(source.GetClientSideObject().GetOutputDataObject(0))
names = REQUEST.get("filters") or enabled_filters(source)
note(names=names, input=size_of(source.GetClientSideObject().GetOutputDataObject(0)))
for filter_name in names:
    if filter_name in REQUEST["done"]:
        continue
    note(begins=filter_name)
    said = len(window.GetOutput())
    try:
        outcome = apply(filter_name, source)
    except Exception as error:
        outcome = {"exception": f"{type(error).__name__}: {error}"}
    # Filters that look at other times leave it there.
    source.UpdatePipeline(time=simple.GetAnimationScene().AnimationTime)
    after = arrays_of(source.GetClientSideObject().GetOutputDataObject(0))
    note(
        ends=filter_name,
        said=window.GetOutput()[said:][:3000],
        input_changed=sorted(k for k in {*before, *after} if before.get(k) != after.get(k)),
        **outcome,
    )
note(all_done=True)
