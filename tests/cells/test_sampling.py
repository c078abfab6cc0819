"""Sample points: uniform, independent, and a function of cell and seed alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
import torch
from pruning_amr.cells.sampling import lattice_in_cells, uniform_in_cells


def grid_cells(level: int, dimension: int) -> tuple[torch.Tensor, torch.Tensor]:
    index = torch.tensor(list(itertools.product(range(2**level), repeat=dimension)))
    return torch.full((len(index),), level), index


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_points_are_uniform_along_every_axis(dimension, seed):
    level, index = grid_cells(3, dimension)
    unit = uniform_in_cells(level, index, 64, 0, seed).numpy()
    assert unit.min() >= 0 and unit.max() < 1
    for axis in range(dimension):
        assert scipy.stats.kstest(unit[..., axis].ravel(), "uniform").pvalue > 1e-4
        # and within the first sample of every cell, the one most like a counter
        assert scipy.stats.kstest(unit[:, 0, axis], "uniform").pvalue > 1e-4


def test_points_fill_the_square_evenly():
    level, index = grid_cells(4, 2)
    unit = uniform_in_cells(level, index, 128, 1, 3).numpy().reshape(-1, 2)
    counts, _, _ = np.histogram2d(*unit.T, bins=16, range=[[0, 1], [0, 1]])
    assert scipy.stats.chisquare(counts.ravel()).pvalue > 1e-4


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return abs(float(np.corrcoef(a.ravel(), b.ravel())[0, 1])) * np.sqrt(a.size)


def test_axes_samples_cells_streams_and_seeds_are_uncorrelated():
    level, index = grid_cells(3, 3)
    unit = uniform_in_cells(level, index, 32, 0, 0).numpy()
    other_stream = uniform_in_cells(level, index, 32, 1, 0).numpy()
    other_seed = uniform_in_cells(level, index, 32, 0, 1).numpy()
    other_level = uniform_in_cells(level + 1, index, 32, 0, 0).numpy()
    pairs = {
        "axes": (unit[..., 0], unit[..., 1]),
        "far axes": (unit[..., 0], unit[..., 2]),
        "samples": (unit[:, :-1], unit[:, 1:]),
        "cells": (unit[:-1], unit[1:]),
        "streams": (unit, other_stream),
        "seeds": (unit, other_seed),
        "levels": (unit, other_level),
    }
    for name, (a, b) in pairs.items():
        # In standard deviations of what independent numbers give.
        assert correlation(a, b) < 4.5, name


def test_no_two_cells_share_their_points():
    points = []
    for level in range(5):
        levels, index = grid_cells(level, 2)
        for stream, seed in itertools.product((0, 1), (0, 1, 2)):
            points.append(uniform_in_cells(levels, index, 1, stream, seed).numpy().reshape(-1))
    points = np.concatenate(points)
    assert len(np.unique(points)) == len(points)


def test_points_do_not_depend_on_the_batch(rng):
    level, index = grid_cells(3, 3)
    whole = uniform_in_cells(level, index, 10, 1, 7)
    order = torch.from_numpy(rng.permutation(len(level)))
    assert torch.equal(uniform_in_cells(level[order], index[order], 10, 1, 7), whole[order])
    for i in (0, 17, 511):
        alone = uniform_in_cells(level[i : i + 1], index[i : i + 1], 10, 1, 7)
        assert torch.equal(alone[0], whole[i])


def test_points_do_not_depend_on_threads(threads):
    level, index = grid_cells(4, 3)
    threads(1)
    one = uniform_in_cells(level, index, 16, 0, 0)
    threads(2)
    assert torch.equal(uniform_in_cells(level, index, 16, 0, 0), one)


def test_points_are_the_same_on_every_machine():
    """SplitMix64 by hand, in Python's integers."""

    def mix(z: int) -> int:
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        return z ^ (z >> 31)

    level, index, stream, seed = 3, (5, 2), 1, 42
    golden = 0x9E3779B97F4A7C15
    key = mix((level * 256 + stream * 65536 + mix(seed)) % 2**64)
    for i in index:
        key = mix((key + golden + i) % 2**64)
    expected = [(mix((key + c * golden) % 2**64) >> 11) * 2.0**-53 for c in range(1, 9)]
    found = uniform_in_cells(torch.tensor([level]), torch.tensor([index]), 4, stream, seed)
    assert found.reshape(-1).tolist() == expected


@pytest.mark.parametrize("count", [1, 5])
def test_arrays_of_numpy_and_of_pytorch_give_the_same_points(count, rng):
    index = rng.integers(0, 2**31, (200, 3))
    level = rng.integers(0, 60, 200)
    for stream, seed in itertools.product((0, 7), (0, 2**63 - 1)):
        for points in (uniform_in_cells, lattice_in_cells):
            tensors = torch.from_numpy(level), torch.from_numpy(index)
            ours = points(level.astype(np.int32), index.astype(np.int32), count, stream, seed)
            assert ours.dtype == np.float64
            np.testing.assert_array_equal(ours, points(*tensors, count, stream, seed).numpy())


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**63 - 1])
def test_any_seed_gives_points(seed):
    level, index = grid_cells(1, 2)
    unit = uniform_in_cells(level, index, 100, 0, seed).numpy()
    assert 0.3 < unit.mean() < 0.7


@pytest.mark.parametrize("dimension", [2, 3])
def test_lattice_points_cover_a_cell_more_evenly_than_random_ones(dimension):
    level, index = grid_cells(3, dimension)
    even = lattice_in_cells(level, index, 64, 0, 0).numpy()
    random = uniform_in_cells(level, index, 64, 0, 0).numpy()
    assert even.shape == random.shape
    assert even.min() >= 0 and even.max() < 1

    def scatter(unit: np.ndarray) -> float:
        return float(np.std(np.mean(unit.prod(axis=2), axis=1)))

    assert scatter(even) < 0.6 * scatter(random)
    # without bias: the shift of a cell is uniform
    assert abs(even.prod(axis=2).mean() - 0.5**dimension) < 5e-3


def test_lattice_points_are_a_function_of_cell_stream_and_seed():
    level, index = grid_cells(3, 2)
    points = lattice_in_cells(level, index, 16, 2, 7)
    order = torch.randperm(len(level), generator=torch.Generator().manual_seed(0))
    again = lattice_in_cells(level[order], index[order], 16, 2, 7)
    assert torch.equal(again, points[order])
    assert torch.equal(lattice_in_cells(level[5:6], index[5:6], 8, 2, 7), points[5:6, :8])
    for other in (
        lattice_in_cells(level, index, 16, 3, 7),
        lattice_in_cells(level, index, 16, 2, 8),
    ):
        assert correlation(other.numpy(), points.numpy()) < 4
    assert len(torch.unique(points[:, 0], dim=0)) == len(level)
