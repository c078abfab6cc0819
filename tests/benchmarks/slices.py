"""Slices of the samples: what they cost, how they look, and whether they are as good as asked.

    build/bin/python tests/benchmarks/slices.py            # cost and likeness, and 60 slices
    build/bin/python tests/benchmarks/slices.py --only cost

Cost: a slice of the scan at t = 0.5 to 0.5 % of the range, along axes and oblique, several times in
one process, each time against 180,000 evaluations by plain PyTorch in batches (the fastest size of
three). Likeness: the slice as VTK shows it at 1,024 x 1,024 pixels of its bounding rectangle,
against the network there, by structural similarity. Accuracy: slices of all samples with several
planes and tolerances at fresh random points of the plane, as VTK shows them. Ratios and counts are
what to look at; run it when nothing else runs.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pruning_amr as pa
import torch
from pruning_amr.datasets import slice_to_vtk
from pruning_amr.datasets.image_quality import structural_similarity
from pruning_amr.datasets.vtk_compat import to_vtk_points, use_cell_locator, vtk_to_numpy
from pruning_amr.inr import Evaluator
from pruning_amr.mesh import error_scale
from pruning_amr.views.plane import Cut, cut_box, make_plane
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkFiltersCore import vtkProbeFilter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _helpers.plain_network import plain_network, seconds_plain

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"
PLAIN_POINTS, PIXELS = 180_000, 1024
PLANES = {
    "x": ((0.1, 0.0, 0.0), (1, 0, 0)),
    "y": ((0.0, -0.3, 0.0), (0, 1, 0)),
    "z": ((0.0, 0.0, 0.05), (0, 0, 1)),
    "oblique": ((0.0, 0.0, 0.0), (1, 0.5, 0.3)),
    "across": ((0.1, 0.1, 0.1), (1, 1, 1)),
    "a corner": ((0.6, 0.6, 0.6), (1, 1, 1)),
    "along x": ((0.0, 0.2, 0.0), (0, 1, -1)),
    "nearly z": ((0.0, 0.0, -0.2), (0.02, 0.01, 1)),
    "an edge": ((0.9, 0.9, 0.0), (1, 1, 0)),
    "steep": ((0.2, 0.0, 0.3), (-3, 1, 0.4)),
}
TOLERANCES = (0.02, 0.01, 0.005)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("cost", "accuracy"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--points", type=int, default=100_000)
    options = parser.parse_args()
    if options.only != "accuracy":
        for name in ("z", "oblique"):
            _cost(name, options.runs)
    if options.only != "cost":
        _accuracy(options.points)


def _cost(name: str, runs: int) -> None:
    inr, counted = pa.load(SAMPLES / "dynamic_ct_4d.pt"), _Counted()
    inr.value_range  # noqa: B018  found once, as in a pipeline
    origin, normal = PLANES[name]
    network, rng = plain_network(inr.chain_at(0.5)), np.random.default_rng(1)
    points = torch.from_numpy(rng.uniform(-1, 1, (PLAIN_POINTS, 3))).float()
    seconds, plain = [], []
    for _ in range(runs):
        plain.append(seconds_plain(network, points, PLAIN_POINTS))
        with counted:
            started = time.perf_counter()
            found = pa.slice(inr, origin=origin, normal=normal, time=0.5)
            seconds.append(time.perf_counter() - started)
    ratio = statistics.median(a / b for a, b in zip(seconds, plain, strict=True))
    print(
        f"{name}: {found.n_cells} cells, error {found.achieved_error:.4g} (asked "
        f"{found.asked_error:g}), {counted.points} evaluations, "
        f"{counted.points / found.n_cells:.2f} a cell; {statistics.median(seconds):.2f} s, "
        f"{ratio:.2f} times {PLAIN_POINTS} evaluations in plain PyTorch "
        f"({statistics.median(plain):.2f} s)"
    )
    cut = cut_box(make_plane(origin, normal, 3), inr.spatial_bounds)
    (u, v), n = cut.bounds, PIXELS
    grid = np.stack(np.meshgrid(np.linspace(*u, n), np.linspace(*v, n)), axis=-1).reshape(-1, 2)
    where = cut.plane.in_space(grid)
    inside = cut.contains(grid) & (np.abs(where) <= 1.0).all(axis=1)
    exact, shown = np.zeros(n * n), np.zeros(n * n)
    exact[inside] = inr_values(inr, where[inside], 0.5)[:, 0]
    values, valid = shown_at(found, where[inside])
    shown[inside] = np.where(valid, values[:, 0], 0.0)
    extent = float(np.ptp(inr.value_range))
    alike = structural_similarity(exact.reshape(n, n), shown.reshape(n, n), extent)
    print(f"{name}: SSIM at {n} x {n} pixels {alike:.4f}, {(~valid).sum()} pixels missed")


def _accuracy(n_points: int) -> None:
    met, tried = 0, 0
    for file, t in (("dynamic_ct_4d.pt", 0.5), ("beltrami_4d.pt", 0.3)):
        inr = pa.load(SAMPLES / file)
        scale = error_scale(inr, "value_range")
        for name, tolerance in itertools.product(PLANES, TOLERANCES):
            origin, normal = PLANES[name]
            found = pa.slice(inr, origin=origin, normal=normal, time=t, tolerance=tolerance)
            cut = cut_box(make_plane(origin, normal, 3), inr.spatial_bounds)
            points = _spread(cut, n_points)
            values, valid = shown_at(found, points)
            error = ((values - inr_values(inr, points, t)) / scale)[valid]
            rms = float(np.sqrt(np.mean(error**2)))
            tried, met = tried + 1, met + (rms <= tolerance and valid.mean() > 0.999)
            print(
                f"{file}, {name}, asked {tolerance:g}: found {rms:.5f}, said "
                f"{found.achieved_error:.5f}, {found.n_cells} cells"
            )
    print(f"{met} of {tried} slices are as good as asked at fresh points")


def _spread(cut: Cut, n: int) -> np.ndarray:
    """Return random points of a polygon, in space."""
    low, high = cut.bounds.T
    unit = np.random.default_rng(99).random((int(n / cut.share), 2))
    points = low + unit * (high - low)
    return cut.plane.in_space(points[cut.contains(points)])


def inr_values(inr: pa.INR, points: np.ndarray, t: float) -> np.ndarray:
    """Return the field of the network at points at a time."""
    return Evaluator(inr.chain_at(t)).numpy(points).astype(np.float64)


def shown_at(found: pa.FieldSlice, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what VTK shows at points of a slice, and at which there is anything."""
    where, probe = vtkPolyData(), vtkProbeFilter()
    where.SetPoints(to_vtk_points(points))
    probe.SetInputData(where)
    probe.SetSourceData(slice_to_vtk(found))
    probe.SetComputeTolerance(False)
    probe.SetTolerance(1e-5)
    use_cell_locator(probe)
    probe.Update()
    attributes = probe.GetOutput().GetPointData()
    columns = [vtk_to_numpy(attributes.GetArray(o.name)) for o in found.inr.outputs]
    valid = vtk_to_numpy(attributes.GetArray("vtkValidPointMask")) > 0
    return np.column_stack(columns).astype(np.float64), valid


class _Counted:
    """Counts the points at which networks are evaluated."""

    def __enter__(self) -> None:
        self.points, self._numpy, self._call = 0, Evaluator.numpy, Evaluator.__call__
        counted = self

        def call(evaluator: Evaluator, points, *arguments):
            counted.points += len(points)
            return counted._call(evaluator, points, *arguments)

        Evaluator.__call__ = call

    def __exit__(self, *_: object) -> None:
        Evaluator.__call__ = self._call


if __name__ == "__main__":
    main()
