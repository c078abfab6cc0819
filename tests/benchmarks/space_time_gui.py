"""Time steps of one mesh for all times, played in ParaView's GUI on a virtual display.

    build/bin/python tests/benchmarks/space_time_gui.py FOLDER --tolerance 0.02 --passes 10

Prints the time of each frame and the memory of the GUI after each pass; FOLDER must be new.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "paraview"))
from desktop import play


def main() -> None:
    """Play, and print what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tolerance", type=float, default=0.06)
    parser.add_argument("--passes", type=int, default=3)
    options = parser.parse_args()
    options.folder.mkdir(parents=True)
    found, _ = play(options.folder.resolve(), options.tolerance, options.passes)
    print(f"mesh and first picture: {found['making']:.1f} s, {found['cells']:,} cells at a time")
    for number, (seconds, memory) in enumerate(zip(found["passes"], found["memory"], strict=True)):
        frame = 1e3 * seconds / found["steps"]
        print(f"pass {number + 1}: {frame:.0f} ms a frame, {memory:,.2f} MiB")


if __name__ == "__main__":
    main()
