"""A session in ParaView's GUI on a virtual display: every step is looked at.

build/bin/python tests/paraview/session.py FOLDER                  the full session, ten minutes
build/bin/python tests/paraview/session.py FOLDER --parts samples  a part of it
build/bin/python tests/paraview/session.py FOLDER --short          as in the tests

FOLDER/pictures gets the whole window at each step. A step fails where ParaView ends or nothing is
drawn, and, where colours are expected, if there is nothing but one (shaded) colour. The last step,
a grey sphere, is the control: it has to fail. Exits with 1 if anything is not as expected.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from desktop import Desktop, with_script

KINDS = ("Hyper Tree Grid", "Overlapping AMR", "Unstructured Grid", "Image Data")
PARTS = (*KINDS, "views", "samples")
"""What the session consists of: the scan as meshes of each kind and in views, the other samples."""
SHORT_PARTS = ("Unstructured Grid", "views")
_PATIENCE = 120
"""Seconds for one step."""


@dataclass(frozen=True)
class Step:
    """What a step showed: its name, the whole window, and what is wrong with it (or nothing)."""

    name: str
    picture: Path
    wrong: str


def hues(view: np.ndarray) -> int:
    """Return how many different hues a picture has, of pixels that are not grey.

    A shaded surface of one colour has one; the background and white edges have none.
    """
    pixels = view.reshape(-1, 3).astype(float)
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    coloured = pixels[high - low > 36]
    if not len(coloured):
        return 0
    low, high = coloured.min(axis=1), coloured.max(axis=1)
    shares = np.rint(3 * (coloured - low[:, None]) / (high - low)[:, None]).astype(int)
    _, count = np.unique(shares @ (1, 4, 16), return_counts=True)
    return int(np.count_nonzero(count > len(pixels) / 1000))


def what_is_wrong(empty: np.ndarray, view: np.ndarray, step: dict) -> str:
    """Return what is wrong with the picture of a step, as a few words; empty if nothing is."""
    if not step.get("drawn", True):
        return ""
    changed = (np.abs(view.astype(int) - empty).max(axis=2) > 8).mean()
    if changed < 0.01:
        return f"nothing is drawn ({changed:.1%} of the view)"
    if step.get("coloured", True) and hues(view) < 2:
        return "nothing but one colour"
    return ""


def run(folder: Path, parts=PARTS, long: bool = True) -> list[Step]:
    """Go through the session; return its steps.

    Raises
    ------
    AssertionError
        If ParaView ends, a step takes too long, or the script of the session fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    desktop = with_script(folder, "gui_session", parts=parts, long=long)
    waits, answer, steps = folder / "step.json", folder / "answer.json", []
    try:
        empty = None
        while True:
            desktop.wait(lambda: _next(desktop, steps, waits, answer), 600)
            if answer.exists():
                break
            step = json.loads(waits.read_text())
            if empty is None:
                # A busy window is not drawn before.
                desktop.to_front()
                _settle(desktop)
                empty = np.median(desktop.viewport().reshape(-1, 3), axis=0)
            _press(desktop, step)
            if "name" in step:
                wrong = _looked_at(desktop, step, empty)
                if wrong and step["apply"]:
                    # A busy window may have missed the key.
                    _press(desktop, step)
                    wrong = _looked_at(desktop, step, empty)
                if steps and steps[-1].name == step["name"]:
                    # The window had missed its Apply.
                    steps.pop().picture.unlink()
                name = re.sub("[^a-zA-Z0-9]+", "_", step["name"])
                file = pictures / f"{len(steps):02d}_{name}.png"
                desktop.save(file)
                steps.append(Step(step["name"], file, wrong))
            waits.unlink()
    finally:
        desktop.close()
    found = json.loads(answer.read_text())
    assert found["over"], f"after {steps[-1].name if steps else 'the start'}: {found['error']}"
    return steps


def _looked_at(desktop: Desktop, step: dict, empty: np.ndarray) -> str:
    """Return what is wrong with a step once the window is at rest."""
    _settle(desktop)
    return what_is_wrong(empty, desktop.viewport(), step)


def _press(desktop: Desktop, step: dict) -> None:
    """Press the keys of a step."""
    if "open" in step:
        desktop.answer("ctrl+o", step["open"])
        _settle(desktop)
    elif "launch" in step:
        # What a busy window missed may have left the dialog open.
        desktop.keys("Escape")
        desktop.answer("ctrl+space", step["launch"])
        _settle(desktop)
    elif step["apply"]:
        desktop.keys("Escape")
        desktop.keys("alt+a", pause=1)


def _next(desktop: Desktop, steps: list[Step], waits: Path, answer: Path) -> bool:
    """Tell whether there is a next step, or an end."""
    last = steps[-1].name if steps else "the start"
    assert desktop.paraview.poll() is None, f"ParaView ended after {last}"
    return waits.exists() or answer.exists()


def _settle(desktop: Desktop) -> None:
    """Wait until the window has been the same, and the program at rest, for a while."""
    before, ticks, same, end = None, 0, 0, time.monotonic() + _PATIENCE
    while same < 3:
        assert time.monotonic() < end, "the window does not come to rest"
        time.sleep(0.5)
        now, (state, used) = desktop.screen(), _at_work(desktop.paraview.pid)
        rests = state == "S" and used - ticks <= 10
        # A text cursor may blink.
        still = before is not None and (now != before).any(axis=2).sum() < 100
        same = same + 1 if rests and still else 0
        before, ticks = now, used


def _at_work(process: int) -> tuple[str, int]:
    """Return "R" if a thread of a process works or waits for its turn, else the process's state.

    And the hundredths of seconds that it has worked.
    """
    fields = _facts(Path(f"/proc/{process}/stat"))
    threads = [_facts(path) for path in Path(f"/proc/{process}/task").glob("*/stat")]
    state = "R" if any(thread[:1] == ["R"] for thread in threads) else fields[0]
    return state, int(fields[11]) + int(fields[12])


def _facts(stat: Path) -> list[str]:
    """Return what the system says of a process or thread; nothing of one that has ended."""
    try:
        return stat.read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    parts = SHORT_PARTS if options.short else options.parts
    steps = run(options.folder.resolve(), parts, not options.short)
    unexpected = 0
    for step in steps:
        as_expected = bool(step.wrong) == step.name.startswith("control")
        unexpected += not as_expected
        print(f"{'  ' if as_expected else '! '}{step.name}: {step.wrong or 'good'}")
    print(f"{len(steps)} steps, {unexpected} not as expected")
    sys.exit(unexpected > 0)


if __name__ == "__main__":
    main()
