"""Time that cells take, by the neurons that their networks keep.

    build/bin/python tests/benchmarks/kept_neurons.py sample_data/dynamic_ct_4d.pt --time 0.5 \
        --figure docs/local_networks/kept_neurons.png

Random cells of several levels are pruned one after another, and each network is evaluated at
4,096 points of its cell, on one thread: medians of several runs. Run it when nothing else runs.
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
from pruning_amr.cells.boxes import Boxes
from pruning_amr.inr.threads import parallel_map
from pruning_amr.pruning.local.network_batch import NetworkBatch
from pruning_amr.pruning.local.prune import Limits, prune_networks, samples_for_rank

_POINTS = 4096


def seconds(work: Callable[[], object], runs: int) -> float:
    """Return the median time of some runs."""
    found = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def exponent(neurons: np.ndarray, times: np.ndarray) -> float:
    """Return the power of the number of neurons that the times grow with."""
    return float(np.polyfit(np.log(neurons), np.log(times), 1)[0])


def measure(inr, moment, level: int, cells: int, runs: int, rng) -> list[tuple[float, ...]]:
    """Return (kept neurons, seconds for evaluation, seconds for pruning again) of cells."""
    network = NetworkBatch.of(inr.chain_at(moment))
    scale = torch.from_numpy(np.diff(inr.value_range)[:, 0])
    low, extent = inr.spatial_bounds[:, 0], np.diff(inr.spatial_bounds)[:, 0]
    rows = []
    for _ in range(cells):
        index = rng.integers(0, 4 << level, len(low))
        size = extent / (4 << level)
        box = [torch.from_numpy(np.asarray(a)[None]) for a in (index, low + index * size, size)]
        one = torch.zeros(1, dtype=torch.long)
        boxes = Boxes(one + level, *box)
        found = prune_networks(network, one, boxes, 4e-5, scale, Limits(samples_for_rank(64)))
        kept, own = int(found.rank.sum()), found.networks[0]
        points = boxes.random_points(_POINTS, 30, 0)
        half = Boxes(boxes.level + 1, boxes.index * 2, boxes.lower, boxes.size / 2)
        samples = samples_for_rank(float(found.rank.double().max()) / 2)
        evaluation = seconds(lambda own=own, points=points: own(points), runs)
        pruning = seconds(
            lambda own=own, half=half, one=one, n=samples: prune_networks(
                own, one, half, 4e-5, scale, Limits(n)
            ),
            runs,
        )
        rows.append((kept, evaluation, pruning))
    return rows


def main() -> None:
    """Print what the times grow with; draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--time", type=float)
    parser.add_argument("--levels", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--cells", type=int, default=40, help="of each level")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    inr, rng = pa.load(options.checkpoint), np.random.default_rng(0)

    def work(level: int) -> list[tuple[float, ...]]:
        return measure(inr, options.time, level, options.cells, options.runs, rng)

    # As one item, so that it runs as in a worker: on one thread.
    (rows,) = parallel_map(
        lambda levels: [row for level in levels for row in work(level)],
        [options.levels],
        torch.device("cpu"),
    )
    neurons, evaluation, pruning = np.array(rows).T
    evaluation *= 1e9 / _POINTS
    pruning *= 1e3
    total = sum(inr.chain.hidden_widths)
    for low, high in ((0, 0.1), (0.1, 0.2), (0.2, 0.4), (0.4, 1.0)):
        here = (neurons > low * total) & (neurons <= high * total)
        if here.any():
            print(
                f"{100 * low:.0f} to {100 * high:.0f} % of {total} neurons kept: "
                f"{np.median(neurons[here]):.0f}, evaluation {np.median(evaluation[here]):.0f} ns "
                f"a point, pruning again {np.median(pruning[here]):.1f} ms a cell"
            )
    print(
        f"evaluation grows with the power {exponent(neurons, evaluation):.2f} of the kept neurons, "
        f"pruning again with {exponent(neurons, pruning):.2f}"
    )
    if options.figure:
        draw(options.figure, neurons, evaluation, pruning)


def draw(path: Path, neurons: np.ndarray, evaluation: np.ndarray, pruning: np.ndarray) -> None:
    """Draw both times over the number of kept neurons."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True)
    labels = ("evaluation, nanoseconds a point", "pruning again, milliseconds a cell")
    for axis, values, label in zip(axes, (evaluation, pruning), labels, strict=True):
        axis.loglog(neurons, values, "o", markersize=3, alpha=0.6)
        order = np.sort(neurons)
        middle = np.exp(np.mean(np.log(values)) - np.mean(np.log(neurons)))
        axis.loglog(order, middle * order, "k--", linewidth=1, label="linear")
        axis.set(xlabel="kept neurons of all hidden layers", ylabel=label)
        axis.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
