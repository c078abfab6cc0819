"""The front door: load, refine, prune, accuracy, as the documentation shows them."""

from __future__ import annotations

import warnings
from dataclasses import fields, replace

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.errors import one_clear_sentence
from _helpers.files import save_checkpoint, sequential_state
from _helpers.reference import assert_close_to_range, evaluate, random_network, to_inr
from pruning_amr.compare import compare
from pruning_amr.datasets import evaluate_on
from pruning_amr.inr import blas
from pruning_amr.refinement import CRITERIA
from pruning_amr.views import EvaluationParameters
from vtkmodules.vtkCommonDataModel import vtkImageData


@pytest.fixture
def moving(rng):
    network = random_network(rng, (4, 16, 16, 1), "silu", 4)
    return network, to_inr(network, [[0, 1]] * 3 + [[0, 2]], times=np.linspace(0, 2, 5))


def small(inr, **parameters) -> pa.AdaptiveMesh:
    return pa.refine(inr, **{"max_depth": 2, "min_depth": 0, "device": "cpu", **parameters})


def test_everything_in_all_exists():
    for name in pa.__all__:
        assert hasattr(pa, name), name


@pytest.mark.parametrize(
    "kind",
    [
        pa.CheckpointError,
        pa.UnsafeCheckpointError,
        pa.MetadataError,
        pa.ParameterError,
        pa.DependencyError,
    ],
)
def test_one_class_catches_every_error(kind):
    assert issubclass(kind, pa.PruningAMRError)
    assert not issubclass(pa.PruningAMRError, ValueError | OSError)


def test_from_file_to_accuracy(tmp_path, rng):
    network = random_network(rng, (2, 24, 24, 1), "tanh", 4)
    path = save_checkpoint(
        tmp_path / "scan.pt",
        sequential_state(network),
        {"activation": "tanh", "bounds": [[-1, 1], [-1, 1]]},
    )
    inr = pa.load(str(path))
    mesh = pa.refine(inr, tolerance=0.01, max_depth=6)
    report = pa.accuracy(inr, mesh, samples=20_000)
    low, high = inr.value_range[0]
    assert report.rmse < 0.02 * (high - low)
    assert report.samples == 20_000
    pruned = pa.prune(inr, tolerance=1e-4)
    files = pruned.save(tmp_path / "small.pt")
    again = pa.load(files[0])
    x = rng.uniform(-1, 1, (500, 2)).astype(np.float32)
    assert_close_to_range(again.evaluate(x), evaluate(network, x), 0.05)


def test_a_printed_mesh_and_slice_say_what_they_are(moving):
    _, inr = moving
    mesh = pa.refine(inr, tolerance=0.05, time=1.0, device="cpu")
    assert repr(pa.AdaptiveMesh(inr, mesh.parameters)).endswith("not refined yet>")
    text = repr(mesh)
    assert text.startswith(f"<mesh of {inr.name} by criterion target_error, tolerance 0.05")
    assert f"{mesh.at(1.0).n_cells:,} cells at t = 1" in text and "ended by criterion" in text
    found = pa.slice(inr, time=1.0, tolerance=0.05, device="cpu")
    assert repr(found) == f"<slice of {inr.name}\n{found.describe()}>"


def test_a_mesh_of_each_time_is_made_once_and_the_last_are_kept(moving):
    network, inr = moving
    calls = []
    mesh = pa.refine(
        inr, max_depth=2, min_depth=0, device="cpu", progress=lambda f, t: bool(calls.append(f))
    )
    first = mesh.at()
    assert first.time == 0.0
    refined = len(calls)
    assert mesh.at(0.0) is first
    # Sums of time steps round.
    assert mesh.at(-1e-12) is first
    assert len(calls) == refined
    late = mesh.at(2.0)
    assert len(calls) > refined
    points = np.insert(late.vertices.points, 3, 2.0, axis=1)
    assert_close_to_range(late.vertex_values, evaluate(network, points), 2e-5)
    for time in np.linspace(0.1, 1.9, 20):
        mesh.at(time)
    assert len(mesh._meshes) < 10, "old meshes are let go"


@pytest.mark.parametrize("time", [float("nan"), "now"])
def test_a_time_that_is_no_number_is_refused(moving, time):
    with one_clear_sentence(pa.ParameterError, "time"):
        small(moving[1], time=time)


def test_a_static_field_takes_any_time(inr_2d):
    mesh = small(inr_2d)
    assert mesh.at(7.0) is mesh.at(None)


@pytest.mark.parametrize(
    ("output_type", "kind"),
    [
        ("hyper_tree_grid", "vtkHyperTreeGrid"),
        ("overlapping_amr", "vtkOverlappingAMR"),
        ("unstructured_grid", "vtkUnstructuredGrid"),
    ],
)
def test_to_vtk_gives_every_data_set_of_the_documentation(moving, output_type, kind):
    pytest.importorskip("vtkmodules")
    assert small(moving[1]).to_vtk(output_type, time=0.5).GetClassName() == kind


def test_to_vtk_shows_the_time_asked_for(moving):
    pytest.importorskip("vtkmodules")
    from _helpers.vtk_reading import arrays_of, walk

    network, inr = moving
    grid = small(inr).to_vtk(time=1.5)
    found = walk(grid)
    points = np.insert(found.box.mean(axis=2), 3, 1.5, axis=1)
    stored = arrays_of(grid.GetCellData())["value"][found.number][:, None]
    assert_close_to_range(stored, evaluate(network, points), 2e-5)


def test_nothing_of_a_refinement_needs_vtk(monkeypatch, inr_2d):
    import subprocess
    import sys
    from pathlib import Path

    code = (
        "import sys; sys.modules['vtkmodules'] = None\n"
        "import pruning_amr as pa, pruning_amr.inr, pruning_amr.pruning, pruning_amr.refinement\n"
        "assert not any(n.startswith('vtkmodules.') for n in sys.modules)\n"
    )
    package = Path(pa.__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": f"{package}:{':'.join(sys.path)}", "PATH": ""},
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_stopping_by_the_user_gives_the_mesh_reached(inr_2d):
    mesh = pa.refine(
        inr_2d,
        criterion="interpolation_error",
        min_depth=1,
        max_depth=6,
        progress=lambda f, t: True,
    )
    assert mesh.at().history.stopped_by == "user"
    assert (mesh.at().tree.level[mesh.at().tree.leaves] == 1).all()


def test_pruned_inr_reports_and_evaluates(inr_2d, rng):
    pruned = pa.prune(inr_2d, tolerance=3e-2)
    assert pruned.report.parameters_after < pruned.report.parameters_before
    assert sum(pruned.report.widths_after) == sum(pruned.chain.hidden_widths)
    assert pruned.report.parameters_after == pruned.chain.n_parameters
    renamed = replace(pruned, name="other")
    assert renamed.report is pruned.report and renamed.name == "other"
    assert isinstance(renamed, pa.PrunedINR) and renamed.chain is pruned.chain
    x = rng.uniform([-1, 0], [1, 3], (5000, 2))
    exact = inr_2d.evaluate(x)
    relative = np.linalg.norm(pruned.evaluate(x) - exact) / np.linalg.norm(exact)
    assert relative == pytest.approx(pruned.report.relative_l2, rel=0.3)
    assert relative < 1.1 * 3e-2


def test_results_do_not_touch_the_random_state_of_the_caller(inr_2d):
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    expected = torch.rand(3), np.random.rand(3)  # noqa: NPY002
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    mesh = small(inr_2d)
    pa.prune(inr_2d)
    pa.accuracy(inr_2d, mesh, 100)
    assert torch.equal(torch.rand(3), expected[0])
    np.testing.assert_array_equal(np.random.rand(3), expected[1])  # noqa: NPY002


# --- evaluate ---------------------------------------------------------------------------------


@pytest.mark.parametrize("values", ["local", "exact"])
def test_points_are_those_of_the_network(moving, rng, values):
    network, inr = moving
    points = rng.uniform(0, 1, (5000, 3)).astype(np.float32)
    found = pa.evaluate(inr, points, time=0.7, values=values, device="cpu")
    expected = evaluate(network, np.column_stack([points, np.full(5000, 0.7, np.float32)]))
    assert_close_to_range(found, expected, 2e-5 if values == "exact" else 5e-3)
    points = np.column_stack([points, rng.uniform(0, 2, 5000).astype(np.float32)])
    found = pa.evaluate(inr, points, values=values, device="cpu")
    assert_close_to_range(found, evaluate(network, points), 2e-5 if values == "exact" else 5e-3)


def test_gradients_are_by_the_coordinates_of_the_points(moving, rng):
    network, inr = moving
    points, step = rng.uniform(0, 1, (500, 3)), 1e-5
    every = np.column_stack([points, np.full(500, 0.7)])
    differences = [
        (evaluate(network, every + s) - evaluate(network, every - s)) / (2 * step)
        for s in step * np.eye(4)
    ]
    expected = np.stack(differences, axis=2)
    found = pa.evaluate(inr, points, time=0.7, gradient=True, device="cpu")
    assert_close_to_range(found.gradients, expected[..., :3], 1e-4)
    assert np.array_equal(
        found.values, pa.evaluate(inr, points, time=0.7, values="exact", device="cpu")
    )
    of_all = pa.evaluate(inr, every, gradient=True, device="cpu")
    assert_close_to_range(of_all.gradients, expected, 1e-4)
    none = pa.evaluate(inr, points[:0], time=0.7, gradient=True, device="cpu")
    assert (none.values.shape, none.gradients.shape) == ((0, 1), (0, 1, 3))


def two_points() -> vtkImageData:
    data = vtkImageData()
    data.SetDimensions(2, 1, 1)
    return data


@pytest.mark.parametrize(
    "look",
    [
        lambda inr, time: pa.refine(inr, time=time),
        lambda inr, time: pa.AdaptiveMesh(inr, pa.RefinementParameters()).image(time),
        lambda inr, time: pa.slice(inr, time=time),
        lambda inr, time: pa.evaluate(inr, np.zeros((1, 3)), time=time),
        lambda inr, time: pa.contour(inr, [0.0], time=time),
        lambda inr, time: evaluate_on(two_points(), inr, EvaluationParameters(), time),
        lambda inr, time: compare(inr, ["uniform"], [time]),
    ],
    ids=["refine", "image", "slice", "evaluate", "contour", "evaluate_on", "compare"],
)
@pytest.mark.parametrize("time", [7.0, -1.0])
def test_a_time_at_which_the_field_is_not_known_is_refused(moving, look, time):
    words = (f"time {time:g} lies outside the range of the field", "from 0 to 2")
    with one_clear_sentence(pa.ParameterError, *words):
        look(moving[1], time)


def test_parameters_of_points_are_those_of_the_package():
    import inspect

    taken = inspect.signature(pa.evaluate).parameters
    stated = {f.name: f.default for f in fields(EvaluationParameters)}
    assert stated == {n: taken[n].default for n in taken if n not in ("inr", "points", "time")}


def test_many_points_go_through_local_networks(rng):
    network = random_network(rng, (2, 256, 256, 256, 1), "silu", 4)
    points = rng.uniform(0, 1, (1_500_000, 2)).astype(np.float32)
    found = pa.evaluate(to_inr(network), points, tolerance=1e-3, device="cpu")
    exact = evaluate(network, points[:20_000])
    error = np.sqrt(np.mean((found[:20_000] - exact) ** 2)) / np.ptp(exact)
    assert 1e-6 < error < 1.2e-3


def test_points_of_another_dimension_are_refused(moving):
    with one_clear_sentence(pa.ParameterError, "(4, 2)", "(n_points, 3)"):
        pa.evaluate(moving[1], np.zeros((4, 2)))
    with one_clear_sentence(pa.ParameterError, "values", "exact"):
        pa.evaluate(moving[1], np.zeros((4, 3)), values="fast")


def test_an_image_needs_no_mesh(moving, monkeypatch):
    pytest.importorskip("vtkmodules", reason="VTK is not installed")
    from pruning_amr import refinement

    monkeypatch.setattr(refinement, "build_mesh", None)
    network, inr = moving
    parameters = refinement.make_parameters(image_resolution=7, device="cpu")
    image = pa.AdaptiveMesh(inr, parameters).to_vtk("image_data", time=2.0)
    assert image.GetDimensions() == (7, 7, 7)
    points = [(*image.GetPoint(i), 2.0) for i in range(image.GetNumberOfPoints())]
    from _helpers.vtk_reading import arrays_of

    found = arrays_of(image.GetPointData())["value"][:, None]
    assert_close_to_range(found, evaluate(network, np.array(points)), 2e-5)


def test_a_missed_tolerance_is_a_warning_of_the_caller(inr_2d):
    with pytest.warns(pa.ToleranceWarning, match=r"max_cells was reached, raise it") as caught:
        mesh = pa.refine(inr_2d, tolerance=1e-4, max_cells=50, device="cpu")
        mesh.to_vtk("unstructured_grid")
    assert len(caught) == 1 and caught[0].filename == __file__
    found = mesh.at().history
    assert f"the error found is {found.achieved_error:.3g}" in str(caught[0].message)


@pytest.mark.filterwarnings("error")
def test_a_tolerance_that_is_met_is_no_warning(inr_2d):
    pa.refine(inr_2d, tolerance=0.1, device="cpu")
    pa.refine(inr_2d, criterion="uniform", max_depth=2, device="cpu")


@pytest.mark.parametrize("criterion", ["interpolation_error", "paper"])
def test_cells_left_unrefined_are_a_warning(inr_2d, criterion):
    with pytest.warns(pa.ToleranceWarning, match="left as they are: max_cells was reached"):
        pa.refine(inr_2d, criterion=criterion, tolerance=1e-6, max_cells=50, device="cpu")


@pytest.fixture
def line(tmp_path, rng):
    """A network of x alone, and what is loaded of it."""
    network = random_network(rng, (1, 24, 24, 2), "tanh", 4)
    metadata = {"activation": "tanh", "inputs": ["x"], "bounds": [[0, 1]]}
    path = save_checkpoint(tmp_path / "line.pt", sequential_state(network), metadata)
    return network, pa.load(path)


def test_points_of_a_line_are_evaluated(line, rng):
    network, inr = line
    x = rng.random(100)
    exact = evaluate(network, x[:, None])
    for values in ("exact", "local"):
        for points in (x, x[:, None], x.tolist()):
            found = pa.evaluate(inr, points, values=values, device="cpu")
            assert_close_to_range(found, exact, 1e-2 if values == "local" else 2e-5)
    assert pa.evaluate(inr, 0.5).shape == (1, 2)


def test_a_line_is_pruned(line, rng, tmp_path):
    network, inr = line
    small_ = pa.prune(inr, tolerance=1e-2)
    assert small_.report.parameters_after < small_.report.parameters_before
    again = pa.load(small_.save(tmp_path / "small.pt")[0])
    x = rng.random((500, 1))
    assert_close_to_range(again.evaluate(x), evaluate(network, x), 0.1)


@pytest.mark.parametrize("reconstruction", ["multilinear", "conforming", "cell_constant", "dual"])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_line_is_refined_by_every_criterion(line, criterion, reconstruction):
    _, inr = line
    options = {"criterion": criterion, "max_depth": 6, "device": "cpu", "tolerance": 0.02}
    if criterion == "isosurface":
        # All over the line, so that its mesh can be compared with one that is fine everywhere.
        options |= {"isovalues": np.linspace(*inr.value_range[0], 33)[1:-1], "tolerance": 1e-4}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pa.ToleranceWarning)
        mesh = pa.refine(inr, **options, reconstruction=reconstruction)
    tree = mesh.at().tree
    assert tree.dimension == 1
    assert tree.n_leaves > tree.root_resolution[0]
    found = pa.accuracy(inr, mesh, reconstruction=reconstruction)
    coarse = pa.refine(inr, criterion="uniform", max_depth=2, device="cpu")
    assert found.rmse <= 1.01 * pa.accuracy(inr, coarse, reconstruction=reconstruction).rmse
    for output_type in ("poly_data", "unstructured_grid"):
        drawn = pa.accuracy(inr, mesh, output_type=output_type)
        assert drawn.rmse == pytest.approx(pa.accuracy(inr, mesh).rmse, rel=1e-3)


def test_the_error_asked_for_on_a_line_is_met_with_few_cells(line):
    _, inr = line
    mesh = pa.refine(inr, tolerance=1e-3, max_depth=12)
    extent = np.diff(inr.value_range)[:, 0].max()
    assert pa.accuracy(inr, mesh).rmse < 1.05e-3 * extent
    fewer = pa.refine(inr, tolerance=1e-2, max_depth=12)
    assert fewer.at().n_cells < mesh.at().n_cells < 1 << mesh.at().tree.depth << 3


@pytest.mark.parametrize(
    "look",
    [
        lambda inr: pa.refine(inr, max_depth=1, device="cpu"),
        lambda inr: pa.slice(inr, max_depth=1, device="cpu"),
        lambda inr: pa.evaluate(inr, np.zeros((1, 3)), device="cpu"),
        lambda inr: pa.contour(inr, [0.0], smallest_feature=0.25, device="cpu"),
    ],
    ids=["refine", "slice", "evaluate", "contour"],
)
def test_slow_products_are_said_to_whoever_calls(moving, monkeypatch, look):
    monkeypatch.setattr(blas, "_said", False)
    monkeypatch.setattr(blas, "mkl_came_first", lambda: True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        look(moving[1])
    (slow,) = [w for w in caught if issubclass(w.category, pa.SlowProductsWarning)]
    assert slow.filename == __file__
