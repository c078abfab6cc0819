"""The example for PyVista draws what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "pyvista_ct.py"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> tuple[Path, str]:
    pytest.importorskip("pyvista", reason="PyVista is installed beside the newest VTK only")
    folder = tmp_path_factory.mktemp("pyvista")
    command = [sys.executable, EXAMPLE, "--output", folder, "--tolerance", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder / "pyvista_ct.png", done.stdout


def test_the_picture_shows_a_contour_and_a_slice(drawn):
    from PIL import Image

    with Image.open(drawn[0]) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=int)
    contour, plane = np.split(pixels, 2, axis=1)
    for half in (contour, plane):
        shown = np.abs(half - half[2, 2]).max(axis=2) > 12
        assert 0.1 < shown.mean() < 0.95
        assert half[shown].std(axis=0).max() > 10
    # The contour is of one tan colour, the slice of the whole colour map.
    tan = contour[np.abs(contour - contour[2, 2]).max(axis=2) > 12]
    assert (tan[:, 0] >= tan[:, 2] - 3).mean() > 0.95
    assert (plane[..., 2] > plane[..., 0] + 20).any() and (plane[..., 1] > plane[..., 2] + 20).any()


def test_the_error_is_said(drawn):
    text = drawn[1]
    assert " cells, error 0.0" in text
    assert float(text.rpartition(" ")[2]) <= 0.1
