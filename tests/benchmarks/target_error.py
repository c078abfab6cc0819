"""Does target_error meet what is asked, at points it has not seen, on many fields?

Run with ``build/bin/python tests/benchmarks/target_error.py --checkpoints FOLDER``; FOLDER is that
of the real checkpoints, as in the tests. Prints a Markdown table and a summary. Errors are
measured at 100,000 points drawn with another seed than any the project uses.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pruning_amr as pa
from pruning_amr.mesh import measure_accuracy
from pruning_amr.refinement import build_mesh, make_parameters

SEED = 20_261_123
SHARE_WANTED, FACTOR_WANTED = 0.95, 1.5
SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"
SQUARE, CUBE = {"bounds": [[0, 1]] * 2}, {"bounds": [[-1, 1]] * 3}

PLANAR = (
    ("rms", "multilinear", (0.02, 0.005, 0.001)),
    ("rms", "conforming", (0.01, 0.002)),
    ("rms", "cell_constant", (0.02,)),
    ("rms", "dual", (0.01,)),
    ("max", "multilinear", (0.1, 0.02)),
    ("max", "conforming", (0.05,)),
)
SPATIAL = (
    ("rms", "multilinear", (0.03, 0.015)),
    ("rms", "conforming", (0.02,)),
    ("max", "multilinear", (0.3, 0.2)),
)


def cases(folder: Path) -> Iterator[tuple[pa.inr.INR, float | None, str, str, float]]:
    """Yield network, time, norm, reconstruction and tolerance of the 60 cases."""
    planar = [
        pa.load(SAMPLES / "oscillation_2d.pt"),
        pa.load(folder / "llnl/high_oscillation_small_lists.ckpt", **SQUARE),
        pa.load(folder / "llnl/high_oscillation_full_lists.ckpt", **SQUARE),
    ]
    # Smooth fields get a tenth of the tolerance: the coarsest mesh would meet all of it.
    spatial = [
        (pa.load(folder / name, **CUBE), None, factor)
        for name, factor in (
            ("nmwsharp/bunny.npz", 0.1),
            ("nmwsharp/fox.npz", 0.1),
            ("harviu/jet_cz_elu_5_128.npz", 1.0),
            ("harviu/eth_relu_5_128.npz", 0.1),
        )
    ]
    moving = pa.load(SAMPLES / "dynamic_ct_4d.pt")
    spatial += [(moving, 0.0, 1.0), (moving, 0.5, 1.0)]
    for inr, when, factor, measures in [(n, None, 1.0, PLANAR) for n in planar] + [
        (*case, SPATIAL) for case in spatial
    ]:
        for norm, reconstruction, tolerances in measures:
            for tolerance in tolerances:
                yield inr, when, norm, reconstruction, factor * tolerance


def main() -> None:
    """Measure every case; say how many met the error asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = SAMPLES.parents[1] / "shared" / "checkpoints"
    parser.add_argument("--checkpoints", type=Path, default=shared)
    parser.add_argument("--max-cells", type=int, default=1_000_000)
    parser.add_argument("--max-depth", type=int, default=10)
    options = parser.parse_args()
    print("| checkpoint | norm | reconstruction | asked | found | ratio | cells | ended by | s |")
    print("|---|---|---|---|---|---|---|---|---|")
    ratios = []
    for inr, when, norm, reconstruction, tolerance in cases(options.checkpoints):
        parameters = make_parameters(
            criterion="target_error",
            error_norm=norm,
            reconstruction=reconstruction,
            tolerance=tolerance,
            max_cells=options.max_cells,
            max_depth=options.max_depth,
        )
        started = time.perf_counter()
        mesh = build_mesh(inr, parameters, when)
        seconds = time.perf_counter() - started
        found = measure_accuracy(mesh, 100_000, reconstruction, SEED)
        extent = float(np.diff(inr.value_range)[:, 0].max())
        error = (found.max_error if norm == "max" else found.rmse) / extent
        ratios.append(error / tolerance)
        at = "" if when is None else f" t={when:g}"
        print(
            f"| {inr.name}{at} | {norm} | {reconstruction} | {tolerance:g} | {error:.4g} | "
            f"{ratios[-1]:.3f} | {mesh.n_cells:,} | {mesh.history.stopped_by} | {seconds:.1f} |",
            flush=True,
        )
    met = 100 * np.mean(np.array(ratios) <= 1.0)
    print(
        f"\n{len(ratios)} cases: {met:.1f} % within the error asked for (wanted "
        f"{100 * SHARE_WANTED:.0f} %), worst ratio {max(ratios):.3f} (wanted {FACTOR_WANTED})."
    )


if __name__ == "__main__":
    main()
