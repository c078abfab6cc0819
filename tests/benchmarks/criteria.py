"""Compare criteria on one checkpoint at one time: cells, vertices, error and seconds.

Run with ``build/bin/python tests/benchmarks/criteria.py CHECKPOINT [--time T] [--max-depth N]``;
prints a Markdown table. Errors are those of the multilinear interpolant at 100,000 fresh points.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import pruning_amr as pa

SETTINGS: tuple[tuple[str, dict], ...] = (
    ("uniform", {}),
    ("interpolation_error", {"tolerance": 0.02}),
    ("interpolation_error", {"tolerance": 0.01}),
    ("interpolation_error", {"tolerance": 0.003}),
    ("paper", {"max_kept_fraction": 0.2}),
    ("paper", {"max_kept_fraction": 0.1}),
    ("paper", {"max_kept_fraction": 0.05}),
)


def main() -> None:
    """Measure every setting, the median of the given number of runs in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--time", type=float)
    parser.add_argument("--max-depth", type=int, default=5)
    parser.add_argument("--max-cells", type=int, default=3_000_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--metadata", type=json.loads, default={})
    options = parser.parse_args()
    inr = pa.load(options.checkpoint, **options.metadata)
    seconds: dict[int, list[float]] = {i: [] for i in range(len(SETTINGS))}
    meshes = {}
    for _ in range(options.runs):
        for i, (criterion, settings) in enumerate(SETTINGS):
            started = time.perf_counter()
            mesh = pa.refine(
                inr,
                time=options.time,
                criterion=criterion,
                max_depth=options.max_depth,
                max_cells=options.max_cells,
                **settings,
            )
            seconds[i].append(time.perf_counter() - started)
            meshes[i] = mesh
    print("| criterion | setting | cells | vertices | relative L2 | seconds |")
    print("|---|---|---|---|---|---|")
    for i, (criterion, settings) in enumerate(SETTINGS):
        accuracy = pa.accuracy(inr, meshes[i], time=options.time)
        shown = meshes[i].at(options.time)
        setting = ", ".join(f"{k} {v:g}" for k, v in settings.items())
        print(
            f"| {criterion} | {setting} | {shown.n_cells:,} | {len(shown.vertices.points):,} | "
            f"{accuracy.relative_l2:.4f} | {statistics.median(seconds[i]):.1f} |"
        )


if __name__ == "__main__":
    main()
