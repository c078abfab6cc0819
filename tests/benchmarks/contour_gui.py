"""Changing the value, and the time, of INR Contour in ParaView's GUI, on a virtual display.

    build/bin/python tests/benchmarks/contour_gui.py FOLDER

The scan with all defaults: seconds from a change of the value, or to the next time step, until it
is drawn, in times of 700,000 evaluations of the same network by plain PyTorch at its best batch,
measured in the same run before and after. FOLDER must be new; the window is saved there.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

import numpy as np
import pruning_amr as pa
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "paraview"))
from _helpers.plain_network import plain_network, seconds_plain
from desktop import change_contours

SAMPLE = Path(__file__).resolve().parents[2] / "sample_data" / "dynamic_ct_4d.pt"
EVALUATIONS, MEASURED = 700_000, 131_072
VALUES = (0.5, 0.6, 0.45, 0.55, 0.7, 0.5)
STEPS = (31, 32, 33, 34, 35)


def plain() -> float:
    """Return the seconds of the evaluations at one time."""
    network = plain_network(pa.load(SAMPLE).chain_at(0.5))
    points = np.random.default_rng(1).uniform(-1, 1, (MEASURED, 3)).astype(np.float32)
    return seconds_plain(network, torch.from_numpy(points), EVALUATIONS)


def main() -> None:
    """Change, and print what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True)
    before = plain()
    found, _ = change_contours(options.folder.resolve(), VALUES, STEPS)
    after = plain()
    print(f"{EVALUATIONS:,} evaluations: {before:.2f} s before, {after:.2f} s after")
    # The first one loads PyTorch and the checkpoint.
    for kind, seconds in (("value", found["values"][1:]), ("time step", found["steps"])):
        median = statistics.median(seconds)
        each = ", ".join(f"{s:.2f}" for s in seconds)
        print(
            f"another {kind}: {median:.2f} s ({each}), {median / min(before, after):.2f} times that"
        )


if __name__ == "__main__":
    main()
