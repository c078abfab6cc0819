"""What a checkpoint holds beside its layers: nothing that shapes the field is left out unsaid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import CheckpointError, some

_RECORDS = re.compile(
    r"(\w+_)?(epoch|step|iter|iteration|loss|losses|history|lr|learning_rate|psnr|ssim|mse)s?"
)
"""Names of what training records: the field does not depend on it."""

_COEFFICIENTS = re.compile(r"(lambda|lam|coeff?|log_lambda)s?_?\w*", re.IGNORECASE)
"""Names of coefficients that codes for inverse problems fit beside a network."""

_FREQUENCIES = ("omega_0", "first_omega_0", "omega0", "w0")
_PARTS = re.compile(r"(weight|bias|mask|skip_\d+)$")


def is_record(key: str) -> bool:
    """Tell whether an array is a record of the training, by its name."""
    return _RECORDS.fullmatch(_last(key)) is not None


def is_frequency(key: str) -> bool:
    """Tell whether an array is the frequency of a sine layer, by its name."""
    return _last(key) in _FREQUENCIES


def refuse_complex(arrays: Mapping[str, Any]) -> None:
    """Refuse complex arrays: without them, or their imaginary parts, the field is another.

    Raises
    ------
    CheckpointError
        If there are any.
    """
    found = [k for k, v in arrays.items() if isinstance(v, np.ndarray) and v.dtype.kind == "c"]
    if found:
        raise CheckpointError(
            f"{some(found)} {'is' if len(found) == 1 else 'are'} complex, as in WIRE networks; "
            "expected real arrays: complex layers are not supported, train a network of real ones."
        )


def refuse_whole_numbers(arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse layers stored as integers or truth values: a chain without them would be another.

    Raises
    ------
    CheckpointError
        If there are any.
    """
    found = [k for k, v in arrays.items() if v.dtype.kind in "iub" and _PARTS.search(k)]
    if found:
        raise CheckpointError(
            f"{some(found)} {'holds' if len(found) == 1 else 'hold'} {arrays[found[0]].dtype} "
            "numbers; expected floating-point layers, neither quantised nor masked: save the "
            "state dict of the network as it was before."
        )


def refuse_unused(arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse arrays that no layer uses.

    Raises
    ------
    CheckpointError
        If there are any.
    """
    if not arrays:
        return
    shapes = ", ".join(f"{key} of shape {array.shape}" for key, array in arrays.items())
    found = shapes if len(arrays) <= 6 else some(list(arrays))
    raise CheckpointError(
        f"no layer uses {found}, on which the field may depend, as on a trained slope of the "
        "activations; expected dense layers alone: if the field does not depend on "
        f"{'it' if len(arrays) == 1 else 'them'}, save the file without, else the network is not "
        "supported."
    )


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def is_coefficient(key: str) -> bool:
    """Tell whether a lone number is a coefficient of an equation that was fitted, by its name."""
    return _COEFFICIENTS.fullmatch(_last(key)) is not None
