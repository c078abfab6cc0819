"""Contours against plain PyTorch on a grid and VTK's flying edges: time, distance, topology.

    build/bin/python tests/benchmarks/contours.py --runs 5
    build/bin/python tests/benchmarks/contours.py --checkpoints FOLDER --resolution 513
    build/bin/python tests/benchmarks/contours.py --resolution 513 --share 0.1 --no-geometry
    build/bin/python tests/benchmarks/contours.py --placements 100
    build/bin/python tests/benchmarks/contours.py --steps 6

Both in turn, several times in one process; run it when nothing else runs.
Plain PyTorch is a ``torch.nn.Sequential`` on all threads, its fastest batch (see ``dense.py``),
timed on random points and taken to be linear in their number. Distances, at fresh random points of
the triangles, are ``|f - c| / |grad f|`` relative to the diagonal of the domain. The grid itself is
evaluated once, for its surface, unless ``--no-geometry`` says otherwise; with ``--share 0.1`` a
tenth of its planes, chosen at random, is timed instead of random points. Where the pieces of the
two surfaces, or their Euler characteristics, are not the same, the place is listed with what a grid
of 1,025 points along an edge has there; where it is too large for that, the curves are compared in
which the surfaces end.

The third command places a ball and a tube as wide as the smallest feature at random among large
shapes, and counts how often all of them are found. The last one follows the sample from t = 0.5
over time steps, each from the one before, and counts what is asked with and without that.
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
from _helpers.surface_pieces import Place, boundary_of, differences, pieces_of

SAMPLES = 100_000
FINER, MOST_LOCAL = 1025, 8_000_000
"""Points along an edge of the grid that decides where others differ, and those of a part of it."""

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
    made = [Case("dynamic_ct_4d", SAMPLE, 6.5e-4, 0.5, 0.5)]
    if folder is not None:
        made += [
            Case("vorts_sin_5_128", folder / "harviu" / "vorts_sin_5_128.npz", 7e-4),
            Case("jet_cz_elu_5_128", folder / "harviu" / "jet_cz_elu_5_128.npz", 1e-3),
            Case("bunny", folder / "nmwsharp" / "bunny.npz", 4e-4, 0.0),
            Case("fox", folder / "nmwsharp" / "fox.npz", 1e-3, 0.0),
        ]
    return made


def loaded(case: Case) -> pa.INR:
    """Return the network of a case."""
    return pa.load(case.path, **({} if case.path == SAMPLE else {"bounds": CUBE}))


def random_points(inr: pa.INR, count: int) -> torch.Tensor:
    """Return points of the domain."""
    unit = torch.rand((count, 3), generator=torch.Generator().manual_seed(1))
    low, extent = inr.spatial_bounds[:, 0], np.diff(inr.spatial_bounds)[:, 0]
    return (torch.from_numpy(low) + unit * torch.from_numpy(extent)).float()


def value_of(case: Case, inr: pa.INR) -> float:
    """Return the value to contour."""
    if case.value is not None:
        return case.value
    return float(np.median(inr.evaluate(random_points(inr, 131_072).numpy())))


def compare(case: Case, options: argparse.Namespace) -> None:
    """Print what a contour takes and is worth, and the same of a grid."""
    inr, resolution = loaded(case), options.resolution
    tolerance = options.tolerance or case.tolerance
    chain, plain = inr.chain_at(case.time), plain_network(inr.chain_at(case.time))
    value, points = value_of(case, inr), random_points(inr, 131_072)
    surface, seconds_vtk = None, 0.0
    if options.geometry:
        field = dense_field(inr, case.time, resolution)
        surface, seconds_vtk = flying_edges(field, inr.spatial_bounds, value)
        del field
    if options.share:
        points = points_of_planes(inr, resolution, options.share)
    ratios, ours = [], []
    for _ in range(options.runs):
        whole = seconds_plain(plain, points, resolution**3)
        started = time.perf_counter()
        found = pa.contour(inr, value, time=case.time, tolerance=tolerance)
        ours.append(time.perf_counter() - started)
        ratios.append((whole + seconds_vtk) / ours[-1])
    report = found.report
    print(
        f"{case.name} at {value:.6g}, tolerance {tolerance:g}: "
        f"{statistics.median(ratios):.1f} times as fast ({min(ratios):.1f} to {max(ratios):.1f}), "
        f"{statistics.median(ours):.2f} s; {report.values_evaluated:,} values and "
        f"{report.gradients_evaluated:,} gradients instead of {resolution**3:,} values, of which "
        f"{len(points):,} were timed; VTK's part {seconds_vtk:.2f} s"
    )
    diagonal = np.linalg.norm(np.diff(inr.spatial_bounds)[:, 0])
    shown = {"contour": found} | ({f"{resolution}^3 grid": surface} if surface else {})
    for name, simplices in shown.items():
        worth = measured(simplices, value, ScalarField(chain.with_outputs([0])), diagonal)
        print(f"  {name}: {len(simplices.points):,} vertices, {worth}", flush=True)
    print(
        f"  open edges {report.open_edges}, triangles turned {report.turned} of "
        f"{len(found.triangles):,}, vertices without direction {report.without_direction}, points "
        f"in cells given up {report.given_up_samples}, on the other side "
        f"{report.given_up_wrong} (in the end {report.given_up_left})",
        flush=True,
    )
    if surface:
        say_differences(case, inr, value, found, surface, resolution)


def points_of_planes(inr: pa.INR, n: int, share: float) -> torch.Tensor:
    """Return the points of some planes of a grid, chosen at random."""
    chosen = np.random.default_rng(5).permutation(n)[: max(1, round(share * n))]
    axes = [np.linspace(low, high, n) for low, high in inr.spatial_bounds]
    grid = np.stack(np.meshgrid(axes[0], axes[1], axes[2][np.sort(chosen)], indexing="ij"), axis=-1)
    return torch.from_numpy(grid.reshape(-1, 3)).float()


def say_differences(
    case: Case, inr: pa.INR, value: float, found, surface: LevelSet, resolution: int
) -> None:
    """List where pieces are not the same, and what a finer grid has there."""
    ours = LevelSet(found.points, found.points, found.triangles)
    spacing = np.diff(inr.spatial_bounds)[:, 0] / (resolution - 1)
    places = differences(ours, surface, float(np.linalg.norm(spacing)))
    if not places:
        print("  all pieces are the same, and so is Euler's characteristic of each")
    curves: list[Place] = []
    for place in places:
        print(f"  {in_words(place)}", end="")
        finer = finer_grid(case, inr, value, place, spacing)
        if finer is not None:
            shape = topology(finer.simplices)
            print(
                f"; locally at {FINER}^3 {shape.components} pieces, Euler characteristic "
                f"{shape.euler}",
                flush=True,
            )
            continue
        print(f"; too large for a local grid of {FINER}^3", flush=True)
        curves = curves or differences(
            boundary_of(ours), boundary_of(surface), float(spacing.max())
        )
    for curve in curves:
        print(f"  where it ends, {in_words(curve)}", end="")
        finer = finer_grid(case, inr, value, curve, spacing)
        if finer is not None:
            ends = ends_at(boundary_of(finer), inr.spatial_bounds)
            print(f"; locally at {FINER}^3 {ends}", end="")
        print(flush=True)


def in_words(place: Place) -> str:
    """Say what there is at a place."""
    return (
        f"at {np.round(0.5 * (place.low + place.high), 4).tolist()}, "
        f"{np.round(place.high - place.low, 4).tolist()} wide: contour {place.pieces[0]} "
        f"pieces, Euler characteristic {place.euler[0]}; grid {place.pieces[1]}, {place.euler[1]}"
    )


def finer_grid(
    case: Case, inr: pa.INR, value: float, place: Place, spacing: np.ndarray
) -> LevelSet | None:
    """Return the surface of a finer grid around a place, if there is room for one."""
    fine = np.diff(inr.spatial_bounds)[:, 0] / (FINER - 1)
    box = np.stack([place.low - 2 * spacing, place.high + 2 * spacing], axis=1)
    box = np.clip(box, *inr.spatial_bounds.T[:, :, None])
    extent = np.ceil(np.diff(box)[:, 0] / fine).astype(int) + 1
    if extent.prod() > MOST_LOCAL:
        return None
    axes = [np.linspace(*bounds, n) for bounds, n in zip(box, extent, strict=True)]
    z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    field = pa.inr.Evaluator(inr.chain_at(case.time)).numpy(points)[:, 0]
    return flying_edges(field, box, value, extent)[0]


def ends_at(curves: LevelSet, bounds: np.ndarray) -> str:
    """Say which of the curves in which a surface ends lie on the faces of the domain."""
    near = 1e-6 * np.diff(bounds)[:, 0]
    on_face = np.abs(curves.points[:, :, None] - bounds) <= near[:, None]
    together = on_face[curves.simplices].all(axis=1).any(axis=(1, 2))
    piece, euler = pieces_of(curves.points, curves.simplices[together])
    return f"{piece.max(initial=-1) + 1} pieces, Euler characteristic {euler.sum()}"


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


def flying_edges(
    field: np.ndarray, bounds: np.ndarray, value: float, extent: np.ndarray | None = None
) -> tuple[LevelSet, float]:
    """Return the surface of a grid, and the seconds VTK takes for it."""
    extent = np.full(3, round(len(field) ** (1 / 3))) if extent is None else extent
    image = vtkImageData()
    image.SetDimensions(*extent.tolist())
    image.SetOrigin(*bounds[:, 0])
    image.SetSpacing(*(np.diff(bounds)[:, 0] / (extent - 1)))
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


def follow(count: int) -> None:
    """Print what each time step asks from the one before, and alone."""
    inr, before = pa.load(SAMPLE), None
    first = int(np.searchsorted(inr.times, 0.5))
    for time_ in inr.times[first : first + count + 1].tolist():
        alone = pa.contour(inr, 0.5, time=time_, tolerance=1e-3)
        before = pa.contour(inr, 0.5, time=time_, tolerance=1e-3, before=before)
        same = before.points.tobytes() == alone.points.tobytes()
        asked = [f"{f.report.values_evaluated:,}" for f in (before, alone)]
        print(
            f"t = {time_:.4f}: {asked[0]} values, alone {asked[1]}; "
            f"{before.report.gradients_evaluated:,} gradients; {'the same' if same else 'another'} "
            "surface",
            flush=True,
        )


def main() -> None:
    """Print a few lines for every field."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=Path)
    parser.add_argument("--only", nargs="*", help="names of fields")
    parser.add_argument("--resolution", type=int, default=257)
    parser.add_argument("--tolerance", type=float, help="of all fields, instead of their own")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--share",
        type=float,
        default=0.0,
        help="time plain PyTorch on this share of the planes of the grid, not on 131,072 points",
    )
    parser.add_argument(
        "--geometry",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="evaluate all of the grid for its surface",
    )
    parser.add_argument("--placements", type=int, default=0)
    parser.add_argument("--steps", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("always")
    if options.placements:
        place(options.placements)
        return
    if options.steps:
        follow(options.steps)
        return
    for case in cases(options.checkpoints):
        if not options.only or case.name in options.only:
            compare(case, options)


if __name__ == "__main__":
    main()
