"""Which modules a search goes through: how many, and how often it goes from one to another.

    build/bin/python tests/benchmarks/module_walk.py [--time-mode per_time_step] [--pairs 10]

Counts, not times. A call of a function in another module of the package enters that module, and its
return goes back. Run it in two checkouts to compare them.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import pruning_amr as pa

SAMPLE = Path(__file__).resolve().parents[2] / "sample_data" / "dynamic_ct_4d.pt"
PACKAGE = str(Path(pa.__file__).parent)


def module_of(frame: FrameType) -> str | None:
    """Return the module of the package that a frame runs in, None for one of another package."""
    file = frame.f_code.co_filename
    return file[len(PACKAGE) + 1 :] if file.startswith(PACKAGE) else None


class Walk:
    """Follows calls of the main thread from module to module while it is active."""

    def __enter__(self) -> Walk:
        self.entries: Counter[tuple[str, str]] = Counter()
        sys.setprofile(self._follow)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _follow(self, frame: FrameType, event: str, _: Any) -> None:
        caller = frame.f_back
        if event != "call" or caller is None:
            return
        here, there = module_of(caller), module_of(frame)
        if here and there and here != there:
            self.entries[here, there] += 1


def main() -> None:
    """Search, and print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time-mode", default="space_time")
    parser.add_argument("--tolerance", type=float, default=0.06)
    parser.add_argument("--pairs", type=int, default=10)
    options = parser.parse_args()
    inr = pa.load(SAMPLE)
    _ = inr.value_range
    with Walk() as walk:
        pa.refine(inr, time=0.5, tolerance=options.tolerance, time_mode=options.time_mode)
    modules = {module for pair in walk.entries for module in pair}
    print(
        f"{len(modules)} modules, {len(walk.entries)} ways from one to another, "
        f"entered {walk.entries.total():,} times"
    )
    for (here, there), count in walk.entries.most_common(options.pairs):
        print(f"{count:7,}  {here} -> {there}")


if __name__ == "__main__":
    main()
