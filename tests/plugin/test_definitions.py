"""The proxy definitions say the same as the Python package, property by property."""

from __future__ import annotations

import importlib.util
from dataclasses import fields
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pruning_amr import algorithms
from pruning_amr.algorithms.evaluate import NETWORK, POINTS
from pruning_amr.algorithms.pipeline import choice, property_name
from pruning_amr.datasets import OUTPUT_TYPES
from pruning_amr.inr import EXTENSIONS, OVERRIDES
from pruning_amr.inr.activations import ACTIVATION_NAMES
from pruning_amr.refinement import RefinementParameters
from pruning_amr.refinement.presets import PRESETS
from pruning_amr.views import (
    CONTOUR_PARAMETER_NAMES,
    ContourParameters,
    EvaluationParameters,
    SliceParameters,
)
from pruning_amr.views.presets import CONTOUR_PRESETS, SLICE_PRESETS
from vtkmodules import vtkIOParallelXML, vtkIOXML

PLUGIN = Path(__file__).resolve().parents[2] / "plugin"
XML = PLUGIN / "PruningAMR.xml"
PROXIES = {
    "INRReader": "sources",
    "PruningAMR": "filters",
    "INRSlice": "filters",
    "INRContour": "filters",
    "INREvaluate": "filters",
    "INRWriter": "writers",
}
MESHES = {
    "PruningAMROverlappingAMR": ("Overlapping AMR", "Volume"),
    "PruningAMRUnstructuredGrid": ("Unstructured Grid", "Surface With Edges"),
    "PruningAMRImageData": ("Image Data", "Volume"),
}
"""Pruning AMR with an output type of its own: what it is called, and how it is drawn."""
PYTHON = "vtkSIPythonSourceProxy"
"""What the proxies of this package's algorithms say; the others are of classes of VTK."""
PROPERTY_TAGS = {
    "IntVectorProperty": int,
    "DoubleVectorProperty": float,
    "StringVectorProperty": str,
}


@pytest.fixture(scope="module")
def document() -> ElementTree.Element:
    return ElementTree.parse(XML).getroot()


@pytest.fixture(scope="module")
def proxies(document) -> dict[str, ElementTree.Element]:
    found = {p.get("name"): p for p in document.iter() if p.get("si_class") == PYTHON}
    return {name: p for name, p in found.items() if name not in MESHES}


def settable(proxy: ElementTree.Element) -> dict[str, ElementTree.Element]:
    """Return the properties that a user sets, by name."""
    return {
        p.get("name"): p
        for p in proxy
        if p.tag in PROPERTY_TAGS and p.get("information_only") != "1"
    }


def all_properties(proxy: ElementTree.Element) -> list[ElementTree.Element]:
    return [p for p in proxy if p.tag.endswith("Property")]


def default_of(element: ElementTree.Element) -> Any:
    """Return the default value as the type the property has."""
    convert = PROPERTY_TAGS[element.tag]
    text = element.get("default_values", "")
    if convert is str:
        return text
    if element.find("BooleanDomain") is not None:
        return bool(int(text))
    values = tuple(convert(word) for word in text.split())
    assert len(values) == int(element.get("number_of_elements"))
    if element.get("repeatable") == "1":
        return values
    return values[0] if len(values) == 1 else values


def conditions(element: ElementTree.Element) -> list[ElementTree.Element]:
    """Return the decorators that watch another property; several are joined by "or"."""
    decorators = list(element.iter("PropertyWidgetDecorator"))
    joined = [d for d in decorators if d.get("type") == "CompositeDecorator"]
    assert all(d.find("Expression").get("type") == "or" for d in joined)
    assert all(e.get("type") == "and" for d in joined for e in d.findall("Expression/Expression"))
    return [d for d in decorators if d not in joined]


def choices_of(element: ElementTree.Element) -> list[str]:
    return [s.get("value") for s in element.findall("StringListDomain/String")]


def test_the_proxies_are_the_algorithms(document, proxies):
    assert document.tag == "ServerManagerConfiguration"
    groups = {p.get("name"): g.get("name") for g in document for p in g}
    assert {name: groups[name] for name in proxies} == PROXIES
    for name, proxy in proxies.items():
        module, _, cls = proxy.get("class").rpartition(".")
        assert module == algorithms.__name__
        assert getattr(algorithms, cls).__name__ == name
    assert [p.get("label") for p in proxies.values()] == [
        "INR Reader",
        "Pruning AMR",
        "INR Slice",
        "INR Contour",
        "INR Evaluate",
        "INR Writer",
    ]


@pytest.mark.parametrize("name", MESHES)
def test_each_output_type_has_a_filter_that_is_drawn_well(name, document, proxies):
    label, drawn = MESHES[name]
    filter_ = vtk_proxy(document, "filters", name)
    base = filter_.get("base_proxygroup"), filter_.get("base_proxyname")
    assert base == ("filters", "PruningAMR") and filter_.get("si_class") == PYTHON
    module, _, cls = filter_.get("class").rpartition(".")
    assert issubclass(getattr(algorithms, cls), algorithms.PruningAMR)
    assert module == algorithms.__name__ and filter_.get("label") == f"Pruning AMR ({label})"
    # Nothing but the type differs, which is not to be changed.
    (type_,) = all_properties(filter_)
    assert (type_.get("name"), type_.get("override")) == ("OutputType", "1")
    assert type_.get("default_values") == label
    assert label in choices_of(settable(proxies["PruningAMR"])["OutputType"])
    assert type_.get("panel_visibility") == "never"
    assert filter_.find("Hints/RepresentationType").get("type") == drawn


def test_the_filter_has_exactly_the_refinement_parameters(proxies):
    names = {f.name for f in fields(RefinementParameters)} | {"output_type", "preset"}
    # A box of ParaView has a corner and a size.
    names = names - {"region"} | {"use_region", "region_position", "region_size"}
    assert set(settable(proxies["PruningAMR"])) == {property_name(name) for name in names}


def test_the_contour_has_exactly_its_parameters_and_values(proxies):
    names = [*CONTOUR_PARAMETER_NAMES, "values", "preset"]
    assert set(settable(proxies["INRContour"])) == {property_name(name) for name in names}


@pytest.mark.parametrize(
    ("name", "parameters", "more"),
    [
        ("INREvaluate", EvaluationParameters, ()),
        ("INRSlice", SliceParameters, ("origin", "normal", "offsets", "preset")),
    ],
)
def test_views_have_exactly_the_parameters_of_the_package(name, parameters, more, proxies):
    found, names = settable(proxies[name]), [f.name for f in fields(parameters)]
    assert set(found) == {property_name(n) for n in (*names, *more)}
    for field in fields(parameters):
        if "choices" in field.metadata:
            offered = choices_of(found[property_name(field.name)])
            assert [choice(text) for text in offered] == list(field.metadata["choices"])


def test_planes_have_paraviews_widget(proxies):
    group = proxies["INRSlice"].find("PropertyGroup[@panel_widget='InteractivePlane']")
    members = {p.get("function"): p.get("name") for p in group}
    assert members == {name: name for name in ("Origin", "Normal", "Input")}
    domain = settable(proxies["INRSlice"])["Origin"].find("BoundsDomain")
    assert domain.get("default_mode") == "mid"
    assert domain.find("RequiredProperties/Property").attrib == {
        "name": "Input",
        "function": "Input",
    }


def test_the_ports_of_points_and_network_are_those_of_the_algorithm(proxies):
    inputs = proxies["INREvaluate"].findall("InputProperty")
    ports = {p.get("name"): int(p.get("port_index")) for p in inputs}
    # In the order in which ParaView asks for them.
    assert list(ports.items()) == [("INR", NETWORK), ("Points", POINTS)]


def test_the_reader_has_exactly_the_overrides(proxies):
    names = [*OVERRIDES, "file_name", "preview_resolution", "checkpoint_mb"]
    assert set(settable(proxies["INRReader"])) == {property_name(name) for name in names}


@pytest.mark.parametrize(
    "field",
    [f for f in fields(RefinementParameters) if f.name not in ("region", "isovalues")],
    ids=lambda f: f.name,
)
def test_defaults_and_choices_of_the_filter(field, proxies):
    element = settable(proxies["PruningAMR"])[property_name(field.name)]
    found = default_of(element)
    if field.name == "root_resolution":
        assert found == (0, 0, 0)
        assert element.tag == "IntVectorProperty"
        return
    is_switch = element.find("BooleanDomain") is not None
    assert (bool if is_switch else PROPERTY_TAGS[element.tag]) is type(field.default)
    if "choices" in field.metadata:
        assert [choice(text) for text in choices_of(element)] == list(field.metadata["choices"])
        assert found in choices_of(element)
        found = choice(found)
    assert found == field.default


@pytest.mark.parametrize("name", ["PruningAMR", "INRSlice", "INRContour", "INREvaluate"])
def test_devices_are_offered(name, proxies):
    assert choices_of(settable(proxies[name])["Device"]) == ["auto", "cpu", "cuda"]


def test_output_types_are_offered_in_order(proxies):
    element = settable(proxies["PruningAMR"])["OutputType"]
    assert tuple(choice(text) for text in choices_of(element)) == OUTPUT_TYPES
    assert default_of(element) == choices_of(element)[0]


@pytest.mark.parametrize(
    ("name", "presets", "defaults"),
    [
        ("PruningAMR", PRESETS, RefinementParameters()),
        ("INRSlice", SLICE_PRESETS, SliceParameters()),
        ("INRContour", CONTOUR_PRESETS, ContourParameters()),
    ],
)
def test_presets_are_offered_and_say_what_they_mean(name, presets, defaults, proxies):
    properties = settable(proxies[name])
    element = properties["Preset"]
    assert [choice(text) for text in choices_of(element)] == list(presets) == list(PRESETS)
    said = element.find("Documentation").text
    for parameters in list(presets.values())[1:]:
        tolerance, other = parameters.values()
        fine = f"{other:,}" if other > 1 else f"1/{1 / other:g}"
        assert f"{100 * tolerance:g} %" in said and fine in said
        # What a preset decides is hidden by it, and told in per cent.
        for parameter in parameters:
            watched = conditions(properties[property_name(parameter)])
            assert ("Preset", "Custom") in [(d.get("property"), d.get("value")) for d in watched]
    assert "%" in properties["Tolerance"].findtext("Documentation")
    assert any("%" in g.get("label", "") for g in proxies[name].findall("PropertyGroup"))
    balanced = presets["balanced"].items()
    assert all(getattr(defaults, n) == value for n, value in balanced)


def test_what_is_empty_is_auto_in_words(proxies):
    empty = [
        e
        for n, e in settable(proxies["INRReader"]).items()
        if e.tag == "StringVectorProperty" and not default_of(e) and n != "FileName"
    ]
    assert len(empty) > 5
    assert {e.findtext("Hints/PlaceholderText") for e in empty} == {"auto"}


@pytest.mark.parametrize("name", PROXIES)
def test_defaults_are_those_of_the_algorithm(name, proxies):
    values = getattr(algorithms, name)()._values
    for parameter, value in values.items():
        element = settable(proxies[name])[property_name(parameter)]
        found = default_of(element)
        if element.find("StringListDomain") is not None:
            # An empty override and "auto" mean the same.
            found, value = choice(found), choice(value) or "auto"
        assert found == value, parameter
        assert type(found) is type(value), parameter


def test_activations_are_all_offered(proxies):
    offered = choices_of(settable(proxies["INRReader"])["Activation"])
    assert sorted(offered) == sorted(["auto", *ACTIVATION_NAMES])
    assert offered[0] == "auto"


def test_fourier_orders_are_those_the_metadata_accept(proxies):
    from pruning_amr.inr.metadata import make_metadata

    offered = choices_of(settable(proxies["INRReader"])["FourierOrder"])
    assert offered[0] == "auto"
    assert len(offered) == 3
    for order in offered[1:]:
        assert make_metadata({"fourier_order": order}).fourier_order == order


def test_files_are_offered_by_every_extension_that_is_read(proxies):
    factory = proxies["INRReader"].find("Hints/ReaderFactory")
    assert tuple(factory.get("extensions").split()) == EXTENSIONS


@pytest.mark.parametrize("name", PROXIES)
def test_every_command_exists(name, proxies):
    cls = getattr(algorithms, name)
    for element in all_properties(proxies[name]):
        if element.find("TimeStepsInformationHelper") is not None:
            continue
        command = element.get("command")
        assert command, element.get("name")
        assert callable(getattr(cls, command, None)), command


@pytest.mark.parametrize("name", PROXIES)
def test_a_property_sets_the_parameter_of_its_name(name, proxies):
    for property_, element in settable(proxies[name]).items():
        if element.get("repeatable") == "1":
            # Value by value.
            assert element.get("command") == f"Add{property_[:-1]}"
            assert callable(getattr(getattr(algorithms, name), element.get("clean_command")))
            continue
        assert element.get("command") == f"Set{property_}"


@pytest.mark.parametrize("name", PROXIES)
def test_everything_is_documented(name, proxies):
    documentation = proxies[name].find("Documentation")
    assert documentation.get("short_help") and documentation.get("long_help")
    assert documentation.text.strip()
    for element in all_properties(proxies[name]):
        text = (element.findtext("Documentation") or "").strip()
        assert len(text) > 10, element.get("name")
        assert text.endswith("."), element.get("name")


@pytest.mark.parametrize("name", PROXIES)
def test_labels_are_the_names_with_spaces(name, proxies):
    for property_, element in settable(proxies[name]).items():
        # ParaView's Python makes its names from the labels.
        assert element.get("label").replace(" ", "") == property_


@pytest.mark.parametrize("name", PROXIES)
def test_groups_and_decorators_refer_to_properties_once(name, proxies):
    known = {p.get("name") for p in all_properties(proxies[name])}
    grouped = [p.get("name") for p in proxies[name].findall("PropertyGroup/Property")]
    assert set(grouped) <= known
    assert len(grouped) == len(set(grouped))
    for decorator in conditions(proxies[name]):
        watched = settable(proxies[name])[decorator.get("property")]
        switch = watched.find("BooleanDomain") is not None
        assert decorator.get("value") in (["0", "1"] if switch else choices_of(watched))


def test_parameters_of_a_criterion_show_with_it_only(proxies):
    shown = {}
    for property_, element in settable(proxies["PruningAMR"]).items():
        for decorator in conditions(element):
            shown.setdefault(decorator.get("value"), set()).add(property_)
    errors = {"Tolerance", "ErrorNorm", "Reconstruction"}
    pruning = {"PruningTolerance", "IDTolerance"}
    # What a preset decides is hidden by it.
    assert shown.pop("Custom") == {*map(property_name, PRESETS["preview"])}
    shown["Target Error"] -= {"Preset", "MaxCells"}
    assert shown == {
        "Image Data": {"ImageResolution"},
        "Target Error": errors | {"Networks"},
        "Isosurface": {"Tolerance", "Isovalues", "Output", "Component", "SmallestFeature"},
        "1": {"RegionTolerance"},
        "Interpolation Error": {"Tolerance"},
        "Feature Map": errors | pruning | {"FeatureThreshold"},
        "Paper": pruning | {"MaxKeptFraction", "IDSamples", "Networks"},
        "Unstructured Grid": {"HangingNodes"},
        "Space Time": {"TimeValues", "TimeRootResolution", "MaxTimeDepth"},
    }


def vtk_proxy(document: ElementTree.Element, group: str, name: str) -> ElementTree.Element:
    return document.find(f"ProxyGroup[@name='{group}']/*[@name='{name}']")


def test_proxies_of_vtk_are_of_existing_classes_and_commands(document):
    cores = [
        *document.findall("ProxyGroup[@name='internal_writers']/*"),
        vtk_proxy(document, "internal_sources", "AllLevelsUniformGridAMRReaderCore"),
    ]
    for core in cores:
        name = core.get("class")
        cls = getattr(vtkIOXML, name, None) or getattr(vtkIOParallelXML, name)
        for element in all_properties(core):
            assert callable(getattr(cls, element.get("command")))


OWN_WRITERS = {
    "htg": "HyperTreeGridWriter",
    "vti": "XMLImageDataWriter",
    "vtu": "XMLUnstructuredGridWriter",
    "vtp": "XMLPolyDataWriter",
    "vtt": "XMLTableWriter",
    "vthb": "XMLUniformGridAMRWriter",
    "vtm": "XMLMultiBlockDataWriter",
    "pvti": "XMLPImageDataWriter",
    "pvtu": "XMLPUnstructuredGridWriter",
    "pvtp": "XMLPPolyDataWriter",
    "pvtt": "XMLPTableWriter",
}
"""ParaView's own writers, by the extension of their files."""
BASED = {"CompatiblePVDWriter": "XMLPVDWriter", "AllDigitsCSVWriter": "CSVWriter"}
"""Writers that are ParaView's own but for a default."""
NOT_OFFERED = "XMLPHyperTreeGridWriter"


def test_writers_come_before_those_of_paraview(document):
    writers = document.findall("ProxyGroup[@name='writers']/*")
    names = {w.get("name"): w for w in writers if w.get("si_class") != PYTHON}
    assert names.pop(NOT_OFFERED).find("Hints") is None
    for name, base in BASED.items():
        assert names[name].get("base_proxyname") == base > name
    # ParaView asks the writers of an extension in the order of their names.
    assert settable(names.pop("AllDigitsCSVWriter"))["Precision"].get("default_values") == "17"
    assert_binary(names.pop("CompatiblePVDWriter"))
    offered = {w.find("Hints/WriterFactory").get("extensions"): w for w in names.values()}
    assert set(offered) == set(OWN_WRITERS)
    for extension, writer in offered.items():
        assert writer.get("name") < OWN_WRITERS[extension]
        core = writer.find("SubProxy/Proxy").get("proxyname")
        assert_binary(vtk_proxy(document, "internal_writers", core))
    version = vtk_proxy(document, "internal_writers", "CompatibleHyperTreeGridWriterCore")
    version = version.find("IntVectorProperty[@name='DataSetMajorVersion']")
    assert version.get("default_values") == "1"


def assert_binary(core: ElementTree.Element) -> None:
    mode = core.find("IntVectorProperty[@name='DataMode']")
    assert mode.get("default_values") == "1"
    assert mode.find("EnumerationDomain/Entry[@value='1']").get("text") == "Binary"


def test_the_python_plugin_carries_exactly_this_definition():
    spec = importlib.util.spec_from_file_location("PruningAMR_plugin", PLUGIN / "PruningAMR.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    carriers = [v for v in vars(module).values() if hasattr(v, "_pvsm_proxy_xml")]
    assert [c._pvsm_proxy_xml for c in carriers] == [XML.read_text(encoding="utf-8")]
    assert module.paraview_plugin_name == "PruningAMR"


@pytest.mark.parametrize("name", ["PruningAMR", "INRSlice", "INRContour"])
def test_the_status_stands_at_the_top_of_the_panel(name, proxies):
    first = all_properties(proxies[name])[0]
    assert (first.get("name"), first.get("information_only")) == ("Status", "1")
    # By default the panel does not show what cannot be set.
    assert first.get("panel_visibility") == "default"
    assert first.find("Hints/Widget").get("type") == "multi_line"


def test_what_matters_most_comes_first(proxies):
    shown = [n for n, p in settable(proxies["PruningAMR"]).items() if not p.get("panel_visibility")]
    first = ["Preset", "Tolerance", "MaxCells", "TimeLimit", "TimeMode", "UseRegion"]
    assert shown[: len(first)] == first
    groups = {
        g.get("label"): [p.get("name") for p in g]
        for g in proxies["PruningAMR"].findall("PropertyGroup")
    }
    assert {"Values", "Networks", "Seed", "Device"} <= {*groups["Computing"]}
    # ParaView keeps to how the first output was drawn: a filter for each type is in the menu.
    assert settable(proxies["PruningAMR"])["OutputType"].get("panel_visibility") == "advanced"
