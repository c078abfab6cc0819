"""Criterion paper through inherited networks against the same rule with the whole network.

    build/bin/python tests/benchmarks/paper_nested.py sample_data/dynamic_ct_4d.pt --time 0.5 \
        --bounds '-1 0 -1 0 -1 0 0 1' --root-resolution 2 2 2 --max-depth 4

Both refine in turn, several times in one process; run it when nothing else runs. Then both judge
every cell that either of them judged, and the decisions are compared; and so are those of the
published rule with another seed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import pruning_amr as pa
import torch
from pruning_amr.inr import parse_overrides
from pruning_amr.inr.threads import parallel_map
from pruning_amr.refinement import make_parameters
from pruning_amr.refinement.criteria.base import make_criterion
from pruning_amr.refinement.loop import boxes_of

_BATCH = 256


def decisions(inr, moment, parameters, tree, nodes) -> np.ndarray:
    """Return which nodes of a tree a criterion refines."""
    criterion = make_criterion(inr, moment, parameters)
    found = []
    for level in np.unique(tree.level[nodes]):
        here = nodes[tree.level[nodes] == level]
        parts = [here[i : i + _BATCH] for i in range(0, len(here), _BATCH)]
        judge = lambda part: criterion(boxes_of(tree, part, criterion.device))  # noqa: E731
        found += parallel_map(judge, parts, criterion.device)
    return (torch.cat(found) > 1).numpy()


def main() -> None:
    """Print ratios of times and how often decisions agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--time", type=float)
    parser.add_argument("--bounds", default="")
    parser.add_argument("--root-resolution", type=int, nargs="+")
    parser.add_argument("--max-depth", type=int, default=4)
    parser.add_argument("--max-kept-fraction", type=float, default=0.2)
    parser.add_argument("--pruning-tolerance", type=float, default=1e-3)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    inr = pa.load(options.checkpoint, **parse_overrides(bounds=options.bounds))
    shared = {
        "criterion": "paper",
        "root_resolution": options.root_resolution,
        "max_depth": options.max_depth,
        "max_cells": 50_000_000,
        "max_kept_fraction": options.max_kept_fraction,
        "pruning_tolerance": options.pruning_tolerance,
    }
    seconds: dict[str, list[float]] = {"full": [], "local": []}
    meshes = {}
    for _ in range(options.runs):
        for networks, spent in seconds.items():
            started = time.perf_counter()
            mesh = pa.refine(inr, time=options.time, networks=networks, **shared)
            meshes[networks] = mesh.at(options.time)
            spent.append(time.perf_counter() - started)
    ratios = [a / b for a, b in zip(seconds["full"], seconds["local"], strict=True)]
    for networks, mesh in meshes.items():
        tested = mesh.history.tested
        print(
            f"{networks}: {mesh.n_cells:,} cells, tested by level {tested}, "
            f"{statistics.median(seconds[networks]):.2f} s"
        )
    print(
        f"inherited networks are {statistics.median(ratios):.1f} times as fast "
        f"({min(ratios):.1f} to {max(ratios):.1f})"
    )
    alike = total = other = 0
    for mesh in meshes.values():
        nodes = np.flatnonzero(np.isfinite(mesh.history.indicator))
        full, local, again = (
            decisions(inr, options.time, make_parameters(**kind, **shared), mesh.tree, nodes)
            for kind in (
                {"networks": "full"},
                {"networks": "local"},
                {"networks": "full", "seed": 1},
            )
        )
        alike, other = alike + int((full == local).sum()), other + int((full == again).sum())
        total += len(nodes)
    print(
        f"{inr.name}: {100 * alike / total:.2f} % of {total:,} cells alike; of the published rule "
        f"with another seed {100 * other / total:.2f} %"
    )


if __name__ == "__main__":
    main()
