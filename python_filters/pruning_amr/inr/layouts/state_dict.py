"""A ``state_dict`` of dense layers, wrapped and prefixed in the usual ways."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from ...errors import CheckpointError, MetadataError, some
from ..metadata import Metadata
from ..questions import Questions
from .arrays import StateArrays, frequencies_in, range_parts, sort_arrays, take_ranges
from .layer_order import (
    connect,
    heads_after,
    layer_order,
    part_name,
    possible_residuals,
    stems_under,
    trunk_of,
)
from .raw import RawNetwork, flatten
from .selection import ask_which, unwrapped
from .side_by_side import networks_side_by_side, several_networks
from .unused import is_coefficient, is_record, refuse_unused

_SCALING = re.compile(
    r"(^|_)(mean|std|scale|shift|offset|sigma|var|min|max)($|_)|normali[sz]", re.IGNORECASE
)
"""Names of numbers that may scale the inputs or outputs of a network."""

_OF_TRAINING = re.compile(r"loss|error|grad|lr|epoch|iter|step|psnr|acc", re.IGNORECASE)
_HEADS = re.compile(r"alpha|sigma|densit|rgb|colou?r|feat|occ|sdf|semantic|head", re.IGNORECASE)
"""Parts of the names of layers that often stand side by side after a trunk."""


def read_state_dict(
    content: Mapping[str, Any], metadata: Metadata, questions: Questions
) -> RawNetwork | None:
    """Read a ``state_dict`` of dense layers, wrapped and prefixed in the usual ways."""
    state, left_out = unwrapped(content, metadata.network, questions)
    around = {} if state is content else {k: v for k, v in content.items() if k in left_out}
    raw = read_arrays(state, metadata, questions)
    if raw is not None:
        ranges = take_ranges(flatten(around))
        raw.ranges = {**ranges, **raw.ranges}
        used = {name for names in ranges for name in range_parts(names)}
        raw.assumed += _scalings(around)
        raw.left_out = [*(k for k in left_out if k not in used), *raw.left_out]
    return raw


def _scalings(around: Mapping[str, Any]) -> list[str]:
    """Return a sentence if numbers beside a network are named as if they scaled something."""
    found = [k for k, v in around.items() if _SCALING.search(k) and _is_numeric(v)]
    found = [k for k in found if not is_record(k) and not _OF_TRAINING.search(k)]
    if not found:
        return []
    return [
        f"{some(found)} beside the network {'is' if len(found) == 1 else 'are'} left out; if the "
        "field is scaled so, say it by input_mean and input_std, or output_scale and output_offset"
    ]


def _is_numeric(value: Any) -> bool:
    try:
        return not isinstance(value, bool | str) and np.asarray(value).dtype.kind in "fiu"
    except ValueError:
        return False


def read_arrays(
    state: Mapping[str, Any],
    metadata: Metadata,
    questions: Questions,
    layout: str = "state_dict",
    fewest: int = 2,
) -> RawNetwork | None:
    """Read the arrays of a state dict as a network of dense layers; None if they are not one.

    One lone matrix, fewer than `fewest`, may be anything.
    """
    arrays = sort_arrays(state)
    if len(arrays.weights) < fewest or _unknown(arrays):
        return None
    order, left_out, assumed = _chosen(arrays, metadata, questions)
    coefficients = [k for k in arrays.numbers if is_coefficient(k)]
    frequencies = frequencies_in(arrays.numbers)
    numbers = {
        k: v for k, v in arrays.numbers.items() if k not in coefficients and k not in frequencies
    }
    for key in coefficients:
        assumed.append(
            f"{key} of shape {arrays.numbers[key].shape} is taken for a coefficient of an equation "
            "and left out"
        )
    own = _own_frequencies(frequencies, order)
    return RawNetwork(
        layout,
        [arrays.weights[s] for s in order],
        [arrays.biases[s] for s in order],
        None,
        arrays.fourier,
        {i: arrays.input_weights[s] for i, s in enumerate(order) if s in arrays.input_weights},
        {i: arrays.skips[s] for i, s in enumerate(order) if s in arrays.skips},
        frequencies,
        [s.rstrip(".") for s in order],
        own,
        numbers,
        arrays.ranges,
        [*left_out, *coefficients],
        assumed,
    )


def _unknown(arrays: StateArrays) -> bool:
    """Tell whether there are arrays that are no part of dense layers."""
    if not arrays.others:
        return False
    halves = any(k.endswith(("weight_g", "original0")) for k in arrays.others)
    if len(arrays.weights) > 1 and all(v.ndim < 2 for v in arrays.others.values()) and not halves:
        # Scales of a normalisation, for example: name them, the layers themselves are known.
        refuse_unused(arrays.others)
    return True


def _chosen(
    arrays: StateArrays, metadata: Metadata, questions: Questions
) -> tuple[list[str], list[str], list[str]]:
    """Return the layers of the network in their order, those left out, and what was assumed."""
    shapes = arrays.shapes
    order = layer_order(shapes, arrays.alphabetical)
    if metadata.chain:
        order, left_out = _named(metadata.chain, order, "chain")
        _check_connected(order, arrays)
        return order, left_out, []
    if metadata.head:
        return _with_head(metadata.head, order, arrays)
    networks = networks_side_by_side(order, [shapes[s] for s in order])
    if networks:
        _ask_which(questions, networks)
    _refuse_gates(order)
    trunk = trunk_of(order)
    heads = heads_after(trunk, order, shapes)
    rivals = len(heads) > 1 and connect([shapes[s] for s in trunk])
    if rivals and (not connect([shapes[s] for s in order]) or any(map(_HEADS.search, heads))):
        questions.ask(
            "head",
            f"one of {some(heads, 12)}",
            heads[0],
            heads,
            f"they stand side by side after {trunk[-1].rstrip('.')}",
        )
        questions.refuse()
    _check_connected(order, arrays)
    return order, [], _assumed(order, arrays, metadata)


def _ask_which(questions: Questions, networks: Mapping[str, list[str]]) -> NoReturn:
    """Ask which of several networks is meant: by its name, or by its layers if it has none."""
    names = list(networks)
    if all(stem.startswith(f"{name}.") for name, stems in networks.items() for stem in stems):
        ask_which(questions, names)
    questions.ask(
        "chain",
        f"the layers of one of {some(names)}",
        networks[names[0]],
        list(networks.values()),
        several_networks(names),
    )
    questions.refuse()


def _assumed(order: Sequence[str], arrays: StateArrays, metadata: Metadata) -> list[str]:
    """Return a sentence if names come in groups that may be connected in other ways."""
    groups = possible_residuals(order, arrays.shapes)
    unordered = _unordered(order, arrays)
    if not groups or metadata.residual is not None:
        return unordered
    return [
        *unordered,
        f"{some(groups)} {'is' if len(groups) == 1 else 'are'} taken for layers that follow one "
        "another; if they are residual blocks, x + block(x), the field is another: say "
        f'{{"residual": ["{groups[0]}"]}} or {{"residual": "none"}}',
    ]


def _unordered(order: Sequence[str], arrays: StateArrays) -> list[str]:
    """Return a sentence if neither shapes, numbers nor the order in the file tell an order."""
    if not arrays.alphabetical:
        return []
    square = [s for s in order if len(set(arrays.shapes[s])) == 1]
    if len({re.sub(r"_?\d+", "", s) for s in square}) < 2:
        return []
    return [
        f"{some([s.rstrip('.') for s in square])} have one shape, no numbers in their names and "
        'stand in alphabetical order; they are taken in that order: else say "chain"'
    ]


def _with_head(
    head: str, order: list[str], arrays: StateArrays
) -> tuple[list[str], list[str], list[str]]:
    """Return the layers up to the heads and those of one head."""
    chosen = stems_under(head, order)
    trunk = [s for s in trunk_of([s for s in order if s not in chosen]) if s not in chosen]
    if not chosen:
        heads = heads_after(trunk, order, arrays.shapes)
        raise MetadataError(
            f'"head" is "{head}", which names no layer; expected one of '
            f"{some(heads or [s.rstrip('.') for s in order], 12)}: correct it."
        )
    taken = [*trunk, *chosen]
    _check_connected(taken, arrays)
    left_out = list(dict.fromkeys(part_name(s) for s in order if s not in taken))
    return taken, left_out, []


def _named(names: Sequence[str], order: list[str], key: str) -> tuple[list[str], list[str]]:
    """Return the layers that names stand for, in the order of the names, and the others."""
    taken: list[str] = []
    for name in names:
        found = stems_under(name, order)
        if not found:
            raise MetadataError(
                f'"{key}" names "{name}", which is no layer; expected some of '
                f"{some([s.rstrip('.') for s in order], 12)}: correct it."
            )
        taken += [s for s in found if s not in taken]
    return taken, [s.rstrip(".") for s in order if s not in taken]


def _refuse_gates(order: Sequence[str]) -> None:
    """Refuse the gates of a modified MLP by their names: if widths are equal, shapes connect."""
    last = {s.rstrip(".").rpartition(".")[2]: s.rstrip(".") for s in order}
    if "U" in last and "V" in last:
        raise CheckpointError(_NO_CHAIN.format(f"{last['U']} and {last['V']} seem to be gates"))


_NO_CHAIN = (
    "{}, so that the network is no chain of layers (gates U and V of a modified MLP, for instance, "
    "are multiplied with every layer, which the file does not show); expected layers that follow "
    "one another: only the architecture in Python could tell, which is not read."
)


def _check_connected(order: Sequence[str], arrays: StateArrays) -> None:
    """Check that each layer takes what the one before gives."""
    shapes = arrays.shapes
    if connect([shapes[s] for s in order]):
        return
    n_in = shapes[order[0]][1]
    beginning = [s for s in order if shapes[s][1] == n_in]
    if len(beginning) > 1:
        raise CheckpointError(
            _NO_CHAIN.format(
                f"{some([s.rstrip('.') for s in beginning])} each take the {n_in} inputs"
            )
        )
    _refuse_unconnected(order, shapes)


def _refuse_unconnected(order: Sequence[str], shapes: Mapping[str, tuple[int, int]]) -> NoReturn:
    n_in = shapes[order[0]][1]
    for before, after in itertools.pairwise(order):
        if shapes[after][1] not in (shapes[before][0], shapes[before][0] + n_in):
            raise CheckpointError(
                f"layer {after.rstrip('.')} takes {shapes[after][1]} values but the layer before "
                f"it, {before.rstrip('.')}, gives {shapes[before][0]}; expected layers that "
                'connect: name those that follow one another in the metadata key "chain", as '
                f'{{"chain": {[s.rstrip(".") for s in order[:2]]}}}, or the layout is one this '
                "program does not know.".replace("'", '"')
            )
    raise AssertionError("layers connect")


def _own_frequencies(frequencies: Mapping[str, float], order: Sequence[str]) -> dict[int, float]:
    """Return the frequencies that belong to one layer by their keys, as ``net.0.omega_0`` does."""
    own = {}
    for key, value in frequencies.items():
        parent = key.rpartition(".")[0]
        layers = [i for i, s in enumerate(order) if parent and s.startswith(parent + ".")]
        if len(layers) == 1:
            own[layers[0]] = value
    return own
