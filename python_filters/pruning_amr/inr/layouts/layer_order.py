"""Which layers follow one another: by their order in the file, their names and their shapes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence

import numpy as np

Shapes = Mapping[str, tuple[int, int]]
"""(n_out, n_in) of each layer, by its name with a dot at the end: "net.0."."""


def layer_order(shapes: Shapes, alphabetical: bool) -> list[str]:
    """Order layers as stored if their shapes connect so, else by name.

    Files made from a state_dict keep the order of definition; others sort keys by letter,
    where "10" comes before "2" and "input" after "hidden".
    """
    stems = list(shapes)
    by_name = sorted(stems, key=_rank)
    # Keys in alphabetical order are no order of definition: equal widths would connect anyhow.
    for order in (by_name, stems) if alphabetical else (stems, by_name):
        if connect([shapes[s] for s in order]):
            return order
    return stems


def _rank(stem: str) -> tuple[int, list[tuple[int, str]]]:
    place = 0
    if re.search(r"first|input|\bin\b|_in\b", stem):
        place = -1
    elif re.search(r"last|final|output|head|\bout\b|_out\b", stem):
        place = 1
    parts = re.findall(r"\d+|\D+", stem)
    return place, [(int(p), "") if p.isdigit() else (-1, p) for p in parts]


def connect(shapes: Sequence[tuple[int, int]]) -> bool:
    """Tell whether each layer takes what the one before gives, with or without the inputs."""
    n_in = shapes[0][1]
    return all(b[1] in (a[0], a[0] + n_in) for a, b in itertools.pairwise(shapes))


def trunk_of(order: Sequence[str]) -> list[str]:
    """Return the layers up to the last of the first that are numbered through.

    What comes after them, such as ``alpha_linear`` and ``rgb_linear`` after ``pts_linears.7``,
    may stand side by side.
    """
    patterns = [re.sub(r"\d+", "#", stem) for stem in order]
    numbered = next((p for p in patterns if "#" in p and patterns.count(p) > 1), None)
    if numbered is None:
        return list(order)
    return list(order[: len(patterns) - patterns[::-1].index(numbered)])


def heads_after(trunk: Sequence[str], order: Sequence[str], shapes: Shapes) -> list[str]:
    """Return the names of the parts that take what the trunk gives."""
    width, n_in = shapes[trunk[-1]][0], shapes[trunk[0]][1]
    after = [s for s in order if s not in trunk and shapes[s][1] in (width, width + n_in)]
    return list(dict.fromkeys(part_name(s) for s in after))


def part_name(stem: str) -> str:
    """Return the name of the part a layer belongs to: "rgb" for "rgb.0."."""
    return re.split(r"\.\d+\.", stem)[0].rstrip(".")


def stems_under(name: str, order: Sequence[str]) -> list[str]:
    """Return the layers that a name, or what it is a prefix of, stands for."""
    return [s for s in order if s.startswith(name.rstrip(".") + ".")]


def possible_residuals(order: Sequence[str], shapes: Shapes) -> list[str]:
    """Return the names of groups of layers that may be added to what enters them.

    Such as ``block1`` of ``block1.0`` and ``block1.2``: a group gives as many values as it takes,
    does not begin the network, and is no mere list of layers (``hidden.0``, ``hidden.1``).
    """
    parents = dict.fromkeys(stem.rstrip(".").rpartition(".")[0] for stem in order)
    found = []
    for name in parents:
        group = stems_under(name, order) if name else []
        first = order.index(group[0]) if group else 0
        if len(group) < 2 or first == 0 or group != list(order[first : first + len(group)]):
            continue
        if shapes[group[0]][1] == shapes[group[-1]][0] and not _numbered_through(name, group):
            found.append(name)
    return found


def _numbered_through(name: str, group: Sequence[str]) -> bool:
    """Tell whether names are consecutive numbers, and the group's is not that of a block."""
    if re.search(r"res|block", name.rpartition(".")[2], re.IGNORECASE):
        return False
    tails = [stem[len(name) + 1 :].rstrip(".").partition(".")[0] for stem in group]
    if not all(t.isdigit() for t in tails):
        return False
    numbers = np.array([int(t) for t in tails])
    return bool(np.all(np.diff(numbers) == 1))
