"""Which structures of networks open and prune, and how near to their formulas, as markdown.

    build/bin/python tests/benchmarks/structures_table.py > docs/structures.md

The structures are those of tests/inr/structures.py.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "inr"))

import pruning_amr as pa
from structure_checks import POINTS, measure
from structures import STRUCTURES, Structure

HEAD = f"""# Structures of networks

Each is written with random weights, opened, pruned to a relative L2 error of 1e-2, saved and opened
again. The largest error over the range of the field is that of float32 at {POINTS:,} random points,
against the formula in float64; beside it that of the same network in plain PyTorch in float32.

| structure | loads | prunes | largest error / range | plain PyTorch |
|---|---|---|---|---|"""


def row(structure: Structure, folder: Path) -> str:
    """Return a line of the table."""
    if structure.refused:
        path, _ = structure.write(folder)
        try:
            pa.load(path)
        except pa.PruningAMRError:
            return f"| {structure.name} | refused | | | |"
        return f"| {structure.name} | **not refused** | | | |"
    try:
        found = measure(structure, folder)
    except pa.PruningAMRError as error:
        return f"| {structure.name} | **no**: {error} | | | |"
    right = "yes" if found.double < 1e-5 else f"**{found.double:.1e}**"
    pruned = "yes" if found.pruned < 1.05e-2 and found.again < 1e-6 else f"**{found.pruned:.1e}**"
    return f"| {structure.name} | {right} | {pruned} | {found.single:.1e} | {found.plain:.1e} |"


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    print(HEAD)
    for structure in STRUCTURES:
        with tempfile.TemporaryDirectory() as folder:
            print(row(structure, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
