"""Reading data sets with VTK's own tools, for VTK 9.2 and newer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonDataModel import (
    vtkHyperTreeGrid,
    vtkHyperTreeGridNonOrientedGeometryCursor,
    vtkOverlappingAMR,
)
from vtkmodules.vtkIOXML import (
    vtkXMLHyperTreeGridReader,
    vtkXMLImageDataReader,
    vtkXMLPolyDataReader,
    vtkXMLUniformGridAMRReader,
    vtkXMLUnstructuredGridReader,
)

READERS = {
    ".htg": vtkXMLHyperTreeGridReader,
    ".vthb": vtkXMLUniformGridAMRReader,
    ".vtu": vtkXMLUnstructuredGridReader,
    ".vti": vtkXMLImageDataReader,
    ".vtp": vtkXMLPolyDataReader,
}


def arrays_of(attributes) -> dict[str, np.ndarray]:
    """All arrays of point, cell or field data."""
    names = [attributes.GetArrayName(i) for i in range(attributes.GetNumberOfArrays())]
    return {n: vtk_to_numpy(attributes.GetArray(n)) for n in names}


def read_dataset(path: Path):
    """Read a VTK XML file, all levels of it."""
    reader = READERS[path.suffix]()
    reader.SetFileName(str(path))
    if path.suffix == ".vthb":
        reader.SetMaximumLevelsToReadByDefault(0)
    reader.Update()
    return reader.GetOutputDataObject(0)


@dataclass
class Walk:
    """Every node of a hyper tree grid as a cursor meets it, depth first."""

    box: np.ndarray  # (n_nodes, 3, 2)
    level: np.ndarray
    leaf: np.ndarray
    number: np.ndarray  # position in the cell data
    root: np.ndarray


def walk(grid: vtkHyperTreeGrid) -> Walk:
    """Visit every tree of a grid with VTK's own geometry cursor."""
    found: list[tuple] = []

    def visit(cursor, root: int) -> None:
        bounds = [0.0] * 6
        cursor.GetBounds(bounds)
        found.append(
            (bounds, cursor.GetLevel(), cursor.IsLeaf(), cursor.GetGlobalNodeIndex(), root)
        )
        if not cursor.IsLeaf():
            for child in range(cursor.GetNumberOfChildren()):
                cursor.ToChild(child)
                visit(cursor, root)
                cursor.ToParent()

    for root in range(grid.GetMaxNumberOfTrees()):
        if grid.GetTree(root) is not None:
            cursor = vtkHyperTreeGridNonOrientedGeometryCursor()
            cursor.Initialize(grid, root, False)
            visit(cursor, root)
    box, level, leaf, number, root = zip(*found, strict=True) if found else ([],) * 5
    return Walk(
        np.array(box, dtype=float).reshape(-1, 3, 2),
        np.array(level, dtype=int),
        np.array(leaf, dtype=bool),
        np.array(number, dtype=int),
        np.array(root, dtype=int),
    )


@dataclass
class Block:
    """One grid of an AMR as arrays; boxes and centres are those of its cells."""

    level: int
    box: np.ndarray  # (n_cells, dimension, 2)
    arrays: dict[str, np.ndarray]
    visible: np.ndarray

    @property
    def centers(self) -> np.ndarray:
        return self.box.mean(axis=2)


def blocks_of(amr: vtkOverlappingAMR, dimension: int) -> list[Block]:
    """Every block that an AMR holds, coarse levels first."""
    blocks = []
    for level in range(amr.GetNumberOfLevels()):
        count = amr.GetNumberOfBlocks if hasattr(amr, "CheckValidity") else amr.GetNumberOfDataSets
        for i in range(count(level)):
            get = getattr(amr, "GetDataSetAsImageData", amr.GetDataSet)
            grid = get(level, i)
            if grid is None:
                continue
            arrays = arrays_of(grid.GetCellData())
            visible = (arrays["vtkGhostType"] & 8) == 0
            blocks.append(Block(level, _cell_boxes(grid, dimension), arrays, visible))
    return blocks


def _cell_boxes(grid, dimension: int) -> np.ndarray:
    """Boxes of the cells of image data, x fastest (VTK gives none for blanked cells)."""
    shape = np.array(grid.GetDimensions())[:dimension] - 1
    index = np.indices(shape[::-1]).reshape(dimension, -1)[::-1].T
    low = np.array(grid.GetOrigin())[:dimension] + index * np.array(grid.GetSpacing())[:dimension]
    assert len(low) == grid.GetNumberOfCells()
    return np.stack([low, low + np.array(grid.GetSpacing())[:dimension]], axis=2)


def bounds_of(amr: vtkOverlappingAMR) -> np.ndarray:
    """Bounds of an AMR, shape (3, 2)."""
    bounds = [0.0] * 6
    amr.GetBounds(bounds)
    return np.array(bounds).reshape(3, 2)


def is_valid(amr: vtkOverlappingAMR) -> bool:
    """VTK's own check of an AMR: boxes, spacings and origins agree."""
    if hasattr(amr, "CheckValidity"):
        return bool(amr.CheckValidity())
    from vtkmodules.vtkCommonCore import vtkCommand

    errors: list[str] = []

    def collect(_object, _event, text: str = "") -> None:
        errors.append(text)

    collect.CallDataType = "string0"
    for thing in (amr, amr.GetAMRInfo()):
        thing.AddObserver(vtkCommand.ErrorEvent, collect)
    amr.Audit()
    return not errors
