"""How long the command line takes to explain itself, beside Python's own start.

Run as ``startup.py`` on a quiet machine. Each number is the median of `RUNS` processes.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

PACKAGES = Path(__file__).resolve().parents[2] / "python_filters"
RUNS = 5

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "python -c 'import pruning_amr'": ["-c", "import pruning_amr"],
    "pruning-amr --help": ["-m", "pruning_amr", "--help"],
    "pruning-amr info --help": ["-m", "pruning_amr", "info", "--help"],
    "pruning-amr mesh --help": ["-m", "pruning_amr", "mesh", "--help"],
    "python -c 'import torch'": ["-c", "import torch"],
}


def seconds(arguments: list[str]) -> float:
    """Return how long a process takes."""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGES)}
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL, check=True
    )
    return time.perf_counter() - started


def main() -> None:
    """Print the table."""
    for name, arguments in COMMANDS.items():
        median = statistics.median(seconds(arguments) for _ in range(RUNS))
        print(f"{name:<32}{median:8.3f} s", flush=True)


if __name__ == "__main__":
    main()
