"""Evaluations of the network: maximum norm, refining further, report, progress.

    build/bin/python tests/benchmarks/counts.py --checkpoints FOLDER [--only maximum further]

Counts, not times: they are the same on every machine. Largest errors are those at 400,000 fresh
points. A mesh that is refined further is compared with the one found from the beginning: it has to
have the same cells. FOLDER may hold networks of others, as named in the tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pruning_amr as pa
from pruning_amr.datasets import to_vtk
from pruning_amr.mesh import measure_accuracy
from pruning_amr.refinement import build_mesh, make_parameters
from pruning_amr.report import mesh_report
from search import CUBE, SAMPLES, Counter

MAXIMUM = [
    (SAMPLES / "dynamic_ct_4d.pt", 0.5, 0.3, {}),
    (SAMPLES / "dynamic_ct_4d.pt", 0.5, 0.1, {}),
    (SAMPLES / "oscillation_2d.pt", None, 0.05, {}),
    ("harviu/jet_cz_elu_5_128.npz", None, 0.1, CUBE),
    ("harviu/eth_relu_5_128.npz", None, 0.05, CUBE),
]
"""File, time, tolerance in the maximum norm, metadata."""

FURTHER = [
    ("oscillation_2d.pt", {}, 0.02, 0.01),
    ("dynamic_ct_4d.pt", {"time": 0.5}, 0.02, 0.01),
    ("dynamic_ct_4d.pt", {"time_mode": "space_time"}, 0.04, 0.03),
]
"""Sample, parameters, tolerance, smaller tolerance."""


def maximum(checkpoints: Path) -> None:
    """Print what meshes of a largest error take, of 100,000 cells at most."""
    print("| field | asked | found | cells | evaluations a cell |\n" + "|---" * 5 + "|")
    for file, at, tolerance, metadata in MAXIMUM:
        path = file if isinstance(file, Path) else checkpoints / file
        if not path.is_file():
            continue
        inr = pa.load(path, **metadata)
        extent = np.diff(inr.value_range).max()
        p = make_parameters(tolerance=tolerance, max_cells=100_000, error_norm="max")
        with Counter() as counter:
            mesh = build_mesh(inr, p, at)
        found = measure_accuracy(mesh, 400_000, seed=77).max_error / extent
        each = counter.points / mesh.n_cells
        by = mesh.history.stopped_by
        cells = f"{mesh.n_cells:,}" + (f" ({by})" if by != "criterion" else "")
        print(f"| {path.name} | {tolerance:g} | {found:.3f} | {cells} | {each:.1f} |")


def counted(
    make: Callable[[], pa.AdaptiveMesh], at: float | None
) -> tuple[Any, pa.AdaptiveMesh, int]:
    """Return the tree, the mesh, and the evaluations it took to make."""
    with Counter() as counter:
        mesh = make()
        found = mesh.space_time or mesh.at(at)
    return found.tree, mesh, counter.points


def further(_: Path) -> None:
    """Print what it takes to go on from a mesh, and what a new one takes."""
    print(
        "| sample | tolerances | cells | evaluations, going on | new | same cells |\n"
        + "|---" * 6
        + "|"
    )
    for name, given, coarse, fine in FURTHER:
        # A network of its own for each: the range of its values is found again.
        first, new = pa.load(SAMPLES / name), pa.load(SAMPLES / name)
        at = given.get("time")
        _, mesh, _ = counted(lambda i=first, g=given, t=coarse: pa.refine(i, tolerance=t, **g), at)
        tree, _, on = counted(lambda m=mesh, t=fine: m.refine_further(tolerance=t), at)
        other, _, whole = counted(lambda i=new, g=given, t=fine: pa.refine(i, tolerance=t, **g), at)
        same = np.array_equal(tree.first_child, other.first_child)
        print(
            f"| {name} {' '.join(map(str, given.values()))} | {coarse:g} to {fine:g} | "
            f"{tree.n_leaves:,} | {on:,} | {whole:,} | {'yes' if same else 'NO'} |"
        )


def report(_: Path) -> None:
    """Print what the report of a mesh of the CT sample asks."""
    mesh = build_mesh(pa.load(SAMPLES / "dynamic_ct_4d.pt"), make_parameters(), 0.5)
    data = to_vtk(mesh, "hyper_tree_grid")
    with Counter() as counter:
        mesh_report(mesh, data, "hyper_tree_grid", 100_000)
    print(f"report of {mesh.n_cells:,} cells: {counter.points:,} evaluations")


def progress(_: Path) -> None:
    """Print how much of the work was done when the bar stood where."""
    for given in ({"time": 0.5}, {"time_mode": "space_time", "tolerance": 0.06}):
        said: list[tuple[int, float]] = []
        with Counter() as counter:

            def note(
                fraction: float, _: str, counter: Counter = counter, said: list = said
            ) -> None:
                said.append((counter.points, fraction))

            mesh = pa.refine(pa.load(SAMPLES / "dynamic_ct_4d.pt"), progress=note, **given)
            _ = mesh.space_time or mesh.at(0.5)
        whole = counter.points
        print(f"{given}: {whole:,} evaluations; of the work, and the bar:")
        for k in np.linspace(0, len(said) - 1, 7).astype(int):
            print(f"    {said[k][0] / whole:4.0%} {said[k][1]:4.0%}")


def main() -> None:
    """Count what is asked for."""
    parts = {f.__name__: f for f in (maximum, further, report, progress)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoints", type=Path, default=Path("none"))
    parser.add_argument("--only", nargs="+", choices=parts, default=list(parts))
    options = parser.parse_args()
    for name in options.only:
        parts[name](options.checkpoints)
        print(flush=True)


if __name__ == "__main__":
    main()
