"""Codes of cells: the larger cell around a cell follows from its code."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.cells import CellCodes, Domain

LEVELS = st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True).map(sorted)
ROOTS = st.lists(st.integers(1, 4), min_size=1, max_size=3)


def over(roots) -> Domain:
    return Domain.of([[0.0, 1.0]] * len(roots), roots)


@given(roots=ROOTS, levels=LEVELS, seed=st.integers(0, 2**32 - 1))
def test_codes_shifted_are_those_of_the_larger_cells(roots, levels, seed):
    codes = CellCodes(over(roots), tuple(levels))
    rng = np.random.default_rng(seed)
    index = torch.from_numpy(rng.integers(0, codes.extent, (60, len(roots))))
    code = codes.of(index)
    for i, level in enumerate(levels):
        larger = CellCodes(over(roots), tuple(levels[: i + 1]))
        shift = codes.level - level
        assert torch.equal(code >> (len(roots) * shift), larger.of(index >> shift))


@given(roots=ROOTS, levels=LEVELS)
def test_the_cells_below_all_coarse_cells_are_all_cells_in_order(roots, levels):
    codes, coarse = (CellCodes(over(roots), tuple(x)) for x in (levels, levels[:1]))
    if math.prod(codes.extent) > 20_000:
        return
    cells = codes.below(torch.arange(math.prod(coarse.extent)), coarse)
    assert cells.code.tolist() == list(range(math.prod(codes.extent)))
    assert torch.equal(codes.of(cells.index), cells.code)


def test_points_belong_to_the_cell_they_lie_in():
    codes = CellCodes(over((2, 1)), (1,))
    unit = torch.tensor([[0.0, 0.0], [0.26, 0.5], [1.0, 1.0], [-3.0, 7.0]]).double()
    assert codes.index_at(unit).tolist() == [[0, 0], [1, 1], [3, 1], [0, 1]]
