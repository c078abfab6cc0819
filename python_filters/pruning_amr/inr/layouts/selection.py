"""Which network of a file is meant: what wraps it, and which of several."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...errors import MetadataError, some
from ..questions import Questions
from .raw import flatten
from .side_by_side import several_networks

_WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "nn_model",
    "network",
    "network_fn_state_dict",
    "pipeline",
    "model",
    "net",
    "net_state_dict",
    "generator",
    "params",
    "weights",
)
_COPIES = re.compile(r"(^|[\W_])(ema|swa|avg|averaged?|best|target)([\W_]|$)")
"""Names of further states of the same network, beside the one it was left in."""
_WEIGHTS = ("weight", "weight_v", "original1", "kernel", "kernel:0")


def unwrapped(
    content: Mapping[str, Any], network: str | None, questions: Questions
) -> tuple[Mapping[str, Any], list[str]]:
    """Return the state dict that is meant, and what is left out around it, by key.

    Parameters
    ----------
    content : mapping
    network : str or None
        The name of a network in the file.
    questions : Questions

    Raises
    ------
    MetadataError
        If there are several networks and none is named, or the one named is not there.
    """
    if network:
        return _under(content, network)
    left_out: list[str] = []
    while wrapper := _wrapper(content):
        others = [k for k, v in content.items() if k != wrapper and _first_width(v)]
        n_inputs = _first_width(content[wrapper])
        rivals = [
            k for k in others if not _COPIES.search(k) and _first_width(content[k]) == n_inputs
        ]
        if rivals and n_inputs:
            ask_which(questions, [wrapper, *rivals])
        left_out += [k for k in content if k != wrapper]
        content = content[wrapper]
    return content, left_out


def ask_which(questions: Questions, names: list[str]) -> None:
    """Ask which of several networks is meant; nothing else can be said before."""
    questions.ask(
        "network", f"one of {some(names, 12)}", names[0], names, reason=several_networks(names)
    )
    questions.refuse()


def _wrapper(content: Mapping[str, Any]) -> str | None:
    """Return the key of the state dict that is wrapped with other things."""
    usual = next((w for w in _WRAPPERS if _first_width(content.get(w))), None)
    if usual is None:
        usual = next((w for w in _WRAPPERS if isinstance(content.get(w), Mapping)), None)
        # Parameters of the training stand under such names too.
        usual = None if any(map(_first_width, content.values())) else usual
    if usual is not None:
        return usual
    holding = [k for k, v in content.items() if isinstance(v, Mapping) and _first_width(v)]
    around = any(k.endswith(_WEIGHTS) for k in content)
    # A dict beside epochs and losses, whatever its name; copies of it do not count.
    holding = [k for k in holding if not _COPIES.search(k)] or holding
    return holding[0] if holding and not around and _is_state(content, holding) else None


def _is_state(content: Mapping[str, Any], holding: list[str]) -> bool:
    """Tell whether dicts are state dicts of their own, and not parts of a nested one."""
    widths = {_first_width(content[k]) for k in holding}
    return len(holding) == 1 or len(widths) == 1


def _under(content: Mapping[str, Any], network: str) -> tuple[dict[str, Any], list[str]]:
    """Return the entries under a name, wherever in the file it stands."""
    flat = flatten(content)
    wanted = f".{network.strip('.')}."
    for start in dict.fromkeys(
        f".{key}"[: f".{key}".find(wanted) + len(wanted)] for key in flat if wanted in f".{key}"
    ):
        inside = {k[len(start) - 1 :]: v for k, v in flat.items() if f".{k}".startswith(start)}
        outside = dict.fromkeys(k.split(".")[0] for k in flat if not f".{k}".startswith(start))
        return inside, list(outside)
    tops = list(dict.fromkeys(key.split(".")[0] for key in flat))
    raise MetadataError(
        f'"network" is "{network}", but no key of the file stands under that name; its keys begin '
        f"with {some(tops, 12)}: correct it."
    )


def _first_width(content: Any) -> int:
    """Return how many values the first of several dense layers takes, 0 if there are none."""
    if not isinstance(content, Mapping):
        return 0
    matrices = [
        v.shape[0] if k.endswith(("kernel", "kernel:0")) else v.shape[1]
        for k, v in flatten(content).items()
        if k.endswith(_WEIGHTS) and getattr(v, "ndim", 0) == 2
    ]
    return matrices[0] if len(matrices) > 1 else 0
