"""What a norm makes of a verification: whether the mesh is good, and what to aim at next."""

from __future__ import annotations

import math

import numpy as np
import pytest
from _helpers.reference import random_network, to_inr
from pruning_amr.mesh import Tree
from pruning_amr.refinement import make_parameters
from pruning_amr.refinement.cell_errors import CellErrors
from pruning_amr.refinement.explorer import Explorer
from pruning_amr.refinement.norms import RootMeanSquare
from pruning_amr.refinement.progress import Watch
from pruning_amr.refinement.verification import Verified

TOLERANCE = 0.001


def searched() -> RootMeanSquare:
    """A search that has found its first mesh."""
    inr = to_inr(random_network(np.random.default_rng(3), (2, 16, 16, 1), "sin", 3.0))
    parameters = make_parameters(device="cpu", tolerance=TOLERANCE)
    tree = Tree.regular(inr.spatial_bounds, parameters.root_grid(inr.spatial_bounds))
    errors = CellErrors(inr, None, parameters, tree)
    explorer = Explorer(tree, errors, parameters, Watch(None, 0.0))
    explorer.begin()
    norm = RootMeanSquare(explorer, parameters)
    norm.find()
    return norm


@pytest.fixture
def norm() -> RootMeanSquare:
    return searched()


def verified(square: float, scatter: float, usual: float, usual_scatter: float) -> Verified:
    """What fresh points told, squares in units of what is allowed."""
    allowed = TOLERANCE**2
    return Verified(square * allowed, scatter, math.nan, usual * allowed, usual_scatter)


def aim_after(fresh: Verified) -> float:
    """The squared error that the second mesh is aimed at."""
    norm = searched()
    aim = norm._aim
    assert norm.judge(fresh, 0.0)[1:] == (False, False)
    assert norm._aim != aim
    return norm._aim


def test_the_next_mesh_is_aimed_at_what_usual_points_allow():
    aim = aim_after(verified(1.3, 0.2, 1.1, 0.02))
    # Neither by how much the rare ones add, nor by how they scatter.
    assert aim_after(verified(2.0, 0.25, 1.1, 0.02)) == aim
    assert aim_after(verified(1.3, 0.2, 1.1, 0.1)) == pytest.approx(aim * 1.04 / 1.2)
    assert aim_after(verified(1.3, 0.2, 1.3, 0.02)) == pytest.approx(aim * 1.1 / 1.3)


def test_the_tolerance_is_judged_with_rare_points_too(norm):
    assert norm.judge(verified(0.95, 0.01, 0.95, 0.01), 0.0)[1:] == (True, True)
    assert norm.judge(verified(1.05, 0.2, 0.9, 0.01), 0.0)[1:] == (False, False)
    # What scatters more has to be found further below it.
    assert norm.judge(verified(0.95, 0.1, 0.9, 0.01), 0.0)[1:] == (False, False)


def test_errors_of_networks_and_of_the_mesh_add_up(norm):
    error, met, _ = norm.judge(verified(0.8, 0.01, 0.8, 0.01), 0.6 * TOLERANCE)
    assert error == pytest.approx(TOLERANCE * math.sqrt(0.8 + 0.36))
    assert not met


def test_a_field_that_is_no_number_is_never_met(norm):
    assert norm.judge(Verified(math.inf, 0.0, math.nan, math.inf, 0.0), 0.0)[:2] == (
        math.inf,
        False,
    )


def test_no_new_aim_where_the_search_is_over(norm):
    aim = norm._aim
    assert norm.judge(verified(0.95, 0.01, 0.5, 0.01), 0.0)[2]
    assert norm._aim == aim
