"""Numbers of points kept by families are those that a lattice gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from _helpers.reference import random_network, to_inr
from pruning_amr.mesh import SpaceTimeTree, Tree
from pruning_amr.refinement import make_parameters
from pruning_amr.refinement.cell_errors import CellErrors
from pruning_amr.refinement.explorer import Explorer
from pruning_amr.refinement.progress import Watch
from pruning_amr.refinement.space_time_explorer import SpaceTimeExplorer


def explored(dimension: int, over_time: bool, reconstruction: str, seed: int) -> Explorer:
    """An explorer whose tree was refined at random."""
    rng = np.random.default_rng(seed)
    inr = to_inr(random_network(rng, (dimension, 8, 1), "sin", 2.0))
    parameters = make_parameters(
        device="cpu", max_depth=8, min_depth=1, reconstruction=reconstruction
    )
    if over_time:
        names = (*"xyz"[: dimension - 1], "t")
        inr = replace(inr, inputs=names, times=np.linspace(0, 1, 5))
        roots = parameters.space_time_root_grid(inr.spatial_bounds)
        bounds = np.vstack([inr.spatial_bounds, inr.checked_bounds()[inr.time_axis]])
        tree, kind = SpaceTimeTree.regular(bounds, roots), SpaceTimeExplorer
    else:
        tree, kind = Tree.regular(inr.spatial_bounds, (3,) * dimension), Explorer
    errors = CellErrors(inr, None, parameters, tree)
    explorer = kind(tree, errors, parameters, Watch(None, 0.0))
    explorer.begin()
    for _ in range(7):
        leaves = explorer.open_leaves
        if over_time:
            # Split in either direction by chance.
            explorer._changing[:] = True
            explorer._sampled_parts = rng.random((tree.n_nodes, 2))
            explorer._sampled_parts[:, 1] /= tree.n_children - 1
        explorer.explore(rng.permutation(leaves)[: 1 + len(leaves) // 5])
    return explorer


@pytest.mark.parametrize(("seed", "n_kept"), [(0, 0), (1, 150), (2, 1 << 16)])
@pytest.mark.parametrize(
    ("dimension", "over_time", "reconstruction"),
    [
        (1, False, "multilinear"),
        (2, False, "multilinear"),
        (3, False, "multilinear"),
        (2, False, "cell_constant"),
        (3, False, "cell_constant"),
        (2, True, "multilinear"),
        (3, True, "multilinear"),
        (4, True, "multilinear"),
    ],
)
def test_they_are_those_of_the_lattice(
    dimension, over_time, reconstruction, seed, n_kept, monkeypatch
):
    monkeypatch.setattr("pruning_amr.refinement.point_numbers._PART", 100)
    monkeypatch.setattr("pruning_amr.refinement.point_numbers._KEPT", n_kept)
    explorer = explored(dimension, over_time, reconstruction, seed)
    tree, lattice = explorer.tree, explorer.errors.lattice
    assert tree.depth >= 2
    if over_time:
        assert tree.time_depth >= 2
    nodes = np.random.default_rng(seed).permutation(np.arange(tree.n_nodes).repeat(2))
    n_points = lattice.n_points
    found = explorer.point_numbers(nodes)
    np.testing.assert_array_equal(found, explorer.errors.nodes.points(tree, nodes))
    assert lattice.n_points == n_points
    assert explorer.point_numbers(nodes[:0]).shape == (0, found.shape[1])


def test_they_take_a_fraction_of_the_memory_of_a_table(monkeypatch):
    monkeypatch.setattr("pruning_amr.refinement.point_numbers._KEPT", 0)
    explorer = explored(4, True, "multilinear", 0)
    leaves = explorer.open_leaves
    explorer.explore(leaves)
    kept = vars(explorer._points).values()
    n_bytes = sum(array.nbytes for array in kept if isinstance(array, np.ndarray))
    assert n_bytes < 0.6 * 1.25 * 64 * explorer.tree.n_nodes
