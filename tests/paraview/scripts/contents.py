"""All a data set holds, as numbers to compare: each array summed up by level."""

from __future__ import annotations

import numpy as np
from pruning_amr.datasets.vtk_compat import amr_blocks, vtk_to_numpy
from vtkmodules.vtkFiltersHyperTree import vtkHyperTreeGridToUnstructuredGrid


def contents(source) -> dict:
    """Return what the output of a source holds in this process."""
    output = source.GetClientSideObject().GetOutputDataObject(0)
    blocks = amr_blocks(output) if output.IsA("vtkOverlappingAMR") else [output]
    found = {
        "class": output.GetClassName(),
        "blocks": len(blocks),
        "cells": sum(block.GetNumberOfCells() for block in blocks),
        "bounds": list(source.GetDataInformation().GetBounds()),
        "field": sorted(_arrays([output.GetFieldData()])),
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


def _summaries(attributes: list) -> dict[str, dict[str, list[list[float]]]]:
    """Return by array and level: number, and sum, least and greatest of each component."""
    arrays = _arrays(attributes)
    if not arrays:
        return {}
    level = arrays.get("level", np.zeros(len(next(iter(arrays.values())))))
    return {
        name: {str(int(k)): _summary(values[level == k]) for k in np.unique(level)}
        for name, values in arrays.items()
    }


def _summary(values: np.ndarray) -> list[list[float]]:
    table = values.reshape(len(values), -1).astype(float)
    return [[len(table)], *(f(axis=0).tolist() for f in (table.sum, table.min, table.max))]
