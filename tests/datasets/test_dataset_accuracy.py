"""Accuracy measured on data sets: the same as by formula, and wrong data show."""

from __future__ import annotations

import json

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.errors import one_clear_sentence
from _helpers.reference import linear_network, random_network, to_inr
from _helpers.vtk_reading import blocks_of
from pruning_amr.datasets import accuracy, to_vtk
from pruning_amr.datasets.accuracy import measure_dataset_accuracy
from pruning_amr.datasets.shown import Probed, memory_bytes
from pruning_amr.mesh import measure_accuracy
from pruning_amr.refinement import build_mesh, make_parameters
from pruning_amr.report import mesh_report, write_report
from vtkmodules.util.numpy_support import vtk_to_numpy

OUTPUT_TYPES = ["hyper_tree_grid", "overlapping_amr", "unstructured_grid"]


def build(inr, **parameters):
    return build_mesh(inr, make_parameters(device="cpu", **parameters))


@pytest.fixture
def mesh(inr_3d):
    return build(inr_3d, max_depth=3, tolerance=0.05)


@pytest.mark.parametrize(
    ("output_type", "dual", "reconstruction"),
    [
        ("unstructured_grid", False, "multilinear"),
        ("hyper_tree_grid", False, "cell_constant"),
        ("hyper_tree_grid", True, "dual"),
    ],
)
def test_error_is_that_of_the_formula(case, output_type, dual, reconstruction):
    found = measure_dataset_accuracy(case.mesh, output_type, 20_000, dual, 24)
    expected = measure_accuracy(case.mesh, 20_000, reconstruction)
    tolerance = 5e-3 if dual else 1e-4
    for name in ("rmse", "relative_l2", "psnr"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=tolerance)
    assert found.max_error == pytest.approx(expected.max_error, rel=0.1 if dual else 1e-3)
    assert (found.covered, found.samples) == (1.0, 20_000)
    assert (found.output_type, found.dual) == (output_type, dual)


def test_amr_is_at_least_as_good_as_cells_of_the_tree(mesh):
    found = measure_dataset_accuracy(mesh, "overlapping_amr", 20_000, image_resolution=24)
    constant = measure_accuracy(mesh, 20_000, "cell_constant")
    assert 0.3 * constant.rmse < found.rmse <= constant.rmse
    visible = sum(int(b.visible.sum()) for b in blocks_of(to_vtk(mesh, "overlapping_amr"), 3))
    assert found.cells == visible >= mesh.n_cells


def values_of(data) -> list[np.ndarray]:
    """The arrays of the field, as views: block by block of an AMR."""
    if data.IsA("vtkOverlappingAMR"):
        return [block.arrays["value"] for block in blocks_of(data, 2)]
    cell_data = data.IsA("vtkHyperTreeGrid")
    attributes = data.GetCellData() if cell_data else data.GetPointData()
    return [vtk_to_numpy(attributes.GetArray("value"))]


@pytest.mark.parametrize("output_type", OUTPUT_TYPES)
def test_wrong_values_show(plane, output_type):
    def measure(data):
        return measure_dataset_accuracy(
            plane.mesh, output_type, 20_000, image_resolution=64, data=data
        )

    data = to_vtk(plane.mesh, output_type)
    right = measure(data)
    for array in values_of(data):
        array += 0.5
    shifted = measure(data)
    assert shifted.rmse == pytest.approx(0.5, rel=0.1)
    assert shifted.ssim_worst < right.ssim_worst - 0.01
    for array in values_of(data):
        array -= 0.5
    values_of(data)[-1][-1] += 20
    spoiled = measure(data)
    assert spoiled.max_error > 15
    assert spoiled.rmse > 2 * right.rmse


def test_levels_add_up(case):
    found = measure_dataset_accuracy(case.mesh, "unstructured_grid", 20_000, image_resolution=24)
    levels = found.by_level
    assert [x.level for x in levels] == sorted({int(v) for v in case.tree.level[case.tree.leaves]})
    assert sum(x.cells for x in levels) == case.tree.n_leaves == found.cells
    assert sum(x.volume_share for x in levels) == pytest.approx(1)
    mean_square = sum(x.volume_share * x.rmse**2 for x in levels)
    assert np.sqrt(mean_square) == pytest.approx(found.rmse, rel=0.1)
    assert max(x.max_error for x in levels) == found.max_error


def test_similarity_grows_with_the_cells(inr_3d):
    coarse, fine = (
        measure_dataset_accuracy(
            build(inr_3d, criterion="uniform", max_depth=depth, min_depth=1),
            "hyper_tree_grid",
            1000,
            image_resolution=64,
        )
        for depth in (1, 3)
    )
    assert coarse.ssim_worst <= coarse.ssim_mean < fine.ssim_mean <= 1
    assert coarse.ssim_worst < fine.ssim_worst


@pytest.mark.parametrize(("gain", "share"), [(1, 0.3), (60, 1.0)], ids=["smooth", "rough"])
def test_slices_of_smooth_fields_ask_for_a_quarter_of_the_pixels(rng, gain, share, monkeypatch):
    """A field that changes from pixel to pixel is asked for at all of them."""
    network = random_network(rng, (2, 16, 16, 1), "sin")
    network[0].weight[:] *= gain
    mesh = build(to_inr(network), criterion="uniform", max_depth=3)
    probed = Probed(mesh, to_vtk(mesh, "hyper_tree_grid"), False, None)
    ((points, shape),) = accuracy._slices(mesh.tree.bounds, 200)
    exact = probed.exact(points)
    asked = []

    def counted(self, where):
        asked.append(len(where))
        return mesh.exact_values(where)

    monkeypatch.setattr(Probed, "exact", counted)
    found = accuracy._exact_image(probed, points, shape, probed.found(points)[0])
    assert sum(asked) <= share * len(points) or asked[-1] == len(points)
    assert (asked[-1] == len(points)) == (share == 1.0)
    error = np.sqrt(np.mean((found - exact) ** 2))
    assert error <= 0.06 * np.sqrt(np.mean((probed.found(points)[0] - exact) ** 2))


def test_a_linear_field_looks_the_same():
    mesh = build(to_inr(linear_network([1.0, 2.0])), max_depth=1, min_depth=0)
    found = measure_dataset_accuracy(mesh, "unstructured_grid", 1000)
    assert found.ssim_worst == pytest.approx(1, abs=1e-6)
    assert found.uniform_of_equal_error.shape == (1, 1)


def test_uniform_grids(mesh):
    found = measure_dataset_accuracy(mesh, "unstructured_grid", 20_000, image_resolution=24)
    depth = found.uniform_of_equal_depth
    assert depth.shape == tuple(n << mesh.tree.depth for n in mesh.tree.root_resolution)
    assert depth.memory_bytes == 4 * depth.cells
    equal = found.uniform_of_equal_error
    assert found.cells_saved == equal.cells / mesh.n_cells
    assert found.memory_saved == equal.memory_bytes / found.memory_bytes
    uniform = build(
        mesh.inr,
        criterion="uniform",
        min_depth=0,
        max_depth=1,
        root_resolution=equal.shape,
        max_cells=equal.cells,
    )
    assert measure_accuracy(uniform, 20_000).rmse == pytest.approx(found.rmse, rel=0.15)


def test_an_adaptive_mesh_of_a_front_needs_no_remark(plane):
    mesh = build(plane.inr, max_depth=7, tolerance=0.002, hanging_nodes="free")
    found = measure_dataset_accuracy(mesh, "unstructured_grid", 20_000, image_resolution=24)
    assert found.cells_saved > 2
    assert found.remark == ""


def test_a_field_that_is_rough_everywhere_is_remarked_on(rng):
    network = random_network(rng, (2, 32, 32, 1), "sin", gain=3.0)
    network[0].weight[:] *= 8
    mesh = build(to_inr(network), criterion="uniform", max_depth=4)
    found = measure_dataset_accuracy(mesh, "unstructured_grid", 20_000, image_resolution=24)
    assert 0.5 < found.cells_saved < 2
    assert found.remark.startswith("Adaptivity hardly helps: a uniform grid of ")
    assert found.remark.endswith(f"is as accurate as this mesh of {mesh.n_cells:,}.")


def test_another_network_can_be_the_truth(inr_2d, network_2d):
    mesh = pa.refine(inr_2d, max_depth=3)
    network_2d[-1].bias[:] += 5.0
    shifted = to_inr(network_2d, inr_2d.bounds)
    found = pa.accuracy(shifted, mesh, 5000, output_type="unstructured_grid")
    assert found.rmse == pytest.approx(5.0, rel=0.01)
    assert pa.accuracy(inr_2d, mesh, 5000, output_type="unstructured_grid").rmse < 0.5


def test_reconstruction_dual_of_a_data_set(inr_2d):
    mesh = pa.refine(inr_2d, max_depth=3)
    found = pa.accuracy(inr_2d, mesh, 2000, "dual", output_type="hyper_tree_grid")
    assert found.dual
    with one_clear_sentence(pa.ParameterError, "dual", "vtkUnstructuredGrid"):
        pa.accuracy(inr_2d, mesh, 2000, "dual", output_type="unstructured_grid")


def test_memory_leaves_out_the_network(plane):
    data = to_vtk(plane.mesh, "unstructured_grid")
    size = data.GetFieldData().GetArray("INR").GetNumberOfValues()
    assert memory_bytes(data) == 1024 * data.GetActualMemorySize() - size


@pytest.mark.parametrize(
    ("name", "value"), [("samples", 0), ("image_resolution", 10), ("output_type", "picture")]
)
def test_bad_arguments_are_refused(plane, name, value):
    arguments = {"output_type": "unstructured_grid", "samples": 10, name: value}
    with one_clear_sentence(pa.ParameterError, name, value):
        measure_dataset_accuracy(plane.mesh, **arguments)


def test_everything_is_in_the_dictionary(flow):
    found = measure_dataset_accuracy(flow.mesh, "hyper_tree_grid", 2000, image_resolution=16)
    report = found.as_dict()
    assert report["uniform_of_equal_error"]["cells"] == found.uniform_of_equal_error.cells
    assert report["by_level"][0]["level"] == found.by_level[0].level
    assert report["remark"] == found.remark


@pytest.mark.parametrize("output_type", OUTPUT_TYPES)
def test_reports_hold_it(plane, tmp_path, output_type):
    report = mesh_report(plane.mesh, to_vtk(plane.mesh, output_type), output_type, 2000)
    write_report(report, tmp_path / "report.json")
    read = json.loads((tmp_path / "report.json").read_text())
    assert read["memory_bytes"] == read["dataset"]["memory_bytes"]
    assert read["dataset"]["output_type"] == output_type
    if output_type == "hyper_tree_grid":
        assert read["dataset"]["rmse"] == pytest.approx(read["rmse_cell_constant"], rel=1e-4)
        assert read["dataset_dual"]["rmse"] < read["dataset"]["rmse"]
    else:
        assert read["dataset_dual"] is None
