"""What the samples of a grid tell about the points between them."""

import numpy as np
import pytest
from pruning_amr.refinement.foreseen_sides import ForeseenSides
from pruning_amr.refinement.start_samples import bulges


def grid(n: int, d: int) -> np.ndarray:
    """Return the points of a grid of the unit cube, (..., d), x first."""
    axes = np.meshgrid(*[np.linspace(0, 1, n)] * d, indexing="ij")
    return np.stack(axes[::-1], axis=-1)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_of_a_smooth_field_most_sides_are_foreseen_and_none_wrong(d) -> None:
    def field(x: np.ndarray) -> np.ndarray:
        return np.sin(5 * x).sum(axis=-1) + x[..., 0] ** 2

    samples, value = field(grid(13, d)), 0.7
    sides = ForeseenSides(samples, [value], [*bulges(samples, [value])])
    lattice = np.indices((25,) * d).reshape(d, -1)[::-1].T
    odd = (lattice & 1).sum(axis=1)
    between = lattice[(odd > 0) & (odd < d)]
    found, sure = sides.at(between)
    exact = field(between / 24.0)
    assert len(between) == 0 or sure.mean() > 0.75
    assert ((found >= value) == (exact >= value))[sure].all()
    # Near enough for a vertex to be moved from: a hundredth of the field's range.
    assert np.abs(found - exact).max(initial=0.0) < 0.01 * np.ptp(samples)
    # What lies in the middle of a cell is evaluated, and so are the samples themselves.
    assert not sides.at(lattice[(odd == d) | (odd == 0)])[1].any()


@pytest.mark.parametrize("centre", [(0.5, 0.5, 0.0), (0.5, 0.0, 0.0), (0.5, 0.4, 0.1)])
def test_where_a_ball_could_hide_nothing_is_foreseen(centre) -> None:
    n = 9
    where = (4 + np.array(centre)) / (n - 1)
    width = 0.5 / (n - 1)

    def field(x: np.ndarray) -> np.ndarray:
        return 2.0 * 0.5 ** (((x - where) ** 2).sum(axis=-1) / width**2)

    samples = field(grid(n, 3))
    sides = ForeseenSides(samples, [1.0], [*bulges(samples, [1.0])])
    lattice = np.indices((2 * n - 1,) * 3).reshape(3, -1)[::-1].T
    odd = (lattice & 1).sum(axis=1)
    between = lattice[(odd > 0) & (odd < 3)]
    found, sure = sides.at(between)
    exact = field(between / (2.0 * n - 2))
    assert (exact >= 1.0).any()
    assert ((found >= 1.0) == (exact >= 1.0))[sure].all()
