"""Overlapping AMR: valid to VTK, covering the domain once, with the network's values."""

from __future__ import annotations

import numpy as np
import pytest
from _helpers.reference import assert_close_to_range, evaluate
from _helpers.vtk_reading import arrays_of, blocks_of, bounds_of, is_valid
from pruning_amr.datasets import to_vtk


def cell_sizes(block) -> np.ndarray:
    return np.diff(block.box, axis=2)[..., 0]


def test_vtk_finds_it_valid(case):
    amr = to_vtk(case.mesh, "overlapping_amr")
    assert amr.GetNumberOfLevels() == case.tree.depth + 1
    assert is_valid(amr)


def test_bounds_are_those_of_the_domain(case):
    bounds = bounds_of(to_vtk(case.mesh, "overlapping_amr"))
    np.testing.assert_allclose(bounds[: case.dimension], case.tree.bounds, rtol=1e-12)


def test_visible_cells_fill_the_domain_once(case):
    blocks = blocks_of(to_vtk(case.mesh, "overlapping_amr"), case.dimension)
    volume = sum(cell_sizes(b)[b.visible].prod(axis=1).sum() for b in blocks)
    assert volume == pytest.approx(case.volume, rel=1e-9)
    points = np.random.default_rng(0).random((300, case.dimension))
    points = case.tree.bounds[:, 0] + points * (case.tree.bounds[:, 1] - case.tree.bounds[:, 0])
    count = np.zeros(300, int)
    for block in blocks:
        box = block.box[block.visible]
        inside = (points[:, None] >= box[..., 0]) & (points[:, None] < box[..., 1])
        count += inside.all(axis=2).sum(axis=1)
    assert (count == 1).all()


def test_visible_cells_are_at_least_as_fine_as_the_mesh(case):
    for block in blocks_of(to_vtk(case.mesh, "overlapping_amr"), case.dimension):
        level = case.tree.level[case.tree.locate(block.centers[block.visible])]
        assert (level <= block.level).all()


def test_cell_sizes_halve_from_level_to_level(case):
    extent = case.tree.bounds[:, 1] - case.tree.bounds[:, 0]
    for block in blocks_of(to_vtk(case.mesh, "overlapping_amr"), case.dimension):
        expected = extent / np.array(case.tree.root_resolution) / 2.0**block.level
        np.testing.assert_allclose(cell_sizes(block), np.tile(expected, (len(block.box), 1)))
        np.testing.assert_array_equal(block.arrays["level"], block.level)


def test_blocks_of_a_level_do_not_overlap_and_lie_in_the_level_above(case):
    blocks = blocks_of(to_vtk(case.mesh, "overlapping_amr"), case.dimension)
    for level in range(1, case.tree.depth + 1):
        fine = np.concatenate([b.centers for b in blocks if b.level == level])
        assert len(np.unique(np.round(fine, 9), axis=0)) == len(fine)
        coarse = np.concatenate([b.box for b in blocks if b.level == level - 1])
        visible = np.concatenate([b.visible for b in blocks if b.level == level - 1])
        covered = np.zeros(len(coarse), int)
        for center in fine:
            inside = ((center > coarse[..., 0]) & (center < coarse[..., 1])).all(axis=1)
            assert inside.sum() == 1
            covered += inside
        # Blanked are exactly the cells that hold all their 2^dimension finer ones.
        assert set(covered) <= {0, 2**case.dimension}
        np.testing.assert_array_equal(visible, covered == 0)


def test_values_are_the_networks_at_the_centres_of_all_cells(case):
    blocks = blocks_of(to_vtk(case.mesh, "overlapping_amr"), case.dimension)
    exact = evaluate(case.network, np.concatenate([b.centers for b in blocks]))
    for output in case.inr.outputs:
        stored = np.concatenate([b.arrays[output.name].reshape(len(b.box), -1) for b in blocks])
        assert_close_to_range(stored, exact[:, list(output.components)])


def test_indicator_is_that_of_the_nodes_and_missing_elsewhere(case):
    tree, indicator = case.tree, case.mesh.history.indicator
    known = {
        (int(level), *map(int, index)): value
        for level, index, value in zip(tree.level, tree.index, indicator, strict=True)
    }
    for block in blocks_of(to_vtk(case.mesh, "overlapping_amr"), case.dimension):
        unit = (block.centers - tree.bounds[:, 0]) / tree.cell_size(block.level)
        for index, stored in zip(np.floor(unit), block.arrays["indicator"], strict=True):
            value = known.get((block.level, *map(int, index)), np.nan)
            assert stored == (-1 if np.isnan(value) else np.float32(value))


@pytest.mark.parametrize("n_pieces", [2, 3, 50])
def test_pieces_together_are_the_whole(case, n_pieces):
    whole = blocks_of(to_vtk(case.mesh, "overlapping_amr"), case.dimension)
    parts = []
    for piece in range(n_pieces):
        amr = to_vtk(case.mesh, "overlapping_amr", piece, n_pieces)
        assert amr.GetNumberOfLevels() == case.tree.depth + 1
        assert arrays_of(amr.GetFieldData())["INR"].size
        parts += blocks_of(amr, case.dimension)
    assert len(parts) == len(whole)

    def key(block):
        return block.level, *block.box[0].ravel().tolist()

    for ours, theirs in zip(sorted(parts, key=key), sorted(whole, key=key), strict=True):
        np.testing.assert_array_equal(ours.box, theirs.box)
        np.testing.assert_array_equal(ours.visible, theirs.visible)
        for name, values in theirs.arrays.items():
            np.testing.assert_array_equal(ours.arrays[name], values)
