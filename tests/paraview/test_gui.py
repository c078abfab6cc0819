"""The GUI, driven by keyboard on a virtual display: open, apply, filter, apply."""

import itertools
import shutil
import time

import numpy as np
import pytest
import session
from desktop import MOVES, Desktop, change_contours, drag_slices, play
from harness import BIN

pytestmark = pytest.mark.skipif(
    not (BIN / "paraview").exists() or not all(map(shutil.which, ("Xvfb", "xdotool", "openbox"))),
    reason="needs the build tree, Xvfb, xdotool and openbox",
)


@pytest.fixture
def desktop(tmp_path):
    desktop = Desktop(tmp_path, BIN / "paraview")
    yield desktop
    desktop.close()


def changed(before: np.ndarray, after: np.ndarray) -> float:
    """Return the fraction of pixels that differ."""
    return float((np.abs(before.astype(int) - after).max(axis=2) > 8).mean())


def colors(image: np.ndarray) -> int:
    return len(np.unique(image.reshape(-1, 3), axis=0))


def apply(desktop: Desktop, before: np.ndarray, seconds: float) -> None:
    """Press Apply until the view shows something else: the button may not be ready yet."""

    def applied() -> bool:
        desktop.keys("alt+a", pause=2)
        return changed(before, desktop.viewport()) > 0.02

    desktop.wait(applied, seconds)


def test_open_apply_and_filter(desktop, sample_data):
    empty = desktop.viewport()
    desktop.answer("ctrl+o", str(sample_data / "oscillation_2d.pt"))
    # The plane of the 2-D sample is shown as an image, coloured by the field.
    apply(desktop, empty, 60)
    preview = desktop.viewport()
    desktop.answer("ctrl+space", "Pruning AMR")
    apply(desktop, preview, 120)
    time.sleep(2)
    mesh = desktop.viewport()
    # Cells drawn with edges and coloured by the field: many colours, unlike any plain picture.
    assert colors(mesh) > 200
    assert changed(mesh, desktop.viewport()) == 0
    assert desktop.paraview.poll() is None


def test_all_time_steps_of_one_mesh_are_played(tmp_path, sample_data):
    found, frames = play(tmp_path, tolerance=0.06, passes=2)
    assert found["steps"] == 64
    assert found["last"] == 1.0
    # The window shows the scan moving, not only its last time.
    assert colors(frames[-1]) > 100
    assert sum(changed(a, b) > 2e-4 for a, b in itertools.pairwise(frames)) > 4
    assert found["memory"][-1] < found["memory"][0] + 20
    # A time step takes a small part of what the mesh took.
    assert max(found["passes"]) / 64 < 0.1 * found["making"]


def test_the_plane_of_a_slice_is_dragged_and_applied(tmp_path):
    (found,) = drag_slices(tmp_path, tolerance=0.03, moves=MOVES[:1])
    tilted = np.array(found["normal"]) @ [0.0, 0.0, 1.0]
    assert 0.8 < tilted < 0.99
    assert found["cells"] > 1000
    # The slice lies in the plane now: that was turned before Apply, and the slice with it.
    assert changed(found["before"], found["after"]) > 0.02
    assert colors(found["after"]) > 200


def test_a_contour_follows_its_value_and_the_time(tmp_path):
    rough = {"SmallestFeature": 1 / 32, "Tolerance": 0.01, "Device": "cpu"}
    # The control: a value applied again changes nothing.
    found, frames = change_contours(tmp_path, [0.5, 0.5, 0.6], [60], pause=2, **rough)
    assert found["triangles"][0] == found["triangles"][1]
    assert len(set(found["triangles"])) == 3 and min(found["triangles"]) > 1000
    assert all("asked 1 %: met" in text for text in found["statuses"])
    # Smooth shading of a surface: many colours; another one for each value, and for another time.
    assert colors(frames[-1]) > 200, f"see {tmp_path / 'window.png'}"
    # While a script runs, the window may be empty until something is drawn again.
    still = [a for a, b in itertools.pairwise(frames) if not changed(a, b)]
    still = [frame for frame in still if colors(frame[len(frame) // 3 :]) > 200]
    assert 1 + sum(changed(a, b) > 0.02 for a, b in itertools.pairwise(still)) == 3


def test_a_session_of_apply_slice_contour_and_times(tmp_path):
    steps = session.run(tmp_path, session.SHORT_PARTS, long=False)
    assert len(steps) == 10
    # The control is a grey sphere.
    control = steps.pop()
    assert control.wrong == "nothing but one colour"
    wrong = {step.name: step.wrong for step in steps if step.wrong}
    assert not wrong, f"see {tmp_path / 'pictures'}"


@pytest.mark.parametrize(("red", "hues"), [(0, 1), (255, 2)])
def test_shades_of_one_colour_are_one_colour(red, hues):
    view = np.full((40, 40, 3), (80, 87, 110), np.uint8)
    view[5:30, 5:30] = np.linspace(0.4, 1, 25)[:, None, None] * np.array([40, 60, 240])
    view[30:35, 5:30] = 0.9 * np.array([max(red, 40), 60, 0 if red else 240])
    assert session.hues(view) == hues
