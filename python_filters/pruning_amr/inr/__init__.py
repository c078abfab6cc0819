"""What is visualised: networks as chains of dense layers, checkpoint files, metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..imported_when_used import imported_when_used
from .activations import ACTIVATION_NAMES, Activation
from .metadata import METADATA_KEYS, metadata_path
from .options import DEFAULT_MEMORY_MB, EXTENSIONS
from .overrides import OVERRIDES, parse_overrides

if TYPE_CHECKING:
    from .blas import say_slow_products
    from .chain import Chain, Layer
    from .evaluation import Evaluator, resolve_device
    from .field import INR, Output, load
    from .storage import check_savable, fingerprint, inr_from_bytes, inr_to_bytes, save_inr

__all__ = [
    "ACTIVATION_NAMES",
    "DEFAULT_MEMORY_MB",
    "EXTENSIONS",
    "INR",
    "METADATA_KEYS",
    "OVERRIDES",
    "Activation",
    "Chain",
    "Evaluator",
    "Layer",
    "Output",
    "check_savable",
    "fingerprint",
    "inr_from_bytes",
    "inr_to_bytes",
    "load",
    "metadata_path",
    "parse_overrides",
    "resolve_device",
    "save_inr",
    "say_slow_products",
]

__getattr__, __dir__ = imported_when_used(
    __name__,
    {
        ".blas": ("say_slow_products",),
        ".chain": ("Chain", "Layer"),
        ".evaluation": ("Evaluator", "resolve_device"),
        ".field": ("INR", "Output", "load"),
        ".storage": ("check_savable", "fingerprint", "inr_from_bytes", "inr_to_bytes", "save_inr"),
    },
)
