"""Reports of what a command did, as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .api import PrunedINR
from .errors import ParameterError
from .refinement import Mesh, generation_counts, measure_accuracy

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkDataObject

_FLOAT_BYTES = 4


def mesh_report(mesh: Mesh, data: vtkDataObject, output_type: str, samples: int) -> dict[str, Any]:
    """Return the report of a mesh.

    Errors are those of the multilinear interpolant of the vertex values; per generation also
    of the conforming one, whose degrees of freedom are the vertices that do not hang.

    Parameters
    ----------
    mesh : Mesh
    data : vtkDataObject
        The mesh as converted.
    output_type : str
    samples : int
        Random points at which errors are measured.
    """
    tree = mesh.tree
    accuracy = asdict(measure_accuracy(mesh, samples))
    uniform_cells = math.prod(tree.root_resolution) * tree.n_children**tree.depth
    n_parameters = mesh.inr.chain.n_parameters
    return {
        "checkpoint": mesh.inr.name,
        "time": mesh.time if mesh.inr.time_axis is not None else None,
        "output_type": output_type,
        "cells": mesh.n_cells,
        "vertices": len(mesh.vertices.points),
        "conforming_vertices": mesh.vertices.n_conforming,
        "depth": tree.depth,
        "stopped_by": mesh.refinement.stopped_by,
        "parameters_before": n_parameters,
        "parameters_after": n_parameters,
        **accuracy,
        "rmse_cell_constant": measure_accuracy(mesh, samples, "cell_constant").rmse,
        "value_range": mesh.inr.value_range.tolist(),
        "uniform_cells": uniform_cells,
        "memory_bytes": _memory_bytes(data),
        "uniform_memory_bytes": uniform_cells * mesh.inr.chain.n_outputs * _FLOAT_BYTES,
        "seconds": mesh.seconds,
        "refinement": asdict(mesh.parameters),
        "generations": _generations(mesh, samples),
    }


def prune_report(pruned: PrunedINR) -> dict[str, Any]:
    """Return the report of a pruned network."""
    return {"checkpoint": pruned.name, **asdict(pruned.report)}


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write a report as JSON; numbers that are not finite become null."""
    try:
        path.write_text(json.dumps(_finite(report), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ParameterError(f"the report {path} cannot be written: {error}.") from error


def _generations(mesh: Mesh, samples: int) -> list[dict[str, Any]]:
    """Return the meshes the refinement went through, generation by generation."""
    rows = []
    for counts in generation_counts(mesh):
        stage = mesh.truncated(counts["level"])
        rows.append(
            {
                **counts,
                "cells": stage.n_cells,
                "vertices": len(stage.vertices.points),
                "conforming_vertices": stage.vertices.n_conforming,
                "rmse": measure_accuracy(stage, samples).rmse,
                "rmse_conforming": measure_accuracy(stage, samples, "conforming").rmse,
            }
        )
    return rows


def _memory_bytes(data: vtkDataObject) -> int:
    """Return the memory of a data set without the INR it carries."""
    from .datasets import INR_ARRAY

    carried = data.GetFieldData().GetArray(INR_ARRAY)
    return 1024 * data.GetActualMemorySize() - (carried.GetNumberOfValues() if carried else 0)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
