"""How alike two images are to the eye (Wang et al., 2004), and images from a quarter of pixels."""

from __future__ import annotations

import numpy as np

_SIGMA = 1.5

_K1, _K2 = 0.01, 0.03

_RADIUS = 5
"""Pixels to each side in the Gaussian window: 3.5 standard deviations."""

SMALLEST_IMAGE = 2 * _RADIUS + 1
"""Pixels an image has to have along each axis."""


def structural_similarity(a: np.ndarray, b: np.ndarray, data_range: float) -> float:
    """Return the mean structural similarity (SSIM) of two images of one channel.

    Means, variances and covariance are those under a Gaussian window of standard deviation 1.5;
    K1 = 0.01, K2 = 0.03. Pixels whose window leaves the image do not count.

    Parameters
    ----------
    a, b : numpy.ndarray, shape (height, width)
        At least `SMALLEST_IMAGE` pixels along both axes.
    data_range : float
        Range of the values an image can have.

    Returns
    -------
    float
        1 for equal images, smaller for others.

    References
    ----------
    Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli: Image quality assessment: from error
    visibility to structural similarity. IEEE Transactions on Image Processing 13(4), 2004.
    """
    if np.array_equal(a, b):
        return 1.0
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    mean_a, mean_b = _windowed(a), _windowed(b)
    variance_a = _windowed(a * a) - mean_a**2
    variance_b = _windowed(b * b) - mean_b**2
    covariance = _windowed(a * b) - mean_a * mean_b
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * covariance + c2) / (variance_a + variance_b + c2)
    return float((luminance * structure).mean())


def upsampled(
    values: np.ndarray, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Return an image of several channels from some of its rows and columns, by cubic splines.

    Parameters
    ----------
    values : numpy.ndarray, shape (n_rows, n_columns, n_channels)
    rows, columns : numpy.ndarray
        Which they are, at least four each, the first and the last among them.
    shape : tuple of int
        Of the image.

    Returns
    -------
    numpy.ndarray, shape (height, width, n_channels)
    """
    from scipy.interpolate import RectBivariateSpline

    height, width = (np.arange(n) for n in shape)
    channels = np.moveaxis(values, -1, 0)
    images = [RectBivariateSpline(rows, columns, c, s=0)(height, width) for c in channels]
    return np.stack(images, axis=-1)


def _windowed(image: np.ndarray) -> np.ndarray:
    """Return Gaussian means around the pixels whose window lies in the image."""
    from scipy.ndimage import gaussian_filter

    means = gaussian_filter(image, _SIGMA, truncate=_RADIUS / _SIGMA)
    return means[_RADIUS:-_RADIUS, _RADIUS:-_RADIUS]
