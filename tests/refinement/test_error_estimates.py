"""What is expected of nodes: what their samples say, beside what their surplus foretells."""

from __future__ import annotations

import numpy as np
import pytest
from pruning_amr.mesh import Tree
from pruning_amr.refinement.error_estimates import ErrorEstimates
from pruning_amr.refinement.error_sums import ErrorSums


def test_decay_is_fitted_beside_what_children_inherit_however_samples_scatter():
    """One sample a child scatters by as much as it finds: few are near what is inherited."""
    tree = Tree.regular(np.array([[0.0, 1.0], [0.0, 1.0]]), (32, 32))
    estimates = ErrorEstimates(tree, 4, False)
    children = tree.subdivide(np.arange(tree.n_nodes))
    group = np.ones(len(children), np.int64)
    estimates.expect(children, np.ones(len(children)), group)
    estimates.saved[tree.level == 0] = 1.0
    inherited, left = 4.0, 0.5
    estimates.inherited = np.where(tree.level > 0, inherited, 0.0)
    square = np.random.default_rng(5).exponential(inherited + left, len(children))
    sums = ErrorSums.zeros(len(children))
    sums.count[:], sums.square[:] = 1, square
    estimates.add(children, sums)
    assert estimates.decay().left[1] == pytest.approx(left, abs=0.25)
