"""Run as a program: the same bits and cells, however the work is split.

What can change the bits is chosen by environment variables when a process starts, so
`tests/test_processors.py` runs this once for each choice. Prints what was used, as JSON.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np

if "late" not in sys.argv:
    # Before the package: PyTorch keeps the BLAS that the program has.
    import torch

    if "used" in sys.argv:
        # Too late to choose another mode of MKL.
        torch.exp(torch.zeros(64))
import pruning_amr as pa
import torch
from pruning_amr.cells.boxes import Boxes
from pruning_amr.inr import Evaluator, products
from pruning_amr.pruning import LocalEvaluation, Policy
from pruning_amr.pruning.local.network_batch import NetworkBatch
from pruning_amr.pruning.local.prune import Limits, prune_networks

from _helpers.reference import random_network, to_chain, to_inr


def check_values(rng: np.random.Generator) -> None:
    for width, activation in ((40, "silu"), (48, "sin"), (129, "gelu")):
        chain = to_chain(random_network(rng, (3, width, width, 2), activation))
        x = rng.uniform(-1, 1, (5003, 3))
        whole = Evaluator(chain, "cpu").numpy(x)
        for memory_mb in (1e-6, 0.2, 3.3):
            assert np.array_equal(Evaluator(chain, "cpu", memory_mb).numpy(x), whole), "chunks"
        for start, stop in ((0, 1), (1, 66), (17, 1018)):
            part = Evaluator(chain, "cpu").numpy(x[start:stop])
            assert np.array_equal(part, whole[start:stop]), "points"
        torch.set_num_threads(1)
        assert np.array_equal(Evaluator(chain, "cpu").numpy(x), whole), "threads"
        torch.set_num_threads(2)


def check_networks_in_cells(rng: np.random.Generator) -> None:
    parents = NetworkBatch.of(to_chain(random_network(rng, (3, 40, 40, 40, 1), "silu", gain=2)))
    index = torch.from_numpy(np.unique(rng.integers(0, 8, (30, 3)), axis=0))
    found = []
    for cells in (slice(None), slice(7, 8), slice(3, 12)):
        own = index[cells]
        size = torch.full((len(own), 3), 0.25, dtype=torch.float64)
        boxes = Boxes(torch.full((len(own),), 3), own, own * size - 1, size)
        start = torch.zeros(len(own), dtype=torch.long)
        one = torch.ones(1, dtype=torch.float64)
        result = prune_networks(parents, start, boxes, 1e-3, one, Limits(128))
        networks = {}
        for batch, members in zip(result.networks, result.cells, strict=True):
            for slot, cell in enumerate(members.tolist()):
                networks[tuple(own[cell].tolist())] = [
                    *(layer.weight[slot] for layer in batch.layers),
                    result.error[cell],
                ]
        found.append(networks)
    for some in found[1:]:
        for cell, tensors in some.items():
            assert all(map(torch.equal, tensors, found[0][cell])), "networks in cells"


def check_local_values(rng: np.random.Generator) -> None:
    policy = Policy(least_cost=0.0, interpolated_share=0.0)
    bounds = np.array([[-1.0, 1.0], [-1.0, 1.0]])
    chain = to_chain(random_network(rng, (2, 96, 96, 1), "silu", gain=4))
    evaluation = LocalEvaluation(chain, bounds, np.ones(1), 1e-3, "cpu", policy=policy)
    axes = [np.linspace(-1, 1, 400), np.linspace(-1, 1, 350)]
    whole = evaluation.on_grid(axes)
    torch.set_num_threads(1)
    other = replace(evaluation, memory_mb=4.0).on_grid(axes)
    torch.set_num_threads(2)
    assert sum(whole.statistics.pruned), "nothing was pruned"
    assert whole.plan.id_tolerance == other.plan.id_tolerance, "tolerance"
    assert np.array_equal(whole.values, other.values), "local values"


def check_meshes(rng: np.random.Generator) -> None:
    inr = to_inr(random_network(rng, (2, 48, 48, 1), "sin", gain=3))
    for options in (
        {"tolerance": 0.01, "networks": "full"},
        {"tolerance": 0.03, "error_norm": "max"},
        {"criterion": "paper", "max_kept_fraction": 0.3},
        {"criterion": "interpolation_error", "tolerance": 0.02},
    ):
        trees = []
        for memory_mb, threads in ((1024, 2), (1, 1), (7, 2)):
            torch.set_num_threads(threads)
            mesh = pa.refine(inr, memory_mb=memory_mb, max_depth=4, device="cpu", **options).at()
            trees.append(mesh.tree)
        assert trees[0].n_leaves > 64, "nothing was refined"
        for tree in trees[1:]:
            assert np.array_equal(tree.index, trees[0].index), options
            assert np.array_equal(tree.first_child, trees[0].first_child), options


def main() -> None:
    torch.set_num_threads(2)
    for i, check in enumerate(
        (check_values, check_networks_in_cells, check_local_values, check_meshes)
    ):
        check(np.random.default_rng(i))
    used = {
        "rows_round_alike": products.rows_round_alike(),
        "capability": torch.backends.cpu.get_cpu_capability(),
    }
    print(json.dumps(used))


if __name__ == "__main__":
    main()
