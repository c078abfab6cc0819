"""Seconds and memory for each cell of the mesh, as meshes grow, and the uniform grids they replace.

    build/bin/python tests/benchmarks/leaves.py sample_data/dynamic_ct_4d.pt --time 0.5 \
        --figure docs/local_networks/leaves.png

Every mesh is made by `target_error` in a process of its own, whose peak memory is that of the
operating system's accounting. The uniform grid is the coarsest that is as accurate at 100,000
random points; its time is that of the whole network in plain PyTorch at its vertices, from a part
of them, in the same process. Run it when nothing else runs. The share of the search that is not the
network's is of processor time, of all threads: local networks and their pruning are the network's.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pruning_amr as pa
import torch
from pruning_amr.mesh import measure_accuracy
from pruning_amr.mesh.uniform import uniform_of_equal_error
from pruning_amr.refinement.sampled_field import SampledField

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _helpers.plain_network import plain_network, seconds_plain


class NetworkTime:
    """Sums the processor time of all threads while a search waits for its networks."""

    def __enter__(self) -> NetworkTime:
        self.seconds, self._numpy = 0.0, SampledField.numpy

        def timed(field: SampledField, points: np.ndarray, level: int | np.ndarray) -> np.ndarray:
            started = time.process_time()
            found = self._numpy(field, points, level)
            self.seconds += time.process_time() - started
            return found

        SampledField.numpy = timed
        return self

    def __exit__(self, *_: object) -> None:
        SampledField.numpy = self._numpy


def measure(options: argparse.Namespace) -> None:
    """Make one mesh; print what it took as JSON."""
    inr = pa.load(options.checkpoint)
    whole = plain_network(inr.chain_at(options.time))
    unit = torch.rand((131_072, inr.dimension), generator=torch.Generator().manual_seed(0))
    low, extent = inr.spatial_bounds[:, 0], np.diff(inr.spatial_bounds)[:, 0]
    points = torch.from_numpy(low + unit.double().numpy() * extent)
    plain = [seconds_plain(whole, points.float(), 1.0)]
    started = time.perf_counter()
    parameters = {"max_cells": options.max_cells, "networks": options.networks}
    worked = time.process_time()
    with NetworkTime() as network:
        mesh = pa.refine(inr, time=options.time, tolerance=options.tolerances[0], **parameters)
        mesh = mesh.at(options.time)
    worked = time.process_time() - worked
    answer = {
        "outside": 1.0 - network.seconds / worked,
        "cells": mesh.n_cells,
        "depth": mesh.tree.depth,
        "seconds": time.perf_counter() - started,
        "error": mesh.history.achieved_error,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    plain.append(seconds_plain(whole, points.float(), 1.0))
    error = measure_accuracy(mesh, 100_000)
    uniform = uniform_of_equal_error(
        mesh.evaluator, inr.spatial_bounds, error.rmse, "multilinear", points[:100_000].numpy()
    )
    answer["uniform"] = uniform.shape[0]
    answer["plain"] = statistics.mean(plain) * math.prod(n + 1 for n in uniform.shape)
    print(json.dumps(answer))


def main() -> None:
    """Print a line for every tolerance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--time", type=float)
    parser.add_argument("--tolerances", type=float, nargs="+", default=[0.06, 0.02, 7e-3, 3e-3])
    parser.add_argument("--networks", choices=["local", "full"], default="local")
    parser.add_argument("--max-cells", type=int, default=20_000_000)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options)
        return
    rows = []
    for tolerance in options.tolerances:
        command = [sys.executable, __file__, str(options.checkpoint), "--one"]
        command += [f"--tolerances={tolerance}", f"--networks={options.networks}"]
        command += [f"--max-cells={options.max_cells}"]
        command += [] if options.time is None else [f"--time={options.time}"]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        rows.append(found)
        print(
            f"tolerance {tolerance:g}: {found['cells']:,} cells, depth {found['depth']}, "
            f"{found['seconds']:.1f} s, "
            f"{1e6 * found['seconds'] / found['cells']:.0f} microseconds a cell, "
            f"{found['outside']:.0%} of the work not the network's, error "
            f"{found['error']:.3g}, peak memory {found['mib']:,.0f} MiB; uniform "
            f"{found['uniform']} cells an axis, {found['plain']:.1f} s in plain PyTorch",
            flush=True,
        )
    if options.figure:
        draw(options.figure, rows)


def draw(path: Path, rows: list[dict[str, float]]) -> None:
    """Draw time and memory over the number of cells."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    cells = np.array([row["cells"] for row in rows])
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True)
    for key, label in (("seconds", "adaptive mesh"), ("plain", "uniform grid, plain PyTorch")):
        axes[0].loglog(cells, [1e6 * r[key] / r["cells"] for r in rows], "o-", label=label)
    axes[0].set(xlabel="cells of the adaptive mesh", ylabel="microseconds a cell")
    axes[0].legend(frameon=False)
    axes[1].loglog(cells, [row["mib"] for row in rows], "o-")
    axes[1].set(xlabel="cells of the adaptive mesh", ylabel="peak memory of the process, MiB")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
