"""Image data: a regular grid of the network's values."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.errors import one_clear_sentence
from _helpers.reference import assert_close_to_range, evaluate, random_network, to_inr
from _helpers.vtk_reading import arrays_of
from pruning_amr.datasets import extract_inr, image_dimensions, to_image_data


def points_of(image) -> np.ndarray:
    return np.array([image.GetPoint(i) for i in range(image.GetNumberOfPoints())])


def test_values_are_the_networks_at_the_points_of_the_grid(case):
    image = to_image_data(case.inr, 13, device="cpu")
    points = points_of(image)[:, : case.dimension]
    np.testing.assert_allclose(points.min(axis=0), case.tree.bounds[:, 0], atol=1e-12)
    np.testing.assert_allclose(points.max(axis=0), case.tree.bounds[:, 1], atol=1e-12)
    exact, arrays = evaluate(case.network, points), arrays_of(image.GetPointData())
    for output in case.inr.outputs:
        stored = arrays[output.name].reshape(len(exact), -1)
        assert_close_to_range(stored, exact[:, list(output.components)], 2e-5)


def test_resolution_is_that_of_the_longest_axis(inr_2d, inr_3d):
    assert image_dimensions(inr_2d, 31) == [21, 31, 1]
    assert image_dimensions(inr_3d, 9) == [9, 5, 9]
    flat = to_inr(random_network(np.random.default_rng(0), (2, 4, 1)), [[0, 1000], [0, 1]])
    assert image_dimensions(flat, 10) == [10, 2, 1]


@pytest.mark.parametrize("axis", [0, 2, 3])
@pytest.mark.parametrize("time", [None, 0.25, 5.0])
def test_time_is_held(rng, axis, time):
    network = random_network(rng, (4, 12, 1), "silu", 3)
    inputs = ["x", "y", "z"]
    inputs.insert(axis, "t")
    inr = to_inr(network, [[0, 1]] * 4, inputs=tuple(inputs), times=np.array([0.1, 0.9]))
    image = to_image_data(inr, 5, time, device="cpu")
    held = {None: 0.1, 0.25: 0.25, 5.0: 1.0}[time]
    points = np.insert(points_of(image), axis, held, axis=1)
    stored = arrays_of(image.GetPointData())["value"][:, None]
    assert_close_to_range(stored, evaluate(network, points), 2e-5)


@pytest.mark.parametrize("resolution", [1, 0, -5, 100_000])
def test_resolution_out_of_range_is_refused(inr_2d, resolution):
    with one_clear_sentence(pa.ParameterError, "preview_resolution", resolution):
        to_image_data(inr_2d, resolution)


def test_the_inr_travels_with_the_image(case, rng):
    found = extract_inr(to_image_data(case.inr, 3, device="cpu"))
    assert (found.inputs, found.outputs) == (case.inr.inputs, case.inr.outputs)
    np.testing.assert_array_equal(found.bounds, case.inr.bounds)
    x = rng.uniform(case.tree.bounds[:, 0], case.tree.bounds[:, 1], (300, case.dimension))
    x = x.astype(np.float32)
    assert_close_to_range(found.evaluate(x), evaluate(case.network, x))


def test_data_without_inr_say_so():
    from vtkmodules.vtkCommonDataModel import vtkImageData

    with one_clear_sentence(pa.CheckpointError, "INR Reader"):
        extract_inr(vtkImageData())
