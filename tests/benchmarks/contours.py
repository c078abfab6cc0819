"""Contours against plain PyTorch on a grid and VTK's flying edges: time, distance, topology.

    build/bin/python tests/benchmarks/contours.py --runs 5
    build/bin/python tests/benchmarks/contours.py --checkpoints FOLDER --resolution 513
    build/bin/python tests/benchmarks/contours.py --placements 100

Both in turn, several times in one process; run it when nothing else runs.
Plain PyTorch is a ``torch.nn.Sequential`` on all threads, its fastest batch (see ``dense.py``),
timed on random points and taken to be linear in their number. Distances, at fresh random points of
the triangles, are ``|f - c| / |grad f|`` relative to the diagonal of the domain. The grid itself is
evaluated once, for its surface.

The last command places a ball and a tube as wide as the smallest feature at random among large
shapes, and counts how often all of them are found.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pruning_amr as pa
import torch
from pruning_amr.datasets.vtk_compat import to_vtk_array, vtk_to_numpy
from pruning_amr.refinement.scalar_field import ScalarField
from pruning_amr.refinement.surface_verification import summarize
from pruning_amr.views.level_set import LevelSet
from pruning_amr.views.verification import distances_at_fresh_points
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _helpers.level_sets import LEVEL, Bump, Topology, bump_network, topology
from _helpers.plain_network import plain_network, seconds_plain
from _helpers.reference import to_inr

SAMPLES = 100_000
SAMPLE = Path(__file__).resolve().parents[2] / "sample_data" / "dynamic_ct_4d.pt"
CUBE = [[-1.0, 1.0]] * 3
WANTED = Topology(4, 6)
"""Three balls, and a tube that leaves the domain at both ends."""


@dataclass(frozen=True)
class Case:
    """A field to contour; no value is the median of the field."""

    name: str
    path: Path
    tolerance: float
    value: float | None = None
    time: float | None = None


def cases(folder: Path | None) -> list[Case]:
    made = [Case("dynamic_ct_4d", SAMPLE, 1e-3, 0.5, 0.5)]
    if folder is not None:
        made += [
            Case("vorts_sin_5_128", folder / "harviu" / "vorts_sin_5_128.npz", 7e-4),
            Case("jet_cz_elu_5_128", folder / "harviu" / "jet_cz_elu_5_128.npz", 1e-3),
            Case("bunny", folder / "nmwsharp" / "bunny.npz", 4e-4, 0.0),
            Case("fox", folder / "nmwsharp" / "fox.npz", 1e-3, 0.0),
        ]
    return made


def compare(case: Case, resolution: int, runs: int) -> None:
    """Print what a contour takes and is worth, and the same of a grid."""
    bounds = {} if case.path == SAMPLE else {"bounds": CUBE}
    inr = pa.load(case.path, **bounds)
    chain, plain = inr.chain_at(case.time), plain_network(inr.chain_at(case.time))
    unit = torch.rand((131_072, 3), generator=torch.Generator().manual_seed(1))
    low, extent = inr.spatial_bounds[:, 0], np.diff(inr.spatial_bounds)[:, 0]
    points = (torch.from_numpy(low) + unit * torch.from_numpy(extent)).float()
    value = case.value
    if value is None:
        value = float(np.median(inr.evaluate(points.numpy())))
    field = dense_field(inr, case.time, resolution)
    surface, seconds_vtk = flying_edges(field, inr, value)
    ratios, ours = [], []
    for _ in range(runs):
        whole = seconds_plain(plain, points, resolution**3)
        started = time.perf_counter()
        found = pa.contour(inr, value, time=case.time, tolerance=case.tolerance)
        ours.append(time.perf_counter() - started)
        ratios.append((whole + seconds_vtk) / ours[-1])
    report = found.report
    print(
        f"{case.name} at {value:.6g}, tolerance {case.tolerance:g}: "
        f"{statistics.median(ratios):.1f} times as fast ({min(ratios):.1f} to {max(ratios):.1f}), "
        f"{statistics.median(ours):.2f} s; {report.values_evaluated:,} values and "
        f"{report.gradients_evaluated:,} gradients instead of {resolution**3:,} values"
    )
    diagonal = np.linalg.norm(extent)
    for name, simplices in (("contour", found), (f"{resolution}^3 grid", surface)):
        worth = measured(simplices, value, ScalarField(chain), diagonal)
        print(f"  {name}: {len(simplices.points):,} vertices, {worth}", flush=True)
    print(
        f"  open edges {report.open_edges}, triangles turned {report.turned} of "
        f"{len(found.triangles):,}, vertices without direction {report.without_direction}, points "
        f"in cells given up {report.given_up_samples}, on the other side "
        f"{report.given_up_wrong} (in the end {report.given_up_left})",
        flush=True,
    )


def measured(surface, value: float, field: ScalarField, diagonal: float) -> str:
    """Return distances and topology in words."""
    level_set = LevelSet(surface.points, surface.points, surface.simplices)
    found = summarize(distances_at_fresh_points(level_set, value, field, SAMPLES, 12345))
    shape = topology(surface.simplices)
    return (
        f"distance rms {found.rms / diagonal:.3g}, 99.9 % {found.quantile / diagonal:.3g}, maximum "
        f"{found.largest / diagonal:.3g}; {shape.components} pieces, Euler characteristic "
        f"{shape.euler}"
    )


def dense_field(inr: pa.INR, when: float | None, n: int) -> np.ndarray:
    """Evaluate the first output on a grid, plane by plane, x fastest."""
    axes = [np.linspace(low, high, n) for low, high in inr.spatial_bounds]
    y, x = np.meshgrid(axes[1], axes[0], indexing="ij")
    evaluator = pa.inr.Evaluator(inr.chain_at(when))
    field = np.empty((n, n * n), np.float32)
    for k, z in enumerate(axes[2]):
        plane = np.stack([x.reshape(-1), y.reshape(-1), np.full(n * n, z)], axis=1)
        field[k] = evaluator.numpy(plane)[:, 0]
    return field.reshape(-1)


def flying_edges(field: np.ndarray, inr: pa.INR, value: float) -> tuple[LevelSet, float]:
    """Return the surface of a grid, and the seconds VTK takes for it."""
    n = round(len(field) ** (1 / 3))
    image = vtkImageData()
    image.SetDimensions(n, n, n)
    image.SetOrigin(*inr.spatial_bounds[:, 0])
    image.SetSpacing(*(np.diff(inr.spatial_bounds)[:, 0] / (n - 1)))
    image.GetPointData().SetScalars(to_vtk_array(field, "field"))
    started = time.perf_counter()
    contour = vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, value)
    contour.Update()
    seconds = time.perf_counter() - started
    output = contour.GetOutput()
    points = vtk_to_numpy(output.GetPoints().GetData()).astype(np.float64)
    triangles = vtk_to_numpy(output.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    return LevelSet(points, points, triangles.astype(np.int64)), seconds


def place(count: int) -> None:
    """Count how often a ball and a tube as wide as the smallest feature are found."""
    found, seconds = 0, []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        radius = 2 / 64 / 2
        angle = rng.uniform(0, np.pi)
        axis = (np.cos(angle), np.sin(angle), rng.uniform(-0.05, 0.05))
        made = [
            Bump((-0.5, -0.2, 0.1), 0.35),
            Bump((0.5, 0.5, 0.5), 0.25),
            Bump(tuple(rng.uniform([-0.2, -0.2, -0.9], [0.2, 0.2, -0.75])), radius, axis),
            Bump(tuple(rng.uniform([0.4, -0.3, -0.3], [0.8, 0.0, 0.0])), radius),
        ]
        inr = to_inr(bump_network(made), CUBE)
        started = time.perf_counter()
        got = topology(pa.contour(inr, LEVEL).triangles)
        seconds.append(time.perf_counter() - started)
        found += got == WANTED
    print(f"ball and tube 1/64 wide: {found} of {count}, {statistics.median(seconds):.2f} s each")


def main() -> None:
    """Print a few lines for every field."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=Path)
    parser.add_argument("--only", nargs="*", help="names of fields")
    parser.add_argument("--resolution", type=int, default=257)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--placements", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("always")
    if options.placements:
        place(options.placements)
        return
    for case in cases(options.checkpoints):
        if not options.only or case.name in options.only:
            compare(case, options.resolution, options.runs)


if __name__ == "__main__":
    main()
