"""Numbered steps, as the jax code for range analysis of neural fields writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import CheckpointError
from ..activations import IDENTITY, make_activation
from ..metadata import Metadata
from ..questions import Questions
from .arrays import may_shape_field
from .raw import RawNetwork
from .unused import refuse_complex, refuse_unused


def read_dense_numbered(
    content: Mapping[str, Any], metadata: Metadata, questions: Questions
) -> RawNetwork | None:
    """Read ``0000.dense.A`` (in, out), ``0000.dense.b``, ``0001.relu._``, …, ``squeeze_last``."""
    steps: dict[int, tuple[str, dict[str, np.ndarray]]] = {}
    for key, array in content.items():
        match = re.fullmatch(r"(\d+)\.(\w+)\.(A|b|_)", key)
        if match is None:
            return None
        number, kind, part = int(match[1]), match[2], match[3]
        steps.setdefault(number, (kind, {}))[1][part] = array
    refuse_complex(content)
    raw = RawNetwork("dense_numbered", [], [], [])
    for number in sorted(steps):
        kind, parts = steps[number]
        used = ("A", "b") if kind == "dense" else ()
        beside = {f"{number:04d}.{kind}.{p}": v for p, v in parts.items() if p not in used}
        refuse_unused({k: v for k, v in beside.items() if may_shape_field(k, v)})
        if kind == "dense":
            if getattr(parts.get("A"), "ndim", 0) != 2:
                raise CheckpointError(
                    f"layer {number:04d}.dense has no matrix A; expected one of shape (in, out): "
                    "is the file complete?"
                )
            raw.names.append(f"{number:04d}.dense")
            raw.weights.append(parts["A"].T)
            raw.biases.append(parts.get("b", np.zeros(parts["A"].shape[1], np.float32)))
            raw.activations.append(IDENTITY)
        elif kind != "squeeze_last" and raw.activations:
            raw.activations[-1] = make_activation(kind)
    # Sines of these files are sin(W x + b).
    raw.own_frequencies = dict.fromkeys(range(len(raw.weights)), 1.0)
    return raw if raw.weights else None
