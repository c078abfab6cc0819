"""All a data set holds, as numbers to compare: each array summed up by level."""

from __future__ import annotations

import hashlib

import numpy as np
from pruning_amr.datasets.vtk_compat import amr_blocks, vtk_to_numpy
from vtkmodules.vtkFiltersHyperTree import vtkHyperTreeGridToUnstructuredGrid


def contents(source) -> dict:
    """Return what the output of a source holds in this process."""
    output = source.GetClientSideObject().GetOutputDataObject(0)
    if output.IsA("vtkMultiBlockDataSet"):
        # What is in a collection of files.
        (output,) = (output.GetBlock(i) for i in range(output.GetNumberOfBlocks()))
    field = _digests(output.GetFieldData())
    if output.IsA("vtkTable"):
        rows = output.GetNumberOfRows()
        return {
            "class": "vtkTable",
            "cells": rows,
            "field": field,
            "arrays": _summaries([output.GetRowData()], columns=True),
        }
    blocks = amr_blocks(output) if output.IsA("vtkOverlappingAMR") else [output]
    found = {
        "class": output.GetClassName(),
        "blocks": len(blocks),
        "cells": sum(block.GetNumberOfCells() for block in blocks),
        "bounds": list(source.GetDataInformation().GetBounds()),
        "field": field,
        "arrays": _summaries([b.GetCellData() for b in blocks]),
    }
    if output.IsA("vtkHyperTreeGrid"):
        found["shown"] = _summaries([_leaves_shown(output).GetCellData()])
    elif not output.IsA("vtkOverlappingAMR"):
        found["points"] = _summaries([output.GetPointData()])
    return found


def _leaves_shown(grid):
    convert = vtkHyperTreeGridToUnstructuredGrid()
    convert.SetInputDataObject(grid)
    convert.Update()
    # VTK 9.2 counts hidden cells in this one.
    convert.GetOutput().GetCellData().RemoveArray("OriginalIds")
    return convert.GetOutput()


def _arrays(attributes: list) -> dict[str, np.ndarray]:
    names = [attributes[0].GetArrayName(i) for i in range(attributes[0].GetNumberOfArrays())]
    return {n: np.concatenate([vtk_to_numpy(a.GetArray(n)) for a in attributes]) for n in names}


def _digests(field) -> dict[str, str]:
    """Return what identifies each array of field data; writers add the time of their own."""
    arrays = _arrays([field])
    arrays.pop("TimeValue", None)
    return {name: hashlib.sha256(a.tobytes()).hexdigest() for name, a in arrays.items()}


def _summaries(attributes: list, columns: bool = False) -> dict[str, dict[str, list[list[float]]]]:
    """Return by array and level: number, and sum, least and greatest of each component.

    A table of text has a column for each component.
    """
    arrays = _arrays(attributes)
    if not arrays:
        return {}
    if columns:
        vectors = [name for name, values in arrays.items() if values.ndim == 2]
        for name in vectors:
            for i, column in enumerate(arrays.pop(name).T):
                arrays[f"{name}:{i}"] = column
    level = arrays.get("level", np.zeros(len(next(iter(arrays.values())))))
    return {
        name: {str(int(k)): _summary(values[level == k]) for k in np.unique(level)}
        for name, values in arrays.items()
    }


def _summary(values: np.ndarray) -> list[list[float]]:
    table = values.reshape(len(values), -1).astype(float)
    numbers = np.isfinite(table)
    return [
        [len(table)],
        numbers.sum(axis=0).tolist(),
        table.sum(axis=0, where=numbers).tolist(),
        table.min(axis=0, where=numbers, initial=np.inf).tolist(),
        table.max(axis=0, where=numbers, initial=-np.inf).tolist(),
    ]
