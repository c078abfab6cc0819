"""Does criterion paper, as published, decide like a plain QR of every single cell?

Run with ``build/bin/python tests/benchmarks/paper_decisions.py CHECKPOINT [--level L]``. Both get
the same sample points; the plain one works cell by cell with numpy and scipy in float64, which use
all threads. Times are those of both on all cores.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pruning_amr as pa
import torch
from pruning_amr.inr.threads import parallel_map
from pruning_amr.mesh import Tree
from pruning_amr.refinement import make_parameters
from pruning_amr.refinement.criteria.base import make_criterion
from pruning_amr.refinement.loop import boxes_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _helpers.plain_pruning import paper_indicator
from _helpers.reference import Dense

_BATCH = 8
"""Cells that a thread judges at once."""


def main() -> None:
    """Judge random cells of some level twice; print how often the decisions agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--metadata", type=json.loads, default={})
    parser.add_argument("--time", type=float)
    parser.add_argument("--levels", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--cells", type=int, default=100, help="at most, of each level")
    parser.add_argument("--max-kept-fraction", type=float, default=0.1)
    parser.add_argument("--pruning-tolerance", type=float, default=1e-3)
    options = parser.parse_args()
    inr = pa.load(options.checkpoint, **options.metadata)
    p = make_parameters(
        criterion="paper",
        error_formula="published",
        device="cpu",
        max_kept_fraction=options.max_kept_fraction,
        pruning_tolerance=options.pruning_tolerance,
    )
    criterion = make_criterion(inr, options.time, p)
    network = [
        Dense(
            layer.weight.double().numpy(),
            layer.bias.double().numpy(),
            layer.activation.name,
            None if layer.input_weight is None else layer.input_weight.double().numpy(),
        )
        for layer in inr.chain_at(options.time).layers
    ]
    agree = total = refined = 0
    for level in options.levels:
        tree = Tree.regular(
            inr.spatial_bounds, tuple(n << level for n in p.root_grid(inr.spatial_bounds))
        )
        rng = np.random.default_rng(level)
        nodes = rng.permutation(tree.n_nodes)[: options.cells]
        cells = boxes_of(tree, nodes, torch.device("cpu"))
        started = time.perf_counter()
        parts = torch.arange(len(nodes)).split(_BATCH)
        found = parallel_map(lambda part: criterion(cells.take(part)), parts, criterion.device)  # noqa: B023
        ours = torch.cat([*found]).numpy()
        middle = time.perf_counter()
        points = [
            cells.random_points(n, stream, p.seed).numpy()
            for stream, n in enumerate((p.id_samples, p.n_error_samples))
        ]
        plain = [
            max(
                paper_indicator(
                    network,
                    id_points,
                    error_points,
                    p.error_formula,
                    inr.value_range,
                    p.id_tolerance,
                    p.pruning_tolerance,
                    p.max_kept_fraction,
                )
            )
            for id_points, error_points in zip(*points, strict=True)
        ]
        seconds = time.perf_counter() - middle
        same = (ours > 1) == (np.array(plain) > 1)
        agree, total = agree + same.sum(), total + len(same)
        refined += np.count_nonzero(ours > 1)
        print(
            f"level {level}: {same.sum()} of {len(same)} cells alike; plain / batched seconds: "
            f"{seconds / (middle - started):.1f}",
            flush=True,
        )
    print(
        f"{inr.name}: {100 * agree / total:.2f} % of {total} cells alike, {refined} of them refined"
    )


if __name__ == "__main__":
    main()
