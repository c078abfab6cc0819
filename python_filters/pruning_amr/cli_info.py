"""The command ``pruning-amr info``: what a checkpoint is taken for, and what it does not tell."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli_checkpoint import check_folder, typed_metadata
from .environment import require

if TYPE_CHECKING:
    from .inr import StoredNetwork


def info(options: argparse.Namespace) -> None:
    """Say what a checkpoint holds; without values, nothing is evaluated and PyTorch not needed."""
    # Past the package, which asks for PyTorch.
    from .inr.metadata import read_metadata
    from .inr.network import open_network
    from .inr.summary import describe_stored

    checkpoint, known = options.checkpoint, typed_metadata(options)
    if options.write_json:
        _write_json(checkpoint, known, options.checkpoint_mb)
    if options.candidates:
        check_folder(options.candidates)
        require()
        from .quick_look import candidates

        drawn, n_others = candidates(checkpoint, known, options.candidates, options.checkpoint_mb)
        more = f"; {n_others} more, rougher or untried, are not drawn" if n_others else ""
        print(f"{options.candidates}: {len(drawn)} fields it could hold, smoothest first{more}")
        for answers in drawn[:3]:
            print(f"{'':<12}{json.dumps(answers)}")
    looked_at = options.values or options.preview
    if (options.write_json or options.candidates) and not looked_at:
        return
    check_folder(options.preview)
    stored = open_network(checkpoint, read_metadata(checkpoint, known), options.checkpoint_mb)
    text = describe_stored(stored)
    print(f"{'checkpoint':<12}{checkpoint}")
    print(text)
    if looked_at:
        _look_at_values(stored, options)


def _write_json(checkpoint: Path, known: dict[str, Any], checkpoint_mb: float) -> None:
    """Write what the JSON file beside a checkpoint should hold, and say what is left to fill in."""
    from .inr.metadata_template import write_metadata_template

    target, missing = write_metadata_template(checkpoint, known, checkpoint_mb)
    to_do = f"fill in {', '.join(missing)}" if missing else "complete"
    print(f"{target}: {to_do}")


def _look_at_values(stored: StoredNetwork, options: argparse.Namespace) -> None:
    """Print the range of the values, and draw slices: what needs the network itself."""
    require()
    from .inr.field import inr_of

    inr = inr_of(stored)
    if options.values:
        ranges = (f"[{low:.6g}, {high:.6g}]" for low, high in inr.value_range)
        print(f"{'values':<12}{', '.join(ranges)}")
    if options.preview:
        from .quick_look import preview

        left_out = preview(inr, options.preview)
        more = f"; not drawn: {', '.join(left_out)}" if left_out else ""
        print(f"{options.preview}: slices through the middle{more}")
