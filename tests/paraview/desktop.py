"""A virtual display with ParaView's GUI, and what is done there."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
from harness import BIN, SCRIPTS

WIDTH, HEIGHT = 1280, 900
PLAY = """import sys
sys.argv = ["animate", {folder!r}]
sys.path.insert(0, {scripts!r})
import animate
"""


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
        self.window = self.wait(lambda: self.tool("search", "--name", r"^ParaView [0-9]"), 90)
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


def play(folder: Path, tolerance: float, passes: int) -> tuple[dict, list[np.ndarray]]:
    """Play all time steps of one mesh for all times; return what was found, and pictures."""
    (folder / "request.json").write_text(json.dumps({"tolerance": tolerance, "passes": passes}))
    script = folder / "play.py"
    script.write_text(PLAY.format(folder=str(folder), scripts=str(SCRIPTS)))
    desktop = Desktop(folder, BIN / "paraview", f"--script={script}")
    shown, answer, frames = folder / "shown", folder / "answer.json", []
    try:
        desktop.wait(lambda: desktop.dismiss_welcome() or shown.exists(), 600)
        while not answer.exists():
            frames.append(desktop.viewport())
            time.sleep(0.3)
            assert desktop.paraview.poll() is None
        frames.append(desktop.viewport())
    finally:
        desktop.close()
    return json.loads(answer.read_text()), frames
