"""Speed of a dense grid through local networks against the whole network in plain PyTorch.

    build/bin/python tests/benchmarks/dense.py sample_data/dynamic_ct_4d.pt --time 0.5

Both in turn, several times in one process; run it when nothing else runs. Plain PyTorch is a
``torch.nn.Sequential`` on all threads in batches of 1,024, 4,096 and 65,536 points, the fastest of
which counts; it is timed on random points of the grid and taken to be linear in their number.
Errors are those at other points of the grid, relative to the range of the field.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pruning_amr as pa
import torch
from pruning_amr.inr import parse_overrides
from pruning_amr.mesh import output_evaluation
from pruning_amr.refinement import make_parameters

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _helpers.plain_network import plain_network, seconds_plain


def main() -> None:
    """Print a line for every resolution."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--time", type=float)
    parser.add_argument("--bounds", default="")
    parser.add_argument("--resolutions", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--tolerance", type=float, default=1e-3)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--plain-points", type=int, default=262_144)
    options = parser.parse_args()
    inr = pa.load(options.checkpoint, **parse_overrides(bounds=options.bounds))
    parameters = make_parameters(tolerance=2 * options.tolerance, local_share=0.5, values="local")
    scale = np.diff(inr.value_range)[:, 0]
    network, rng = plain_network(inr.chain_at(options.time)), np.random.default_rng(1)
    print(f"{inr.name}, tolerance {options.tolerance:g}, {torch.get_num_threads()} threads")
    for n in options.resolutions:
        axes = [np.linspace(low, high, n) for low, high in inr.spatial_bounds]
        ratios, local = [], []
        for _ in range(options.runs):
            chosen = rng.integers(0, n, (options.plain_points, len(axes)))
            points = np.stack([a[i] for a, i in zip(axes, chosen.T, strict=True)], axis=1)
            whole = seconds_plain(network, torch.from_numpy(points).float(), n ** len(axes))
            started = time.perf_counter()
            found = output_evaluation(inr, options.time, parameters).on_grid(axes)
            local.append(time.perf_counter() - started)
            ratios.append(whole / local[-1])
        exact = pa.inr.Evaluator(inr.chain_at(options.time)).numpy(points)
        error = (found.values[tuple(reversed(chosen.T))] - exact) / scale
        print(
            f"{n}^{len(axes)}: {statistics.median(ratios):.2f} times as fast "
            f"({min(ratios):.2f} to {max(ratios):.2f}), {statistics.median(local):.1f} s, "
            f"rms error {np.sqrt(np.mean(error**2)):.2e}, maximum {np.abs(error).max():.2e}, "
            f"pruned on levels {[s.level for s in found.plan.steps]}",
            flush=True,
        )


if __name__ == "__main__":
    main()
