"""Structural similarity: known values, and another implementation."""

from __future__ import annotations

import numpy as np
import pytest
from pruning_amr.datasets.image_quality import SMALLEST_IMAGE, structural_similarity


def images(rng, shape=(24, 19)):
    a = rng.random(shape).cumsum(axis=0)
    return a, a + rng.normal(0, 0.5, shape)


def direct(a, b, data_range):
    """The definition, window by window."""
    x = np.arange(-5, 6)
    g = np.exp(-(x**2) / (2 * 1.5**2))
    window = np.outer(g, g) / g.sum() ** 2
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    values = []
    for i in range(5, a.shape[0] - 5):
        for j in range(5, a.shape[1] - 5):
            p, q = a[i - 5 : i + 6, j - 5 : j + 6], b[i - 5 : i + 6, j - 5 : j + 6]
            mp, mq = (window * p).sum(), (window * q).sum()
            vp, vq = (window * (p - mp) ** 2).sum(), (window * (q - mq) ** 2).sum()
            cov = (window * (p - mp) * (q - mq)).sum()
            values.append(
                (2 * mp * mq + c1) * (2 * cov + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2))
            )
    return np.mean(values)


def test_equal_images(rng):
    a, _ = images(rng)
    assert structural_similarity(a, a.copy(), 1.0) == 1.0
    assert structural_similarity(np.zeros((11, 11)), np.zeros((11, 11)), 0.0) == 1.0


def test_two_constants_differ_in_luminance_alone():
    a, b = np.full((20, 20), 0.25), np.full((20, 20), 0.75)
    c1 = 0.01**2
    expected = (2 * 0.25 * 0.75 + c1) / (0.25**2 + 0.75**2 + c1)
    assert structural_similarity(a, b, 1.0) == pytest.approx(expected, rel=1e-9)


def test_a_negative_is_unlike_its_original(rng):
    a = rng.random((40, 40))
    assert structural_similarity(a, 1 - a, 1.0) < 0


def test_definition_window_by_window(rng):
    a, b = images(rng)
    assert structural_similarity(a, b, 7.0) == pytest.approx(direct(a, b, 7.0), rel=1e-10)
    assert structural_similarity(b, a, 7.0) == pytest.approx(direct(a, b, 7.0), rel=1e-10)


def test_smallest_image(rng):
    a, b = images(rng, (SMALLEST_IMAGE, SMALLEST_IMAGE))
    assert structural_similarity(a, b, 2.0) == pytest.approx(direct(a, b, 2.0), rel=1e-10)


def test_scikit_image_agrees(rng):
    metrics = pytest.importorskip(
        "skimage.metrics", reason="scikit-image is installed beside the newest VTK only"
    )
    a, b = images(rng, (70, 50))
    expected = metrics.structural_similarity(
        a, b, data_range=9.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert structural_similarity(a, b, 9.0) == pytest.approx(expected, rel=1e-10)
