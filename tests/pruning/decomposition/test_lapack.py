"""Pivots of Gram matrices: LAPACK and the batched factorisation agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.pruning.decomposition.interpolative import (
    batched_pivoted_cholesky,
    gram_of,
    pivoted_cholesky,
    pivots_of,
    solved_rows,
)


def gram_matrices(seed: int, n: int, decay: float, count: int = 5) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(count, 2 * n, n)) * 10.0 ** (-decay * np.arange(n))
    return torch.from_numpy(a.transpose(0, 2, 1) @ a)


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 40),
    decay=st.floats(0.01, 0.5),
    tolerance=st.floats(1e-5, 0.5),
)
def test_lapack_and_the_batched_factorisation_agree(seed, n, decay, tolerance):
    gram = gram_matrices(seed, n, decay)
    threshold = torch.diagonal(gram, dim1=1, dim2=2).amax(dim=1) * tolerance**2
    factor, expected, expected_rank = batched_pivoted_cholesky(gram, threshold, n)
    pivots, rank = pivots_of(gram.clone(), threshold)
    assert rank.tolist() == expected_rank.tolist()
    for i, k in enumerate(rank.tolist()):
        assert pivots[i, :k].tolist() == expected[i, :k].tolist()
        assert sorted(pivots[i].tolist()) == list(range(n))
    mine, order, again = pivoted_cholesky(gram.clone(), tolerance, n)
    assert again.tolist() == expected_rank.tolist()
    for i, k in enumerate(again.tolist()):
        assert order[i, :k].tolist() == expected[i, :k].tolist()
        in_pivot_order = factor[i, order[i]].T[:k]
        torch.testing.assert_close(mine[i, :k].triu(), in_pivot_order, atol=1e-8, rtol=1e-6)


@given(seed=st.integers(0, 2**32 - 1), tolerance=st.floats(1e-4, 0.5))
def test_what_is_left_of_every_column_is_within_the_threshold(seed, tolerance):
    a = np.random.default_rng(seed).normal(size=(30, 12)) * 10.0 ** (-0.3 * np.arange(12))
    gram = torch.from_numpy(a.T @ a)[None]
    threshold = torch.tensor([tolerance**2], dtype=torch.float64)
    pivots, rank = pivots_of(gram.clone(), threshold)
    kept = a[:, pivots[0, : rank[0]].numpy()]
    left = a - kept @ np.linalg.lstsq(kept, a, rcond=None)[0] if rank[0] else a
    assert np.sum(left**2, axis=0).max() <= tolerance**2 * (1 + 1e-9)


def test_nothing_is_kept_that_is_below_the_threshold_from_the_start():
    gram = 1e-12 * torch.eye(5, dtype=torch.float64)[None]
    assert pivots_of(gram, torch.tensor([1e-6], dtype=torch.float64))[1].tolist() == [0]


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_nothing_is_kept_of_matrices_without_a_column(value):
    pivots, rank = pivots_of(torch.full((3, 4, 4), value).double(), torch.zeros(3).double())
    assert rank.tolist() == [0, 0, 0]
    assert pivots.shape == (3, 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(4, 30, 7), (1, 5, 12), (3, 8, 1), (0, 4, 3), (2, 6, 0)])
def test_gram_matrices_are_upper_triangles(dtype, shape, rng):
    a = torch.from_numpy(rng.normal(size=shape)).to(dtype)
    found = gram_of(a)
    assert found.dtype == dtype
    torch.testing.assert_close(found, (a.mT @ a).triu(), atol=1e-5, rtol=1e-5)


def test_systems_are_solved_and_indefinite_ones_named(rng):
    a = torch.from_numpy(rng.normal(size=(4, 20, 6)))
    gram, right = gram_of(a), torch.from_numpy(rng.normal(size=(4, 3, 6)))
    full = a.mT @ a
    gram[2, 0, 0] = -1.0
    solution, failed = solved_rows(gram, right.clone())
    assert failed.tolist() == [False, False, True, False]
    torch.testing.assert_close((solution @ full)[~failed], right[~failed])
