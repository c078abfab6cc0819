"""Running the real ParaView programs, and comparing the pictures they make."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("PRUNING_AMR_BIN", ROOT / "build" / "bin")).resolve()
SCRIPTS = Path(__file__).resolve().parent / "scripts"
BASELINES = Path(__file__).resolve().parent / "baselines"

SAME_PICTURE = 0.02
"""Largest `picture_difference` of two pictures that show the same.

A slight smoothing of every edge, as another rasteriser may draw it, stays well below; another time
step of the same scan is well above (`test_pictures.py` checks both).
"""

_TIMEOUT = 240


# --- programs ---------------------------------------------------------------------------------


@dataclass
class Run:
    """What a program left: exit code, everything it printed, and its answers."""

    code: int
    text: str
    folder: Path
    answers: list[dict[str, Any]] = field(default_factory=list)

    @property
    def answer(self) -> dict[str, Any]:
        """The answer of the only process that gave one."""
        assert len(self.answers) == 1, (
            f"{len(self.answers)} answers, exit {self.code}:\n{self.text}"
        )
        return self.answers[0]

    def picture(self, name: str) -> Path:
        path = self.folder / f"{name}.png"
        assert path.is_file(), f"{path.name} was not made, exit {self.code}:\n{self.text}"
        return path


def launcher(name: str) -> Path:
    """Return a program of the build tree; skip the test if there is none."""
    path = BIN / name
    if not path.is_file():
        pytest.skip(f"no {path}: build the project, or set PRUNING_AMR_BIN to its bin folder")
    return path


def with_display() -> Path:
    """Return the program that runs another on a display of its own."""
    return BIN.parent / "lib" / "with-display"


def bare_program(name: str) -> list[str]:
    """Return the command that runs a program on a display but without plugin and environment."""
    target = re.search(r'^exec (\S+) "\$@"$', launcher(name).read_text(), re.MULTILINE)
    display = [] if os.environ.get("DISPLAY") else [str(with_display())]
    return [*display, target[1]]


def clean_environment(**more: str) -> dict[str, str]:
    """Return the environment without what the launcher of the tests themselves has put there."""
    dropped = ("PYTHONPATH", "PV_PLUGIN_CONFIG_FILE", "PV_PLUGIN_PATH", "PYTHONSTARTUP")
    kept = {k: v for k, v in os.environ.items() if k not in dropped}
    return {**kept, "OMP_NUM_THREADS": "1", **more}


def command_of(script: str, folder: Path, program: Sequence[str | Path], request: Any) -> list[str]:
    """Return the command that runs a script in `folder`, where its request is written."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "request.json").write_text(json.dumps(request))
    return [*map(str, program), str(SCRIPTS / f"{script}.py"), str(folder)]


def answers_in(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("answer*.json"))]


def run_example(name: str, output: Path) -> None:
    """Run an example with a folder for what it makes."""
    command = [launcher("pvpython"), ROOT / "examples" / f"{name}.py", "--output", output]
    done = subprocess.run(
        command,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT,
    )
    assert done.returncode == 0, done.stderr


def run_script(
    script: str,
    folder: Path,
    *,
    program: Sequence[str | Path] | None = None,
    request: Any = None,
    environment: dict[str, str] | None = None,
) -> Run:
    """Run a script of `scripts` in a program, by default the pvpython of the build tree."""
    command = command_of(script, folder, program or [launcher("pvpython")], request or {})
    done = subprocess.run(
        command,
        env=environment or clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        timeout=_TIMEOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return Run(done.returncode, done.stdout, folder, answers_in(folder))


def assert_went_well(run: Run) -> None:
    """Assert that a program ended by itself and complained about nothing."""
    assert run.code == 0, run.text
    assert not error_lines(run.text), run.text


_HARMLESS = "max_depth was reached"
"""Most meshes of these tests are kept small, whatever their error."""
_ERROR = re.compile(r"error|exception|traceback|abort|segmentation|^(INR \w+|Pruning AMR):", re.I)


def error_lines(text: str) -> list[str]:
    """Return the lines of a program's output that tell of an error."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if _ERROR.search(line) and _HARMLESS not in line]


# --- pictures ---------------------------------------------------------------------------------


def read_picture(path: Path) -> np.ndarray:
    """Return a picture as colours from 0 to 1, blurred over 5 pixels, shape (height, width, 3)."""
    with Image.open(path) as image:
        blurred = image.convert("RGB").filter(ImageFilter.BoxBlur(2))
    return np.asarray(blurred, dtype=float) / 255


def picture_difference(one: Path, other: Path) -> float:
    """Return the root mean square difference of two pictures where either shows something."""
    a, b = read_picture(one), read_picture(other)
    if a.shape != b.shape:
        return 1.0
    background = np.ones(3)
    drawn = (np.abs(a - background) + np.abs(b - background)).max(axis=2) > 0.02
    return float(np.sqrt(np.mean((a - b)[drawn] ** 2))) if drawn.any() else 0.0


def assert_shows_something(path: Path) -> None:
    """Assert that a picture is not of one colour."""
    picture = read_picture(path)
    drawn = np.abs(picture - 1).max(axis=2) > 0.05
    assert 0.05 < drawn.mean() < 0.98, f"{path}: {drawn.mean():.1%} of the picture is drawn"
    assert picture[drawn].std(axis=0).max() > 0.03, f"{path}: nothing but one colour"


def assert_same_picture(one: Path, other: Path) -> None:
    """Assert that two pictures show something, and the same."""
    for path in (one, other):
        assert_shows_something(path)
    difference = picture_difference(one, other)
    assert difference < SAME_PICTURE, f"{one} and {other} differ by {difference:.4f}"
