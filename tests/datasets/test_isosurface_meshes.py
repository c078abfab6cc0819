"""What VTK's contour makes of meshes by criterion isosurface: closed, whole, and near the truth."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.level_sets import LEVEL, Bump, Topology, bump_network, topology
from _helpers.reference import evaluate, to_inr
from _helpers.vtk_contours import contoured
from pruning_amr.refinement.surface_verification import points_on_simplices

BALLS = [Bump((-0.4, 0.1, 0.0), 0.35), Bump((0.5, 0.5, 0.5), 0.2)]


def distances(network, points: np.ndarray) -> np.ndarray:
    step = 1e-5
    slopes = [
        (evaluate(network, points + step * e) - evaluate(network, points - step * e)) / (2 * step)
        for e in np.eye(3)
    ]
    slope = np.linalg.norm(np.concatenate(slopes, axis=1), axis=1)
    return np.abs(evaluate(network, points)[:, 0] - LEVEL) / slope / np.sqrt(12)


@pytest.mark.parametrize(
    ("output_type", "hanging_nodes", "several_levels", "allowed"),
    [
        ("unstructured_grid", "split", True, 2e-3),
        ("unstructured_grid", "free", False, 2e-3),
        ("hyper_tree_grid", "free", False, 2e-3),
        # Linear between the centres of leaves, some larger than those the surface meets.
        ("hyper_tree_grid", "split", True, 4e-3),
    ],
)
def test_the_contour_of_the_mesh_is_closed_and_within_the_tolerance(
    output_type, hanging_nodes, several_levels, allowed
):
    network = bump_network(BALLS)
    inr = to_inr(network, [[-1.0, 1.0]] * 3)
    mesh = pa.refine(
        inr,
        criterion="isosurface",
        isovalues=[LEVEL],
        tolerance=2e-3,
        smallest_feature=1 / 16,
        hanging_nodes=hanging_nodes,
        balance="corners",
        device="cpu",
    )
    # Leaves at the surface are of several levels, but where hanging vertices would tear it.
    at = mesh.at()
    sides = at.vertex_values[at.vertices.corners][..., 0] >= LEVEL
    levels = np.unique(at.tree.level[at.tree.leaves[sides.any(axis=1) & ~sides.all(axis=1)]])
    assert (len(levels) > 1) == several_levels
    points, triangles = contoured(mesh.to_vtk(output_type), "value", LEVEL)
    assert topology(triangles) == Topology(2, 4)
    samples = points_on_simplices(points, triangles, 20_000, seed=3)
    assert np.quantile(distances(network, samples), 0.999) <= allowed
