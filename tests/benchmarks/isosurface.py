"""Criterion isosurface: leaves, and how far VTK's contours of its data sets are from the truth.

    build/bin/python tests/benchmarks/isosurface.py [--checkpoints FOLDER --only bunny]

Fields and values are those of ``contours.py``; distances too, at fresh random points of the
triangles, relative to the diagonal of the domain. Hyper tree grids have whole leaves, as panel and
command line make them.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pruning_amr as pa
from pruning_amr.refinement.scalar_field import ScalarField
from pruning_amr.views.level_set import LevelSet

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from _helpers.vtk_contours import contoured
from contours import cases, loaded, measured, value_of


def main() -> None:
    """Print a line for every data set of every field."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=Path)
    parser.add_argument("--only", nargs="*", default=["dynamic_ct_4d"], help="names of fields")
    parser.add_argument("--tolerance", type=float, default=0.002)
    options = parser.parse_args()
    for case in cases(options.checkpoints):
        if case.name not in options.only:
            continue
        inr = loaded(case)
        value = value_of(case, inr)
        field = ScalarField(inr.chain_at(case.time).with_outputs([0]))
        diagonal = np.linalg.norm(np.diff(inr.spatial_bounds)[:, 0])
        for output_type, nodes in (("unstructured_grid", "split"), ("hyper_tree_grid", "free")):
            given = {"isovalues": [value], "tolerance": options.tolerance, "hanging_nodes": nodes}
            started = time.perf_counter()
            mesh = pa.refine(inr, criterion="isosurface", time=case.time, **given)
            leaves = mesh.at().n_cells
            seconds = time.perf_counter() - started
            data = mesh.to_vtk(output_type, case.time)
            points, triangles = contoured(data, inr.outputs[0].name, value)
            worth = measured(LevelSet(points, points, triangles), value, field, diagonal)
            print(
                f"{case.name}, tolerance {options.tolerance:g}, {output_type}: {leaves:,} leaves, "
                f"{seconds:.1f} s, contour {len(triangles):,} triangles, {worth}",
                flush=True,
            )


if __name__ == "__main__":
    main()
