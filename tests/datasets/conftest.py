"""Meshes that the tests of data sets share."""

from __future__ import annotations

import numpy as np
import pytest
from _helpers.reference import random_network, steep_network, to_inr
from pruning_amr.inr import Output
from pruning_amr.refinement import build_mesh, make_parameters

pytest.importorskip("vtkmodules", reason="VTK is not installed")

BOUNDS = {2: [[-1.0, 2.0], [0.3, 1.3]], 3: [[-1.0, 2.0], [0.3, 1.3], [10.0, 11.0]]}


class Case:
    """A network, its INR and an adaptive mesh of it."""

    def __init__(self, network, inr, **parameters) -> None:
        self.network, self.inr = network, inr
        values = {"device": "cpu", "min_depth": 0, "max_depth": 3, "tolerance": 0.02}
        values["criterion"] = "interpolation_error"
        # Most tests compare cells with leaves.
        values["hanging_nodes"] = "free"
        self.mesh = build_mesh(inr, make_parameters(**{"indicator": True, **values, **parameters}))
        self.tree = self.mesh.tree
        self.dimension = self.tree.dimension
        self.volume = float(np.prod(self.tree.bounds[:, 1] - self.tree.bounds[:, 0]))

    def leaf_boxes(self) -> np.ndarray:
        """Boxes of the leaves, shape (n_leaves, dimension, 2), in the order of the tree."""
        leaves = self.tree.leaves
        size = self.tree.cell_size(self.tree.level[leaves])
        low = self.tree.bounds[:, 0] + self.tree.index[leaves] * size
        return np.stack([low, low + size], axis=2)


def _front(dimension: int, **parameters) -> Case:
    network = steep_network(dimension, 20.0, np.mean(BOUNDS[dimension], axis=1))
    case = Case(network, to_inr(network, BOUNDS[dimension]), **parameters)
    levels = np.unique(case.tree.level[case.tree.leaves])
    assert len(levels) >= 3, "the mesh of a test has to have several levels"
    return case


def _flow() -> Case:
    network = random_network(np.random.default_rng(4), (3, 16, 16, 5), "sin", gain=3)
    outputs = (Output("velocity", (2, 0, 1)), Output("pressure", (3,)), Output("pair", (4, 0)))
    inr = to_inr(network, BOUNDS[3], outputs=outputs)
    return Case(network, inr, max_depth=2, tolerance=0.04)


CASES = {
    "plane": lambda: _front(2, root_resolution=(3, 2)),
    "deep plane": lambda: _front(2, root_resolution=(1, 1), max_depth=6),
    "volume": lambda: _front(3, root_resolution=(3, 1, 2), max_depth=3),
    "flow": _flow,
    "roots only": lambda: Case(
        n := steep_network(3, 2.0, np.mean(BOUNDS[3], axis=1)),
        to_inr(n, BOUNDS[3]),
        criterion="uniform",
        root_resolution=(5, 3, 2),
        max_depth=1,
        max_cells=30,
    ),
}


@pytest.fixture(scope="package", params=CASES)
def case(request) -> Case:
    return CASES[request.param]()


@pytest.fixture(scope="package")
def flow() -> Case:
    return CASES["flow"]()


@pytest.fixture(scope="package")
def plane() -> Case:
    return CASES["plane"]()
