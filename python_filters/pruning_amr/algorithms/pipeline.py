"""What the VTK algorithms of this package share: properties and time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from vtkmodules.vtkCommonCore import vtkInformation
from vtkmodules.vtkCommonDataModel import vtkDataObject
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm, vtkStreamingDemandDrivenPipeline

from ..datasets import grid_dimensions
from ..inr.array_names import TAKEN_NAMES

_WORDS = {"id": "ID", "mb": "MB"}


def property_name(parameter: str) -> str:
    """Return the ParaView property of a Python parameter: ``max_depth`` -> ``MaxDepth``."""
    return "".join(_WORDS.get(word, word.capitalize()) for word in parameter.split("_"))


def choice(text: str) -> str:
    """Return the Python value of an entry of a drop-down list."""
    return text.strip().lower().replace(" ", "_")


class Properties:
    """Mixin that keeps named values, with one ``Set…`` method for each.

    Subclasses list their values in ``_defaults``; `add_setters` makes the methods.
    """

    _defaults: ClassVar[dict[str, Any]]

    def initialize_properties(self) -> None:
        """Give every value its default."""
        self._values = dict(self._defaults)
        self._lists: dict[str, list[float]] = {}

    def set_property(self, name: str, value: Any) -> None:
        """Set a value; the pipeline runs again only if it differs."""
        if self._values[name] != value:
            self._values[name] = value
            self.Modified()


def add_setters(cls: type) -> type:
    """Class decorator: add ``SetMaxDepth(value)`` for each entry ``max_depth`` of ``_defaults``.

    Where the class has a method of its own, that stays.
    """
    for name, default in cls._defaults.items():
        method = f"Set{property_name(name)}"
        if method not in vars(cls):
            setattr(cls, method, _setter(name, default))
    return cls


def add_value_list(name: str):
    """Return a class decorator that has numbers set one by one, as by ParaView's Contour.

    It adds ``SetNumberOfIsovalues(count)`` and ``SetIsovalues(place, value)`` for ``isovalues``;
    they are kept in ``self._lists[name]``.
    """

    def set_number(self, count: int) -> None:
        values = self._lists.setdefault(name, [])
        if count != len(values):
            self._lists[name] = (values + [0.0] * count)[:count]
            self.Modified()

    def set_value(self, place: int, value: float) -> None:
        if place >= len(self._lists.setdefault(name, [])):
            set_number(self, place + 1)
        if self._lists[name][place] != value:
            self._lists[name][place] = value
            self.Modified()

    set_number.__doc__, set_value.__doc__ = f"Set how many {name} there are.", f"Set one of {name}."

    def decorate(cls: type) -> type:
        setattr(cls, f"SetNumberOf{property_name(name)}", set_number)
        setattr(cls, f"Set{property_name(name)}", set_value)
        return cls

    return decorate


def selected_name(selected: Sequence[Any]) -> str:
    """Return the name of an output from what ParaView says of its selection; "" for none.

    In scripts ParaView selects the first array of whatever source is active before it sets the
    input that is named: no network has an output with the name of an array of these filters.
    """
    name = "" if selected[-1] is None else str(selected[-1])
    return "" if name in TAKEN_NAMES else name


def _setter(name: str, default: Any):
    if isinstance(default, tuple):

        def set_value(self, *values) -> None:
            self.set_property(name, tuple(values))
    else:

        def set_value(self, value) -> None:
            # ParaView hands over an empty string as None.
            self.set_property(name, "" if value is None and isinstance(default, str) else value)

    set_value.__doc__ = f"Set {name}."
    return set_value


def requested_time(out_info: vtkInformation) -> float | None:
    """Return the time downstream asks for, or None."""
    key = vtkStreamingDemandDrivenPipeline.UPDATE_TIME_STEP()
    return out_info.Get(key) if out_info.Has(key) else None


def requested_piece(out_info: vtkInformation) -> tuple[int, int]:
    """Return the piece downstream asks for, and of how many."""
    pipeline = vtkStreamingDemandDrivenPipeline
    n_pieces = max(out_info.Get(pipeline.UPDATE_NUMBER_OF_PIECES()) or 1, 1)
    return out_info.Get(pipeline.UPDATE_PIECE_NUMBER()) or 0, n_pieces


def dimension_of(extent: Sequence[int]) -> int:
    """Return the dimension of the field whose preview has an extent; 0 if the extent is empty."""
    cells = np.asarray(extent[1::2]) - extent[0::2]
    return int(np.flatnonzero(cells > 0).max(initial=-1)) + 1


def announce_image(in_info: vtkInformation, out_info: vtkInformation, resolution: int) -> None:
    """Tell downstream the extent of an image over the same box as an image upstream.

    Parameters
    ----------
    in_info, out_info : vtkInformation
    resolution : int
        Points along the longest axis.
    """
    whole = in_info.Get(vtkStreamingDemandDrivenPipeline.WHOLE_EXTENT())
    if whole is None or resolution < 2:
        return
    cells = np.asarray(whole[1::2]) - whole[0::2]
    spacing = np.ones(3)
    if in_info.Has(vtkDataObject.SPACING()):
        spacing = np.asarray(in_info.Get(vtkDataObject.SPACING()))
    lengths = (cells * spacing)[: dimension_of(whole)]
    if not lengths.size or lengths.min() <= 0:
        return
    dimensions = grid_dimensions(lengths, resolution)
    extent = [bound for n in dimensions for bound in (0, n - 1)]
    out_info.Set(vtkStreamingDemandDrivenPipeline.WHOLE_EXTENT(), extent, 6)
    # In parallel every process then asks for a part, not for everything.
    out_info.Set(vtkAlgorithm.CAN_PRODUCE_SUB_EXTENT(), 1)
    low = np.zeros(3)
    if in_info.Has(vtkDataObject.ORIGIN()):
        low = np.asarray(in_info.Get(vtkDataObject.ORIGIN())) + np.asarray(whole[0::2]) * spacing
    steps = [*lengths / (np.asarray(dimensions[: len(lengths)]) - 1), 1.0, 1.0][:3]
    out_info.Set(vtkDataObject.ORIGIN(), low.tolist(), 3)
    out_info.Set(vtkDataObject.SPACING(), steps, 3)


def requested_extent(out_info: vtkInformation) -> tuple[list[int], list[int]]:
    """Return the dimensions of the whole image and the extent downstream asks for."""
    pipeline = vtkStreamingDemandDrivenPipeline
    whole, wanted = [0] * 6, [0] * 6
    out_info.Get(pipeline.WHOLE_EXTENT(), whole)
    out_info.Get(pipeline.UPDATE_EXTENT(), wanted)
    return [b - a + 1 for a, b in zip(whole[0::2], whole[1::2], strict=True)], wanted


def announce_times(out_info: vtkInformation, times: np.ndarray) -> None:
    """Tell downstream which time steps there are; none for a static field."""
    pipeline = vtkStreamingDemandDrivenPipeline
    if not times.size:
        out_info.Remove(pipeline.TIME_STEPS())
        out_info.Remove(pipeline.TIME_RANGE())
        return
    steps = times.tolist()
    out_info.Set(pipeline.TIME_STEPS(), steps, len(steps))
    out_info.Set(pipeline.TIME_RANGE(), [steps[0], steps[-1]], 2)


def times_of(in_info: vtkInformation) -> np.ndarray:
    """Return the time steps that upstream announces; none for what is static."""
    key = vtkStreamingDemandDrivenPipeline.TIME_STEPS()
    return np.array(in_info.Get(key) if in_info.Has(key) else (), dtype=float)


def ask_for_whole(in_info: vtkInformation) -> None:
    """Ask upstream for all of its output: every process needs the INR in its field data."""
    pipeline = vtkStreamingDemandDrivenPipeline
    if in_info.Has(pipeline.WHOLE_EXTENT()):
        extent = [0] * 6
        in_info.Get(pipeline.WHOLE_EXTENT(), extent)
        in_info.Set(pipeline.UPDATE_EXTENT(), extent, 6)
    # The INR is the same at all times: what carries it need not be made anew for each.
    in_info.Remove(pipeline.UPDATE_TIME_STEP())
    in_info.Set(pipeline.UPDATE_PIECE_NUMBER(), 0)
    in_info.Set(pipeline.UPDATE_NUMBER_OF_PIECES(), 1)
    in_info.Set(pipeline.UPDATE_NUMBER_OF_GHOST_LEVELS(), 0)


def stamp_time(output: vtkDataObject, time: float | None, out_info: vtkInformation) -> None:
    """Record the time a data set belongs to, if the field has any.

    A view asks for its own time of what is static too: ParaView would show that as a time, over a
    range without numbers.
    """
    if time is not None and out_info.Has(vtkStreamingDemandDrivenPipeline.TIME_RANGE()):
        output.GetInformation().Set(vtkDataObject.DATA_TIME_STEP(), time)
