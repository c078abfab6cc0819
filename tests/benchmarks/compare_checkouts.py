"""Compare the meshes and values of two checkouts bit for bit: has a change of code changed them?

Run with ``build/bin/python tests/benchmarks/compare_checkouts.py OTHER``, where OTHER is the
root of another checkout (``git worktree add OTHER COMMIT``). Both run on the same machine, with the
samples of this one, one after the other. Prints a Markdown table of cells and seconds; exits with
1 if a tree or a value differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OSCILLATION, CT, BELTRAMI = "oscillation_2d", "dynamic_ct_4d", "beltrami_4d"
OVER_TIME = {"time_mode": "space_time", "max_time_depth": 5}

MESHES: dict[str, tuple[str, float | None, dict[str, Any]]] = {
    "target_error": (CT, 0.5, {"tolerance": 0.03}),
    "target_error, local networks": (CT, 0.5, {"tolerance": 0.014, "max_cells": 400_000}),
    "target_error, balanced": (OSCILLATION, None, {"tolerance": 0.005, "balance": "corners"}),
    "target_error, max": (OSCILLATION, None, {"tolerance": 0.05, "error_norm": "max"}),
    "target_error, dual": (OSCILLATION, None, {"tolerance": 0.02, "reconstruction": "dual"}),
    "target_error, cell_constant": (
        OSCILLATION,
        None,
        {"tolerance": 0.05, "reconstruction": "cell_constant"},
    ),
    "interpolation_error": (
        OSCILLATION,
        None,
        {"criterion": "interpolation_error", "tolerance": 0.01, "max_depth": 7},
    ),
    "feature_map": (
        OSCILLATION,
        None,
        {"criterion": "feature_map", "max_depth": 7, "tolerance": 0.01},
    ),
    "paper": (OSCILLATION, None, {"criterion": "paper", "max_kept_fraction": 0.1, "max_depth": 6}),
    "paper, automatic": (OSCILLATION, None, {"criterion": "paper", "id_tolerance": 0.0}),
    "paper, local": (CT, 0.5, {"criterion": "paper", "networks": "local", "max_depth": 3}),
    "uniform": (BELTRAMI, 0.3, {"criterion": "uniform", "max_depth": 3}),
    "target_error over time": (CT, 0.5, {"tolerance": 0.06, **OVER_TIME}),
    "target_error over time, max": (
        BELTRAMI,
        0.3,
        {"tolerance": 0.04, "error_norm": "max", **OVER_TIME},
    ),
    "interpolation_error over time": (
        BELTRAMI,
        0.3,
        {"criterion": "interpolation_error", "tolerance": 5e-3, "max_depth": 4, **OVER_TIME},
    ),
    "feature_map over time": (
        BELTRAMI,
        0.3,
        {"criterion": "feature_map", "tolerance": 5e-3, "max_depth": 4, **OVER_TIME},
    ),
    "paper over time": (
        BELTRAMI,
        0.3,
        {"criterion": "paper", "max_depth": 3, "max_cells": 4000, **OVER_TIME},
    ),
}
"""Name -> sample, time, parameters."""


def digest(*arrays: Any) -> str:
    """Return a hash of shapes, types and bits."""
    import numpy as np

    found = hashlib.sha256()
    for array in map(np.ascontiguousarray, arrays):
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()[:16]


def mesh_row(name: str) -> dict[str, Any]:
    """Make a mesh; return hashes of its tree and values."""
    import pruning_amr as pa

    sample, at, parameters = MESHES[name]
    inr = pa.load(ROOT / "sample_data" / f"{sample}.pt")
    whole = pa.refine(inr, time=at, seed=3, **parameters)
    mesh = whole.at(at)
    tree = mesh.tree
    trees = [tree.index, tree.level, tree.first_child]
    if whole.space_time is not None:
        over_time = whole.space_time.tree
        trees += [over_time.index, over_time.level, over_time.time_level, over_time.first_child]
    values = [mesh.vertex_values, mesh.node_values, mesh.vertex_change]
    if parameters.get("reconstruction") == "dual":
        values.append(mesh.dual_grid.interpolate(mesh.node_values, mesh.vertices.points[::7]))
    return {"cells": tree.n_leaves, "tree": digest(*trees), "values": digest(*values)}


def value_rows() -> dict[str, dict[str, Any]]:
    """Evaluate and prune; return hashes of what comes out."""
    import numpy as np
    import pruning_amr as pa

    rows = {}
    inr = pa.load(ROOT / "sample_data" / f"{CT}.pt")
    points = np.random.default_rng(0).uniform(-1, 1, (1_500_000, 3))
    found = pa.evaluate(inr, points, time=0.5, tolerance=3e-3)
    rows["scattered points"] = {"cells": len(found), "tree": "", "values": digest(found)}
    image = pa.AdaptiveMesh(inr, pa.RefinementParameters(values="local", image_resolution=160))
    found = image.image(0.5)[1].values
    rows["dense grid"] = {"cells": found.size, "tree": "", "values": digest(found)}
    inr = pa.load(ROOT / "sample_data" / f"{OSCILLATION}.pt")
    chain = pa.prune(inr, 1e-3).chain
    weights = [w.numpy() for layer in chain.layers for w in (layer.weight, layer.bias)]
    rows["pruned network"] = {"cells": chain.n_parameters, "tree": "", "values": digest(*weights)}
    return rows


def rows_of_this_process() -> dict[str, dict[str, Any]]:
    """Return the row of every case, with seconds."""
    rows = {}
    for name in MESHES:
        started = time.perf_counter()
        rows[name] = mesh_row(name)
        rows[name]["seconds"] = time.perf_counter() - started
        print(name, rows[name], file=sys.stderr, flush=True)
    return rows | value_rows()


def rows_of(checkout: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of a checkout, from a process of its own."""
    packages = str(checkout / "python_filters")
    done = subprocess.run(
        [sys.executable, __file__, "--rows"],
        env={**os.environ, "PYTHONPATH": packages},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def main() -> int:
    """Compare; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, nargs="?", default=ROOT)
    parser.add_argument("--rows", action="store_true", help="print the rows of this process only")
    options = parser.parse_args()
    if options.rows:
        print(json.dumps(rows_of_this_process()))
        return 0
    before, after = rows_of(options.other.resolve()), rows_of(ROOT)
    differing = 0
    print("| case | cells | tree | values | seconds before | after |\n|---|---|---|---|---|---|")
    for name, old in before.items():
        new = after[name]
        same = ["same" if old[key] == new[key] else "DIFFERS" for key in ("tree", "values")]
        differing += "DIFFERS" in same
        seconds = [f"{row['seconds']:.1f}" if "seconds" in row else "" for row in (old, new)]
        print(f"| {name} | {new['cells']} | {' | '.join(same)} | {' | '.join(seconds)} |")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
