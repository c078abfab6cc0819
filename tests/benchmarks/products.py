"""What reproducible products of matrices cost: whole networks, and local networks.

Run as ``products.py`` on a quiet machine. Each row compares, in processes that alternate, MKL's own
choice of kernels ("MKL_CBWR=AUTO", which the package leaves alone), its reproducible mode (what the
package asks for), and products in float64 (what it takes if the rows of a BLAS round unlike).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SAMPLE = Path(__file__).resolve().parents[2] / "sample_data" / "dynamic_ct_4d.pt"
RUNS = 5


def measure(kind: str) -> dict[str, float]:
    """Return seconds of each task in this process."""
    import pruning_amr as pa
    from pruning_amr.inr import products

    if kind == "float64":
        products.rows_round_alike = lambda: False
    elif kind == "fastest":
        products.rows_round_alike = lambda: True
    inr = pa.load(SAMPLE)
    points = np.random.default_rng(0).uniform(-1, 1, (300_000, 3))
    exact = {"time": 0.5, "values": "exact"}
    pa.evaluate(inr, points[:1000], **exact)
    seconds = {}
    started = time.perf_counter()
    pa.evaluate(inr, points, **exact)
    seconds["300,000 points, whole network"] = time.perf_counter() - started
    started = time.perf_counter()
    pa.refine(inr, tolerance=0.05, time=0.5)
    seconds["mesh at 5 %"] = time.perf_counter() - started
    started = time.perf_counter()
    parameters = pa.RefinementParameters(values="local", tolerance=0.01, image_resolution=192)
    pa.AdaptiveMesh(inr, parameters).image(0.5)
    seconds["image of 192³, local networks"] = time.perf_counter() - started
    return seconds


def main() -> None:
    """Print medians, and ratios to MKL's own choice."""
    found: dict[str, list[dict[str, float]]] = {"fastest": [], "strict": [], "float64": []}
    for _ in range(RUNS):
        for kind, results in found.items():
            environment = {k: v for k, v in os.environ.items() if k != "MKL_CBWR"}
            if kind == "fastest":
                environment["MKL_CBWR"] = "AUTO"
            command = [sys.executable, __file__, kind]
            done = subprocess.run(command, env=environment, capture_output=True, check=True)
            results.append(json.loads(done.stdout.splitlines()[-1]))
    for task in found["fastest"][0]:
        medians = {k: statistics.median(r[task] for r in v) for k, v in found.items()}
        ratios = {k: m / medians["fastest"] for k, m in medians.items()}
        text = ", ".join(f"{k} {medians[k]:.2f} s ({ratios[k]:.2f})" for k in found)
        print(f"{task}: {text}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
