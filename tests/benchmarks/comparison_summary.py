"""What tables of the comparison command say: cells of target_error against the other criteria.

Run with ``build/bin/python tests/benchmarks/comparison_summary.py docs/comparison/*.csv``. For
every mesh of another criterion, the cells (and vertices) target_error needs for the same error are
interpolated between its own meshes on log axes; the table gives the smallest and largest ratio.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np


def main() -> None:
    """Print a Markdown table, one line for each file and criterion."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", type=Path, nargs="+")
    options = parser.parse_args()
    print("| network | compared with | cells | vertices |")
    print("|---|---|---|---|")
    for path in options.tables:
        with path.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        ours = [row for row in rows if row["criterion"] == "target_error"]
        for criterion in dict.fromkeys(row["criterion"] for row in rows):
            others = [row for row in rows if row["criterion"] == criterion]
            if criterion == "target_error":
                continue
            spans = [_span(ours, others, name) for name in ("cells", "vertices")]
            print(f"| {path.stem} | {criterion} | {spans[0]} | {spans[1]} |")


def _span(ours: list[dict], others: list[dict], name: str) -> str:
    """Return the range of our count / theirs at the same error."""
    error, count = (np.log([float(row[key]) for row in ours]) for key in ("rmse", name))
    order = np.argsort(error)
    ratios = []
    for row in others:
        at = np.log(float(row["rmse"]))
        if error.min() <= at <= error.max():
            expected = np.interp(at, error[order], count[order])
            ratios.append(float(np.exp(expected)) / float(row[name]))
    return f"{min(ratios):.2f} to {max(ratios):.2f}" if ratios else "no common error"


if __name__ == "__main__":
    main()
