"""INR Reader: a checkpoint file -> a coarse image of the field that carries the INR."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from vtkmodules.util.vtkAlgorithm import VTKPythonAlgorithmBase
from vtkmodules.vtkCommonCore import VTK_FLOAT, vtkStringArray
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkImageData
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline

from ..datasets import image_dimensions, to_image_data
from ..errors import PruningAMRError, PruningAMRWarning, memory_errors_explained
from ..inr import (
    DEFAULT_CHECKPOINT_MB,
    INR,
    OVERRIDES,
    UnansweredError,
    load,
    metadata_path,
    network_names,
    parse_overrides,
)
from ..inr.metadata_template import write_metadata_template
from ..inr.overrides import property_label
from .messages import show_error, show_warning
from .pipeline import (
    Properties,
    add_setters,
    announce_times,
    requested_time,
    stamp_time,
)

_NO_EXTENT = (0, -1, 0, -1, 0, -1)
_OVERRIDE_DEFAULTS = {key: override.default for key, override in OVERRIDES.items()}


@add_setters
class INRReader(VTKPythonAlgorithmBase, Properties):
    """VTK source of the coarse preview of an INR, with the INR in its field data.

    Properties: ``file_name``; ``preview_resolution``, points along the longest axis;
    ``checkpoint_mb``; and the metadata overrides of `pruning_amr.inr.parse_overrides`.
    """

    _defaults: ClassVar[dict[str, Any]] = {
        "file_name": "",
        "preview_resolution": 32,
        "checkpoint_mb": DEFAULT_CHECKPOINT_MB,
        **_OVERRIDE_DEFAULTS,
    }

    def __init__(self) -> None:
        super().__init__(nInputPorts=0, nOutputPorts=1, outputType="vtkImageData")
        self.initialize_properties()
        self._opened: tuple[Any, INR | None] = (None, None)
        self._names: tuple[Any, list[str]] = (None, [])
        # What the file does not tell: properties that are set after its name may.
        self._unanswered: UnansweredError | None = None
        self._missing: list[str] = []
        self._summary_read = False

    def GetNetwork(self) -> str:
        """Return a few lines about the network, for the panel; else what the file does not tell.

        ParaView reads it before the first *Apply*: who answers then sees a picture at once.
        """
        inr = self._opened[1]
        if inr is None:
            return _to_answer(self._missing)
        return inr.describe()

    def GetSummary(self) -> str:
        """Return layer by layer what the file is taken for, and what was left out or assumed."""
        inr = self._open()
        # ParaView reads it when the name of the file is set, and when the reader is made: a script
        # has then set all that it sets.
        if self._summary_read:
            self._ask()
        self._summary_read = True
        return inr.summary if inr else ""

    def GetNetworkNames(self) -> vtkStringArray:
        """Return what Network Name can be: "auto", then the networks side by side in the file."""
        names = vtkStringArray()
        for name in ("auto", *self._network_names()):
            names.InsertNextValue(name)
        return names

    def WriteJSON(self) -> None:
        """Write the JSON file beside the checkpoint: what the properties and the file say."""
        values = self._values
        try:
            overrides = self._overrides()
            path, megabytes = Path(values["file_name"]), values["checkpoint_mb"]
            target, missing = write_metadata_template(path, overrides, megabytes, replace=False)
        except PruningAMRError as error:
            show_error("INR Reader", error)
            return
        to_do = f"fill in {', '.join(missing)}" if missing else "complete"
        # A warning opens the message window: who clicks wants to see that it is done.
        show_warning("INR Reader", f"{target} is written: {to_do}.")

    def RequestInformation(self, request, in_info, out_info) -> int:
        """Announce the extent of the preview and the time steps."""
        info = out_info.GetInformationObject(0)
        inr = self._open()
        announce_times(info, inr.times if inr else np.empty(0))
        extent = self._preview_extent(inr) if inr else list(_NO_EXTENT)
        info.Set(vtkStreamingDemandDrivenPipeline.WHOLE_EXTENT(), extent, 6)
        if tuple(extent) != _NO_EXTENT:
            bounds = inr.spatial_bounds
            cells = np.maximum(extent[1::2], 1)[: len(bounds)]
            info.Set(vtkDataObject.ORIGIN(), [*bounds[:, 0], 0.0, 0.0][:3], 3)
            info.Set(vtkDataObject.SPACING(), [*np.diff(bounds)[:, 0] / cells, 1.0, 1.0][:3], 3)
            # Filters of images make their output of the type announced, double if none is.
            n_components = len(inr.outputs[0].components)
            vtkDataObject.SetPointDataActiveScalarInfo(info, VTK_FLOAT, n_components)
        return 1

    def RequestData(self, request, in_info, out_info) -> int:
        """Evaluate the preview at the requested time."""
        info = out_info.GetInformationObject(0)
        output = vtkImageData.GetData(out_info, 0)
        inr = self._open()
        self._ask()
        whole = info.Get(vtkStreamingDemandDrivenPipeline.WHOLE_EXTENT())
        if inr is None or tuple(whole) == _NO_EXTENT:
            output.Initialize()
            return 1
        time = requested_time(info)
        try:
            with memory_errors_explained():
                output.ShallowCopy(to_image_data(inr, self._values["preview_resolution"], time))
        except PruningAMRError as error:
            show_error("INR Reader", error)
            output.Initialize()
            return 1
        stamp_time(output, time, info)
        return 1

    def _open(self) -> INR | None:
        """Return the INR, read anew only if a property, the file or the JSON beside it changed."""
        path = self._values["file_name"]
        present = os.path.isfile(path)
        stamps = [_changed(p) for p in (path, metadata_path(Path(path)))] if present else []
        named = ("checkpoint_mb", *_OVERRIDE_DEFAULTS)
        key = (*stamps, path, *(self._values[name] for name in named))
        if key != self._opened[0]:
            self._opened = (key, self._load())
        return self._opened[1]

    def _load(self) -> INR | None:
        values = self._values
        self._unanswered, self._missing, self._summary_read = None, [], False
        try:
            overrides, megabytes = self._overrides(), values["checkpoint_mb"]
            return load(values["file_name"], checkpoint_mb=megabytes, warn=_warn, **overrides)
        except UnansweredError as error:
            self._unanswered = error
            self._missing = [property_label(question.key) for question in error.questions]
        except PruningAMRError as error:
            show_error("INR Reader", error)
        return None

    def _ask(self) -> None:
        """Say once what the file does not tell."""
        if self._unanswered is not None:
            show_error("INR Reader", self._unanswered)
            self._unanswered = None

    def _overrides(self) -> dict[str, Any]:
        return parse_overrides(**{key: self._values[key] for key in _OVERRIDE_DEFAULTS})

    def _network_names(self) -> list[str]:
        """Return the names of the networks in the file, read anew only if it changed."""
        path = self._values["file_name"]
        key = (path, _changed(path))
        if key != self._names[0]:
            try:
                names = network_names(path, self._values["checkpoint_mb"])
            except PruningAMRError:
                # It is shown when the file is opened.
                names = []
            self._names = (key, names)
        return self._names[1]

    def _preview_extent(self, inr: INR) -> list[int]:
        """Return the extent of the preview; an empty one if there can be none."""
        try:
            points = image_dimensions(inr, self._values["preview_resolution"])
        except PruningAMRError as error:
            show_error("INR Reader", error)
            return list(_NO_EXTENT)
        return [bound for n in points for bound in (0, n - 1)]


def _to_answer(missing: list[str]) -> str:
    """Return what is to be filled in before *Apply*, a line for each property."""
    if not missing:
        return ""
    return "\n".join(["The file does not tell these:", *missing, "Fill them in, then Apply."])


def _warn(warning: PruningAMRWarning) -> None:
    show_warning("INR Reader", warning)


def _changed(path: str | os.PathLike) -> int | None:
    """Return when a file was last changed, None if there is none."""
    return os.stat(path).st_mtime_ns if os.path.isfile(path) else None
