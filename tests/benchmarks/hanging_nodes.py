r"""What hanging nodes cost an unstructured grid, and what ParaView's contour of it looks like.

build/bin/python tests/benchmarks/hanging_nodes.py sample_data/dynamic_ct_4d.pt \
    --time 0.5 --value 0.55
"""

from __future__ import annotations

import argparse
import time as clock

import numpy as np
import pruning_amr as pa
from pruning_amr.datasets import to_vtk
from pruning_amr.datasets.accuracy import measure_dataset_accuracy
from pruning_amr.mesh import Mesh
from pruning_amr.refinement import make_parameters
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkPolyData
from vtkmodules.vtkFiltersCore import vtkCleanPolyData, vtkContourFilter

HEADER = (
    "| tolerance | hanging nodes | cells | points | MiB | s to make | s to contour | open edges "
)


def contour_of(grid: vtkDataObject, name: str, value: float) -> tuple[vtkPolyData, float]:
    """Return a contour as ParaView makes it, with shared points, and the seconds it took."""
    contour, clean = vtkContourFilter(), vtkCleanPolyData()
    contour.SetInputData(grid)
    contour.SetInputArrayToProcess(0, 0, 0, vtkDataObject.FIELD_ASSOCIATION_POINTS, name)
    contour.SetValue(0, value)
    started = clock.perf_counter()
    contour.Update()
    seconds = clock.perf_counter() - started
    clean.SetInputConnection(contour.GetOutputPort())
    clean.SetTolerance(1e-7)
    clean.Update()
    return clean.GetOutput(), seconds


def open_edges(surface: vtkPolyData, bounds: np.ndarray) -> tuple[int, int]:
    """Return the edges that one triangle alone has within the domain, and all triangles."""
    triangles = vtk_to_numpy(surface.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    sides = np.sort(np.concatenate([np.delete(triangles, k, axis=1) for k in range(3)]))
    sides, count = np.unique(sides, axis=0, return_counts=True)
    ends = vtk_to_numpy(surface.GetPoints().GetData())[sides[count == 1]]
    on_boundary = [
        np.isclose(ends[..., axis], limit, atol=1e-5).all(axis=1)
        for axis in range(3)
        for limit in bounds[axis]
    ]
    return int(np.count_nonzero(~np.any(on_boundary, axis=0))), len(triangles)


def measured(mesh: Mesh, tolerance: float, value: float) -> str:
    """Return a row of the table."""
    _ = mesh.vertex_values
    started = clock.perf_counter()
    grid = to_vtk(mesh, "unstructured_grid")
    seconds = clock.perf_counter() - started
    surface, of_contour = contour_of(grid, mesh.inr.outputs[0].name, value)
    edges, triangles = open_edges(surface, mesh.tree.bounds)
    error = measure_dataset_accuracy(
        mesh, "unstructured_grid", 20_000, image_resolution=32, data=grid
    )
    return (
        f"| {tolerance:g} | {mesh.parameters.hanging_nodes} | {grid.GetNumberOfCells():,} "
        f"| {grid.GetNumberOfPoints():,} | {error.memory_bytes / 2**20:.1f} | {seconds:.2f} "
        f"| {of_contour:.2f} | {edges:,} of {triangles:,} triangles | {error.rmse:.4f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("--time", type=float)
    parser.add_argument("--value", type=float, default=0.5)
    parser.add_argument("--tolerances", type=float, nargs="+", default=[0.04, 0.02])
    options = parser.parse_args()
    inr = pa.load(options.checkpoint)
    print(f"{HEADER}| RMS error |\n{'|---' * 9}|")
    for tolerance in options.tolerances:
        whole = pa.refine(inr, tolerance=tolerance, time=options.time)
        for name in ("free", "constrained", "split"):
            other = make_parameters(tolerance=tolerance, hanging_nodes=name)
            mesh = whole.with_parameters(other).at(options.time)
            print(measured(mesh, tolerance, options.value), flush=True)


if __name__ == "__main__":
    main()
