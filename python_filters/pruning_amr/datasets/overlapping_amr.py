"""Tree -> vtkOverlappingAMR.

The cells of each level are covered by aligned tiles of 8 cells along each axis. A tile is
present if the tree has any node in it; the cells of the tile that the tree does not have are
filled by evaluating the network there (over space and time, by interpolating between corners), so
the AMR is at least as fine as the tree everywhere.
A tile of level L lies in one tile of level L - 1, so levels nest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from vtkmodules.vtkCommonDataModel import (
    vtkAMRBox,
    vtkDataSetAttributes,
    vtkOverlappingAMR,
    vtkUniformGrid,
)

from ..inr.array_names import CHANGE_ARRAY, INDICATOR_ARRAY, LEVEL_ARRAY
from ..mesh import Mesh
from .field_data import add_array, add_changes, add_outputs, attach_facts
from .pieces import NOT_TESTED, indicator_of
from .vtk_compat import XY_GRID, XYZ_GRID, initialize_amr

TILE = 8
"""Cells of a tile along each axis; even, so that tiles of neighbouring levels are aligned."""

_GHOST_ARRAY = vtkDataSetAttributes.GhostArrayName()
_REFINED_CELL = vtkDataSetAttributes.REFINEDCELL


@dataclass
class _Level:
    """The tiles of one level.

    Attributes
    ----------
    level : int
    extent : numpy.ndarray, shape (dimension,)
        Cells of the uniform grid of this level.
    tiles : numpy.ndarray, shape (n_tiles, dimension)
        Positions of the tiles, in tiles.
    shape : numpy.ndarray, shape (dimension,)
        Cells of a tile; those at the upper boundary may be cut off there.
    """

    level: int
    extent: np.ndarray
    tiles: np.ndarray
    shape: np.ndarray


def to_overlapping_amr(mesh: Mesh, piece: int = 0, n_pieces: int = 1) -> vtkOverlappingAMR:
    """Return a mesh as an overlapping AMR with refinement ratio 2.

    Cell data: the outputs of the network at the cell's centre, ``level``, with ``indicator`` that
    of the cell (-1 where the criterion was not asked), and VTK's ghost array, which blanks
    covered cells.

    Parameters
    ----------
    mesh : Mesh
    piece, n_pieces : int
        Part of the blocks to hold data of; all processes know the boxes of all blocks.
    """
    tree = mesh.tree
    levels = [_tile_level(mesh, nodes) for nodes in tree.generations()]
    amr = vtkOverlappingAMR()
    initialize_amr(amr, [len(level.tiles) for level in levels])
    planar = tree.dimension == 2
    amr.SetGridDescription(XY_GRID if planar else XYZ_GRID)
    amr.SetOrigin([*tree.bounds[:, 0], 0.0][:3])
    for level, finer in zip(levels, [*levels[1:], None], strict=True):
        spacing = [*tree.cell_size(level.level), 1.0][:3]
        amr.SetSpacing(level.level, spacing)
        amr.SetRefinementRatio(level.level, 2)
        _fill_level(amr, mesh, level, finer, (piece, n_pieces))
    attach_facts(amr, mesh)
    return amr


def _tile_level(mesh: Mesh, nodes: np.ndarray) -> _Level:
    tree = mesh.tree
    level = int(tree.level[nodes[0]])
    extent = np.left_shift(np.asarray(tree.root_resolution, np.int64), level)
    # The root grid is one block: level 0 has to cover the domain.
    shape = extent if level == 0 else np.full(tree.dimension, TILE)
    tiles = np.unique(tree.index[nodes] // shape, axis=0)
    return _Level(level, extent, tiles, shape)


def _fill_level(
    amr: vtkOverlappingAMR,
    mesh: Mesh,
    level: _Level,
    finer: _Level | None,
    piece: tuple[int, int],
) -> None:
    """Set the boxes of all tiles of a level, and the data of those of this piece."""
    low = level.tiles * level.shape
    high = np.minimum(low + level.shape, level.extent) - 1
    padding = [] if mesh.tree.dimension == 3 else [0]
    for i, (first, last) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        # A planar box is empty along z: its upper index lies below the lower one.
        box = vtkAMRBox(first + padding, last + [-1] * len(padding))
        amr.SetAMRBox(level.level, i, box)
    held = np.array_split(np.arange(len(low)), piece[1])[piece[0]]
    if not len(held):
        return
    index = _cell_indices(low[held], high[held])
    arrays = _cell_arrays(mesh, level, finer, index)
    counts = (high[held] - low[held] + 1).prod(axis=1)
    ends = np.cumsum(counts)
    for i, first, end in zip(held.tolist(), (ends - counts).tolist(), ends.tolist(), strict=True):
        part = [(name, values[first:end]) for name, values in arrays]
        amr.SetDataSet(level.level, i, _block(mesh, level, low[i], high[i], part))


def _cell_indices(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the cells of boxes, box after box, x fastest within each, shape (n, dimension)."""
    shape = (high - low).max(axis=0) + 1
    axes = np.meshgrid(*(np.arange(n) for n in reversed(shape)), indexing="ij")
    offset = np.stack([a.reshape(-1) for a in reversed(axes)], axis=1)
    index = low[:, None, :] + offset
    inside = (index <= high[:, None, :]).all(axis=2)
    return index[inside]


def _cell_arrays(
    mesh: Mesh, level: _Level, finer: _Level | None, index: np.ndarray
) -> list[tuple[str, np.ndarray]]:
    """Return the arrays of cells of a level as (name, values); the outputs' name is empty."""
    tree = mesh.tree
    size = tree.cell_size(level.level)
    stride = np.cumprod([1, *level.extent[:-1]])
    nodes = np.flatnonzero(tree.level == level.level)
    nodes = nodes[np.argsort(tree.index[nodes] @ stride)]
    keys = tree.index[nodes] @ stride
    wanted = index @ stride
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    known = keys[place] == wanted
    cell_nodes = np.where(known, nodes[place], -1)
    centers = tree.bounds[:, 0] + (index + 0.5) * size
    change = []
    if mesh.parameters.change:
        change = [(CHANGE_ARRAY, mesh.change_at(centers, cell_nodes))]
    indicator = []
    if mesh.parameters.indicator:
        of_cells = np.where(known, indicator_of(mesh, nodes[place]), np.float32(NOT_TESTED))
        indicator = [(INDICATOR_ARRAY, of_cells)]
    covered = np.zeros(len(index), np.uint8)
    if finer is not None:
        tile_stride = np.cumprod([1, *(-(-finer.extent // finer.shape))[:-1]])
        tile = (2 * index // finer.shape) @ tile_stride
        covered[np.isin(tile, finer.tiles @ tile_stride)] = _REFINED_CELL
    return [
        ("", mesh.values_at(centers, cell_nodes)),
        *change,
        (LEVEL_ARRAY, np.full(len(index), level.level, np.uint8)),
        *indicator,
        (_GHOST_ARRAY, covered),
    ]


def _block(
    mesh: Mesh,
    level: _Level,
    low: np.ndarray,
    high: np.ndarray,
    arrays: list[tuple[str, np.ndarray]],
) -> vtkUniformGrid:
    tree = mesh.tree
    size = tree.cell_size(level.level)
    grid = vtkUniformGrid()
    grid.SetOrigin([*(tree.bounds[:, 0] + low * size), 0.0][:3])
    grid.SetSpacing([*size, 1.0][:3])
    grid.SetDimensions([*(int(n) + 2 for n in high - low), 1][:3])
    for name, values in arrays:
        if name == CHANGE_ARRAY:
            add_changes(grid.GetCellData(), mesh.inr, values)
        elif name:
            add_array(grid.GetCellData(), values, name)
        else:
            add_outputs(grid.GetCellData(), mesh.inr, values)
    return grid
