"""One mesh for all times against other ways to mesh a field with time.

    build/bin/python tests/benchmarks/space_time.py --relative-l2 0.02

All meshes meet the same error, root mean square over space and time (over space, for the meshes
of single times), measured at fresh points. Compared are the mesh whose cells split in space or in
time; the same search with cells that split in both at once (16 children); one mesh for each of
the time steps; and the uniform grid of the same depth. Then the time steps of the first mesh are
gone through as ParaView does, and the time each takes is set against that of making the mesh.

Small errors take long: start with ``--tolerance 0.06 --isotropic 20``, and run it when nothing
else runs.
"""

from __future__ import annotations

import argparse
import gc
import math
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pruning_amr as pa
from pruning_amr.datasets import to_vtk
from pruning_amr.inr import INR
from pruning_amr.mesh import SpaceTimeMesh, Tree, measure_accuracy
from pruning_amr.refinement import RefinementParameters, build_mesh, build_space_time_mesh
from pruning_amr.refinement.build import with_time_as_axis
from pruning_amr.refinement.target import Search

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _helpers.memory import resident_mib

SAMPLE = Path(__file__).resolve().parents[2] / "sample_data" / "dynamic_ct_4d.pt"


def main() -> None:
    """Print the figures, each as soon as it is known."""
    options = parse()
    inr = pa.load(options.checkpoint)
    tolerance = options.tolerance or of_range(inr, options.relative_l2)
    print(f"{inr.name}: rms error asked for {tolerance:.4g} of the range", flush=True)
    parameters = RefinementParameters(
        tolerance=tolerance, max_cells=options.max_cells, time_mode="space_time"
    )
    started = time.perf_counter()
    mesh = build_space_time_mesh(inr, parameters)
    seconds = time.perf_counter() - started
    report_mesh(mesh, seconds)
    report_uniform(mesh)
    if options.passes:
        report_steps(mesh, seconds, options.passes)
    if options.per_step:
        report_per_step(mesh, parameters, options.per_step)
    if options.isotropic:
        most = round(options.isotropic * mesh.n_cells)
        report_isotropic(mesh, replace(parameters, max_cells=most))


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path, nargs="?", default=SAMPLE)
    parser.add_argument("--tolerance", type=float, help="rms error, relative to the range")
    parser.add_argument("--relative-l2", type=float, default=0.02, help="or to the rms [0.02]")
    parser.add_argument("--max-cells", type=int, default=50_000_000)
    parser.add_argument(
        "--per-step", type=int, default=0, metavar="N", help="mesh every N-th time step by itself"
    )
    parser.add_argument(
        "--isotropic",
        type=float,
        default=0.0,
        metavar="N",
        help="mesh with 16 children too, with at most N times the cells",
    )
    parser.add_argument(
        "--passes", type=int, default=1, help="passes through all time steps, or none [1]"
    )
    return parser.parse_args()


def of_range(inr: INR, relative_l2: float) -> float:
    """Return an error relative to the rms of the field as one relative to its range."""
    bounds = inr.checked_bounds()
    unit = np.random.default_rng(1).random((100_000, len(bounds)))
    values = inr.evaluate(bounds[:, 0] + unit * np.diff(bounds)[:, 0])
    rms = np.sqrt(np.mean(values.astype(np.float64) ** 2, axis=0))
    return relative_l2 * float(np.mean(rms / np.diff(inr.value_range)[:, 0]))


def report_mesh(mesh: SpaceTimeMesh, seconds: float) -> None:
    """Say how large the mesh is, and how good."""
    tree = mesh.tree
    found = measure_accuracy(mesh, 400_000)
    once = np.bincount(tree.time_level[tree.first_child < 0])
    print(
        f"space-time: {mesh.n_cells:,} cells, depth {tree.depth} in space and {tree.time_depth} in "
        f"time, ended by {mesh.history.stopped_by}, {seconds:.1f} s\n"
        f"  at 400,000 fresh points of space and time: relative L2 {found.relative_l2:.4f}, "
        f"PSNR {found.psnr:.1f} dB\n"
        f"  cells by level in time: {', '.join(map(str, once))}; "
        f"{100 * once[0] / once.sum():.0f} % were never split in time",
        flush=True,
    )


def report_uniform(mesh: SpaceTimeMesh) -> None:
    """Compare with the uniform grid of the same depth, values at its vertices only."""
    tree = mesh.tree
    vertices = math.prod((n << tree.depth) + 1 for n in tree.root_resolution[:-1])
    vertices *= (tree.root_resolution[-1] << tree.time_depth) + 1
    size = 4 * vertices * mesh.corners.values.shape[1]
    print(
        f"uniform grid of the same depth: {size / 2**20:,.0f} MiB; the mesh takes "
        f"{mesh.nbytes / 2**20:,.0f} MiB, {100 * mesh.nbytes / size:.2f} %",
        flush=True,
    )


def report_steps(mesh: SpaceTimeMesh, seconds: float, passes: int) -> None:
    """Go through the time steps, converting each."""
    for kind in ("hyper_tree_grid", "unstructured_grid"):
        to_vtk(mesh.at(mesh.inr.times[0]), kind)
        taken, cells, memory = [], [], []
        for _ in range(passes):
            for step in mesh.inr.times[1:]:
                started = time.perf_counter()
                to_vtk(mesh.at(step), kind)
                taken.append(time.perf_counter() - started)
                cells.append(mesh.at(step).n_cells)
            gc.collect()
            memory.append(resident_mib())
        median = statistics.median(taken)
        print(
            f"time step as {kind}: median {1e3 * median:.0f} ms, longest {1e3 * max(taken):.0f} ms "
            f"for {statistics.median(cells):,.0f} cells, {100 * median / seconds:.3f} % of the "
            f"time of making the mesh; memory after the first and the last of {passes} "
            f"passes {memory[0]:,.0f} and {memory[-1]:,.0f} MiB",
            flush=True,
        )
    changed = [mesh.at(t).unchanged_fraction for t in mesh.inr.times[1:]]
    print(f"unchanged from step to step: {100 * statistics.mean(changed):.1f} % of the cells")


def report_per_step(mesh: SpaceTimeMesh, parameters: RefinementParameters, every: int) -> None:
    """Mesh every so many time steps by itself; the sum over all is estimated from them."""
    inr = mesh.inr
    steps = inr.times[every // 2 :: every]
    started = time.perf_counter()
    cells = [build_mesh(inr, parameters, float(t)).n_cells for t in steps]
    seconds = (time.perf_counter() - started) / len(steps)
    total = statistics.mean(cells) * len(inr.times)
    print(
        f"a mesh for each of {len(inr.times)} time steps, from {len(steps)} of them: "
        f"{total:,.0f} cells in all, {seconds * len(inr.times):.0f} s; space-time takes "
        f"1/{total / mesh.n_cells:.1f} of the cells",
        flush=True,
    )


def report_isotropic(mesh: SpaceTimeMesh, parameters: RefinementParameters) -> None:
    """Mesh the same field with cells that split along all axes at once."""
    inr, tree = mesh.inr, mesh.tree
    same = with_time_as_axis(inr, tree)
    started = time.perf_counter()
    roots = Tree.regular(tree.bounds, tree.root_resolution)
    found, history = Search.of(same, 0.0, parameters, roots).run()
    print(
        f"isotropic, {roots.n_children} children: {found.n_leaves:,} cells, depth {found.depth}, "
        f"ended by {history.stopped_by} at {history.achieved_error:.4g}, "
        f"{time.perf_counter() - started:.0f} s; space-time takes "
        f"1/{found.n_leaves / mesh.n_cells:.1f} of the cells",
        flush=True,
    )


if __name__ == "__main__":
    main()
