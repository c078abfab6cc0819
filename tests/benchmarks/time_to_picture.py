"""How long the first pictures of the scan take with defaults, against plain PyTorch.

    build/bin/pvpython tests/benchmarks/time_to_picture.py FOLDER

Opens the sample and applies a filter of each kind, as Apply does; beside the time to each picture
is what it is in times of a million evaluations of the same network by plain PyTorch, at its best
batch, measured in the same run before and after. The reader's time includes loading PyTorch. Each
picture is saved into FOLDER.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from paraview import simple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

SAMPLE = Path(__file__).resolve().parents[2] / "sample_data" / "dynamic_ct_4d.pt"
FILTERS = ("PruningAMR", "PruningAMRUnstructuredGrid", "INRSlice", "INRContour")
EVALUATIONS, MEASURED = 1_000_000, 131_072


def main() -> None:
    """Print a line for each picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--filters", nargs="*", default=FILTERS)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    found, started = {}, (time.perf_counter(), time.process_time())
    reader = simple.OpenDataFile(str(SAMPLE))
    found["INRReader"] = picture(reader, started, options.folder / "INRReader.png")
    before = plain_seconds()
    for name in options.filters:
        started = time.perf_counter(), time.process_time()
        shown = getattr(simple, name)(Input=reader)
        found[name] = picture(shown, started, options.folder / f"{name}.png")
    after = plain_seconds()
    plain = min(before, after)
    print(f"a million evaluations by plain PyTorch: {before:.2f} s before, {after:.2f} s after")
    for name, (seconds, worked) in found.items():
        print(f"{name:<28}{seconds:7.2f} s ({worked:.2f} s of processors)  {seconds / plain:6.2f}")


def picture(source, started: tuple[float, float], path: Path) -> tuple[float, float]:
    """Show a source in a view of its own; return the seconds since the start until it is drawn."""
    view = simple.CreateView("RenderView")
    view.ViewSize = [800, 600]
    simple.Show(source, view)
    view.ResetCamera()
    simple.Render(view)
    taken = time.perf_counter() - started[0], time.process_time() - started[1]
    simple.SaveScreenshot(str(path), view)
    simple.Delete(view)
    return taken


def plain_seconds() -> float:
    """Return the seconds of a million evaluations at one time."""
    # The reader's time is to include what these load.
    import numpy as np
    import pruning_amr as pa
    import torch
    from _helpers.plain_network import plain_network, seconds_plain

    network = plain_network(pa.load(SAMPLE).chain_at(0.0))
    points = np.random.default_rng(1).uniform(-1, 1, (MEASURED, 3)).astype(np.float32)
    return seconds_plain(network, torch.from_numpy(points), EVALUATIONS)


if __name__ == "__main__":
    main()
