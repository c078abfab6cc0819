"""Are both tolerances met, in a region of interest and in the rest, and what does it save?

Run with ``build/bin/python tests/benchmarks/region.py``. Prints a Markdown table of 40 cases and a
summary. Errors are measured at points drawn with another seed than any the project uses, 100,000 in
either part; the mesh compared with meets the tolerance of the region everywhere.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pruning_amr as pa
from pruning_amr.inr import INR, Evaluator
from pruning_amr.mesh import Mesh
from pruning_amr.refinement import build_mesh, make_parameters

SEED, POINTS = 20_261_123, 100_000
MAX_CELLS = 1_000_000
SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"

FIELDS = (
    ("oscillation_2d", None, ((0.02, 0.004), (0.005, 0.0005))),
    ("beltrami_4d", 0.0, ((5e-4, 1.5e-4), (3e-4, 8e-5))),
    ("beltrami_4d", 0.5, ((5e-4, 1.5e-4), (3e-4, 8e-5))),
    ("dynamic_ct_4d", 0.0, ((0.06, 0.03), (0.05, 0.02))),
    ("dynamic_ct_4d", 0.5, ((0.06, 0.03), (0.05, 0.02))),
)
"""Names, times, and pairs of tolerances."""

BOXES = ((0.4, 0.6), (0.1, 0.4), (0.45, 0.55), (0.5, 1.0))
"""Lower and upper bounds as parts of every axis of the domain."""


def errors_of(mesh: Mesh, low: np.ndarray, high: np.ndarray) -> tuple[float, float]:
    """Return the root mean square errors in a box and in the rest, relative to the range."""
    rng, bounds = np.random.default_rng(SEED), mesh.inr.spatial_bounds
    unit = rng.random((2, POINTS, len(bounds)))
    inside = low + unit[0] * (high - low)
    everywhere = bounds[:, 0] + unit[1] * np.diff(bounds)[:, 0]
    outside = everywhere[((everywhere < low) | (everywhere > high)).any(axis=1)]
    extent = np.diff(mesh.inr.value_range)[:, 0]
    exact = Evaluator(mesh.inr.chain_at(mesh.time))
    found = []
    for points in (inside, outside):
        points = points.astype(np.float32).astype(np.float64)
        error = (mesh.reconstruct(points, "multilinear") - exact.numpy(points)) / extent
        found.append(float(np.sqrt((error**2).mean())))
    return found[0], found[1]


def refined(inr: INR, when: float | None, **parameters: Any) -> tuple[Mesh, float]:
    """Return a mesh, and the seconds it took."""
    started = time.perf_counter()
    mesh = build_mesh(inr, make_parameters(max_cells=MAX_CELLS, **parameters), when)
    return mesh, time.perf_counter() - started


def main() -> None:
    """Measure every case; say how many met both tolerances."""
    print(
        "| field | box | asked in | found in | asked out | found out | cells | share | s | ratio |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    ratios, cells, seconds = [], [], []
    for name, when, tolerances in FIELDS:
        inr = pa.load(SAMPLES / f"{name}.pt")
        bounds = inr.spatial_bounds
        for outer, inner in tolerances:
            whole, whole_seconds = refined(inr, when, tolerance=inner)
            for part in BOXES:
                low, high = (bounds[:, 0] + x * np.diff(bounds)[:, 0] for x in part)
                box = np.stack([low, high], axis=1).ravel()
                mesh, took = refined(inr, when, tolerance=outer, region=box, region_tolerance=inner)
                found = errors_of(mesh, low, high)
                ratios.append((found[0] / inner, found[1] / outer))
                cells.append(mesh.n_cells / whole.n_cells)
                seconds.append(took / whole_seconds)
                print(
                    f"| {name} {'' if when is None else when} | {part[0]}-{part[1]} | {inner} | "
                    f"{found[0]:.4g} | {outer} | {found[1]:.4g} | {mesh.n_cells:,} | "
                    f"{cells[-1]:.3f} | {took:.1f} | {seconds[-1]:.2f} |",
                    flush=True,
                )
    met, worst = (np.array(ratios) <= 1.0).all(axis=1).mean(), np.max(ratios, axis=0)
    print(
        f"\n{len(ratios)} cases: both met in {100 * met:.1f} %; worst ratio {worst[0]:.3f} inside, "
        f"{worst[1]:.3f} outside; medians: {np.median(ratios, axis=0)[0]:.2f} and "
        f"{np.median(ratios, axis=0)[1]:.2f} of what was asked, {np.median(cells):.2f} of the "
        f"cells and {np.median(seconds):.2f} of the time of refining everything."
    )


if __name__ == "__main__":
    main()
