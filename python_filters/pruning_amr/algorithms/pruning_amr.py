"""Pruning AMR: an INR carried in field data -> its adaptive mesh."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from functools import partial
from typing import Any, ClassVar

from vtkmodules.vtkCommonDataModel import (
    vtkDataObject,
    vtkHyperTreeGrid,
    vtkImageData,
    vtkOverlappingAMR,
    vtkPolyData,
    vtkUnstructuredGrid,
)
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline as Pipeline

from ..api import AdaptiveMesh
from ..datasets import CURVE, OUTPUT_TYPES
from ..datasets.shown import describe_image, describe_shown, uniform_grid_as_good
from ..datasets.vtk_compat import amr_blocks
from ..errors import ParameterError
from ..inr import INR, fingerprint
from ..inr.array_names import LEVEL_ARRAY
from ..mesh import Mesh
from ..mesh.uniform import UniformGrid
from ..refinement import RefinementParameters, make_parameters, suited_to_output
from ..refinement.parameter_fields import choices_of
from ..refinement.presets import PRESETS, Presets
from .carried import middle_of_range
from .inr_filter import INRFilter
from .pipeline import (
    add_setters,
    add_value_list,
    announce_image,
    choice,
    dimension_of,
    requested_extent,
    requested_piece,
    selected_name,
)

_OUTPUT_CLASSES = {
    "hyper_tree_grid": vtkHyperTreeGrid,
    "overlapping_amr": vtkOverlappingAMR,
    "unstructured_grid": vtkUnstructuredGrid,
    "image_data": vtkImageData,
    CURVE: vtkPolyData,
}
_PARAMETER_DEFAULTS: dict[str, Any] = {
    **{f.name: f.default for f in fields(RefinementParameters)},
    # ParaView asks for three axes, and all zeros are none.
    "root_resolution": (0, 0, 0),
}
# ParaView's box is one, by its corner and its size.
del _PARAMETER_DEFAULTS["region"]
# Values are set one by one.
del _PARAMETER_DEFAULTS["isovalues"]
_REGION_DEFAULTS = {
    "use_region": False,
    "region_position": (0.0, 0.0, 0.0),
    "region_size": (1.0, 1.0, 1.0),
}
_CHOICES = choices_of(RefinementParameters)

_SWITCHES = [f.name for f in fields(RefinementParameters) if isinstance(f.default, bool)]


@add_value_list("isovalues")
@add_setters
class PruningAMR(INRFilter):
    """VTK filter that refines the adaptive mesh of the INR in its input's field data.

    Properties: the fields of `RefinementParameters` (``root_resolution`` (0, 0, 0) is automatic;
    ``use_region``, ``region_position`` and ``region_size`` instead of ``region``; ``isovalues``,
    set one by one, are by default the middle of the range in the input), ``output_type`` and
    ``preset``.
    """

    label: ClassVar[str] = "Pruning AMR"
    _defaults: ClassVar[dict[str, Any]] = {
        **_PARAMETER_DEFAULTS,
        **_REGION_DEFAULTS,
        "output_type": OUTPUT_TYPES[0],
        "preset": "Custom",
    }
    _choices: ClassVar[dict[str, Collection[str]]] = {
        **_CHOICES,
        "output_type": OUTPUT_TYPES,
        "preset": PRESETS,
    }
    _presets: ClassVar[Presets] = PRESETS

    def __init__(self) -> None:
        super().__init__(output_type="vtkDataObject")
        self._refined: tuple[Any, AdaptiveMesh | None] = (None, None)
        self._compared: tuple[object, str, UniformGrid | None] = (None, "", None)

    def FillInputPortInformation(self, port, info) -> int:
        """Take the image an INR Reader makes."""
        info.Set(vtkAlgorithm.INPUT_REQUIRED_DATA_TYPE(), "vtkImageData")
        return 1

    def SetOutput(self, *selected) -> None:
        """Set the output that takes the isovalues: its name, or ParaView's selection."""
        self.set_property("output", selected_name(selected))

    def GetUnchangedFraction(self) -> float:
        """Return the share of the cells shown that were there one time step before, or -1."""
        mesh = self._refined[1]
        fraction = None if mesh is None else mesh.unchanged_fraction
        return -1.0 if fraction is None else fraction

    def RequestDataObject(self, request, in_info, out_info) -> int:
        """Make an output of the type asked for; of a field of one dimension, its curve."""
        output_type = self._output_type()
        if output_type != "image_data" and self._input_dimension(in_info) == 1:
            output_type = CURVE
        wanted = _OUTPUT_CLASSES.get(output_type, vtkHyperTreeGrid)
        present = vtkDataObject.GetData(out_info, 0)
        if present is None or present.GetClassName() != wanted.__name__:
            out_info.GetInformationObject(0).Set(vtkDataObject.DATA_OBJECT(), wanted())
        return 1

    def RequestInformation(self, request, in_info, out_info) -> int:
        """Announce the extent of the image; a mesh has none, and must not have the preview's."""
        info = out_info.GetInformationObject(0)
        info.Remove(Pipeline.WHOLE_EXTENT())
        info.Remove(vtkAlgorithm.CAN_PRODUCE_SUB_EXTENT())
        if self._output_type() == "image_data":
            announce_image(
                in_info[0].GetInformationObject(0), info, self._values["image_resolution"]
            )
        return 1

    def _output_type(self) -> str:
        return choice(self._values["output_type"])

    def _input_dimension(self, in_info) -> int | None:
        """Return the dimension of the field, as the extent of its preview says; None if unknown.

        Data objects are made before anything upstream has announced its extent, or that of the
        file it reads now: it has to be asked.
        """
        if self.GetInputAlgorithm(0, 0) is not None:
            self.GetInputAlgorithm(0, 0).UpdateInformation()
        info, key = in_info[0].GetInformationObject(0), Pipeline.WHOLE_EXTENT()
        return dimension_of(info.Get(key)) if info.Has(key) else None

    def _parameters(self, image: vtkImageData, inr: INR) -> RefinementParameters:
        parameters = {name: self._values[name] for name in _PARAMETER_DEFAULTS}
        parameters |= {name: choice(parameters[name]) for name in _CHOICES}
        # ParaView hands over a check box as 0 or 1.
        parameters |= {name: bool(parameters[name]) for name in _SWITCHES}
        if parameters["criterion"] == "target_error":
            parameters |= self._preset()
        if self._values["use_region"]:
            corner, size = self._values["region_position"], self._values["region_size"]
            box = [(low, low + s) for low, s in zip(corner, size, strict=True)][: inr.dimension]
            parameters["region"] = tuple(x for bounds in box for x in bounds)
        if parameters["criterion"] == "isosurface":
            values = tuple(self._lists.get("isovalues", ()))
            parameters["isovalues"] = values or (middle_of_range(image, inr, parameters),)
        return suited_to_output(make_parameters(**parameters), self._output_type())

    def _shown(self, carrier, time, in_info, info) -> vtkDataObject:
        """Return the mesh at a time as the output is; or the part of an image that is asked for."""
        mesh = self._mesh(carrier)
        at = self._within(mesh.inr, time)
        if self._output_type() == "image_data":
            image = mesh.image(at, *requested_extent(info))[0]
            self._describe = partial(describe_image, image, mesh.parameters)
            return image
        is_curve = isinstance(info.Get(vtkDataObject.DATA_OBJECT()), vtkPolyData)
        output_type = CURVE if is_curve else self._output_type()
        data = self._data(mesh, output_type, at, requested_piece(info))
        self._describe = partial(self._described, mesh, mesh.at(at), data)
        return data

    def _described(self, mesh: AdaptiveMesh, shown: Mesh, data: vtkDataObject) -> str:
        """Return the status of a data set; one mesh for all times is compared with grids once."""
        refined, kind = mesh.space_time or shown, data.GetClassName()
        before, kind_before, uniform = self._compared
        if refined is not before or kind != kind_before:
            uniform = uniform_grid_as_good(shown, data)
            self._compared = (refined, kind, uniform)
        return describe_shown(shown, data, uniform)

    def _data(
        self, mesh: AdaptiveMesh, output_type: str, time: float | None, piece: tuple[int, int]
    ) -> vtkDataObject:
        """Return a piece of the mesh as a data set."""
        return mesh.to_vtk(output_type, time, *piece)

    def _mesh(self, carrier: vtkImageData) -> AdaptiveMesh:
        """Return the mesh, made anew only if the INR or a parameter has changed."""
        inr = self._read(carrier)
        checked = self._parameters(carrier, inr)
        key = (checked, fingerprint(inr))
        before, mesh = self._refined
        if key != before:
            if mesh is not None and before[1] == key[1]:
                mesh = mesh.with_parameters(checked)
            else:
                mesh = AdaptiveMesh(inr, checked, self._progress, self._warn)
            self._refined = (key, mesh)
        return self._refined[1]


class PruningAMRVolume(PruningAMR):
    """The filter with the output type "overlapping_amr", for ParaView to draw as a volume.

    ParaView colours a volume by the first of its arrays in the order of their names, so there is no
    ``level``: that of a cell is the level of its block. A field of two dimensions has no volume,
    and ParaView 5.11 crashes drawing one.
    """

    _defaults: ClassVar[dict[str, Any]] = {
        **PruningAMR._defaults,
        "output_type": "overlapping_amr",
    }

    def _data(self, mesh, output_type, time, piece) -> vtkDataObject:
        if mesh.inr.dimension == 2:
            raise ParameterError(
                "a field of two dimensions cannot be drawn as a volume; expected three dimensions: "
                "take the filter Pruning AMR or Pruning AMR (Unstructured Grid)."
            )
        data = super()._data(mesh, output_type, time, piece)
        for block in amr_blocks(data) if isinstance(data, vtkOverlappingAMR) else ():
            block.GetCellData().RemoveArray(LEVEL_ARRAY)
        return data
