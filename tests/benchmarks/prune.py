"""How much of networks can be pruned within an error, as a markdown table.

    build/bin/python tests/benchmarks/prune.py CHECKPOINT... [--tolerance 1e-3 1e-2]

Checkpoints that do not hold their bounds get those of ``--bounds`` along every axis.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import pruning_amr as pa


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT")
    parser.add_argument("--tolerance", type=float, nargs="+", default=[1e-3, 1e-2])
    parser.add_argument("--id-tolerance", type=float, nargs="+", default=[0.0])
    parser.add_argument("--bounds", type=float, nargs=2, default=[-1, 1], metavar=("MIN", "MAX"))
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    print("| network | wanted | parameters | left | gone | rel. L2 | max. error | widths | s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for path in options.checkpoints:
        inr = pa.load(path)
        if inr.bounds is None:
            inr = replace(inr, bounds=np.array([options.bounds] * len(inr.inputs)))
        for tolerance in options.tolerance:
            start = time.perf_counter()
            report = pa.prune(
                inr, tolerance, id_tolerance=options.id_tolerance, device=options.device
            ).report
            seconds = time.perf_counter() - start
            before, after = report.parameters_before, report.parameters_after
            print(
                f"| {inr.name} | {tolerance:g} | {before} | {after} | "
                f"{100 * (1 - after / before):.1f} % | {report.relative_l2:.2g} | "
                f"{report.max_error:.2g} | {' '.join(map(str, report.widths_after))} | "
                f"{seconds:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
