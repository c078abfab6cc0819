"""Tolerances and limits by name, for who does not want to choose numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from ..errors import ParameterError
from .parameter_fields import check_choice, make
from .parameters import RefinementParameters

Parameters = TypeVar("Parameters")
Presets = Mapping[str, Mapping[str, Any]]

CUSTOM = "custom"
"""The name of what is chosen in numbers."""


def presets_of(kind: type, preview: dict[str, Any], accurate: dict[str, Any]) -> Presets:
    """Return the presets of a class of parameters, by name; "balanced" are its defaults."""
    defaults = {f.name: f.default for f in fields(kind)}
    balanced = {name: defaults[name] for name in preview}
    return {CUSTOM: {}, "preview": preview, "balanced": balanced, "accurate": accurate}


PRESETS = presets_of(
    RefinementParameters,
    preview={"tolerance": 0.05, "max_cells": 100_000},
    accurate={"tolerance": 0.005, "max_cells": 4_000_000},
)
"""Of meshes, for criterion target_error."""


def make_with_preset(
    kind: type[Parameters], presets: Presets, *, preset: str = CUSTOM, **values: Any
) -> Parameters:
    """Return checked parameters of a class; what is given beside a preset wins.

    Raises
    ------
    ParameterError
        If a name or the preset is unknown, or a value is out of its range.
    """
    check_choice("preset", preset, presets)
    return make(kind, **{**presets[preset], **values})


def make_mesh_parameters(*, preset: str = CUSTOM, **values: Any) -> RefinementParameters:
    """Return the checked parameters of a mesh; what is given beside a preset wins.

    Raises
    ------
    ParameterError
        As `make_with_preset`; and if the criterion has no presets.
    """
    made = make_with_preset(RefinementParameters, PRESETS, preset=preset, **values)
    if preset != CUSTOM and made.criterion != "target_error":
        raise ParameterError(
            f"preset is {preset}, but criterion {made.criterion} has none: set criterion to "
            "target_error, or give numbers instead of a preset."
        )
    return made
