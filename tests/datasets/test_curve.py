"""A field of one dimension: its curve, and the other data sets it can be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from _helpers.errors import one_clear_sentence
from _helpers.reference import assert_close_to_range, evaluate, random_network, to_inr
from _helpers.vtk_reading import arrays_of, read_dataset
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr import ParameterError
from pruning_amr.api import AdaptiveMesh
from pruning_amr.datasets import FILE_EXTENSIONS, extract_inr, to_vtk, write_dataset
from pruning_amr.datasets.accuracy import measure_dataset_accuracy
from pruning_amr.datasets.probe import probe_arrays
from pruning_amr.inr import Output
from pruning_amr.mesh import Mesh, Tree
from pruning_amr.mesh.history import History
from pruning_amr.refinement import make_parameters
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.util.vtkConstants import VTK_LINE, VTK_POLY_LINE

BOUNDS = [[-1.0, 2.0]]
OUTPUTS = (Output("force", (2, 0)), Output("value", (1,)))
TYPES = ("poly_data", "unstructured_grid")


def uneven(seed: int = 0, roots: int = 3, n_outputs: int = 3, **parameters) -> tuple[list, Mesh]:
    """Return a random network of x, and a random mesh of it."""
    rng = np.random.default_rng(seed)
    network = random_network(rng, (1, 16, 16, n_outputs), "sin", gain=3.0)
    inr = to_inr(network, BOUNDS, **({"outputs": OUTPUTS} if n_outputs == 3 else {}))
    tree = Tree.regular(np.array(BOUNDS), (roots,))
    for level in range(4):
        nodes = np.flatnonzero(tree.level == level)
        tree.subdivide(nodes[rng.random(len(nodes)) < 0.6])
    chosen = make_parameters(device="cpu", indicator=True, **parameters)
    return network, Mesh(inr, 0.0, chosen, tree, History(rng.random(tree.n_nodes)))


def points_of(data) -> np.ndarray:
    return vtk_to_numpy(data.GetPoints().GetData()).astype(float)


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_the_curve_is_the_graph_of_the_network(seed, roots):
    network, mesh = uneven(seed, roots)
    curve = to_vtk(mesh, "poly_data")
    assert curve.GetNumberOfCells() == 1
    assert curve.GetCellType(0) in (VTK_POLY_LINE, VTK_LINE)
    ids = curve.GetCell(0).GetPointIds()
    assert [ids.GetId(i) for i in range(ids.GetNumberOfIds())] == list(range(mesh.n_cells + 1))
    x, height, depth = points_of(curve).T
    ends = mesh.tree.lower_corner(mesh.tree.leaves)[:, 0]
    np.testing.assert_allclose(x, [*sorted(ends), BOUNDS[0][1]], atol=1e-12)
    exact = evaluate(network, x[:, None])
    # The first component of the first output, as it is.
    assert_close_to_range(height[:, None], exact[:, 2:3], 2e-5)
    assert not depth.any()
    arrays = arrays_of(curve.GetPointData())
    assert_close_to_range(arrays["force"], exact[:, [2, 0]], 2e-5)
    assert_close_to_range(arrays["value"][:, None], exact[:, 1:2], 2e-5)
    assert extract_inr(curve).inputs == ("x",)


def test_a_vertex_has_the_larger_level_and_indicator_beside_it():
    _, mesh = uneven()
    arrays = arrays_of(to_vtk(mesh, "poly_data").GetPointData())
    leaves = mesh.tree.leaves[np.argsort(mesh.tree.lower_corner(mesh.tree.leaves)[:, 0])]
    for name, of_nodes in (("level", mesh.tree.level), ("indicator", mesh.history.indicator)):
        of_cells = of_nodes[leaves]
        around = np.maximum([of_cells[0], *of_cells], [*of_cells, of_cells[-1]])
        np.testing.assert_allclose(arrays[name], around, rtol=1e-6)


@pytest.mark.parametrize("output_type", TYPES)
@pytest.mark.parametrize("n_pieces", [2, 3, 5])
def test_pieces_together_are_the_whole(output_type, n_pieces):
    _, mesh = uneven()
    whole = points_of(to_vtk(mesh, output_type))
    parts = []
    for piece in range(n_pieces):
        part = to_vtk(mesh, output_type, piece, n_pieces)
        assert arrays_of(part.GetFieldData())["INR"].size
        if part.GetNumberOfCells():
            # Each begins where the one before ends.
            parts.append(points_of(part)[1 if parts else 0 :])
        else:
            assert part.GetNumberOfPoints() == 0
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("hanging_nodes", ["free", "constrained", "split"])
def test_an_unstructured_grid_is_made_of_lines(hanging_nodes):
    network, mesh = uneven(hanging_nodes=hanging_nodes)
    grid = to_vtk(mesh, "unstructured_grid")
    assert grid.GetNumberOfCells() == mesh.n_cells
    assert {grid.GetCellType(i) for i in range(grid.GetNumberOfCells())} == {VTK_LINE}
    points = points_of(grid)
    assert not points[:, 1:].any()
    values = arrays_of(grid.GetPointData())["value"][:, None]
    assert_close_to_range(values, evaluate(network, points[:, :1])[:, 1:2], 2e-5)
    np.testing.assert_array_equal(
        arrays_of(grid.GetCellData())["level"], mesh.tree.level[mesh.tree.leaves]
    )


def test_what_an_output_type_is_by_default_and_cannot_be():
    _, mesh = uneven()
    line = AdaptiveMesh(mesh.inr, make_parameters(device="cpu", max_depth=3, tolerance=0.5))
    assert line.to_vtk().GetClassName() == "vtkPolyData"
    assert line.to_vtk("image_data").GetDimensions()[1:] == (1, 1)
    for output_type in ("hyper_tree_grid", "overlapping_amr"):
        for make in (line.to_vtk, lambda t: to_vtk(mesh, t)):
            with one_clear_sentence(ParameterError, output_type, "one spatial", ".vtp", ".vtu"):
                make(output_type)
    with one_clear_sentence(ParameterError, "holes", "poly_data", "unstructured_grid"):
        to_vtk(mesh, "holes")


def test_only_a_field_of_one_dimension_is_a_curve(plane):
    for make in (lambda t: to_vtk(plane.mesh, t), AdaptiveMesh(plane.inr, None).to_vtk):
        with one_clear_sentence(ParameterError, "poly_data", "2 spatial", "hyper_tree_grid"):
            make("poly_data")


def test_changes_between_time_steps_are_those_of_the_network(rng):
    network = random_network(rng, (2, 16, 1), "sin", gain=3.0)
    inr = to_inr(network, [*BOUNDS, [0, 1]], inputs=("x", "t"), times=np.linspace(0, 1, 5))
    for time_mode in ("per_time_step", "space_time"):
        parameters = make_parameters(
            device="cpu", change=True, max_depth=4, tolerance=0.02, time_mode=time_mode
        )
        mesh = AdaptiveMesh(inr, parameters, warn=lambda _: None)
        curve = mesh.to_vtk(time=0.5)
        x = points_of(curve)[:, 0]
        now, before = (evaluate(network, np.column_stack([x, x * 0 + t])) for t in (0.5, 0.25))
        found = arrays_of(curve.GetPointData())["change"]
        assert np.abs(found - (now - before)[:, 0]).max() < 0.1 * np.ptp(now), time_mode
        assert np.abs(points_of(curve)[:, 1] - now[:, 0]).max() < 0.1 * np.ptp(now), time_mode


@pytest.mark.parametrize("output_type", TYPES)
def test_a_file_is_read_as_it_was_written(output_type, tmp_path):
    _, mesh = uneven()
    data = to_vtk(mesh, output_type)
    path = tmp_path / f"line{FILE_EXTENSIONS[output_type]}"
    write_dataset(data, path)
    again = read_dataset(path)
    np.testing.assert_array_equal(points_of(again), points_of(data))
    for name, values in arrays_of(data.GetPointData()).items():
        np.testing.assert_array_equal(arrays_of(again.GetPointData())[name], values)
    assert extract_inr(again).inputs == ("x",)


@given(st.integers(0, 10_000))
def test_a_curve_is_probed_where_x_is(seed):
    _, mesh = uneven(seed)
    curve = to_vtk(mesh, "poly_data")
    x = np.random.default_rng(seed).uniform(-1.5, 2.5, (200, 1))
    (force, value), valid = probe_arrays(curve, x, ["force", "value"])
    np.testing.assert_array_equal(valid, (x[:, 0] >= -1) & (x[:, 0] <= 2))
    expected = mesh.reconstruct(x[valid])
    np.testing.assert_allclose(force[valid], expected[:, [2, 0]], atol=1e-5)
    np.testing.assert_allclose(value[valid], expected[:, 1:2], atol=1e-5)
    with one_clear_sentence(ParameterError, '"heat"'):
        probe_arrays(curve, x, ["heat"])
    empty = to_vtk(mesh, "poly_data", 4, 5)
    assert not probe_arrays(empty, x, ["value"])[1].any()


@pytest.mark.parametrize("output_type", TYPES)
def test_accuracy_is_that_of_the_mesh_and_of_no_image(output_type):
    _, mesh = uneven(n_outputs=1)
    found = measure_dataset_accuracy(mesh, output_type, 5000)
    network = mesh.evaluator
    x = np.random.default_rng(3).uniform(*BOUNDS[0], (50_000, 1))
    error = mesh.reconstruct(x) - network.numpy(x)
    assert found.rmse == pytest.approx(np.sqrt(np.mean(error**2)), rel=0.1)
    assert found.covered == pytest.approx(1, abs=1e-3)
    assert found.ssim_worst is None and found.ssim_mean is None
    assert (found.cells, found.vertices) == (mesh.n_cells, mesh.n_cells + 1)
    assert found.uniform_of_equal_depth.shape == (3 << mesh.tree.depth,)
    uniform = found.uniform_of_equal_error
    assert 1 <= uniform.cells <= found.uniform_of_equal_depth.cells
    crowded = replace(found, cells=10 * uniform.cells)
    assert f"a uniform grid of {uniform.cells:,} cells" in crowded.remark
