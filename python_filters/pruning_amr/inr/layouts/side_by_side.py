"""Telling several networks side by side in one state dict from one network in several parts.

Names alone do not tell them apart: "net_u" and "net_v" are two networks, "backbone" and "head"
are one. Widths do: a network of its own takes the coordinates again, so that a chain through
both narrows to the number of coordinates between hidden layers that are wider on either side.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from ...errors import some

_MOST_COORDINATES = 4
"""x, y, z and t: a bottleneck this narrow may be the inputs of another network."""

_FORMER = re.compile(r"encod|backbone|trunk|first|input|hidden")
_LATTER = re.compile(r"decod|head|last|final|output")


def networks_side_by_side(
    stems: Sequence[str], shapes: Sequence[tuple[int, ...]]
) -> dict[str, list[str]]:
    """Return the layers of each network, by its name; nothing if they are one network.

    Parameters
    ----------
    stems : sequence of str
        Names of the layers in their order, each ending in a dot: "net_u.0.".
    shapes : sequence of (n_out, n_in)
        Shapes of their weights.
    """
    n_inputs = shapes[0][1]
    starts = [
        i
        for i in range(1, len(stems))
        if not _one_sequence(stems[i - 1], stems[i])
        and (
            shapes[i][1] == n_inputs
            or (shapes[i][1] <= _MOST_COORDINATES and not _ordered(stems[i - 1], stems[i]))
        )
    ]
    parts = [slice(a, b) for a, b in itertools.pairwise([0, *starts, len(stems)])]
    found: dict[str, list[str]] = {}
    for former, latter in itertools.pairwise(parts):
        bottleneck = shapes[latter][0][1]
        if all(_hidden_width(shapes[part]) > bottleneck for part in (former, latter)):
            for part in (former, latter):
                found[_name(stems[part])] = [stem.rstrip(".") for stem in stems[part]]
    return found


def several_networks(names: Sequence[str]) -> str:
    """Return the words for networks side by side, by their names."""
    return (
        f"the file seems to hold {len(names)} networks side by side, {some(names)}, each of which "
        "begins with inputs of its own"
    )


def _hidden_width(shapes: Sequence[tuple[int, ...]]) -> int:
    """Return the width of the narrowest hidden layer, 0 if there is none."""
    return min((shape[0] for shape in shapes[:-1]), default=0)


def _one_sequence(before: str, after: str) -> bool:
    """Tell whether names differ by one number that grows, as in "net.2." and "net.4."."""
    pairs = list(
        itertools.zip_longest(*(re.findall(r"\d+|\D+", s) for s in (before, after)), fillvalue="")
    )
    different = [(a, b) for a, b in pairs if a != b]
    if len(different) != 1:
        return False
    ((a, b),) = different
    return a.isdigit() and b.isdigit() and int(a) < int(b)


def _ordered(before: str, after: str) -> bool:
    """Tell whether names say which part comes first, as "encoder" and "decoder" do."""
    # What both names begin with, such as the module that holds them, says nothing.
    shared = _shared([before, after])
    start = len(shared) + 1 if shared else 0
    return bool(_FORMER.search(before, start) or _LATTER.search(after, start))


def _name(stems: Sequence[str]) -> str:
    """Return what the names of the layers of a network share, else the first and the last."""
    return _shared(stems) or f"{stems[0].rstrip('.')} … {stems[-1].rstrip('.')}"


def _shared(stems: Sequence[str]) -> str:
    """Return the dotted prefix that names share, without its last dot."""
    parts = zip(*(stem.rstrip(".").split(".") for stem in stems), strict=False)
    return ".".join(p[0] for p in itertools.takewhile(lambda p: len(set(p)) == 1, parts))
