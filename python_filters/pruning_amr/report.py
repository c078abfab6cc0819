"""Reports of what a command did, as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .api import AdaptiveMesh, PrunedINR
from .errors import ParameterError
from .inr import INR
from .mesh import Mesh, generation_counts, measure_accuracy
from .pruning import LocalValues
from .refinement import RefinementParameters

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkImageData

_FLOAT_BYTES = 4


def mesh_report(mesh: Mesh, data: vtkDataObject, output_type: str, samples: int) -> dict[str, Any]:
    """Return the report of a mesh.

    Errors are those of the multilinear interpolant of the vertex values; per generation also
    of the conforming one, whose degrees of freedom are the vertices that do not hang. Under
    ``dataset`` are those of the data set as VTK interpolates it, and the uniform grids that
    compare with it; under ``dataset_dual`` those of a hyper tree grid
    interpolated between the centres of its cells. ``achieved_error`` is in the norm of
    ``asked_error``, which the criterion was given; with a region of interest these two are of
    the rest of the domain, and ``asked_region_error`` and ``achieved_region_error`` its own.

    Parameters
    ----------
    mesh : Mesh
    data : vtkDataObject
        The mesh as converted.
    output_type : str
    samples : int
        Random points at which errors are measured.
    """
    from .datasets.accuracy import measure_dataset_accuracy
    from .datasets.shown import memory_bytes

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
        "stopped_by": mesh.history.stopped_by,
        **_errors(mesh),
        "parameters_before": n_parameters,
        "parameters_after": n_parameters,
        **accuracy,
        "rmse_cell_constant": measure_accuracy(mesh, samples, "cell_constant").rmse,
        "value_range": mesh.inr.value_range.tolist(),
        "uniform_cells": uniform_cells,
        "memory_bytes": memory_bytes(data),
        "uniform_memory_bytes": uniform_cells * mesh.inr.chain.n_outputs * _FLOAT_BYTES,
        "seconds": mesh.seconds,
        "refinement": asdict(mesh.parameters),
        "generations": _generations(mesh, samples),
        "dataset": measure_dataset_accuracy(mesh, output_type, samples, data=data).as_dict(),
        "dataset_dual": _dual(mesh, data, output_type, samples),
    }


def step_report(mesh: AdaptiveMesh, output_type: str, time: float) -> dict[str, Any]:
    """Return the part of `series_report` about one time step."""
    if output_type == "image_data":
        return {"time": time}
    step = mesh.at(time)
    return {
        "time": time,
        "cells": step.n_cells,
        "unchanged_fraction": step.unchanged_fraction,
        **_errors(step),
    }


def series_report(
    mesh: AdaptiveMesh,
    output_type: str,
    steps: list[dict[str, Any]],
    seconds: float,
    samples: int,
) -> dict[str, Any]:
    """Return the report of a time series.

    With one mesh for all times, ``cells`` are those in space and time, the errors of all steps
    are the one over space and time, and ``accuracy`` is measured at fresh points of space and
    time; with a mesh for each step, ``cells`` is their sum.

    Parameters
    ----------
    mesh : AdaptiveMesh
    output_type : str
    steps : list of dict
        See `step_report`.
    seconds : float
        Time it took to make and write the series.
    samples : int
        Random points at which errors are measured.
    """
    whole = None if output_type == "image_data" else mesh.space_time
    cells = sum(step.get("cells", 0) for step in steps) if whole is None else whole.n_cells
    return {
        "checkpoint": mesh.inr.name,
        "output_type": output_type,
        "cells": cells,
        "memory_bytes": None if whole is None else whole.nbytes,
        "accuracy": None if whole is None else asdict(measure_accuracy(whole, samples)),
        "time_steps": steps,
        "seconds": seconds,
        "refinement": asdict(mesh.parameters),
    }


def image_report(
    inr: INR,
    parameters: RefinementParameters,
    time: float,
    image: vtkImageData,
    found: LocalValues,
    seconds: float,
) -> dict[str, Any]:
    """Return the report of a dense image.

    Errors are those that local networks bring, relative to the range of the field, root mean
    square; 0 if the whole network gave all values.

    Parameters
    ----------
    inr : INR
    parameters : RefinementParameters
    time : float
    image : vtkImageData
    found : LocalValues
        Its values, and how they were found.
    seconds : float
        Time that took.
    """
    from .datasets.shown import memory_bytes

    steps = [
        {"level": step.level, "samples": step.n_samples, "pruned": pruned, "not_pruned": kept}
        for step, pruned, kept in zip(
            found.plan.steps, found.statistics.pruned, found.statistics.kept, strict=True
        )
    ]
    return {
        "checkpoint": inr.name,
        "time": time if inr.time_axis is not None else None,
        "output_type": "image_data",
        "dimensions": list(image.GetDimensions()),
        "values": parameters.values,
        "asked_error": found.tolerance,
        "achieved_error": found.error,
        "id_tolerance": found.plan.id_tolerance if steps else None,
        "root_resolution": found.plan.root_resolution,
        "pruned_levels": steps,
        "interpolated_levels": list(found.interpolated_levels),
        "memory_bytes": memory_bytes(image),
        "seconds": {"evaluation": seconds},
        "refinement": asdict(parameters),
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


def _errors(mesh: Mesh) -> dict[str, float | None]:
    """Return the errors asked for and achieved, of a region of interest only if there is one."""
    history = mesh.history
    found = {"asked_error": history.asked_error, "achieved_error": history.achieved_error}
    if history.achieved_region_error is not None:
        found["asked_region_error"] = history.asked_region_error
        found["achieved_region_error"] = history.achieved_region_error
    return found


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


def _dual(mesh: Mesh, data: vtkDataObject, output_type: str, samples: int) -> dict[str, Any] | None:
    """Return the accuracy of a hyper tree grid interpolated between its cells, else None."""
    from .datasets.accuracy import measure_dataset_accuracy

    if output_type != "hyper_tree_grid":
        return None
    return measure_dataset_accuracy(mesh, output_type, samples, dual=True, data=data).as_dict()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
