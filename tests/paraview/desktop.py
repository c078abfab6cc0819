"""A virtual display with ParaView's GUI, and what is done there."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from harness import BIN, SCRIPTS
from PIL import Image

WIDTH, HEIGHT = 1280, 900
LEFT, TOP = 310, 205
"""Corner of the render view."""
RUN = """import sys
sys.argv = [{name!r}, {folder!r}]
sys.path.insert(0, {scripts!r})
import {name}
"""
MOVES = ((70, 35), (-60, -20), (-70, 30), (50, -10))
"""How far the arrow of the plane is dragged, in pixels."""


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
        self.to_front()
        self.tool("windowmove", self.window, "0", "0")
        self.tool("windowsize", self.window, str(WIDTH), str(HEIGHT - 25))
        time.sleep(2)

    def to_front(self) -> None:
        """Give keys to ParaView's window, which nothing covers then."""
        self.dismiss_welcome()
        self.tool("windowactivate", "--sync", self.window)

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

    def answer(self, keys: str, text: str) -> None:
        """Open a dialog with keys, type text into it and press Return; wait until it is gone.

        A dialog that knows nothing of that name stays, and is left.
        """

        def in_dialog() -> bool:
            active = self.tool("getactivewindow").strip()
            return active not in ("", self.window)

        self.keys(keys, pause=0)
        self.wait(in_dialog, 60)
        self.type(text)
        self.keys("Return")
        if not self.within(20, lambda: not in_dialog()):
            self.keys("Escape")

    def screen(self) -> np.ndarray:
        """Return all that is shown as (height, width, 3) bytes."""
        data = (self.frames / "Xvfb_screen0").read_bytes()
        header = struct.unpack(">25I", data[:100])
        size, width, height, line, colors = (header[i] for i in (0, 4, 5, 12, 19))
        pixels = np.frombuffer(data, np.uint8, line * height, size + 12 * colors)
        return pixels.reshape(height, line // 4, 4)[:, :width, 2::-1].copy()

    def viewport(self) -> np.ndarray:
        """Return the middle of the render view as (height, width, 3) bytes."""
        image = self.screen()
        height, width = image.shape[:2]
        return image[height // 4 : 7 * height // 8, width // 3 : 7 * width // 8]

    def save(self, path: Path) -> None:
        """Write all that is shown to a file."""
        Image.fromarray(self.screen()).save(path)

    def drag(self, start: tuple[int, int], end: tuple[int, int], steps: int = 8) -> None:
        """Press the left button at a place of the screen, and let it go at another."""
        self.tool("mousemove", *map(str, start), "sleep", "0.3", "mousedown", "1")
        for x, y in np.linspace(start, end, steps).round().astype(int).tolist():
            self.tool("mousemove", str(x), str(y), "sleep", "0.05")
        self.tool("mouseup", "1")
        time.sleep(0.5)

    @staticmethod
    def within(seconds: float, condition: Callable):
        """Return the first true value of `condition`, or the last one after some seconds."""
        end = time.monotonic() + seconds
        while not (value := condition()) and time.monotonic() < end:
            time.sleep(0.5)
        return value

    def wait(self, condition: Callable, seconds: float):
        """Return the first true value of `condition`, within some seconds."""
        if value := self.within(seconds, condition):
            return value
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


def with_script(folder: Path, name: str, **request) -> Desktop:
    """Return ParaView's GUI running a script of `scripts`, which `request` is for."""
    (folder / "request.json").write_text(json.dumps(request))
    script = folder / "run.py"
    script.write_text(RUN.format(name=name, folder=str(folder), scripts=str(SCRIPTS)))
    return Desktop(folder, BIN / "paraview", f"--script={script}")


def play(folder: Path, tolerance: float, passes: int) -> tuple[dict, list[np.ndarray]]:
    """Play all time steps of one mesh for all times; return what was found, and pictures."""
    return _watched(folder, "animate", tolerance=tolerance, passes=passes)


def change_contours(
    folder: Path, values: Sequence[float], steps: Sequence[int], pause: float = 0.0, **properties
) -> tuple[dict, list[np.ndarray]]:
    """Contour the scan at values, then at time steps; return what was found, and pictures.

    Found are the seconds until each is drawn (``values`` and ``steps``), and of all in turn the
    number of ``triangles`` and the text of their ``statuses``.
    """
    return _watched(
        folder, "change_contour", values=values, steps=steps, pause=pause, properties=properties
    )


def _watched(folder: Path, name: str, **request) -> tuple[dict, list[np.ndarray]]:
    """Return the answer of a script of the GUI, and what the view showed meanwhile."""
    desktop = with_script(folder, name, **request)
    shown, answer, frames = folder / "shown", folder / "answer.json", []
    try:
        desktop.wait(lambda: desktop.dismiss_welcome() or shown.exists(), 600)
        while not answer.exists():
            frames.append(desktop.viewport())
            time.sleep(0.3)
            assert desktop.paraview.poll() is None
        frames.append(desktop.viewport())
        desktop.save(folder / "window.png")
    finally:
        desktop.close()
    return json.loads(answer.read_text()), frames


def drag_slices(folder: Path, tolerance: float, moves: Sequence[tuple]) -> list[dict]:
    """Drag the plane of INR Slice by the mouse and press Apply, several times.

    Returns
    -------
    list of dict
        ``origin``, ``normal`` and ``cells`` of each slice; ``seconds`` from Apply to its picture,
        and ``making``, those of them that the filter took; ``before`` and ``after``, what the
        middle of the view showed. The window is saved to ``0.png``, ``1.png`` and so on.
    """
    desktop = with_script(folder, "drag_slice", tolerance=tolerance)
    events, found = folder / "events", []
    try:
        desktop.wait(lambda: desktop.dismiss_welcome() or (folder / "answer.json").exists(), 300)
        time.sleep(3)
        for move in moves:
            start = _arrow(desktop)
            desktop.drag(start, (start[0] + move[0], start[1] + move[1]))
            before, seen = desktop.viewport(), len(events.read_text().splitlines())
            pressed = time.time()
            desktop.keys("alt+a", pause=0)
            desktop.wait(lambda n=seen: len(_drawn(events, n)) > 0, 30)
            # What is still on its way to the screen.
            time.sleep(1.5)
            started, made, drawn = _drawn(events, seen)
            found.append(
                {
                    "origin": drawn[2:5],
                    "normal": drawn[5:8],
                    "cells": int(drawn[8]),
                    "seconds": drawn[1] - pressed,
                    "making": made[1] - started[1],
                    "before": before,
                    "after": desktop.viewport(),
                }
            )
            desktop.save(folder / f"{len(found) - 1}.png")
            assert desktop.paraview.poll() is None
    finally:
        desktop.close()
    return found


def _arrow(desktop: Desktop) -> tuple[int, int]:
    """Return where the head of the plane's arrow is on the screen: the topmost of what is red."""
    image = desktop.screen()[TOP:].astype(int)
    red = (image[:, :, 0] > 100) & (image[:, :, 1:].max(axis=2) < 30)
    red[:, :LEFT] = False
    row = int(np.flatnonzero(red.sum(axis=1) >= 6)[0])
    return int(np.median(np.flatnonzero(red[row]))), TOP + row + 3


def _drawn(events: Path, seen: int) -> list:
    """Return when the filter started and ended, and when the slice was drawn; empty before."""
    found = [line.split() for line in events.read_text().splitlines()[seen:]]
    found = [[what, *map(float, facts)] for what, *facts in found]
    kinds = [what for what, *_ in found]
    if "made" not in kinds or "drawn" not in kinds[kinds.index("made") :]:
        return []
    made = kinds.index("made")
    return [found[kinds.index("started")], found[made], found[kinds.index("drawn", made)]]
