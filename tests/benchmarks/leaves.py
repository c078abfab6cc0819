"""Seconds and memory for each cell of the mesh, as meshes grow.

    build/bin/python tests/benchmarks/leaves.py sample_data/dynamic_ct_4d.pt --time 0.5

Every mesh is made by `target_error` in a process of its own, whose peak memory is that of the
operating system's accounting. Run it when nothing else runs.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path


def measure(options: argparse.Namespace) -> None:
    """Make one mesh; print what it took as JSON."""
    import pruning_amr as pa

    inr = pa.load(options.checkpoint)
    started = time.perf_counter()
    parameters = {"max_cells": options.max_cells, "networks": options.networks}
    mesh = pa.refine(inr, time=options.time, tolerance=options.tolerances[0], **parameters)
    mesh = mesh.at(options.time)
    answer = {
        "cells": mesh.n_cells,
        "seconds": time.perf_counter() - started,
        "error": mesh.refinement.achieved_error,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(answer))


def main() -> None:
    """Print a line for every tolerance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--time", type=float)
    parser.add_argument("--tolerances", type=float, nargs="+", default=[0.06, 0.02, 7e-3, 3e-3])
    parser.add_argument("--networks", choices=["local", "full"], default="local")
    parser.add_argument("--max-cells", type=int, default=20_000_000)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options)
        return
    for tolerance in options.tolerances:
        command = [sys.executable, __file__, str(options.checkpoint), "--one"]
        command += [f"--tolerances={tolerance}", f"--networks={options.networks}"]
        command += [f"--max-cells={options.max_cells}"]
        command += [] if options.time is None else [f"--time={options.time}"]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        print(
            f"tolerance {tolerance:g}: {found['cells']:,} cells, {found['seconds']:.1f} s, "
            f"{1e6 * found['seconds'] / found['cells']:.0f} microseconds a cell, error "
            f"{found['error']:.3g}, peak memory {found['mib']:,.0f} MiB",
            flush=True,
        )


if __name__ == "__main__":
    main()
