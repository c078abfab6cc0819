"""Cost of the field at the points of a data set, and of its gradient.

    build/bin/python tests/benchmarks/evaluate.py sample_data/dynamic_ct_4d.pt --time 0.5

In turn, several times in one process, at random points of the domain: `pruning_amr.evaluate` on the
coordinates; the filter's code on a VTK data set of the same points, which also finds out which lie
inside and makes arrays; and both with gradients. Run it when nothing else runs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pruning_amr as pa
from pruning_amr.datasets import evaluate_on
from pruning_amr.datasets.vtk_compat import to_vtk_points
from pruning_amr.views import EvaluationParameters
from vtkmodules.vtkCommonDataModel import vtkPolyData


def main() -> None:
    """Print a line for each way, with its time and what it is relative to plain values."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--time", type=float)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--gradient-points", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    inr, rng = pa.load(options.checkpoint), np.random.default_rng(1)
    low, high = inr.spatial_bounds.T
    print(f"{inr.name}, {options.runs} runs")
    inr.value_range  # noqa: B018  found once, as in a pipeline
    for gradient, n in ((False, options.points), (True, options.gradient_points)):
        points = low + (high - low) * rng.random((n, inr.dimension))
        for values in ("exact",) if gradient else ("exact", "local"):
            ways = _ways(inr, points, options, values)
            if gradient:
                ways |= _ways(inr, points, options, values, gradient)
            _compare(ways, n, options.runs)


def _ways(
    inr: pa.INR,
    points: np.ndarray,
    options: argparse.Namespace,
    values: str,
    gradient: bool = False,
) -> dict[str, Callable[[], object]]:
    """Return what is timed, by what it is called."""
    parameters = EvaluationParameters(values=values, gradient=gradient, device=options.device)
    data, kind = vtkPolyData(), "gradient" if gradient else values
    data.SetPoints(to_vtk_points(points))
    return {
        f"pa.evaluate, {kind}": lambda: pa.evaluate(
            inr, points, time=options.time, **vars(parameters)
        ),
        f"filter, {kind}": lambda: evaluate_on(data, inr, parameters, options.time),
    }


def _compare(ways: dict[str, Callable[[], object]], n: int, runs: int) -> None:
    """Time each way in turn; print medians, and medians of ratios to the first."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, run in ways.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    first = seconds[next(iter(ways))]
    for name, found in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(found, first, strict=True))
        print(
            f"  {n} points, {name}: {statistics.median(found):.2f} s, {ratio:.2f} times the first"
        )


if __name__ == "__main__":
    main()
