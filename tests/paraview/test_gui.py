"""The GUI, driven by keyboard on a virtual display: open, apply, filter, apply."""

import itertools
import json
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from harness import BIN, SCRIPTS

pytestmark = pytest.mark.skipif(
    not (BIN / "paraview").exists() or not all(map(shutil.which, ("Xvfb", "xdotool", "openbox"))),
    reason="needs the build tree, Xvfb, xdotool and openbox",
)
WIDTH, HEIGHT = 1280, 900


class Desktop:
    """A virtual display with a window manager and ParaView in it."""

    def __init__(self, folder: Path, *command: str | Path) -> None:
        self.frames = folder / "frames"
        self.frames.mkdir()
        number = folder / "display"
        with number.open("w") as file:
            self.server = subprocess.Popen(
                [
                    *("Xvfb", "-displayfd", str(file.fileno()), "-noreset", "-nolisten", "tcp"),
                    *("-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-fbdir", str(self.frames)),
                ],
                pass_fds=[file.fileno()],
                stderr=subprocess.DEVNULL,
            )
        self.wait(lambda: number.read_text().strip(), 20)
        home = folder / "home"
        home.mkdir()
        self.environment = {
            **{k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            "DISPLAY": f":{number.read_text().strip()}",
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home),
        }
        self.manager = self.start("openbox")
        self.paraview = self.start(*command)
        self.window = self.wait(lambda: self.tool("search", "--name", r"^ParaView 5"), 90)
        self.window = self.window.split()[-1]
        time.sleep(3)
        self.dismiss_welcome()
        self.tool("windowactivate", "--sync", self.window)
        self.tool("windowmove", self.window, "0", "0")
        self.tool("windowsize", self.window, str(WIDTH), str(HEIGHT - 25))
        time.sleep(2)

    def dismiss_welcome(self) -> None:
        """Close the window that greets new users, if it is there: no script runs before."""
        welcome = self.tool("search", "--name", "Welcome to ParaView").split()
        if welcome:
            self.tool("windowactivate", "--sync", welcome[-1], "key", "Escape")

    def start(self, *command) -> subprocess.Popen:
        """Start a program on the display."""
        return subprocess.Popen(
            list(map(str, command)),
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def tool(self, *arguments: str) -> str:
        """Run xdotool; return what it prints."""
        done = subprocess.run(
            ["xdotool", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def keys(self, *keys: str, pause: float = 1.0) -> None:
        """Press keys, then give the program time to react."""
        self.tool("key", *keys)
        time.sleep(pause)

    def type(self, text: str) -> None:
        """Type text, then give the program time to react."""
        self.tool("type", "--delay", "20", text)
        time.sleep(1.5)

    def viewport(self) -> np.ndarray:
        """Return the middle of the render view as (height, width, 3) bytes."""
        data = (self.frames / "Xvfb_screen0").read_bytes()
        header = struct.unpack(">25I", data[:100])
        size, width, height, line, colors = (header[i] for i in (0, 4, 5, 12, 19))
        pixels = np.frombuffer(data, np.uint8, line * height, size + 12 * colors)
        image = pixels.reshape(height, line // 4, 4)[:, :width, 2::-1]
        return image[height // 4 : 7 * height // 8, width // 3 : 7 * width // 8].copy()

    @staticmethod
    def wait(condition, seconds: float):
        """Return the first true value of `condition`, within some seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := condition():
                return value
            time.sleep(0.5)
        raise AssertionError(f"nothing happened in {seconds} s")

    def close(self) -> None:
        """Stop everything."""
        for process in (self.paraview, self.manager, self.server):
            process.terminate()
        for process in (self.paraview, self.manager, self.server):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


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


def test_open_apply_and_filter(desktop, sample_data):
    empty = desktop.viewport()
    desktop.keys("ctrl+o", pause=3)
    desktop.type(str(sample_data / "oscillation_2d.pt"))
    desktop.keys("Return", pause=3)
    desktop.keys("alt+a")
    # The plane of the 2-D sample is shown as an image, coloured by the field.
    desktop.wait(lambda: changed(empty, desktop.viewport()) > 0.02, 60)
    preview = desktop.viewport()
    desktop.keys("ctrl+space", pause=2)
    desktop.type("Pruning AMR")
    desktop.keys("Return", pause=3)
    desktop.keys("alt+a")
    desktop.wait(lambda: changed(preview, desktop.viewport()) > 0.02, 120)
    time.sleep(2)
    mesh = desktop.viewport()
    # Cells drawn with edges and coloured by the field: many colours, unlike any plain picture.
    assert colors(mesh) > 200
    assert changed(mesh, desktop.viewport()) == 0
    assert desktop.paraview.poll() is None


PLAY = """import sys
sys.argv = ["animate", {folder!r}]
sys.path.insert(0, {scripts!r})
import animate
"""


def test_all_time_steps_of_one_mesh_are_played(tmp_path, sample_data):
    (tmp_path / "request.json").write_text(json.dumps({"tolerance": 0.06, "passes": 2}))
    script = tmp_path / "play.py"
    script.write_text(PLAY.format(folder=str(tmp_path), scripts=str(SCRIPTS)))
    desktop = Desktop(tmp_path, BIN / "paraview", f"--script={script}")
    try:
        desktop.wait(lambda: desktop.dismiss_welcome() or (tmp_path / "shown").exists(), 180)
        frames = []
        while not (tmp_path / "answer.json").exists():
            frames.append(desktop.viewport())
            time.sleep(0.3)
            assert desktop.paraview.poll() is None
        frames.append(desktop.viewport())
    finally:
        desktop.close()
    found = json.loads((tmp_path / "answer.json").read_text())
    assert found["steps"] == 64
    assert found["last"] == 1.0
    # The window shows the scan moving, not only its last time.
    assert colors(frames[-1]) > 100
    assert sum(changed(a, b) > 2e-4 for a, b in itertools.pairwise(frames)) > 4
    assert found["memory"][-1] < found["memory"][0] + 20
    # A time step takes a small part of what the mesh took.
    assert max(found["passes"]) / 64 < 0.1 * found["making"]
