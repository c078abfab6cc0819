"""Try every filter that ParaView's menu enables on what this project hands over.

build/bin/python tests/paraview/sweep.py FOLDER                       all kinds of outputs
build/bin/python tests/paraview/sweep.py FOLDER --kinds "image data"  one
build/bin/python tests/paraview/sweep.py FOLDER --all                 say also what went well

Each filter of ParaView is applied with its default properties. A crash, or one filter longer than
the time limit, ends a process: the next one goes on behind it. A sweep that was stopped goes on in
the same folder. What goes wrong is tried on ParaView's own
source of the same kind, the control. Exits with 1 where only ours goes wrong, or a filter changed
its input.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness import clean_environment, command_of, launcher

KINDS = (
    "hyper tree grid",
    "overlapping AMR",
    "unstructured grid",
    "image data",
    "preview",
    "slice",
    "contour",
)
_STARTS = 120
"""Seconds for ParaView to start, and for the source."""


@dataclass
class Swept:
    """What filters did with one kind of source.

    Attributes
    ----------
    names : list of str
        Filters that the menu enables.
    faults : dict of str to str
        What went wrong, by filter: "crash", "time", or what ParaView said.
    changed : dict of str to list of str
        Arrays of the input that a filter changed.
    results : dict of str to dict
        Class and size of what came out.
    """

    names: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    changed: dict[str, list[str]] = field(default_factory=dict)
    results: dict[str, dict] = field(default_factory=dict)


def sweep(
    kind: str,
    folder: Path,
    filters: list[str] | None = None,
    control: bool = False,
    limit: float = 60,
) -> Swept:
    """Apply filters, by default all that are enabled, to one kind of source."""
    swept, done = Swept(), []
    for attempt in range(60):
        here = folder / f"{kind.replace(' ', '_')}{'_control' if control else ''}_{attempt}"
        request = {"kind": kind, "filters": filters, "control": control, "done": done}
        if not (here / "ended.txt").exists():
            command = command_of("sweep_filters", here, [launcher("pvpython")], request)
            (here / "ended.txt").write_text(_run(command, here, limit))
        journal, why = _journal(here), (here / "ended.txt").read_text()
        running = _read(journal, swept)
        if journal and journal[-1].get("all_done"):
            return swept
        if running is None:
            raise RuntimeError(f"{kind}: no source, see {here / 'said.txt'}")
        swept.faults[running] = why
        done = [*swept.results, *swept.faults]
    raise RuntimeError(f"{kind}: 60 processes were not enough, see {folder}")


def _run(command: list[str], folder: Path, limit: float) -> str:
    """Run a process as long as its journal grows; return why it ended, if before its end."""
    journal = folder / "journal.jsonl"
    journal.unlink(missing_ok=True)
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(
            command,
            stdout=said,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=clean_environment(),
            start_new_session=True,
        )
    why, started = "crash", time.time()
    while process.poll() is None:
        time.sleep(0.2)
        known = journal.stat().st_mtime if journal.exists() else started + _STARTS - limit
        if time.time() - known > limit:
            why = f"longer than {limit:g} s"
            os.killpg(process.pid, signal.SIGKILL)
    return why


def _journal(folder: Path) -> list[dict]:
    """Return what a process wrote."""
    journal = folder / "journal.jsonl"
    lines = journal.read_text().splitlines() if journal.exists() else []
    return [json.loads(line) for line in lines]


def _read(journal: list[dict], swept: Swept) -> str | None:
    """Take what a journal says; return the filter that had begun, but not ended."""
    running = None
    for entry in journal:
        if "names" in entry:
            swept.names = swept.names or entry["names"]
        elif "begins" in entry:
            running = entry["begins"]
        elif "ends" in entry:
            name, running = entry["ends"], None
            swept.results[name] = entry
            if entry["input_changed"]:
                swept.changed[name] = entry["input_changed"]
            said = entry.get("exception") or (entry["said"] if "ERROR" in entry["said"] else "")
            if said:
                swept.faults[name] = _first_line(said)
    return running


def _first_line(said: str) -> str:
    """Return what an error says, without where."""
    lines = [line for line in said.splitlines() if line.strip() and "ERROR: In" not in line]
    text = lines[0] if lines else said
    return text.split("): ", 1)[-1].strip()[:110].replace("|", "/")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--filters", nargs="+", help="by default all that are enabled")
    parser.add_argument("--limit", type=float, default=60, help="seconds for one filter")
    parser.add_argument("--all", action="store_true", help="say also what went well")
    options = parser.parse_args()
    ours_alone = 0
    print("| output | filter | ours | ParaView's own source |\n|---|---|---|---|")
    for kind in options.kinds:
        swept = sweep(kind, options.folder, options.filters, limit=options.limit)
        control = Swept()
        if swept.faults:
            control = sweep(kind, options.folder, list(swept.faults), True, options.limit)
        for name in swept.names:
            fault, theirs = swept.faults.get(name), control.faults.get(name)
            if name in swept.changed:
                fault = f"changed its input: {', '.join(swept.changed[name])}"
            if fault or options.all:
                result = swept.results.get(name, {})
                ours = fault or f"{result['class']}, {result['size']}"
                print(f"| {kind} | {name} | {ours} | {theirs or 'good'} |")
            ours_alone += bool(fault and not theirs)
        print(f"| {kind} | {len(swept.names)} enabled | {len(swept.faults)} faults | |", flush=True)
    sys.exit(ours_alone > 0)


if __name__ == "__main__":
    main()
