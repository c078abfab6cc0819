"""Interpolative decomposition: what column-pivoted QR gives, for every matrix of a batch."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from _helpers.reference import hidden_values, random_network
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.pruning import interpolative_decomposition


def decompose(matrices: np.ndarray, tolerance: float):
    """Return rank, columns and interpolation as numpy arrays."""
    found = interpolative_decomposition(torch.from_numpy(matrices), tolerance)
    return found.rank.numpy(), found.columns.numpy(), found.interpolation.numpy()


def qr_rank_and_pivots(matrix: np.ndarray, tolerance: float) -> tuple[int, np.ndarray]:
    _, r, pivots = scipy.linalg.qr(matrix, mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(r))
    if not len(diagonal) or diagonal[0] == 0:
        return 0, pivots[:0]
    small = np.flatnonzero(diagonal < tolerance * diagonal[0])
    rank = int(small[0]) if len(small) else len(diagonal)
    return rank, pivots[:rank]


def low_rank(rng, rows: int, columns: int, rank: int, noise: float) -> np.ndarray:
    # Different column norms, so that the order of the pivots is not an accident of rounding.
    a = rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, columns))
    return (a + noise * rng.normal(size=(rows, columns))) * rng.uniform(0.3, 1, columns)


def assert_like_qr(matrices: np.ndarray, tolerance: float) -> None:
    rank, columns, interpolation = decompose(matrices, tolerance)
    for i, matrix in enumerate(matrices):
        expected, pivots = qr_rank_and_pivots(matrix, tolerance)
        assert rank[i] == expected
        np.testing.assert_array_equal(columns[i, : rank[i]], pivots)
        assert not interpolation[i, rank[i] :].any()


@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 60),
    columns=st.integers(1, 40),
    rank=st.integers(1, 12),
    noise=st.sampled_from([0.0, 1e-9, 1e-6, 1e-4]),
    tolerance=st.sampled_from([1e-2, 3e-3, 1e-3, 1e-5]),
)
def test_ranks_and_pivots_are_those_of_pivoted_qr(seed, rows, columns, rank, noise, tolerance):
    rng = np.random.default_rng(seed)
    batch = np.stack([low_rank(rng, rows, columns, rank, noise) for _ in range(4)])
    assert_like_qr(batch, tolerance)


@pytest.mark.parametrize("activation", ["silu", "tanh", "sin", "softplus"])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-5])
def test_ranks_and_pivots_on_activations_of_shrinking_cells(rng, activation, tolerance):
    network = random_network(rng, (2, 30, 30, 1), activation, gain=3)
    cells = []
    for size in (1.0, 0.3, 0.1, 0.03):
        x = rng.uniform(-1, 1, 2) + size * rng.random((128, 2))
        cells.append(np.stack(hidden_values(network, x)[:-1]))
    for layer in range(2):
        assert_like_qr(np.stack([c[layer] for c in cells]), tolerance)


@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(2, 50),
    columns=st.integers(2, 40),
    decay=st.floats(0.2, 0.95),
    tolerance=st.sampled_from([1e-1, 1e-2, 1e-3, 1e-5]),
)
def test_error_stays_within_the_bound_of_pivoted_qr(seed, rows, columns, decay, tolerance):
    rng = np.random.default_rng(seed)
    spectrum = decay ** np.arange(min(rows, columns))
    u = np.linalg.qr(rng.normal(size=(rows, len(spectrum))))[0]
    v = np.linalg.qr(rng.normal(size=(columns, len(spectrum))))[0]
    a = (u * spectrum) @ v.T
    rank, kept, interpolation = decompose(a[None], tolerance)
    error = a - a[:, kept[0, : rank[0]]] @ interpolation[0, : rank[0]]
    # What is left of every column is at most the next pivot, tolerance x the largest column.
    largest = np.linalg.norm(a, axis=0).max()
    assert np.linalg.norm(error, axis=0).max() <= 1.001 * tolerance * largest + 1e-12


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 30), rows=st.integers(1, 30))
def test_kept_columns_are_reproduced_exactly(seed, n, rows):
    rng = np.random.default_rng(seed)
    a = low_rank(rng, rows, n, 5, 1e-3)
    rank, kept, interpolation = decompose(a[None], 1e-6)
    k = rank[0]
    assert len(set(kept[0, :k].tolist())) == k
    identity = interpolation[0, :k][:, kept[0, :k]]
    np.testing.assert_allclose(identity, np.eye(k), atol=1e-9)


def test_zero_matrix_has_rank_zero():
    rank, _, interpolation = decompose(np.zeros((3, 20, 8)), 1e-3)
    assert rank.tolist() == [0, 0, 0]
    assert interpolation.shape == (3, 1, 8)
    assert not interpolation.any()


def test_zero_matrix_among_others(rng):
    a = np.stack([np.zeros((20, 8)), rng.normal(size=(20, 8)), np.zeros((20, 8))])
    rank, _, interpolation = decompose(a, 1e-3)
    assert rank.tolist() == [0, 8, 0]
    assert not interpolation[[0, 2]].any()


def test_equal_columns_and_constant_columns_count_once(rng):
    column = rng.normal(size=(50, 1))
    rank, kept, interpolation = decompose(np.hstack([column] * 7)[None], 1e-3)
    # Which one is kept is rounding: a BLAS may sum the columns at the edge of a block otherwise.
    assert rank.tolist() == [1]
    assert kept[0, 0] in range(7)
    np.testing.assert_allclose(interpolation[0], np.ones((1, 7)), rtol=1e-12)
    constants = np.ones((50, 1)) * [3.0, -1.0, 0.5, 0.0]
    rank, kept, interpolation = decompose(constants[None], 1e-3)
    assert (rank.tolist(), kept[0, 0]) == ([1], 0)
    np.testing.assert_allclose(interpolation[0], [[1, -1 / 3, 1 / 6, 0]], atol=1e-12)


def test_duplicated_columns_do_not_raise_the_rank(rng):
    base = rng.normal(size=(40, 6))
    a = np.hstack([base, base[:, ::-1], 0.5 * base, np.zeros((40, 3))])
    rank, kept, interpolation = decompose(a[None], 1e-6)
    assert rank.tolist() == [6]
    np.testing.assert_allclose(a[:, kept[0]] @ interpolation[0], a, atol=1e-9)


def test_dead_neurons_are_never_kept(rng):
    a = np.maximum(rng.normal(size=(64, 20)), 0)
    a[:, [0, 7, 19]] = 0
    rank, kept, interpolation = decompose(a[None], 1e-4)
    assert rank.tolist() == [17]
    assert not {0, 7, 19} & set(kept[0].tolist())
    assert not interpolation[0][:, [0, 7, 19]].any()


def test_fewer_samples_than_columns(rng):
    rank, _, _ = decompose(rng.normal(size=(2, 5, 30)), 1e-6)
    assert rank.tolist() == [5, 5]


def test_rank_does_not_depend_on_the_units_of_the_matrix(rng):
    a = np.stack([low_rank(rng, 40, 20, 6, 1e-5) for _ in range(3)])
    reference = decompose(a, 1e-3)
    for factor in (1e-12, 1e-3, 1e9):
        rank, kept, _ = decompose(factor * a, 1e-3)
        np.testing.assert_array_equal(rank, reference[0])
        np.testing.assert_array_equal(kept, reference[1])


def test_a_matrix_is_decomposed_alike_alone_and_in_any_batch(rng):
    batch = np.stack([low_rank(rng, 60, 30, 1 + i, 1e-5) for i in range(12)])
    rank, columns, interpolation = decompose(batch, 1e-3)
    order = rng.permutation(12)
    shuffled = decompose(batch[order], 1e-3)
    np.testing.assert_array_equal(shuffled[0], rank[order])
    np.testing.assert_array_equal(shuffled[1], columns[order])
    np.testing.assert_allclose(shuffled[2], interpolation[order], atol=1e-9)
    for i in range(12):
        alone, kept, matrix = decompose(batch[i : i + 1], 1e-3)
        k = alone[0]
        assert k == rank[i]
        np.testing.assert_array_equal(kept[0, :k], columns[i, :k])
        np.testing.assert_allclose(matrix[0, :k], interpolation[i, :k], atol=1e-9)


def test_a_smaller_tolerance_keeps_the_same_columns_and_more(rng):
    a = low_rank(rng, 80, 40, 40, 0) * np.logspace(0, -6, 40)
    before = []
    for tolerance in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
        rank, kept, _ = decompose(a[None], tolerance)
        now = kept[0, : rank[0]].tolist()
        assert now[: len(before)] == before
        before = now
    assert len(before) > 20
