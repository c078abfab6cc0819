"""Evaluations, cells and time of the search for a target error, against a uniform grid.

    build/bin/python tests/benchmarks/search.py --checkpoints FOLDER

Each mesh is refined by criterion target_error to a root mean square error; the uniform grid has, by
bisection of its resolution, the same error, and its values are those of plain PyTorch. Evaluations
of the network are counted. FOLDER may hold networks of others, as named in the table; those that it
lacks are left out.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pruning_amr as pa
import torch
from pruning_amr.inr import Evaluator
from pruning_amr.mesh import measure_accuracy
from pruning_amr.refinement import build_mesh, make_parameters

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"
CUBE = {"bounds": [[-1, 1]] * 3}
CASES = [
    (SAMPLES / "dynamic_ct_4d.pt", 0.5, 0.02, {}),
    (SAMPLES / "oscillation_2d.pt", None, 0.01, {}),
    ("harviu/jet_cz_elu_5_128.npz", None, 0.01, CUBE),
    ("harviu/eth_relu_5_128.npz", None, 0.003, CUBE),
    ("harviu/vorts_sin_8_256.npz", None, 0.05, CUBE),
]
"""File, time, tolerance, metadata."""


class Counter:
    """Counts the points at which networks are evaluated while it is active."""

    def __enter__(self) -> Counter:
        self.points, self._call = 0, Evaluator.__call__

        def counted(evaluator: Evaluator, points: torch.Tensor) -> torch.Tensor:
            self.points += len(points)
            return self._call(evaluator, points)

        Evaluator.__call__ = counted
        return self

    def __exit__(self, *_: object) -> None:
        Evaluator.__call__ = self._call


def plain(inr: pa.INR, at: float | None) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the network as a user would write it in PyTorch, at a time."""
    chain, steps = inr.chain_at(at), []
    functions = {"sin": torch.sin, "silu": torch.nn.functional.silu, "elu": torch.nn.functional.elu}
    functions |= {"relu": torch.relu, "identity": lambda x: x}
    for layer in chain.layers:
        steps.append((layer.weight, layer.bias, functions[layer.activation.name]))

    def evaluate(points: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            found = []
            for h in points.split(16384):
                for weight, bias, function in steps:
                    h = function(torch.nn.functional.linear(h, weight, bias))
                found.append(h)
            return torch.cat(found)

    return evaluate


def grid_points(bounds: np.ndarray, n: int) -> torch.Tensor:
    """Return the points of a grid of n points along the longest axis, x fastest."""
    extent = np.diff(bounds)[:, 0]
    numbers = np.maximum(2, np.round((n - 1) * extent / extent.max()).astype(int) + 1)
    axes = [np.linspace(*b, k, dtype=np.float32) for b, k in zip(bounds, numbers, strict=True)]
    grid = np.meshgrid(*reversed(axes), indexing="ij")
    return torch.from_numpy(np.stack([g.reshape(-1) for g in reversed(grid)], axis=1)), numbers


def uniform_error(inr: pa.INR, at: float | None, n: int) -> float:
    """Return the relative error of multilinear interpolation on a uniform grid."""
    from scipy.interpolate import RegularGridInterpolator

    bounds, evaluate = inr.spatial_bounds, plain(inr, at)
    points, numbers = grid_points(bounds, n)
    values = evaluate(points).numpy()[:, 0].reshape(tuple(reversed(numbers)))
    axes = [np.linspace(*b, k) for b, k in zip(bounds, numbers, strict=True)]
    rng = np.random.default_rng(3)
    fresh = bounds[:, 0] + rng.random((100_000, len(bounds))) * np.diff(bounds)[:, 0]
    found = RegularGridInterpolator(axes[::-1], values)(fresh[:, ::-1])
    exact = evaluate(torch.from_numpy(fresh.astype(np.float32))).numpy()[:, 0]
    return float(np.sqrt(((found - exact) ** 2).mean()) / np.diff(inr.value_range)[0, 0])


def uniform_of(inr: pa.INR, at: float | None, error: float) -> int:
    """Return the points along the longest axis of the uniform grid of an error."""
    low, high = 3, 5
    while uniform_error(inr, at, high) > error and high < 700:
        low, high = high, int(high * 1.4)
    while high - low > max(1, low // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if uniform_error(inr, at, middle) <= error else (middle, high)
    return high


def seconds(function: Callable[[], object], runs: int) -> float:
    """Return the median time of a function."""
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        function()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def main() -> None:
    """Measure all cases and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoints", type=Path, default=Path("none"))
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    head = "| field | asked | found | cells | evaluations a cell | s | uniform grid | its s |"
    print(head + " time, mesh / uniform | cells, uniform / mesh |\n" + "|---" * 10 + "|")
    for file, at, tolerance, metadata in CASES:
        path = file if isinstance(file, Path) else options.checkpoints / file
        if not path.is_file():
            continue
        inr = pa.load(path, **metadata)
        # Every mesh of a field needs its range: it is found once.
        _ = inr.value_range
        parameters = make_parameters(tolerance=tolerance, max_cells=10_000_000)
        with Counter() as counter:
            mesh = build_mesh(inr, parameters, at)
        found = measure_accuracy(mesh, 400_000).rmse / np.diff(inr.value_range)[0, 0]
        n = uniform_of(inr, at, found)
        points, numbers = grid_points(inr.spatial_bounds, n)
        evaluate = plain(inr, at)
        ours = seconds(lambda i=inr, p=parameters, t=at: build_mesh(i, p, t), options.runs)
        theirs = seconds(lambda e=evaluate, p=points: e(p), options.runs)
        cells = int(np.prod(numbers - 1))
        print(
            f"| {path.name} | {tolerance:g} | {found:.5f} | {mesh.n_cells:,} | "
            f"{counter.points / mesh.n_cells:.1f} | {ours:.2f} | "
            f"{' x '.join(map(str, numbers))} | {theirs:.2f} | {ours / theirs:.1f} | "
            f"{cells / mesh.n_cells:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
