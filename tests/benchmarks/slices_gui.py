"""Dragging the plane of INR Slice in ParaView's GUI, on a virtual display.

    build/bin/python tests/benchmarks/slices_gui.py FOLDER --passes 3

The scan at one time, a slice to the tolerance; its plane is turned and pushed by the mouse, then
Apply is pressed. Prints the seconds from the key to the picture, those of them in the filter, and
their median. FOLDER must be new; the window is saved there after each Apply.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "paraview"))
from desktop import MOVES, drag_slices


def main() -> None:
    """Drag, apply, and print what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tolerance", type=float, default=0.005)
    parser.add_argument("--passes", type=int, default=3)
    options = parser.parse_args()
    options.folder.mkdir(parents=True)
    found = drag_slices(options.folder.resolve(), options.tolerance, MOVES * options.passes)
    for slice_ in found:
        origin, normal = (
            ", ".join(f"{x:.3f}" for x in slice_[name]) for name in ("origin", "normal")
        )
        print(f"through ({origin}), normal ({normal}): {slice_['cells']:,} cells, ", end="")
        print(f"{slice_['seconds']:.2f} s from Apply to the picture, ", end="")
        print(f"{slice_['making']:.2f} s of them the slice")
    print(f"median {statistics.median(s['seconds'] for s in found):.2f} s")


if __name__ == "__main__":
    main()
