"""What is visualised: networks as chains of dense layers, checkpoint files, metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..files.limits import DEFAULT_CHECKPOINT_MB
from ..imported_when_used import imported_when_used
from .activations import ACTIVATION_NAMES, Activation
from .metadata import METADATA_KEYS, metadata_path
from .options import DEFAULT_MEMORY_MB, EXTENSIONS
from .overrides import OVERRIDES, parse_overrides

if TYPE_CHECKING:
    from .blas import say_slow_products
    from .chain import Chain, Layer, Skip
    from .evaluation import Evaluator, resolve_device
    from .facts import Output
    from .field import INR, load
    from .network import StoredNetwork, network_names, open_network
    from .questions import UnansweredError
    from .section import SectionINR, section_of
    from .storage import check_savable, fingerprint, inr_from_bytes, inr_to_bytes, save_inr

__all__ = [
    "ACTIVATION_NAMES",
    "DEFAULT_CHECKPOINT_MB",
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
    "SectionINR",
    "Skip",
    "StoredNetwork",
    "UnansweredError",
    "check_savable",
    "fingerprint",
    "inr_from_bytes",
    "inr_to_bytes",
    "load",
    "metadata_path",
    "network_names",
    "open_network",
    "parse_overrides",
    "resolve_device",
    "save_inr",
    "say_slow_products",
    "section_of",
]

__getattr__, __dir__ = imported_when_used(
    __name__,
    {
        ".blas": ("say_slow_products",),
        ".chain": ("Chain", "Layer", "Skip"),
        ".evaluation": ("Evaluator", "resolve_device"),
        ".facts": ("Output",),
        ".field": ("INR", "load"),
        ".network": ("StoredNetwork", "network_names", "open_network"),
        ".questions": ("UnansweredError",),
        ".section": ("SectionINR", "section_of"),
        ".storage": ("check_savable", "fingerprint", "inr_from_bytes", "inr_to_bytes", "save_inr"),
    },
)
