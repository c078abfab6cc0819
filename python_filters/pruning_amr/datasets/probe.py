"""The value of a data set at points, as ParaView interpolates it there.

Everything is located by VTK's own objects but the cells of an overlapping AMR, of which VTK
looks at every block for every point, and the place on a curve, which is that of its x.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from vtkmodules.util.vtkConstants import VTK_HEXAHEDRON, VTK_QUAD, VTK_TRIANGLE
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import (
    vtkCellArray,
    vtkDataObject,
    vtkDataSet,
    vtkDataSetAttributes,
    vtkFieldData,
    vtkHyperTreeGrid,
    vtkImageData,
    vtkOverlappingAMR,
    vtkPointData,
    vtkPolyData,
    vtkUnstructuredGrid,
)
from vtkmodules.vtkFiltersCore import vtkHyperTreeGridProbeFilter, vtkProbeFilter
from vtkmodules.vtkFiltersHyperTree import vtkHyperTreeGridToDualGrid

from ..errors import ParameterError
from ..mesh import Mesh
from .vtk_compat import amr_blocks, to_vtk_array, use_cell_locator, vtk_to_numpy

_TOLERANCE = 1e-9
"""Distance, in diagonals of the data set, at which a point still counts as inside a cell."""

_HIDDEN = vtkDataSetAttributes.REFINEDCELL | vtkDataSetAttributes.HIDDENCELL
# Of a pixel or voxel, whose corners run x fastest, those around each face in turn.
_WALK = {2: [0, 1, 3, 2], 3: [0, 1, 3, 2, 4, 5, 7, 6]}


def probe(
    data: vtkDataObject, points: np.ndarray, name: str, dual: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of an array at points; see `probe_arrays`.

    Returns
    -------
    values : numpy.ndarray, shape (n_points, n_components), float64
        0 where the data set has no value.
    valid : numpy.ndarray, shape (n_points,), bool
    """
    values, valid = probe_arrays(data, points, [name], dual)
    return values[0], valid


def probe_arrays(
    data: vtkDataObject, points: np.ndarray, names: Sequence[str], dual: bool = False
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the values of several arrays at points, and where the data set has any.

    Point data are interpolated in the cell that VTK's static cell locator finds, cell data are
    constant in each cell. Of an AMR it is the finest block whose cell there is visible. At points
    of one coordinate the values of a vtkPolyData are those of its polyline there.

    Parameters
    ----------
    data : vtkDataObject
        A hyper tree grid, an overlapping AMR, or any vtkDataSet.
    points : numpy.ndarray, shape (n_points, dimension)
    names : sequence of str
        Arrays of point or cell data.
    dual : bool
        Interpolate a hyper tree grid linearly between the centres of its cells, on `dual_grid`.

    Raises
    ------
    ParameterError
        If there is no such array, or `dual` is asked of anything but a hyper tree grid.
    """
    if dual and not isinstance(data, vtkHyperTreeGrid):
        raise ParameterError(
            f"dual interpolation of a {data.GetClassName()} was asked for; expected a "
            "vtkHyperTreeGrid: leave dual out."
        )
    if isinstance(data, vtkPolyData) and points.shape[1] == 1:
        return _probe_curve(data, points[:, 0], names)
    points = np.pad(np.asarray(points, np.float64), [(0, 0), (0, 3 - points.shape[1])])
    if isinstance(data, vtkOverlappingAMR):
        return _probe_amr(data, points, names)
    if isinstance(data, vtkHyperTreeGrid) and not dual:
        return _run(vtkHyperTreeGridProbeFilter(), data, points, names)
    source = dual_grid(data) if dual else data
    if source.GetNumberOfCells() == 0:
        attributes = [data.GetCellData(), source.GetPointData()]
        empty = [np.zeros((len(points), _n_components(attributes, name))) for name in names]
        return empty, np.zeros(len(points), bool)
    filter_ = vtkProbeFilter()
    use_cell_locator(filter_)
    # By default VTK 9.7 takes any cell near a point, VTK 9.2 only those that contain it.
    filter_.ComputeToleranceOff()
    filter_.SetTolerance(_TOLERANCE * source.GetLength())
    return _run(filter_, source, points, names)


def dual_grid(data: vtkHyperTreeGrid) -> vtkUnstructuredGrid:
    """Return VTK's dual of a hyper tree grid as triangles and quads, or hexahedra.

    ``vtkHyperTreeGridToDualGrid`` calls its cells pixels and voxels, although only those between
    equal cells are boxes: interpolation in the others is then wrong. Its centres of cells at the
    boundary lie on the boundary; those ``vtkHyperTreeGridContour`` joins do not.
    """
    filter_ = vtkHyperTreeGridToDualGrid()
    filter_.SetInputData(data)
    filter_.Update()
    dual = filter_.GetOutput()
    corners = np.empty((0, 8), np.int64)
    if dual.GetNumberOfCells():
        corners = vtk_to_numpy(dual.GetCells().GetConnectivityArray())
        corners = corners.reshape(-1, dual.GetMaxCellSize())
    return _joined(dual.GetPoints(), dual.GetPointData(), corners)


def dual_grid_of(mesh: Mesh, data: vtkHyperTreeGrid) -> vtkUnstructuredGrid:
    """Return `dual_grid` of the hyper tree grid of a mesh: its cells in a tenth of VTK's time.

    The values are those of the data set. Where that is not the whole mesh VTK finds the cells.
    """
    tree, attributes = mesh.tree, data.GetCellData()
    if tree.dimension == 1 or attributes.GetNumberOfTuples() != tree.n_nodes:
        return dual_grid(data)
    dual = mesh.dual_grid
    position = np.empty(tree.n_nodes, np.int64)
    position[tree.breadth_first()] = np.arange(tree.n_nodes)
    points, values = vtkPoints(), vtkPointData()
    place = np.pad(dual.points, [(0, 0), (0, 3 - tree.dimension)])
    # As VTK has them.
    points.SetData(to_vtk_array(place.astype(np.float32), "points"))
    for array in (attributes.GetArray(i) for i in range(attributes.GetNumberOfArrays())):
        at_leaves = vtk_to_numpy(array)[position[dual.leaves]]
        values.AddArray(to_vtk_array(at_leaves, array.GetName()))
    return _joined(points, values, dual.cells)


def _joined(points: vtkPoints, values: vtkPointData, corners: np.ndarray) -> vtkUnstructuredGrid:
    """Return points as triangles and quads, or hexahedra, whose corners run x fastest."""
    grid = vtkUnstructuredGrid()
    grid.SetPoints(points)
    grid.GetPointData().ShallowCopy(values)
    if not len(corners):
        return grid
    if corners.shape[1] == 8:
        _set_cells(grid, [(VTK_HEXAHEDRON, corners[:, _WALK[3]])])
    else:
        corners = corners[:, _WALK[2]]
        # A corner that is there twice is one of a triangle: VTK finds no quad of that shape.
        repeated = corners == np.roll(corners, 1, axis=1)
        flat = repeated.any(axis=1)
        triangles = corners[flat][~repeated[flat]].reshape(-1, 3)
        _set_cells(grid, [(VTK_QUAD, corners[~flat]), (VTK_TRIANGLE, triangles)])
    return grid


def _set_cells(grid: vtkUnstructuredGrid, groups: list[tuple[int, np.ndarray]]) -> None:
    """Set the cells of a grid, given as (type, corners) for each type."""
    types = np.concatenate([np.full(len(corners), kind, np.uint8) for kind, corners in groups])
    sizes = np.concatenate([np.full(len(c), c.shape[1], np.int64) for _, c in groups])
    connectivity = np.concatenate([c.reshape(-1) for _, c in groups]).astype(np.int64)
    cells = vtkCellArray()
    cells.SetData(
        to_vtk_array(np.concatenate([[0], np.cumsum(sizes)]), "offsets"),
        to_vtk_array(connectivity, "connectivity"),
    )
    grid.SetCells(to_vtk_array(types, "types"), cells)


def _run(
    filter_: vtkProbeFilter | vtkHyperTreeGridProbeFilter,
    source: vtkDataSet | vtkHyperTreeGrid,
    points: np.ndarray,
    names: Sequence[str],
) -> tuple[list[np.ndarray], np.ndarray]:
    """Run a probe filter of VTK."""
    place = vtkPoints()
    place.SetData(to_vtk_array(points, "points"))
    cloud = vtkPolyData()
    cloud.SetPoints(place)
    filter_.SetInputData(cloud)
    filter_.SetSourceData(source)
    filter_.Update()
    found = filter_.GetOutput().GetPointData()
    valid = vtk_to_numpy(found.GetArray(filter_.GetValidPointMaskArrayName())).astype(bool)
    values = []
    for name in names:
        shape = len(points), _n_components([found], name)
        array = vtk_to_numpy(found.GetArray(name)).astype(np.float64).reshape(shape)
        values.append(np.where(valid[:, None], array, 0.0))
    return values, valid


def _probe_amr(
    amr: vtkOverlappingAMR, points: np.ndarray, names: Sequence[str]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Take the finest visible cell at each point."""
    blocks = amr_blocks(amr)
    attributes = [block.GetCellData() for block in blocks[:1]]
    values = [np.zeros((len(points), _n_components(attributes, name))) for name in names]
    valid = np.zeros(len(points), bool)
    order = np.argsort(points[:, 0])
    sorted_x = points[order, 0]
    for block in reversed(blocks):
        low, high = np.array(block.GetBounds()).reshape(3, 2).T
        near = order[slice(*np.searchsorted(sorted_x, [low[0], np.nextafter(high[0], np.inf)]))]
        near = near[~valid[near]]
        place = points[near]
        near = near[((place >= low) & (place <= high)).all(axis=1)]
        cells = _cells_at(block, points[near])
        data = block.GetCellData()
        ghosts = data.GetArray(vtkDataSetAttributes.GhostArrayName())
        if ghosts is not None:
            visible = (vtk_to_numpy(ghosts)[cells] & _HIDDEN) == 0
            near, cells = near[visible], cells[visible]
        valid[near] = True
        for found, name in zip(values, names, strict=True):
            array = vtk_to_numpy(data.GetArray(name))
            found[near] = array.reshape(len(array), -1)[cells]
    return values, valid


def _probe_curve(
    curve: vtkPolyData, x: np.ndarray, names: Sequence[str]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Interpolate linearly between the points of a polyline along x."""
    place = vtk_to_numpy(curve.GetPoints().GetData())[:, 0].astype(np.float64)
    if not len(place):
        empty = [np.zeros((len(x), _n_components([curve.GetPointData()], n))) for n in names]
        return empty, np.zeros(len(x), bool)
    values = []
    for name in names:
        shape = len(place), _n_components([curve.GetPointData()], name)
        columns = vtk_to_numpy(curve.GetPointData().GetArray(name)).reshape(shape).T
        values.append(np.stack([np.interp(x, place, c) for c in columns], axis=1))
    return values, (x >= place[0]) & (x <= place[-1])


def _cells_at(block: vtkImageData, points: np.ndarray) -> np.ndarray:
    """Return the cells of a block that contain points of it."""
    shape = np.maximum(np.array(block.GetDimensions()) - 1, 1)
    position = np.floor((points - block.GetOrigin()) / block.GetSpacing()).astype(np.int64)
    return np.clip(position, 0, shape - 1) @ np.cumprod([1, *shape[:-1]])


def _n_components(attributes: Sequence[vtkFieldData], name: str) -> int:
    """Return the number of components of an array in any of several attributes."""
    arrays = [a.GetArray(name) for a in attributes if a.GetArray(name) is not None]
    if not arrays:
        raise _no_array(name)
    return arrays[0].GetNumberOfComponents()


def _no_array(name: str) -> ParameterError:
    return ParameterError(f'the data set has no array "{name}"; expected one of its own arrays.')
